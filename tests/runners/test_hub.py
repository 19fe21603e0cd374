"""Models, SAEs and texts by name and revision from a hub, here one on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from local_hub import LocalHub, serving
from tiny_models import D_MODEL

from runners.saes.formats import sae_lens
from runners.saes.sae import Sae
from runners.saes.topk import TopK

pytestmark = [pytest.mark.runners, pytest.mark.slow]

HOOK, WIDTH = "blocks.0.hook_resid_post", 48
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def hub(tiny_models, tmp_path_factory) -> Iterator[LocalHub]:
    """A model, five SAEs of it in one repository, the same five in five repositories, and texts."""
    made = tmp_path_factory.mktemp("hub")
    texts = made / "texts" / "data"
    texts.mkdir(parents=True)
    lines = (
        json.dumps({"text": f"the {number} lights over the harbour went out at {number * 7}"}) for number in range(200)
    )
    (texts / "train.jsonl").write_text("\n".join(lines) + "\n")
    with serving() as hub:
        hub.folders = {"lab/tiny-llama": tiny_models["llama"].folder, "lab/saes": made / "saes"}
        hub.folders["datasets/lab/texts"] = made / "texts"
        for seed in range(5):
            torch.manual_seed(seed)
            rows = torch.nn.functional.normalize(torch.randn(WIDTH, D_MODEL), dim=1)
            weights = {"W_enc": rows.T.contiguous(), "b_enc": torch.zeros(WIDTH), "W_dec": rows}
            sae = Sae(TopK(D_MODEL, WIDTH, 4, 0), {**weights, "b_dec": torch.zeros(D_MODEL)})
            for place in (made / "saes" / "layer_0" / f"seed_{seed}", made / f"seed-{seed}"):
                sae_lens.write(sae, place, "lab/tiny-llama", HOOK)
            hub.folders[f"lab/tiny-seed-{seed}"] = made / f"seed-{seed}"
        (made / "saes" / "layer_1").mkdir()
        (made / "saes" / "layer_1" / "large.safetensors").write_bytes(b"0" * 1000)
        yield hub


@pytest.fixture
def run(hub, tmp_path) -> Run:
    """Run random_model as a process that knows no other hub than this one."""

    def running(text: str, home: str = "home", **environment: str) -> subprocess.CompletedProcess[str]:
        config = tmp_path / "config.yaml"
        config.write_text(text)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "TRANSFORMERS_"))}
        where = {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / home), "HF_HUB_DISABLE_XET": "1"}
        words = ["--config", str(config), "--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache")]
        return subprocess.run(
            [sys.executable, "-m", "runners", "random_model", *words, "--device", "cpu"],
            capture_output=True,
            text=True,
            check=False,
            env={**kept, **where, **environment},
        )

    return running


def configuration(hub: LocalHub, **changed: str) -> str:
    block = {
        "model": f"{{source: hub, name: lab/tiny-llama, revision: {hub.commit('lab/tiny-llama')}}}",
        "texts": "{source: sae-probes, seed: 0, held_out_tokens: 200}",
        "repository": "lab/saes",
        "revision": hub.commit("lab/saes"),
        "path": "layer_0/seed_{}",
        **changed,
    }
    seeds = ", ".join(f"{seed}: {block['path'].format(seed)}" for seed in range(5))
    return f"""\
threads: 1
subject: {{model: {block["model"]}, hook: {HOOK}, max_tokens_per_text: 32}}
texts: {block["texts"]}
saes: {{hub: "{block["repository"]}", revision: {block["revision"]}, seeds: {{{seeds}}}}}
controls: {{gaussian_draws: 1, matched_cosine: 0.7}}
"""


def summary_in(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "out" / "random_model.json").read_text())
    return found


def test_what_was_fetched_by_name_and_revision_is_measured_and_found_again_without_a_network(
    hub, run, tiny_models, tmp_path
):
    done = run(configuration(hub))
    assert done.returncode == 0, done.stderr
    summary = summary_in(tmp_path)
    # The digest is that of the files, wherever they came from.
    from runners.subjects.model_files import find_model

    assert summary["subject"]["model"] == {
        "name": "lab/tiny-llama",
        "digest": find_model("folder", str(tiny_models["llama"].folder)).digest,
    }
    assert summary["producer"]["config"]["saes"]["revision"] == hub.commit("lab/saes")
    assert not [name for name in hub.fetched if "layer_1" in name]
    asked = len(hub.fetched)
    again = run(configuration(hub), HF_HUB_OFFLINE="1")
    assert again.returncode == 0, again.stderr
    assert len(hub.fetched) == asked
    assert summary_in(tmp_path)["measurements"] == summary["measurements"]


def test_each_seed_may_lie_in_a_repository_of_its_own(hub, run, tmp_path):
    hub.branches = {f"lab/tiny-seed-{seed}": "v1" for seed in range(5)}
    done = run(configuration(hub, repository="lab/tiny-seed-{seed}", revision="v1", path="."))
    assert done.returncode == 0, done.stderr
    assert len(summary_in(tmp_path)["subject"]["checkpoints"]) == 5


def test_texts_by_name_and_commit_are_streamed(hub, run, tmp_path):
    commit = hub.commit("datasets/lab/texts")
    texts = f"source: hub, name: lab/texts, revision: {commit}, column: text, split: train"
    done = run(configuration(hub, texts=f"{{{texts}, seed: 0, held_out_tokens: 200}}"))
    assert done.returncode == 0, done.stderr
    assert any(name.startswith(f"datasets/lab/texts@{commit}/") for name in hub.fetched)


NOWHERE = {
    "another revision": ({"revision": "no-such-tag"}, {}, "config.yaml:4:13: 'lab/saes' cannot be fetched: "),
    "another name": ({"repository": "lab/none"}, {}, "config.yaml:4:13: 'lab/none' cannot be fetched: "),
    "another path": ({"path": "layer_9/seed_{}"}, {}, "'lab/saes' has no file or folder 'layer_9/seed_0'"),
    "no network": ({}, {"HF_HUB_OFFLINE": "1"}, "config.yaml:4:13: 'lab/saes' cannot be fetched: "),
    "nobody there": ({}, {"HF_ENDPOINT": "http://127.0.0.1:9"}, "config.yaml:4:13: 'lab/saes' cannot be fetched: "),
    "model": ({"model": "{source: hub, name: lab/none}"}, {}, "'lab/none' cannot be fetched: "),
}


@pytest.mark.parametrize("case", NOWHERE)
def test_what_cannot_be_fetched_is_one_line_and_exit_4(hub, run, tmp_path, case):
    changed, environment, message = NOWHERE[case]
    done = run(configuration(hub, **changed), home="empty", **environment)
    assert done.returncode == 4, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
