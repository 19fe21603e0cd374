from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file
from scipy.optimize import linear_sum_assignment
from tiny_stage import SAES, arguments

from gatekit.errors import GatekitError
from gatekit.evidence.reading import read_summary
from gatekit.exit_codes import ExitCode
from gatekit.kinds import INSTALLED
from gatekit.stats import per_seed_pair
from runners.arms import activations
from runners.metrics.gaussian import gaussian_dictionaries
from runners.stages.ablation import stage as ablation
from runners.stages.adaptive_l0 import stage as adaptive_l0
from runners.stages.adaptive_l0.measuring import SearchResult, choose
from runners.stages.adaptive_l0.plan import SearchPlan

pytestmark = [pytest.mark.runners, pytest.mark.filterwarnings("ignore")]

TINY = (
    SAES
    + """\
search: {ks: [2, 8], seeds: [20, 21, 22], r2_floor: -1.0, confidence: 0.9}
chance: {gaussian_draws: 1}
"""
)
SEARCH = SearchPlan((2, 8, 16), (20, 21, 22), 0.5, 0.95)


@pytest.fixture(autouse=True)
def corpus_read_once(corpus, monkeypatch):
    monkeypatch.setattr(activations, "read_corpus", lambda _: corpus)


@pytest.fixture(scope="module")
def done(corpus, tmp_path_factory) -> Path:
    """One finished run: `out/adaptive_l0.json` and `cache/`."""
    folder: Path = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(activations, "read_corpus", lambda _: corpus)
        assert adaptive_l0.main(arguments(folder, TINY)) == 0
    return folder


@pytest.fixture(scope="module")
def document(done) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads((done / "out" / "adaptive_l0.json").read_text())
    return parsed


def decoders(cache: Path, k: int, seeds: tuple[int, ...]) -> list[np.ndarray]:
    """The decoders of the SAEs of this k in the cache, as float64."""
    found = {}
    for described in (cache / "saes").rglob("seed_*.json"):
        told = json.loads(described.read_text())
        if told["k"] == k and told["seed"] in seeds:
            found[told["seed"]] = load_file(described.with_suffix(".safetensors"))["W_dec"].astype(float)
    assert set(found) == set(seeds), f"not every SAE of k={k} was trained"
    return [found[seed] for seed in seeds]


def matched(a: np.ndarray, b: np.ndarray) -> float:
    cosine = (a / np.linalg.norm(a, axis=1)[:, None]) @ (b / np.linalg.norm(b, axis=1)[:, None]).T
    return float(cosine[linear_sum_assignment(1 - cosine)].mean())


def test_the_gate_reads_the_summary_and_finds_every_measure_of_the_kind(done):
    summary = read_summary(str(done / "out" / "adaptive_l0.json"))
    assert summary.status == "ok"
    assert set(summary.measurements) == set(INSTALLED.measures("adaptive_l0"))


def test_the_candidate_differs_from_the_control_in_k_only_and_both_stand_on_the_confirming_seeds(document):
    subject, baseline = document["subject"], document["protocol"]["baseline"]
    assert baseline["kind"] == "matched_sae"
    assert {key for key in subject if subject[key] != baseline["subject"][key]} == {"k", "checkpoints"}
    assert baseline["subject"]["k"] == 4
    assert [entry["seed"] for entry in subject["checkpoints"]] == document["protocol"]["seeds"] == [0, 1, 2, 3, 4]
    assert document["protocol"]["selection"] == {"candidates": 2, "seeds": [20, 21, 22]}


def test_the_control_is_the_subject_that_other_stages_measure_under_these_settings(document, done, tmp_path):
    (tmp_path / "cache").symlink_to(done / "cache")
    assert ablation.main(arguments(tmp_path, SAES + "chance: {gaussian_draws: 1}\n")) == 0
    other = json.loads((tmp_path / "out" / "ablation.json").read_text())
    assert other["subject"] == document["protocol"]["baseline"]["subject"]


def test_the_chosen_k_has_the_largest_lower_bound_by_the_gates_own_formula(done, document):
    settings, bounds = document["protocol"]["settings"], {}
    floor = gaussian_dictionaries((20, 21, 22), 48, 384, 0)
    pairs = list(combinations(range(3), 2))
    for k in (2, 8):
        rows = decoders(done / "cache", k, (20, 21, 22))
        chance = [matched(floor[a].astype(float), floor[b].astype(float)) for a, b in pairs]
        corrected = [(matched(rows[a], rows[b]) - c) / (1 - c) for (a, b), c in zip(pairs, chance, strict=True)]
        interval = per_seed_pair([a for a, _ in pairs], [b for _, b in pairs], corrected, 0.9)
        bounds[k] = interval.lower
        assert settings[f"search_k_{k}_estimate"] == pytest.approx(interval.estimate, abs=2e-6)
        assert settings[f"search_k_{k}_lower"] == pytest.approx(interval.lower, abs=2e-6)
    assert document["subject"]["k"] == max(bounds, key=bounds.__getitem__)


def test_the_comparison_follows_from_the_checkpoints_by_another_matching(done, document):
    measured = document["measurements"]["pw_mcc_above_control"]["columns"]
    place = list(zip(measured["seed_a"], measured["seed_b"], strict=True)).index((1, 4))
    for k, column in ((document["subject"]["k"], "candidate"), (4, "baseline")):
        assert measured[column][place] == pytest.approx(matched(*decoders(done / "cache", k, (1, 4))), abs=1e-6)


def test_where_no_k_reaches_the_floor_nothing_is_taken_in_its_place(tmp_path, capsys):
    assert adaptive_l0.main(arguments(tmp_path, TINY.replace("r2_floor: -1.0", "r2_floor: 0.99"))) == 3
    summary = read_summary(str(tmp_path / "out" / "adaptive_l0.json"))
    assert summary.status == "failed"
    assert "no k has an r2 bound of 0.99 or more" in summary.reason
    assert "k=2: " in summary.reason
    assert summary.subject.k is None
    # The confirmation was never begun.
    assert not list((tmp_path / "cache" / "saes").rglob("seed_0.safetensors"))


def test_the_choice_goes_by_the_lower_bound_and_not_by_the_estimate():
    found = {2: SearchResult(0.6, 0.2, 0.7), 8: SearchResult(0.5, 0.4, 0.7), 16: SearchResult(0.3, 0.29, 0.9)}
    assert choose(found, SEARCH, 4) == 8


def test_a_k_whose_r2_may_be_below_the_floor_is_no_candidate():
    found = {2: SearchResult(0.9, 0.8, 0.499), 8: SearchResult(0.5, 0.4, 0.5), 16: SearchResult(0.3, 0.29, 0.9)}
    assert choose(found, SEARCH, 4) == 8


@pytest.mark.parametrize(
    ("r2", "control", "complaint"), [(0.4, 4, "no k has an r2 bound"), (0.7, 8, "the control's own k=8")]
)
def test_a_search_that_leaves_nothing_to_confirm_is_inconclusive(r2, control, complaint):
    found = {2: SearchResult(0.2, 0.1, r2), 8: SearchResult(0.5, 0.4, r2)}
    with pytest.raises(GatekitError, match=complaint) as caught:
        choose(found, SEARCH, control)
    assert caught.value.exit_code == ExitCode.INCONCLUSIVE


def test_a_single_k_is_compared_as_it_is_without_any_search(tmp_path):
    forced = TINY.replace("ks: [2, 8], seeds: [20, 21, 22], r2_floor: -1.0", "ks: [2], seeds: null, r2_floor: null")
    assert adaptive_l0.main(arguments(tmp_path, forced)) == 0
    document = json.loads((tmp_path / "out" / "adaptive_l0.json").read_text())
    assert document["subject"]["k"] == 2
    assert document["protocol"]["selection"] == {"candidates": 1, "seeds": []}
    assert not [name for name in document["protocol"]["settings"] if name.startswith("search_k")]


@pytest.mark.parametrize(
    ("line", "changed", "complaint"),
    [
        ("[20, 21, 22]", "[4, 21, 22]", "a seed that was searched on cannot confirm"),
        ("[20, 21, 22]", "[20, 21]", "at least three"),
        ("[20, 21, 22]", "null", "need seeds to search on and an r2 floor"),
        ("ks: [2, 8]", "ks: [8, 2]", "increasing order"),
        ("ks: [2, 8]", "ks: [2, 49]", "k=49 exceeds d_sae=48"),
        ("ks: [2, 8], seeds: [20, 21, 22], r2_floor: -1.0", "ks: [4], seeds: null, r2_floor: null", "own k=4"),
    ],
)
def test_a_search_that_does_not_fit_together_is_refused_before_anything_runs(
    tmp_path, capsys, line, changed, complaint
):
    assert adaptive_l0.main(arguments(tmp_path, TINY.replace(line, changed))) == 4
    assert complaint in capsys.readouterr().err
    assert not (tmp_path / "cache").exists()
