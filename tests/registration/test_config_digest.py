"""The digest that a registration names is the same at every look, and the one that evidence has."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gatekit.evidence.canonical import sha256_of
from gatekit.evidence.config_digest import config_without_seeds_sha256
from gatekit.runner_command import configurations

ROOT = Path(__file__).parents[2]
CONFIG = {"threads": 1, "seeds": [0, 1], "sae": {"k": 4, "alpha": None}, "selection": {"candidates": 1, "seeds": []}}


def test_seeds_the_selection_and_settings_that_nobody_set_are_left_out() -> None:
    assert config_without_seeds_sha256(CONFIG) == sha256_of({"threads": 1, "sae": {"k": 4}})


def test_saes_from_files_have_their_seeds_left_out_and_nothing_else() -> None:
    given = {"saes": {"seeds": {"0": "seed_0"}, "format": "auto"}}
    more = {"saes": {"seeds": {"0": "seed_0", "1": "seed_1"}, "format": "auto"}}
    other = {"saes": {"seeds": {"0": "seed_0"}, "format": "sparsify"}}
    assert config_without_seeds_sha256(given) == config_without_seeds_sha256(more)
    assert config_without_seeds_sha256(given) != config_without_seeds_sha256(other)


@pytest.mark.parametrize("change", [{"threads": 2}, {"sae": {"k": 5}}, {"texts": {"seeds": [1]}}])
def test_any_other_setting_changes_it(change: dict) -> None:
    assert config_without_seeds_sha256(CONFIG | change) != config_without_seeds_sha256(CONFIG)


@pytest.mark.parametrize(
    ("runner", "file"),
    [
        ("random_model", "random_model/controls.yaml"),
        ("ablation", "ablation/default.yaml"),
        ("known_circuit", "known_circuit/default.yaml"),
        ("transcoder", "transcoder/untied.yaml"),
        ("layer_routing", "layer_routing/default.yaml"),
    ],
)
def test_what_is_computed_before_a_run_is_what_the_committed_evidence_of_the_run_has(runner: str, file: str) -> None:
    before = {
        (kind, config_without_seeds_sha256(recorded))
        for _, kind, recorded in configurations(runner, str(ROOT / "runners" / "configs" / file))
    }
    measured = set()
    for path in sorted((ROOT / "evidence").rglob(f"{runner}.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        measured.add((document["kind"], config_without_seeds_sha256(document["producer"]["config"])))
    assert before & measured
