from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from scipy.optimize import linear_sum_assignment
from tiny_stage import SAES, arguments

from gatekit.errors import GatekitError
from gatekit.evidence.reading import read_summary
from gatekit.kinds import INSTALLED
from runners.arms import activations, trained_saes
from runners.config import read_config
from runners.stages.stability import plan as stability
from runners.stages.stability import stage as stability_stage
from runners.stages.stability import trajectories as stability_trajectories

pytestmark = [pytest.mark.runners, pytest.mark.filterwarnings("ignore")]

Document = dict[str, Any]


@pytest.fixture(autouse=True)
def corpus_read_once(corpus, monkeypatch):
    monkeypatch.setattr(activations, "read_corpus", lambda _: corpus)


@pytest.fixture(scope="module")
def done(corpus, tmp_path_factory) -> Path:
    """One finished run: `out/stability.json` and `cache/`."""
    folder: Path = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(activations, "read_corpus", lambda _: corpus)
        assert stability_stage.main(arguments(folder, SAES)) == 0
    return folder


@pytest.fixture(scope="module")
def document(done) -> Document:
    parsed: Document = json.loads((done / "out" / "stability.json").read_text())
    return parsed


@pytest.fixture(scope="module")
def trajectories(done) -> list[dict[str, np.ndarray]]:
    found = {path.name: path for path in (done / "cache" / "saes").rglob("trajectory_*.safetensors")}
    return [load_file(found[f"trajectory_{seed}.safetensors"]) for seed in range(5)]


def columns(document: Document, name: str) -> dict[str, list[float]]:
    found: dict[str, list[float]] = document["measurements"][name]["columns"]
    return found


def matched(a: np.ndarray, b: np.ndarray) -> float:
    a, b = (rows / np.linalg.norm(rows, axis=1)[:, None] for rows in (a.astype(float), b.astype(float)))
    return float((a @ b.T)[linear_sum_assignment(-(a @ b.T))].mean())


def test_the_gate_reads_the_summary_and_finds_every_measure_of_the_kind(done):
    summary = read_summary(str(done / "out" / "stability.json"))
    assert summary.status == "ok"
    assert set(summary.measurements) == set(INSTALLED.measures("stability"))
    assert summary.protocol.baseline_kind == "untrained"


@pytest.mark.parametrize(("point", "key"), [("at_1_8", "1"), ("at_1_4", "2"), ("at_1_2", "4")])
def test_scores_on_the_way_are_those_of_the_decoders_kept_there(document, trajectories, point, key):
    expected = [matched(trajectories[a][key], trajectories[b][key]) for a, b in combinations(range(5), 2)]
    assert columns(document, f"pw_mcc_{point}")["candidate"] == pytest.approx(expected, abs=1e-9)
    moved = [np.einsum("fd,fd->f", each[key], each["start.W_dec"]).mean() for each in trajectories]
    assert columns(document, f"similarity_to_init_{point}")["candidate"] == pytest.approx(moved, abs=1e-6)


def test_the_gains_add_up_to_the_gain_over_the_whole_training(document):
    parts = [columns(document, name) for name in document["measurements"] if name.startswith("pw_mcc_gain_")]
    assert len(parts) == 4
    whole = columns(document, "pw_mcc_above_untrained")
    for place in range(10):
        gains = sum(part["candidate"][place] - part["baseline"][place] for part in parts)
        assert gains == pytest.approx(whole["candidate"][place] - whole["baseline"][place])


def test_the_start_is_the_same_seeds_own_initial_weights(trajectories):
    from runners.saes.topk import TopK
    from runners.seeding import generator

    for seed, each in enumerate(trajectories):
        drawn = TopK(384, 48, 4, 16).initial(
            generator("sae initial weights", seed), torch.from_numpy(each["start.b_dec"])
        )
        assert all(np.array_equal(each[f"start.{name}"], value.numpy()) for name, value in drawn.items())


def test_ablation_effects_at_the_end_are_those_of_the_checkpoints_on_held_out_rows(done, document):
    # From the checkpoints: z d for every latent over all rows, flattened, and the cosine of each two of them.
    from runners.saes.checkpoint import load_sae

    rows = np.concatenate(
        [np.load(path) for path in sorted((done / "cache").rglob("*.npy")) if len(np.load(path)) == 200]
    ).astype(np.float32)
    (runs,) = (done / "cache" / "runs" / "stability").iterdir()
    effects, live = [], []
    for seed in (0, 3):
        sae = load_sae(runs / "model" / f"seed_{seed}.safetensors")
        latents = sae.encode(torch.from_numpy(rows)).double().numpy()
        effect = np.einsum("tf,fd->ftd", latents, sae.parameters["W_dec"].double().numpy()).reshape(48, -1)
        size = np.linalg.norm(effect, axis=1)
        effects.append(effect[size > 0] / size[size > 0, None])
        live.append(int((size > 0).sum()))
    similarity = np.maximum(effects[0] @ effects[1].T, 0)
    expected = similarity[linear_sum_assignment(-similarity)].sum() / max(live)
    found = columns(document, "functional_pw_mcc")
    place = list(zip(found["seed_a"], found["seed_b"], strict=True)).index((0, 3))
    assert found["candidate"][place] == pytest.approx(expected, abs=1e-5)


def test_matching_by_direction_never_does_more_alike_than_matching_by_effect(document):
    by_effect, by_direction = (
        columns(document, name)["candidate"] for name in ("functional_pw_mcc", "functional_pw_mcc_of_cosine_matches")
    )
    assert all(ours >= theirs - 1e-9 for ours, theirs in zip(by_effect, by_direction, strict=True))


def test_a_second_run_takes_the_trajectories_from_the_cache(done, document, monkeypatch):
    def never(*arguments: object, **named: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(stability_trajectories, "train_stack", never)
    assert stability_stage.main(arguments(done, SAES, "again")) == 0
    again = json.loads((done / "again" / "stability.json").read_text())
    assert again["measurements"] == document["measurements"]


@pytest.mark.parametrize("fault", ["flipped", "cut", "empty"])
def test_a_damaged_trajectory_is_told_of_and_kept_again(fault, done, document, capsys):
    (kept,) = (done / "cache" / "saes").rglob("trajectory_2.safetensors")
    whole = kept.read_bytes()
    changed = bytearray(whole)
    changed[-2] ^= 1
    kept.write_bytes({"flipped": bytes(changed), "cut": whole[:-8], "empty": b""}[fault])
    assert stability_stage.main(arguments(done, SAES, f"again {fault}")) == 0
    told = [line for line in capsys.readouterr().err.splitlines() if "made again" in line]
    assert told == [f"stored trajectory of seed 2 in {kept.parent.name[:12]} is not the one kept: made again"]
    assert kept.read_bytes() == whole
    again = json.loads((done / f"again {fault}" / "stability.json").read_text())
    assert again["measurements"] == document["measurements"]


def test_an_sae_of_the_cache_that_training_does_not_arrive_at_is_refused(done, tmp_path, capsys, monkeypatch):
    from runners.saes.sae import Sae

    def other(folder: Path, seed: int) -> Sae | None:
        found = trained_saes.find_seed(folder, seed)
        if found is None:
            return None
        return dataclasses.replace(found, parameters={**found.parameters, "W_dec": -found.parameters["W_dec"]})

    (kept,) = (done / "cache" / "saes").rglob("trajectory_2.safetensors")
    whole = kept.read_bytes()
    monkeypatch.setattr(stability_trajectories, "find_seed", other)
    try:
        kept.write_bytes(b"not whole")
        assert stability_stage.main(arguments(done, SAES, "refused")) == 4
    finally:
        kept.write_bytes(whole)
    assert "training seed 2 again gave other weights" in capsys.readouterr().err


def test_fewer_steps_than_points_are_refused(tmp_path):
    path = tmp_path / "short.yaml"
    path.write_text(SAES.replace("steps: 8", "steps: 7"))
    with pytest.raises(GatekitError, match="after an eighth"):
        stability.check(read_config(path, stability.StabilityConfig))


def test_the_configurations_of_the_repository_are_sound():
    folder = stability_stage.STAGE.smoke_config.parent
    for name in ("default.yaml", "smoke.yaml"):
        config = read_config(folder / name, stability.StabilityConfig)
        stability.check(config)
        assert config.training is not None
        assert len(set(stability.points(config.training).values())) == 3


@pytest.mark.slow
def test_the_smoke_size_runs_from_the_command_line_to_a_verdict(tmp_path):
    root = Path(stability.__file__).parents[3]
    command = [sys.executable, "-m", "runners", "stability", "--smoke", "--out", str(tmp_path / "out")]
    command += ["--cache", str(tmp_path / "cache"), "--policy", str(root / "policies" / "stability.yaml")]
    ended = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    # So little training does not carry the policy's claims; what matters here is that a verdict is reached.
    assert ended.returncode == 2, ended.stderr
    assert read_summary(str(tmp_path / "out" / "stability.json")).status == "ok"


def test_the_cache_command_finds_every_entry_whole_and_a_flipped_trajectory_not(done):
    from gatekit.cache.entries import entries_of
    from gatekit.cache.wholeness import fault_of

    cache = done / "cache"
    assert {entry.kind for entry in entries_of(cache)} == {"activations", "saes", "runs"}
    assert [fault_of(entry) for entry in entries_of(cache) if fault_of(entry)] == []
    (kept,) = (cache / "saes").rglob("trajectory_3.safetensors")
    whole = kept.read_bytes()
    try:
        kept.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        (fault,) = [fault_of(entry) for entry in entries_of(cache) if fault_of(entry)]
    finally:
        kept.write_bytes(whole)
    assert fault == "'trajectory_3.safetensors' is not what was kept"
