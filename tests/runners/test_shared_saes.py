from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from tiny_stage import SAES, arguments

from runners.arms import trained_saes
from runners.stage.lifecycle import run_stage
from runners.stages.random_model import stage as random_model

pytestmark = [
    pytest.mark.runners,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.usefixtures("corpus_read_once"),
]

TINY = SAES + "controls: {random_model_seed: 0, gaussian_draws: 1, matched_cosine: 0.7}\n"
POLICY = """\
schema: gatekit.policy/1
id: tiny
gates:
  sparsity: {from: random_model, measure: l0, at_most: %s}
"""


@pytest.fixture
def trained(monkeypatch) -> list[int]:
    """The seeds that were trained, in order, one entry each time."""
    seeds: list[int] = []
    original = trained_saes.train_stack

    def recording(architecture, rows, group, *others, **more):
        seeds.extend(group)
        return original(architecture, rows, group, *others, **more)

    monkeypatch.setattr(trained_saes, "train_stack", recording)
    return seeds


def observations(folder: Path, out: str = "out") -> str:
    document = json.loads((folder / out / "random_model.json").read_text())
    return json.dumps([document["measurements"], document["subject"], document["protocol"]])


def test_a_second_run_trains_nothing_and_observes_the_same(tmp_path, trained):
    assert random_model.main(arguments(tmp_path, TINY)) == 0
    assert trained == [0, 1, 2, 3, 4] * 2
    assert random_model.main(arguments(tmp_path, TINY, "again")) == 0
    assert trained == [0, 1, 2, 3, 4] * 2
    assert observations(tmp_path, "again") == observations(tmp_path)


def test_two_more_seeds_leave_the_first_five_alone(tmp_path, trained):
    assert random_model.main(arguments(tmp_path, TINY)) == 0
    first = json.loads((tmp_path / "out" / "random_model.json").read_text())["subject"]["checkpoints"]
    trained.clear()
    more = TINY.replace("seeds: [0, 1, 2, 3, 4]", "seeds: [0, 1, 2, 3, 4, 5, 6]")
    assert random_model.main(arguments(tmp_path, more, "more")) == 0
    assert trained == [5, 6] * 2
    assert json.loads((tmp_path / "more" / "random_model.json").read_text())["subject"]["checkpoints"][:5] == first


def test_a_run_killed_between_two_seeds_goes_on_where_it_was_and_observes_the_same(tmp_path, trained, monkeypatch):
    assert random_model.main(arguments(tmp_path, TINY)) == 0
    recording = trained_saes.train_stack

    def killed(architecture, rows, group, *others, **more):
        if group == [3]:
            raise KeyboardInterrupt
        return recording(architecture, rows, group, *others, **more)

    with monkeypatch.context() as patch:
        patch.setattr(trained_saes, "train_stack", killed)
        with pytest.raises(KeyboardInterrupt):
            random_model.main(arguments(tmp_path, TINY, "resumed", "other"))
    trained.clear()
    assert random_model.main(arguments(tmp_path, TINY, "resumed", "other")) == 0
    assert trained == [3, 4, 0, 1, 2, 3, 4]
    assert observations(tmp_path, "resumed") == observations(tmp_path)


def test_a_damaged_sae_is_trained_again(tmp_path, trained):
    assert random_model.main(arguments(tmp_path, TINY)) == 0
    trained.clear()
    path = sorted((tmp_path / "cache" / "saes").rglob("seed_2.safetensors"))[0]
    path.write_bytes(path.read_bytes()[:-4] + b"\0\0\0\1")
    assert random_model.main(arguments(tmp_path, TINY, "again")) == 0
    assert trained == [2]
    assert observations(tmp_path, "again") == observations(tmp_path)


@pytest.mark.parametrize("changed", ["steps: 9", "learning_rate: 1.0e-3"])
def test_another_plan_takes_nothing_from_the_cache(tmp_path, trained, changed):
    assert random_model.main(arguments(tmp_path, TINY)) == 0
    trained.clear()
    name = changed.partition(":")[0]
    line = next(line for line in TINY.splitlines() if line.strip().startswith(name))
    assert random_model.main(arguments(tmp_path, TINY.replace(line.strip(), changed), "other")) == 0
    assert trained == [0, 1, 2, 3, 4] * 2


def test_with_a_policy_the_runner_exits_as_check_does(tmp_path, capfd):
    for limit, code in (("4", 0), ("1", 2)):
        policy = tmp_path / "policy.yaml"
        policy.write_text(POLICY % limit)
        assert random_model.main(arguments(tmp_path, TINY, "out", "cache", "--policy", str(policy))) == code
    assert "sparsity" in capfd.readouterr().out


def test_a_run_that_fails_is_not_judged(tmp_path, capfd):
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY % "48")
    broken = TINY.replace("hook_resid_post", "hook_resid_pots")
    assert random_model.main(arguments(tmp_path, broken, "out", "cache", "--policy", str(policy))) == 4
    assert "sparsity" not in capfd.readouterr().out


def test_a_sweep_writes_one_summary_per_subject(tmp_path):
    def cells(config):
        return [(f"k-{k}", dataclasses.replace(config, sae=dataclasses.replace(config.sae, k=k))) for k in (2, 4)]

    stage = dataclasses.replace(random_model.STAGE, cells=cells)
    assert run_stage(stage, arguments(tmp_path, TINY)) == 0
    found = {path.parent.name: json.loads(path.read_text()) for path in (tmp_path / "out").rglob("*.json")}
    assert {name: document["subject"]["k"] for name, document in found.items()} == {"k-2": 2, "k-4": 4}
    assert len({document["producer"]["config_sha256"] for document in found.values()}) == 2


def test_a_tracked_run_is_named_in_the_summary_and_has_a_curve_of_every_arm(tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    assert random_model.main(arguments(tmp_path, TINY, "plain")) == 0
    assert random_model.main(arguments(tmp_path, TINY, "out", "other", "--track", "wandb")) == 0
    document = json.loads((tmp_path / "out" / "random_model.json").read_text())
    (entry,) = [each for each in document["artifacts"] if each["name"].startswith("wandb:")]
    (log,) = (tmp_path / "other").rglob("*.wandb")
    assert entry["uri"].startswith("wandb:random_model/")
    assert entry["bytes"] == log.stat().st_size
    data = log.read_bytes()
    assert b"random_model/" in data and b"model/" in data
    assert observations(tmp_path) == observations(tmp_path, "plain")
