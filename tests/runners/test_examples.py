"""SAEs that other libraries trained on a small causal model, from their folders to a pull request."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from tiny_models import make_tiny_model

pytestmark = [pytest.mark.runners, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "TQDM_DISABLE": "1"}


def gatekit(folder: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gatekit", *map(str, words)]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, env={**os.environ, **OFFLINE}
    )


def git(folder: Path, *words: str) -> None:
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    from activations import example_texts

    return make_tiny_model("llama", tmp_path_factory.mktemp("models") / "tiny", example_texts(60)).folder


@pytest.mark.parametrize("library", ["sae_lens", "dictionary_learning"])
def test_saes_of_a_library_go_through_init_run_check_and_pr(model, tmp_path, library):
    if library == "dictionary_learning":
        pytest.importorskip("dictionary_learning.trainers.top_k")
    trained = import_module(f"train_{library}").train(model, tmp_path / "saes", texts=200)
    lab = tmp_path / "lab"
    lab.mkdir()
    (lab / "README.md").write_text("# lab\n")
    git(lab, "init", "-q", "-b", "main", ".")
    git(lab, "add", "-A")
    git(lab, "commit", "-qm", "begin")
    git(lab, "checkout", "-qb", "saes")
    hook = () if library == "sae_lens" else ("--hook", "blocks.0.hook_resid_post")
    begun = gatekit(lab, "init", "--saes", *trained, "--model", model, *hook)
    assert begun.returncode == 0, begun.stderr
    git(lab, "add", "-A")
    git(lab, "commit", "-qm", "a policy")
    cache = ("--cache", tmp_path / "cache")
    run = gatekit(lab, "run", "random_model", "--config", "measure/random_model.yaml", "--out", "evidence", *cache)
    assert run.returncode == 0, run.stderr
    checked = gatekit(lab, "check")
    # What so short a training is worth is not this test's matter; that everything could be judged is.
    assert checked.returncode in (0, 2), checked.stdout + checked.stderr
    assert "inconclusive" not in checked.stdout
    git(lab, "add", "-A")
    git(lab, "commit", "-qm", "evidence")
    proposed = gatekit(lab, "pr", "--base", "main")
    assert proposed.returncode == 0, proposed.stdout


def test_the_page_on_one_s_own_saes_says_what_its_commands_print():
    page = Path(__file__).parents[2] / "docs" / "your_saes.py"
    done = subprocess.run([sys.executable, str(page), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
