"""sae-probes' own files: how the probes were trained is part of the protocol, and two ways are never one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gatekit.errors import GatekitError
from gatekit.evidence.adapters import ImportOptions, import_summaries

HOOK = "blocks.1.hook_resid_post"
FINISHED = "2026-11-01T00:00:00Z"


def entry(**changes: Any) -> dict[str, Any]:
    """An entry as sae-probes 0.4 writes it for one probe size."""
    scores = {"test_f1": 0.6, "test_acc": 0.6, "test_auc": 0.7, "val_auc": 0.6}
    place = {"k": 2, "dataset": "9_lab_set", "hook_name": HOOK, "reg_type": "l1", "binarize": False, "indices": [0, 1]}
    return {**scores, **place, **changes}


def dense(**changes: Any) -> dict[str, Any]:
    """The one entry of a baseline's file."""
    scores = {"test_f1": 0.6, "test_acc": 0.6, "test_auc": 0.7, "val_auc": 0.6}
    return {**scores, "dataset": "9_lab_set", "hook_name": HOOK, "method": "logreg", "num_train": 900, **changes}


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the subject of seeds 1, 2 and 3."""
    monkeypatch.chdir(tmp_path)
    subject = {
        "model": {"name": "m", "digest": "a" * 64},
        "hook": HOOK,
        "d_model": 32,
        "architecture": "topk",
        "d_sae": 64,
        "k": 8,
        "checkpoints": [{"seed": seed, "sha256": f"{seed:064x}"} for seed in (1, 2, 3)],
    }
    (tmp_path / "subject.json").write_text(json.dumps(subject))
    return tmp_path


def imported(lab: Path, seeds: list[dict[str, Any]], *baselines: dict[str, Any]) -> dict[str, Any]:
    """Import one entry a seed, each with an AUC of its own, beside the baselines."""
    names = []
    for seed, changes in enumerate(seeds, 1):
        (lab / f"seed{seed}.json").write_text(json.dumps([entry(**{"test_auc": 0.7 + seed / 100, **changes})]))
        names.append(f"{seed}=seed{seed}.json")
    for index, baseline in enumerate(baselines):
        (lab / f"dense{index}.json").write_text(json.dumps([baseline]))
        names.append(f"dense{index}.json")
    options = ImportOptions(subject="subject.json", finished=FINISHED)
    (data,) = import_summaries("saebench", names, options).values()
    settings: dict[str, Any] = json.loads(data)["protocol"]["settings"]
    return settings


def refusal(lab: Path, seeds: list[dict[str, Any]], *baselines: dict[str, Any]) -> GatekitError:
    with pytest.raises(GatekitError) as refused:
        imported(lab, seeds, *baselines)
    return refused.value


def test_the_normal_setting_records_the_rows_of_the_baseline(lab: Path) -> None:
    settings = imported(lab, [{}, {}, {}], dense())
    assert (settings["num_train"], settings["frac"], settings["baseline_num_train"]) == (None, None, 900)


def test_scarce_rows_stand_in_the_protocol(lab: Path) -> None:
    settings = imported(lab, [{"num_train": 4}] * 3, dense(num_train=4))
    assert (settings["num_train"], settings["baseline_num_train"]) == (4, 4)


def test_the_share_of_positives_stands_in_the_protocol(lab: Path) -> None:
    settings = imported(lab, [{"frac": 0.05}] * 3, dense(frac=0.05))
    assert (settings["frac"], settings["baseline_frac"], settings["baseline_num_train"]) == (0.05, 0.05, 900)


@pytest.mark.parametrize(("name", "value"), [("num_train", 4), ("frac", 0.05), ("reg_type", "l2"), ("binarize", True)])
def test_seeds_of_two_settings_are_refused_with_both_files_and_the_field(lab: Path, name: str, value: Any) -> None:
    error = refusal(lab, [{}, {name: value}, {}], dense())
    assert error.error_id == "adapter.mixed"
    assert error.location is not None
    assert error.location.path == "seed2.json"
    assert "seed1.json" in error.message
    assert f"{name} is {value!r} here" in error.message


def test_two_values_of_one_field_are_two_settings(lab: Path) -> None:
    error = refusal(lab, [{"num_train": 4}, {"num_train": 8}, {"num_train": 4}])
    assert "num_train is 8 here and 4 there" in error.message


@pytest.mark.parametrize(
    ("probe", "baseline", "says"),
    [
        ({"num_train": 4}, {}, "num_train is 4 here and 900 in the baseline"),
        ({"frac": 0.05}, {}, "frac is 0.05 here and absent in the baseline"),
        ({"frac": 0.05}, {"frac": 0.1}, "frac is 0.05 here and 0.1 in the baseline"),
        ({}, {"frac": 0.05}, "frac is absent here and 0.05 in the baseline"),
    ],
)
def test_a_probe_is_never_compared_with_a_baseline_of_another_setting(
    lab: Path, probe: dict[str, Any], baseline: dict[str, Any], says: str
) -> None:
    error = refusal(lab, [probe] * 3, dense(**baseline))
    assert error.error_id == "adapter.mixed"
    assert says in error.message
    assert "dense0.json" in error.message


def test_a_member_that_nobody_knows_is_recorded(lab: Path) -> None:
    settings = imported(lab, [{"mean_diff_normalization": "mean", "solver": {"name": "lbfgs"}}] * 3)
    assert settings["mean_diff_normalization"] == "mean"
    assert settings["solver"] == '{"name": "lbfgs"}'


def test_a_member_that_nobody_knows_keeps_two_settings_apart(lab: Path) -> None:
    error = refusal(lab, [{"solver": "lbfgs"}, {"solver": "saga"}, {"solver": "lbfgs"}])
    assert "solver is 'saga' here and 'lbfgs' there" in error.message
    error = refusal(lab, [{"solver": "lbfgs"}, {}, {"solver": "lbfgs"}])
    assert "solver is absent here" in error.message


def test_datasets_of_one_seed_share_their_setting(lab: Path) -> None:
    other = entry(dataset="10_other", num_train=4)
    (lab / "other.json").write_text(json.dumps([other]))
    (lab / "first.json").write_text(json.dumps([entry()]))
    with pytest.raises(GatekitError, match=r"another protocol than first\.json: num_train is 4 here") as refused:
        import_summaries(
            "saebench", ["1=first.json", "1=other.json"], ImportOptions(subject="subject.json", finished=FINISHED)
        )
    assert refused.value.error_id == "adapter.mixed"


def test_baselines_of_several_sizes_are_listed_by_dataset(lab: Path) -> None:
    names = []
    for seed in (1, 2, 3):
        for dataset in ("9_lab_set", "10_other"):
            name = f"s{seed}_{dataset}.json"
            (lab / name).write_text(json.dumps([entry(dataset=dataset, test_auc=0.7 + seed / 100)]))
            names.append(f"{seed}={name}")
    for dataset, rows in (("9_lab_set", 900), ("10_other", 1024)):
        (lab / f"dense_{dataset}.json").write_text(json.dumps([dense(dataset=dataset, num_train=rows)]))
        names.append(f"dense_{dataset}.json")
    options = ImportOptions(subject="subject.json", finished=FINISHED)
    (data,) = import_summaries("saebench", names, options).values()
    assert json.loads(data)["protocol"]["settings"]["baseline_num_train"] == "1024: 10_other; 900: 9_lab_set"
