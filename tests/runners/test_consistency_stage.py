from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML
from safetensors.numpy import load_file
from scipy.optimize import linear_sum_assignment
from tiny_stage import SAES, arguments

from gatekit.evidence.reading import read_summary
from gatekit.kinds import INSTALLED
from runners.arms import activations, trained_saes
from runners.stage.stage import read_stage
from runners.stages.consistency import stage as consistency
from runners.stages.saebench import stage as saebench

pytestmark = [pytest.mark.runners, pytest.mark.filterwarnings("ignore")]

TINY = SAES + (
    "alignment: {versions: [v1, v2], weights: [0.5], update_interval: 2}\n"
    "references: {seeds: [100, 101, 102, 103, 104], shared: 200}\n"
    "scoring: {gaussian_draws: 1, matched_cosine: 0.7}\n"
    "search_seeds: [0, 1]\n"
)
CELLS = ("v1_lambda_0.5", "v2_lambda_0.5")
SEEDS = range(5)


@pytest.fixture(scope="module")
def trainings() -> list[tuple[int, ...]]:
    """Seeds of every call that trained, in order."""
    return []


@pytest.fixture(scope="module")
def done(corpus, tmp_path_factory, trainings) -> Path:
    """One finished sweep: `out/CELL/consistency.json` and `cache/`."""
    folder: Path = tmp_path_factory.mktemp("sweep")
    train_stack = trained_saes.train_stack

    def counted(architecture: Any, rows: Any, seeds: Sequence[int], *others: Any, **more: Any) -> Any:
        trainings.append(tuple(seeds))
        return train_stack(architecture, rows, seeds, *others, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(activations, "read_corpus", lambda _: corpus)
        patch.setattr(trained_saes, "train_stack", counted)
        assert consistency.main(arguments(folder, TINY)) == 0
    return folder


@pytest.fixture(scope="module")
def documents(done) -> dict[str, dict[str, Any]]:
    return {path.parent.name: json.loads(path.read_text()) for path in (done / "out").rglob("*.json")}


@pytest.fixture(scope="module")
def folders(done, documents) -> dict[str, Path]:
    """Cell -> folder of its checkpoints."""
    runs = done / "cache" / "runs" / "consistency"
    return {cell: runs / document["producer"]["config_sha256"][:16] for cell, document in documents.items()}


def decoder(folder: Path, arm: str, seed: int) -> np.ndarray:
    rows = load_file(folder / arm / f"seed_{seed}.safetensors")["W_dec"].astype(float)
    return rows / np.linalg.norm(rows, axis=1)[:, None]


def agreement(a: np.ndarray, b: np.ndarray) -> float:
    cosine = a @ b.T
    return float(cosine[linear_sum_assignment(1 - cosine)].mean())


def columns(document: dict[str, Any], measure: str) -> dict[str, list[float]]:
    found: dict[str, list[float]] = document["measurements"][measure]["columns"]
    return found


def test_the_gate_reads_one_summary_per_cell_with_every_measure_of_the_kind(done):
    assert {path.relative_to(done / "out").as_posix() for path in (done / "out").rglob("*") if path.is_file()} == {
        f"{cell}/consistency.json" for cell in CELLS
    }
    for cell in CELLS:
        summary = read_summary(str(done / "out" / cell / "consistency.json"))
        assert summary.status == "ok"
        assert set(summary.measurements) == set(INSTALLED.measures("consistency"))


@pytest.mark.parametrize("cell", CELLS)
def test_no_two_seeds_share_a_reference_and_no_reference_is_judged(folders, cell):
    described = [json.loads((folders[cell] / "aligned" / f"seed_{seed}.json").read_text()) for seed in SEEDS]
    named = [each["reference_sha256"] for each in described]
    references = [folders[cell] / "reference" / f"seed_{100 + seed}.json" for seed in SEEDS]
    assert named == [json.loads(path.read_text())["sha256"] for path in references]
    assert len(set(named)) == 5
    judged = [each["sha256"] for each in described]
    control = [json.loads((folders[cell] / "control" / f"seed_{seed}.json").read_text())["sha256"] for seed in SEEDS]
    assert not {*named} & {*judged, *control}


@pytest.mark.parametrize("cell", CELLS)
def test_the_second_training_has_one_reference_for_all(folders, cell):
    arm = folders[cell] / "aligned_to_shared_reference"
    named = {json.loads((arm / f"seed_{seed}.json").read_text())["reference_sha256"] for seed in SEEDS}
    shared = json.loads((folders[cell] / "shared_reference" / "seed_200.json").read_text())["sha256"]
    assert named == {shared}


@pytest.mark.parametrize("cell", CELLS)
def test_scores_follow_from_the_checkpoints_by_another_matching(folders, documents, cell):
    arms = {
        "candidate": [decoder(folders[cell], "aligned", seed) for seed in SEEDS],
        "control": [decoder(folders[cell], "control", seed) for seed in SEEDS],
        "reference": [decoder(folders[cell], "reference", 100 + seed) for seed in SEEDS],
        "shared": [decoder(folders[cell], "aligned_to_shared_reference", seed) for seed in SEEDS],
    }
    by_pair = {name: [agreement(rows[a], rows[b]) for a, b in combinations(SEEDS, 2)] for name, rows in arms.items()}
    above_control = columns(documents[cell], "pw_mcc_above_control")
    assert list(zip(above_control["seed_a"], above_control["seed_b"], strict=True)) == list(combinations(SEEDS, 2))
    assert above_control["candidate"] == pytest.approx(by_pair["candidate"], abs=1e-6)
    assert above_control["baseline"] == pytest.approx(by_pair["control"], abs=1e-6)
    # A copy's decoder is its reference's.
    copied = columns(documents[cell], "pw_mcc_above_copying")["baseline"]
    assert copied == pytest.approx(by_pair["reference"], abs=1e-6)
    assert columns(documents[cell], "shared_reference_pw_mcc")["candidate"] == pytest.approx(
        by_pair["shared"], abs=1e-6
    )
    own = [agreement(a, b) for a, b in zip(arms["candidate"], arms["reference"], strict=True)]
    others = [
        np.mean([agreement(arms["candidate"][seed], arms["reference"][other]) for other in SEEDS if other != seed])
        for seed in SEEDS
    ]
    above_others = columns(documents[cell], "alignment_to_reference_above_others")
    assert above_others["candidate"] == pytest.approx(own, abs=1e-6)
    assert above_others["baseline"] == pytest.approx(others, abs=1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_copies_agree_wholly_through_a_shared_reference_and_like_controls_without_one(documents, cell):
    shared = columns(documents[cell], "shared_reference_pw_mcc_above_copying")["baseline"]
    assert shared == pytest.approx([1.0] * 10, abs=1e-6)
    apart = np.array(columns(documents[cell], "pw_mcc_above_copying")["baseline"])
    control = np.array(columns(documents[cell], "pw_mcc_above_control")["baseline"])
    assert abs(apart.mean() - control.mean()) < 0.02


def test_training_follows_the_reference(documents):
    for document in documents.values():
        found = columns(document, "alignment_to_reference_above_control")
        assert np.mean(found["candidate"]) > np.mean(found["baseline"])


@pytest.mark.parametrize("cell", CELLS)
def test_a_control_has_the_steps_of_a_seed_and_its_reference_together(folders, documents, cell):
    steps = {
        arm: json.loads((folders[cell] / arm / f"seed_{seed}.json").read_text())["training"]["steps"]
        for arm, seed in (("aligned", 2), ("reference", 102), ("longer_training", 2))
    }
    assert steps["longer_training"] == steps["aligned"] + steps["reference"]
    rows = [decoder(folders[cell], "longer_training", seed) for seed in SEEDS]
    expected = [agreement(rows[a], rows[b]) for a, b in combinations(SEEDS, 2)]
    assert columns(documents[cell], "pw_mcc_above_longer_training")["baseline"] == pytest.approx(expected, abs=1e-6)


def test_references_controls_and_copies_are_trained_once_for_all_cells(trainings):
    # 5 references and a shared one, 5 controls and 5 with twice the steps, 5 copies; for each of 2 cells 5 toward their
    # own reference and 5 toward one.
    assert len(trainings) == 6 + 10 + 5 + 2 * (5 + 5)


def test_the_control_is_the_plain_sae_of_the_same_plan(documents):
    baselines = [document["protocol"]["baseline"] for document in documents.values()]
    assert baselines[0] == baselines[1]
    assert baselines[0]["kind"] == "matched_sae"
    assert baselines[0]["subject"]["architecture"] == "topk"


@pytest.mark.parametrize("cell", CELLS)
def test_what_is_judged_is_published_without_its_reference(folders, documents, cell):
    from runners.saes.formats import sae_lens
    from runners.saes.formats.any_format import read_sae
    from runners.saes.identity import sae_sha256

    published = folders[cell] / "aligned_sae_lens"
    digests = [sae_sha256(read_sae(published / f"seed_{seed}")) for seed in SEEDS]
    subject = documents[cell]["subject"]
    assert [entry["sha256"] for entry in subject["checkpoints"]] == digests
    assert (subject["architecture"], subject["d_sae"], subject["k"]) == ("topk", 48, 4)
    named = YAML(typ="safe").load(published / "saes.yaml")["saes"]
    assert named == {"format": "sae_lens", "seeds": {seed: str(published / f"seed_{seed}") for seed in SEEDS}}
    sae = sae_lens.read(published / "seed_3")
    np.testing.assert_array_equal(
        sae.parameters["W_dec"].numpy(), load_file(folders[cell] / "aligned" / "seed_3.safetensors")["W_dec"]
    )


@pytest.mark.parametrize("cell", CELLS)
def test_a_cell_says_that_it_may_be_the_best_of_all_on_the_search_seeds(documents, cell):
    protocol = documents[cell]["protocol"]
    assert protocol["selection"] == {"candidates": 2, "seeds": [0, 1]}
    assert f"{protocol['settings']['alignment_version']}_lambda_{protocol['settings']['alignment_weight']}" == cell


def test_one_cell_run_alone_in_a_new_cache_has_the_same_observations(documents, corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(activations, "read_corpus", lambda _: corpus)
    assert consistency.main(arguments(tmp_path, TINY + "cell: {version: v2, weight: 0.5}\n")) == 0
    again = json.loads((tmp_path / "out" / "v2_lambda_0.5" / "consistency.json").read_text())
    for part in ("measurements", "subject", "protocol"):
        assert json.dumps(again[part]) == json.dumps(documents["v2_lambda_0.5"][part])
    assert len(list((tmp_path / "out").iterdir())) == 1


def test_a_cell_s_checkpoints_complete_a_configuration_of_sparse_probes_on_them(folders, tmp_path):
    configs = consistency.STAGE.smoke_config.parents[1]
    parts = [folders["v2_lambda_0.5"] / "aligned_sae_lens" / "saes.yaml", configs / "shared" / "probing_demo.yaml"]
    path = tmp_path / "cell.yaml"
    path.write_text("".join(part.read_text() for part in parts) + "baseline: {kind: dense_probe}\n")
    probes = read_stage(path, saebench.STAGE)
    saebench.STAGE.check(probes)
    assert (probes.seeds, probes.sae.width, probes.sae.active) == (tuple(SEEDS), 48, 4)
    assert probes.subject.hook == "blocks.0.hook_resid_post"


SELECTING = """\
schema: gatekit.policy/1
id: tiny
defaults: {min_seeds: 2, max_age: 1d}
gates:
  sparsity: {from: consistency, measure: l0, at_most: 6}
  agreement: {from: consistency, measure: pw_mcc_above_control, at_least: %s}
selection:
  eligibility: [sparsity]
  scores: [{from: consistency, measure: alignment_to_reference, worst: 0, best: 1, use: point}]
  seeds: {select: [0, 1], confirm: [2, 3, 4]}
  may_differ: [alignment_version, alignment_weight, alignment_update_interval]
"""


@pytest.mark.parametrize(("least", "code"), [("-0.9", 0), ("0.9", 2)])
def test_a_cell_is_chosen_on_some_seeds_and_judged_on_the_others(done, documents, corpus, monkeypatch, least, code):
    monkeypatch.setattr(activations, "read_corpus", lambda _: corpus)
    policy, chosen = done / "policy.yaml", done / "selection"
    policy.write_text(SELECTING % least)
    options = ("--policy", str(policy), "--select", str(chosen))
    assert consistency.main(arguments(done, TINY, "out", "cache", *options)) == code
    candidate = json.loads((chosen / "candidate.json").read_text())
    assert len(candidate["candidates"]) == 2
    assert candidate["selection"]["seeds"] == [0, 1]
    assert candidate["confirmation"] == {"seeds": [2, 3, 4]}
    aligned = {
        cell: np.mean(columns(document, "alignment_to_reference")["candidate"][:2])
        for cell, document in documents.items()
    }
    assert candidate["subject"] == documents[max(aligned, key=lambda cell: aligned[cell])]["subject"]


@pytest.mark.parametrize("options", [("--select", "x"), ("--policy", "p.yaml", "--beside", "x")])
def test_choosing_without_what_it_needs_is_wrong_usage(tmp_path, options):
    assert consistency.main(arguments(tmp_path, TINY, "out", "cache", *options)) == 64


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[100, 101, 102, 103, 104]", "[100, 101]", "one seed for each"),
        ("[100, 101, 102, 103, 104]", "[100, 101, 102, 103, 4]", "none of 'seeds'"),
        ("shared: 200", "shared: 103", "no other reference's"),
        ("search_seeds: [0, 1]", "search_seeds: [0, 9]", "some of 'seeds'"),
        ("versions: [v1, v2]", "versions: [v1, v1]", "twice"),
        ("weights: [0.5]", "weights: [0.5, 0.1]", "increasing"),
        ("weights: [0.5]", "weights: [0]", "lies in"),
        ("search_seeds: [0, 1]", "search_seeds: [0, 1]\ncell: {version: v1, weight: 0.4}", "no point"),
        ("sae: {architecture: topk", "sae: {control: frozen_encoder, architecture: topk", "held"),
    ],
)
def test_a_sweep_that_cannot_be_meant_is_refused_at_once(tmp_path, capsys, old, new, message):
    assert old in TINY
    assert consistency.main(arguments(tmp_path, TINY.replace(old, new))) == 4
    assert message in capsys.readouterr().err
