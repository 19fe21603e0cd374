from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from probes_by_hand import differences_by_hand, probe_by_hand
from safetensors.numpy import load_file
from tiny_external import OOD as TINY
from topk_by_hand import topk_latents

from gatekit.errors import GatekitError
from gatekit.evidence.reading import read_summary
from gatekit.kinds import INSTALLED
from runners.arms import activations
from runners.benchmarks import ood as benchmark
from runners.benchmarks import probing
from runners.benchmarks.ood import ShiftedProbe
from runners.config import read_config
from runners.progress import Silent
from runners.stages.ood import measuring as ood_measuring
from runners.stages.ood import plan as ood
from runners.stages.ood import stage as ood_stage
from runners.stages.random_model.plan import RandomModelConfig
from runners.subjects.shifted_texts import ShiftedTexts, read_longer, read_shifted
from runners.subjects.text_corpus import sae_probes_folder
from runners.subjects.text_store import store_texts

pytestmark = [
    pytest.mark.runners,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.usefixtures("corpus_read_once"),
]

HOOK = "blocks.0.hook_resid_post"
NAMES = ["shifted:5_hist_fig_ismale", "longer:96_spam_is"]

Run = Callable[..., tuple[int, dict[str, Any]]]
STAGE = ood_stage.STAGE


def column(summary: dict[str, Any], measure: str, name: str = "candidate") -> np.ndarray:
    return np.array(summary["measurements"][measure]["columns"][name])


def probe(id_auc: float, ood_auc: float) -> ShiftedProbe:
    return ShiftedProbe(1, (0,), 0.9, id_auc, ood_auc)


def test_the_gate_reads_the_summary_and_finds_every_measure_of_the_kind(done, folder):
    summary = read_summary(str(folder / "out" / "ood.json"))
    assert summary.status == "ok"
    assert set(summary.measurements) == set(INSTALLED.measures("ood"))


def test_the_relative_drop_that_the_gate_computes_is_the_mean_drop_over_the_mean_advantage(done, folder):
    found = read_summary(str(folder / "out" / "ood.json")).measurements["relative_drop"].estimate
    assert found == pytest.approx(column(done, "auc_drop").mean() / (column(done, "id_auc") - 0.5).mean())


def test_every_dataset_is_observed_at_every_seed_and_the_dense_probe_is_the_same_for_all(done):
    assert not [name for name in done["measurements"] if "relative_drop" in name], "the gate computes what is a ratio"
    for measure in done["measurements"]:
        columns = done["measurements"][measure]["columns"]
        assert columns["seed"] == [seed for seed in range(5) for _ in NAMES]
        assert columns["dataset"] == NAMES * 5
    baseline = column(done, "baseline_auc_drop")
    assert (baseline == np.tile(baseline[:2], 5)).all()
    assert done["protocol"]["baseline"] == {"kind": "dense_probe", "subject": None}


def test_a_drop_is_id_minus_ood_on_both_sides_and_capped_at_0(done):
    for side in ("candidate", "baseline"):
        drop = column(done, "id_auc_delta", side) - column(done, "ood_auc_delta", side)
        assert column(done, "auc_drop_above_baseline", side) == pytest.approx(drop)
    assert np.array_equal(column(done, "auc_drop_above_baseline", "baseline"), column(done, "baseline_auc_drop"))
    assert np.array_equal(column(done, "auc_drop_capped"), column(done, "auc_drop").clip(min=0))
    assert (column(done, "auc_drop") < 0).any(), "a cap that is never needed shows nothing"


def features(minilm, cache: Path, texts: ShiftedTexts, encode: Callable[[np.ndarray], np.ndarray]) -> list[np.ndarray]:
    """Mean of the encoded tokens of every text, in distribution and shifted."""
    show = partial(nullcontext, Silent())
    stores = [store_texts(minilm, HOOK, part, "tokens", 16, cache, show) for part in (texts.inside, texts.shifted)]
    return [np.array([encode(rows).mean(axis=0) for rows in store.texts()]) for store in stores]


def by_hand_twice(texts: ShiftedTexts, inside: np.ndarray, shifted: np.ndarray) -> tuple[float, float, float]:
    """Validation AUC, AUC in distribution and AUC on the shifted texts, by scikit-learn."""
    y, fit, test = np.asarray(texts.inside.labels), texts.split.train, texts.split.test
    auc = {
        name: probe_by_hand(inside[fit], y[fit], rows, labels, 2)
        for name, rows, labels in (("id", inside[test], y[test]), ("ood", shifted, np.asarray(texts.shifted.labels)))
    }
    return auc["id"][0], auc["id"][1], auc["ood"][1]


def two_pairs(labels: Sequence[int]) -> float:
    """Return what an AUC moves by where two pairs of rows, equal but for the last bits of their scores, are swapped."""
    positives = int(np.sum(labels))
    return 2.0 / (positives * (len(labels) - positives))


def artifacts(summary: dict[str, Any], folder: Path) -> Path:
    return folder / "cache" / "runs" / "ood" / str(summary["producer"]["config_sha256"])[:16]


def test_every_observation_is_that_of_scikit_learn_on_the_same_activations(done, minilm, folder):
    table = json.loads((artifacts(done, folder) / "shifted_probes.json").read_text())
    readers = (read_shifted, "5_hist_fig_ismale"), (read_longer, "96_spam_is")
    for place, (name, (read, dataset)) in enumerate(zip(NAMES, readers, strict=True)):
        texts = read(sae_probes_folder(), dataset, 40, 0.4, 2)
        y = np.asarray(texts.inside.labels)[texts.split.train]
        dense = by_hand_twice(texts, *features(minilm, folder / "cache", texts, lambda rows: rows.astype(np.float32)))
        assert column(done, "id_auc_delta", "baseline")[place] == pytest.approx(dense[1], abs=1e-9)
        assert column(done, "ood_auc_delta", "baseline")[place] == pytest.approx(dense[2], abs=1e-9)
        weights = load_file(artifacts(done, folder) / "model" / "seed_3.safetensors")
        sides = features(minilm, folder / "cache", texts, partial(topk_latents, weights=weights, k=4))
        taken = table[name]["model:seed-3"]["latents"]
        differences = differences_by_hand(sides[0][texts.split.train], y)
        ranked = np.sort(differences)[::-1]
        assert differences[taken] == pytest.approx(ranked[: len(taken)], rel=1e-4)
        found = by_hand_twice(texts, *(side[:, taken] for side in sides))
        assert column(done, "id_auc").reshape(5, 2)[3, place] == pytest.approx(found[1], abs=1e-9)
        # On one class of processor the last bits of a sum put one pair of the shifted rows the other way round.
        swapped = two_pairs(texts.shifted.labels)
        assert column(done, "ood_auc").reshape(5, 2)[3, place] == pytest.approx(found[2], abs=swapped)
        # The other k validates no better.
        order = np.argsort(-differences, kind="stable")
        others = [by_hand_twice(texts, *(side[:, order[:k]] for side in sides))[0] for k in (1, 3)]
        assert found[0] >= max(others) - 1e-9


def test_a_second_run_trains_no_probe_again(done, run, monkeypatch):
    def never(*_: object, **__: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(probing, "_fitted", never)
    code, again = run(TINY)
    assert code == 0
    assert again["measurements"] == done["measurements"]


@pytest.mark.slow
def test_altered_probes_in_the_cache_are_not_used(done, run, folder, tmp_path):
    shutil.copytree(folder / "cache", tmp_path / "cache")
    entries = list((tmp_path / "cache" / "shifted_probes").glob("*.json"))
    assert len(entries) >= 12
    for entry in entries:
        entry.write_text(entry.read_text().replace('"ood_auc": 0.', '"ood_auc": 0.9'))
    code, again = run(TINY, tmp_path / "cache")
    assert code == 0
    assert again["measurements"] == done["measurements"]


@pytest.mark.slow
def test_an_interrupted_run_goes_on_behind_its_last_probe_to_the_same_numbers(done, run, tmp_path, monkeypatch):
    real, calls = ood_measuring.probe_latents, []

    def fails_late(*given: object) -> Any:
        calls.append(given)
        if len(calls) == 8:
            raise ValueError("no probe for you")
        return real(*given)

    with monkeypatch.context() as patch:
        patch.setattr(ood_measuring, "probe_latents", fails_late)
        code, failed = run(TINY, tmp_path / "cache")
    assert (code, failed["status"], failed["measurements"]) == (4, "failed", {})
    assert "longer:96_spam_is, model:seed-2: ValueError: no probe for you" in failed["reason"]
    with monkeypatch.context() as patch:
        patch.setattr(ood_measuring, "probe_latents", lambda *given: calls.append(given) or real(*given))
        code, again = run(TINY, tmp_path / "cache")
    assert (code, len(calls)) == (0, 8 + 3)
    assert again["measurements"] == done["measurements"]


def test_a_dataset_that_the_dense_probe_fails_is_left_out_by_name_whatever_the_saes_score(done, run):
    # On the rows of living-room that are fitted on, the dense probe validates at 11 of 24 pairs.
    code, summary = run(TINY.replace("shifted: [5_hist_fig_ismale]", "shifted: [5_hist_fig_ismale, 66_living-room]"))
    assert code == 0
    settings = summary["protocol"]["settings"]
    assert settings["left_out_below_least_dense_auc"] == "shifted:66_living-room"
    assert done["protocol"]["settings"]["left_out_below_least_dense_auc"] is None
    assert summary["measurements"] == done["measurements"]
    assert summary["protocol"]["datasets"] == done["protocol"]["datasets"]


def test_fewer_than_two_datasets_left_is_a_failed_run(run):
    code, failed = run(TINY.replace("least_dense_auc: 0.5", "least_dense_auc: 1.0"))
    assert (code, failed["status"]) == (4, "failed")
    assert "2 are needed" in failed["reason"]


def test_probing_a_text_that_the_saes_were_trained_on_is_refused(run, monkeypatch):
    real = ood_measuring.open_source

    def knows_one(*given: Any) -> Any:
        from dataclasses import replace

        source = real(*given)
        digest = read_shifted(sae_probes_folder(), "5_hist_fig_ismale", 40, 0.4, 2).shifted.digests[7]
        texts = (replace(source.training.texts[0], sha256=digest), *source.training.texts[1:])
        return replace(source, training=replace(source.training, texts=texts))

    monkeypatch.setattr(ood_measuring, "open_source", knows_one)
    monkeypatch.setattr(ood_measuring, "collect", activations.collect)
    code, failed = run(TINY)
    assert (code, failed["status"]) == (4, "failed")
    assert "trained on 1 texts of 'shifted:5_hist_fig_ismale'" in failed["reason"]


def test_a_probe_that_comes_out_differently_the_second_time_fails(monkeypatch):
    texts = read_longer(sae_probes_folder(), "96_spam_is", 24, 0.4, 0)
    inside, shifted = np.random.default_rng(0).random((2, 24, 6), dtype=np.float32)
    real, calls = benchmark.sparse_probes, []

    def drifting(latents: np.ndarray, *others: Any) -> Any:
        calls.append(1)
        return real(latents if len(calls) == 1 else latents[:, ::-1].copy(), *others)

    monkeypatch.setattr(benchmark, "sparse_probes", drifting)
    with pytest.raises(RuntimeError, match="came out differently"):
        benchmark.probe_latents(inside, shifted, texts, [3], "l2", 0)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("ks: [1, 3]", "ks: [1, 100]", "exceeds d_sae=48"),
        ("ks: [1, 3]", "ks: [3, 1]", "increasing order"),
        ("shifted: [5_hist_fig_ismale]", "shifted: [all, 5_hist_fig_ismale]", "stands alone"),
        ("longer: [96_spam_is]", "longer: [all]", "stands alone"),
        ("longer: [96_spam_is]", "longer: [96_spam_is, 96_spam_is]", "twice"),
        ("  shifted: [5_hist_fig_ismale]\n  longer: [96_spam_is]", "  shifted: null\n  longer: null", "no dataset"),
        ("architecture: topk", "architecture: route", "does not read one hook alone"),
    ],
)
def test_values_that_do_not_go_together_are_refused(tmp_path, before, after, message):
    assert before in TINY
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY.replace(before, after))
    with pytest.raises(GatekitError, match=message):
        ood.check(read_config(path, ood.OodConfig))


@pytest.mark.parametrize("name", ["full", "demo", "smoke"])
def test_the_configurations_that_we_ship_are_sound_and_name_the_subject_of_random_model(name):
    configs = ood_stage.STAGE.smoke_config.parents[1]
    config = read_config(configs / "ood" / f"{name}.yaml", ood.OodConfig)
    ood.check(config)
    other = read_config(configs / "random_model" / f"{name}.yaml", RandomModelConfig)
    for part in ("threads", "seeds", "subject", "texts", "sae", "training"):
        assert getattr(config, part) == getattr(other, part)
