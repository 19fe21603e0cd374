from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from probes_by_hand import differences_by_hand, probe_by_hand

from runners.benchmarks.probing import Probe, chosen, dense_probe, outcome, sparse_probes
from runners.benchmarks.saebench_cache import remembered
from runners.benchmarks.saebench_upstream import upstream_dense, upstream_sparse
from runners.subjects.labelled_texts import Split

pytestmark = [pytest.mark.runners, pytest.mark.filterwarnings("ignore")]

ROWS, LATENTS, SEED = 240, 12, 7
DATASET = "117_us_state_FL"


@pytest.fixture(scope="module")
def labels() -> list[int]:
    return np.random.default_rng(0).integers(0, 2, ROWS).tolist()


@pytest.fixture(scope="module")
def latents(labels) -> np.ndarray:
    """Sparse and positive; latents 3, 8 and 5 tell the classes apart, each less well than the one before."""
    rng = np.random.default_rng(1)
    values = np.where(rng.random((ROWS, LATENTS)) < 0.4, rng.gamma(2.0, 1.0, (ROWS, LATENTS)), 0.0)
    for latent, strength in ((3, 1.5), (8, 1.0), (5, 0.6)):
        values[:, latent] += strength * rng.random(ROWS) * np.asarray(labels)
    return values.astype(np.float32)


@pytest.fixture(scope="module")
def sides() -> Split:
    order = np.random.default_rng(2).permutation(ROWS)
    return Split(train=order[:160], test=order[160:])


def numbers(probe: Probe) -> tuple[float, float, float, float]:
    return probe.validation_auc, probe.auc, probe.accuracy, probe.f1


def test_sparse_probes_are_those_of_the_published_protocol(latents, labels, sides):
    y = np.asarray(labels)
    train, y_train = latents[sides.train], y[sides.train]
    order = np.argsort(-differences_by_hand(train, y_train))
    probes = sparse_probes(latents, labels, sides, [1, 2, 4], "l1", SEED)
    assert [probe.k for probe in probes] == [1, 2, 4]
    for probe in probes:
        assert probe.latents == tuple(order[: probe.k])
        columns = latents[:, order[: probe.k]]
        expected = probe_by_hand(
            columns[sides.train], y_train, columns[sides.test], y[sides.test], SEED, penalty="l1", solver="saga"
        )
        assert numbers(probe) == pytest.approx(expected, abs=1e-12)


def test_the_dense_probe_is_that_of_the_published_protocol(latents, labels, sides):
    y = np.asarray(labels)
    expected = probe_by_hand(latents[sides.train], y[sides.train], latents[sides.test], y[sides.test], SEED)
    probe = dense_probe(latents, labels, sides, SEED)
    assert numbers(probe) == pytest.approx(expected, abs=1e-12)
    assert (probe.k, probe.latents) == (LATENTS, ())


def test_nothing_about_the_test_rows_reaches_training_or_the_choice_of_k(latents, labels, sides):
    changed = latents.copy()
    changed[sides.test] = changed[sides.test][::-1] * 3
    flipped = [1 - label if row in set(sides.test) else label for row, label in enumerate(labels)]
    before = sparse_probes(latents, labels, sides, [1, 2, 4], "l1", SEED)
    after = sparse_probes(changed, flipped, sides, [1, 2, 4], "l1", SEED)
    assert [(p.latents, p.validation_auc) for p in before] == [(p.latents, p.validation_auc) for p in after]
    assert chosen(before).k == chosen(after).k
    assert [p.auc for p in before] != [p.auc for p in after]


def test_k_is_chosen_by_validation_and_not_by_the_test():
    probes = [Probe(1, 0.7, 0.9, 0.9, 0.9), Probe(2, 0.8, 0.5, 0.5, 0.5), Probe(5, 0.8, 0.99, 0.9, 0.9)]
    # Two and five latents validate equally well, and the fewer are taken, though five test best.
    assert chosen(probes).k == 2


def test_a_tie_is_half_a_win():
    assert [outcome(0.8, 0.7), outcome(0.7, 0.7), outcome(0.6, 0.7)] == [1.0, 0.5, 0.0]


def test_a_result_is_computed_once_for_each_key(tmp_path):
    calls = []

    def compute() -> dict[str, int]:
        calls.append(1)
        return {"n": len(calls)}

    assert remembered(tmp_path, {"sae": "a"}, compute) == {"n": 1}
    assert remembered(tmp_path, {"sae": "a"}, compute) == {"n": 1}
    assert remembered(tmp_path, {"sae": "b"}, compute) == {"n": 2}


def altered(path: Path) -> None:
    path.write_text(path.read_text().replace('"auc": 0.5', '"auc": 0.9'))


def of_another_key(path: Path) -> None:
    remembered(path.parent, {"sae": "other"}, lambda: {"auc": 0.9})
    (other,) = set(path.parent.glob("*.json")) - {path}
    os.replace(other, path)


def cut_short(path: Path) -> None:
    path.write_text(path.read_text()[:-20])


@pytest.mark.parametrize("spoil", [altered, of_another_key, cut_short])
def test_an_entry_that_is_not_what_was_written_is_computed_again(tmp_path, spoil):
    remembered(tmp_path, {"sae": "a"}, lambda: {"auc": 0.5})
    (path,) = tmp_path.glob("*.json")
    spoil(path)
    assert remembered(tmp_path, {"sae": "a"}, lambda: {"auc": 0.6}) == {"auc": 0.6}
    assert remembered(tmp_path, {"sae": "a"}, lambda: {"auc": 0.7}) == {"auc": 0.6}


def test_a_failure_while_computing_or_writing_leaves_no_entry(tmp_path, monkeypatch):
    def fails() -> dict[str, int]:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        remembered(tmp_path, {"sae": "a"}, fails)
    monkeypatch.setattr(os, "replace", lambda *_: fails())
    with pytest.raises(ValueError, match="no"):
        remembered(tmp_path, {"sae": "a"}, lambda: {"n": 1})
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def filed() -> torch.Tensor:
    """Activations of the dataset's 1,000 rows in the file's order, as if from a model."""
    return torch.randn(1000, 6, generator=torch.Generator().manual_seed(0))


def theirs(folder: Path, rows: torch.Tensor, encode) -> list[dict]:
    """What sae-probes itself writes into `folder`."""
    from types import SimpleNamespace

    from sae_probes import run_sae_evals

    (folder / "model_activations_m").mkdir(parents=True, exist_ok=True)
    torch.save(rows, folder / "model_activations_m" / f"{DATASET}_blocks.0.hook.pt")
    run_sae_evals(
        sae=SimpleNamespace(encode=encode),
        model_name="m",
        hook_name="blocks.0.hook",
        reg_type="l1",
        setting="normal",
        ks=[1, 2],
        results_path=folder,
        model_cache_path=folder,
        datasets=[DATASET],
        device="cpu",
        seed=42,
    )
    (path,) = folder.glob("sae_probes_m/normal_setting/*.json")
    return json.loads(path.read_text())


def test_a_planted_result_file_fools_sae_probes_and_not_us(tmp_path, monkeypatch, filed):
    def encode(rows):
        return torch.cat([rows, -rows], dim=-1).relu()

    true = theirs(tmp_path / "fresh", filed, encode)
    stale = [{**entry, "test_auc": 0.999, "val_auc": 0.999} for entry in true]
    for model in ("m", "model"):
        planted = tmp_path / "results" / f"sae_probes_{model}" / "normal_setting"
        planted.mkdir(parents=True)
        (planted / f"{DATASET}_blocks.0.hook_l1.json").write_text(json.dumps(stale))
    assert [entry["test_auc"] for entry in theirs(tmp_path / "results", filed, encode)] == [0.999, 0.999]

    # sae-probes' default folder is `results` in the working directory.
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    ours = upstream_sparse(filed, DATASET, encode, [1, 2], "l1", 42, "cpu")
    assert [(p.k, p.auc, p.validation_auc) for p in ours] == [(e["k"], e["test_auc"], e["val_auc"]) for e in true]
    assert list(ours[1].latents) == true[1]["indices"]


def test_the_upstream_dense_probe_is_its_own_baseline(filed):
    from sae_probes.utils_data import get_train_test_indices, get_yvals
    from sae_probes.utils_training import find_best_reg

    y = get_yvals(DATASET)
    train, test = get_train_test_indices(y, 900, 99, 0.5, 42)
    expected = find_best_reg(filed[train], y[train], filed[test], y[test], seed=42).metrics
    found = upstream_dense(filed, DATASET, 42)
    assert (found.auc, found.accuracy, found.f1) == pytest.approx(
        (expected.test_auc, expected.test_acc, expected.test_f1), abs=1e-12
    )
