from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file
from scipy.optimize import linear_sum_assignment
from tiny_stage import SAES, arguments

from gatekit.evidence.reading import read_summary
from gatekit.kinds import INSTALLED
from runners.arms import activations
from runners.stages.ablation import stage as ablation

pytestmark = [pytest.mark.runners, pytest.mark.filterwarnings("ignore")]

# Fewer latents than dimensions of the model (384), as many, and more.
WIDTHS = (48, 384, 500)
TINY = SAES + "chance: {gaussian_draws: 2}\nsweep: {ks: [2, 4], d_saes: [48, 384, 500], steps: [4, 8]}\n"


@pytest.fixture(autouse=True)
def corpus_read_once(corpus, monkeypatch):
    monkeypatch.setattr(activations, "read_corpus", lambda _: corpus)


@pytest.fixture(scope="module")
def done(corpus, tmp_path_factory) -> Path:
    """One finished sweep: `out/CELL/ablation.json` and `cache/`."""
    folder: Path = tmp_path_factory.mktemp("sweep")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(activations, "read_corpus", lambda _: corpus)
        assert ablation.main(arguments(folder, TINY)) == 0
    return folder


@pytest.fixture(scope="module")
def documents(done) -> dict[str, dict[str, Any]]:
    return {path.parent.name: json.loads(path.read_text()) for path in (done / "out").rglob("*.json")}


def matched(a: np.ndarray, b: np.ndarray) -> float:
    cosine = (a / np.linalg.norm(a, axis=1)[:, None]) @ (b / np.linalg.norm(b, axis=1)[:, None]).T
    return float(cosine[linear_sum_assignment(1 - cosine)].mean())


def test_every_shape_and_length_is_one_cell_once(documents):
    assert set(documents) == {
        "d_sae-48-k-2-steps-8",
        "d_sae-48-k-4-steps-8",
        "d_sae-384-k-4-steps-8",
        "d_sae-500-k-4-steps-8",
        "d_sae-48-k-4-steps-4",
    }
    for document in documents.values():
        assert document["protocol"]["selection"] == {"candidates": 5, "seeds": [0, 1, 2, 3, 4]}


def test_the_gate_reads_every_summary_and_finds_every_measure_of_the_kind(done):
    for path in (done / "out").rglob("*.json"):
        summary = read_summary(str(path))
        assert summary.status == "ok"
        assert set(summary.measurements) == set(INSTALLED.measures("ablation"))
        assert summary.protocol.baseline_kind == "untrained"


@pytest.mark.parametrize("d_sae", WIDTHS)
def test_untrained_saes_agree_as_gaussian_dictionaries_do_at_every_shape(documents, d_sae):
    columns = documents[f"d_sae-{d_sae}-k-4-steps-8"]["measurements"]["untrained_above_gaussian"]["columns"]
    draws = np.random.default_rng(0)
    expected = np.mean([matched(*draws.normal(size=(2, d_sae, 384))) for _ in range(5)])
    assert np.mean(columns["candidate"]) == pytest.approx(expected, abs=0.005)
    assert np.mean(columns["baseline"]) == pytest.approx(expected, abs=0.005)


def test_reading_narrow_dictionaries_the_wrong_way_round_would_have_shown_as_a_large_effect(documents):
    # A decoder of 48 latents turned so that its larger side counts latents: 384 rows of 48 numbers.
    columns = documents["d_sae-48-k-4-steps-8"]["measurements"]["untrained_above_gaussian"]["columns"]
    turned = matched(*np.random.default_rng(0).normal(size=(2, 384, 48)))
    assert turned - np.mean(columns["baseline"]) > 0.2


@pytest.mark.parametrize("cell", ["d_sae-48-k-2-steps-8", "d_sae-500-k-4-steps-8"])
def test_agreement_follows_from_the_checkpoints_by_another_matching(done, documents, cell):
    document = documents[cell]
    runs = done / "cache" / "runs" / "ablation" / document["producer"]["config_sha256"][:16]
    a, b = (load_file(runs / "model" / f"seed_{seed}.safetensors")["W_dec"].astype(float) for seed in (1, 4))
    measured = {name: entry["columns"] for name, entry in document["measurements"].items()}
    place = list(zip(measured["pw_mcc"]["seed_a"], measured["pw_mcc"]["seed_b"], strict=True)).index((1, 4))
    score, floor = matched(a, b), measured["pw_mcc_above_gaussian"]["baseline"][place]
    assert measured["pw_mcc"]["candidate"][place] == pytest.approx(score, abs=1e-6)
    expected = (score - floor) / (1 - floor)
    assert measured["pw_mcc_chance_corrected"]["candidate"][place] == pytest.approx(expected, abs=1e-6)


def test_the_cells_are_of_the_shape_that_their_folder_names(documents):
    for name, document in documents.items():
        _, d_sae, _, k, _, steps = name.split("-")
        assert (document["subject"]["d_sae"], document["subject"]["k"]) == (int(d_sae), int(k))
        assert document["protocol"]["settings"]["steps"] == int(steps)
        assert max(document["measurements"]["l0"]["columns"]["candidate"]) <= int(k)


def test_the_configuration_that_a_cell_records_repeats_it_alone(tmp_path, documents):
    cell = documents["d_sae-384-k-4-steps-8"]
    # JSON is YAML.
    assert ablation.main(arguments(tmp_path, json.dumps(cell["producer"]["config"]))) == 0
    again = json.loads((tmp_path / "out" / "ablation.json").read_text())
    for part in ("subject", "protocol", "measurements"):
        assert again[part] == cell[part]


@pytest.mark.parametrize(
    ("line", "changed", "complaint"),
    [
        ("ks: [2, 4]", "ks: [2]", "'ks' lacks 4"),
        ("d_saes: [48, 384, 500]", "d_saes: [384]", "'d_saes' lacks 48"),
        ("steps: [4, 8]", "steps: [4]", "'steps' lacks 8"),
        ("ks: [2, 4]", "ks: [4, 49]", "k=49 exceeds d_sae=48"),
        ("chance:", "selection: {candidates: 3, seeds: [0]}\nchance:", "states the selection of its cells itself"),
    ],
)
def test_a_sweep_that_does_not_fit_together_is_refused_before_anything_runs(tmp_path, capsys, line, changed, complaint):
    assert ablation.main(arguments(tmp_path, TINY.replace(line, changed))) == 4
    assert complaint in capsys.readouterr().err
    assert not (tmp_path / "cache").exists()
