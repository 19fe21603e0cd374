"""SAEBench's evals beside core and probing: each is evidence of a kind of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from saebench_results import HOOK, RESULTS, SCR_DATASET

from gatekit.errors import GatekitError, UsageError
from gatekit.evidence import Summary, read_summary
from gatekit.evidence.adapters import ImportOptions, import_summaries
from gatekit.kinds import INSTALLED

SEEDS = (1, 2, 3)
ABLATED = ("scr", "tpp")


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the subject of the three seeds, on the base model and on the tuned one."""
    monkeypatch.chdir(tmp_path)
    subject: dict[str, Any] = {
        "model": {"name": "gemma-2-2b", "digest": "a" * 64},
        "hook": HOOK,
        "d_model": 32,
        "architecture": "topk",
        "d_sae": 64,
        "k": 8,
        "checkpoints": [{"seed": seed, "sha256": f"{seed:064x}"} for seed in SEEDS],
    }
    (tmp_path / "subject.json").write_text(json.dumps(subject))
    subject["model"]["name"] = "google/gemma-2-2b-it"
    (tmp_path / "tuned.json").write_text(json.dumps(subject))
    return tmp_path


def options(kind: str, *, observed: bool = True) -> ImportOptions:
    subject = "tuned.json" if kind == "unlearning" else "subject.json"
    return ImportOptions(subject=subject if observed else None, k=10 if kind in ABLATED else None)


def written(values: dict[int, Any]) -> list[str]:
    for seed, value in values.items():
        Path(f"seed{seed}.json").write_text(json.dumps(value))
    return [f"{seed}=seed{seed}.json" for seed in values]


def imported(kind: str, values: dict[int, Any] | None = None) -> Summary:
    values = values or {seed: RESULTS[kind](seed) for seed in SEEDS}
    ((name, data),) = import_summaries("saebench", written(values), options(kind)).items()
    Path(name).write_bytes(data)
    return read_summary(name)


def refusal(kind: str, values: dict[int, Any]) -> GatekitError:
    with pytest.raises(GatekitError) as refused:
        imported(kind, values)
    return refused.value


@pytest.mark.parametrize("kind", sorted(RESULTS))
def test_every_measure_of_the_kind_is_imported_of_three_seeds(lab: Path, kind: str) -> None:
    summary = imported(kind)
    assert summary.kind == f"saebench_{kind}"
    assert set(summary.measurements) == set(INSTALLED.measures(summary.kind))
    assert summary.protocol.seeds == SEEDS


@pytest.mark.parametrize("kind", sorted(RESULTS))
def test_without_a_subject_every_file_is_its_own_sae_with_reported_numbers(lab: Path, kind: str) -> None:
    names = written({seed: RESULTS[kind](seed) for seed in SEEDS})
    files = import_summaries("saebench", names, options(kind, observed=False))
    assert len(files) == 3
    for name, data in files.items():
        Path(name).write_bytes(data)
        summary = read_summary(name)
        assert {measurement.design for measurement in summary.measurements.values()} == {"reported"}


def test_all_evals_of_a_lab_are_imported_at_once(lab: Path) -> None:
    names = []
    for kind in ("absorption", "ravel", "autointerp"):
        for seed in SEEDS:
            Path(f"{kind}{seed}.json").write_text(json.dumps(RESULTS[kind](seed)))
            names.append(f"{seed}={kind}{seed}.json")
    files = import_summaries("saebench", names, ImportOptions(subject="subject.json"))
    kinds = [json.loads(data)["kind"] for data in files.values()]
    assert sorted(kinds) == ["saebench_absorption", "saebench_autointerp", "saebench_ravel"]


def test_absorption_has_an_observation_per_seed_and_letter(lab: Path) -> None:
    measurement = imported("absorption").measurements["absorption_fraction"]
    assert measurement.keys == tuple((seed, letter) for seed in SEEDS for letter in "ab")
    assert measurement.candidate == (0.1 + 0.01, 0.3 + 0.01, 0.1 + 0.02, 0.3 + 0.02, 0.1 + 0.03, 0.3 + 0.03)


def test_absorption_over_other_letters_is_another_protocol(lab: Path) -> None:
    values = {seed: RESULTS["absorption"](seed) for seed in SEEDS}
    values[3]["eval_result_details"][1]["first_letter"] = "c"
    error = refusal("absorption", values)
    assert error.error_id == "adapter.mixed"
    assert "datasets differ" in error.message


def test_scr_has_an_observation_per_seed_and_pair_at_the_chosen_k(lab: Path) -> None:
    summary = imported("scr")
    names = (f"{SCR_DATASET}_scr_professor_nurse", f"{SCR_DATASET}_scr_architect_journalist")
    measurement = summary.measurements["scr_metric"]
    assert measurement.keys == tuple((seed, name) for seed in SEEDS for name in names)
    # 10 latents: .01 and the seed's hundredth; a score of -1 is a score, SAEBench writes null where it has none.
    assert measurement.candidate == (0.01 + 0.01, -1, 0.01 + 0.02, -1, 0.01 + 0.03, -1)


def test_tpp_has_an_observation_per_seed_and_dataset_at_the_chosen_k(lab: Path) -> None:
    measurement = imported("tpp").measurements["intended_diff_only"]
    assert measurement.keys == tuple((seed, f"{SCR_DATASET}_tpp") for seed in SEEDS)
    assert measurement.candidate == (0.01 + 0.01, 0.01 + 0.02, 0.01 + 0.03)


@pytest.mark.parametrize("kind", ABLATED)
def test_the_number_of_ablated_latents_is_never_chosen_by_the_score(lab: Path, kind: str) -> None:
    names = written({seed: RESULTS[kind](seed) for seed in SEEDS})
    with pytest.raises(UsageError, match="has ablations of 2, 5, 10, 20, 50, 100, 500 latents; choose one with --k"):
        import_summaries("saebench", names, ImportOptions(subject="subject.json"))


@pytest.mark.parametrize("kind", ABLATED)
def test_a_number_of_latents_that_gave_no_score_is_refused(lab: Path, kind: str) -> None:
    values = {seed: RESULTS[kind](seed) for seed in SEEDS}
    metric = "scr_metric_threshold_10" if kind == "scr" else "tpp_threshold_10_total_metric"
    values[2]["eval_result_details"][0][metric] = None
    assert refusal(kind, values).error_id == "adapter.not_measured"


@pytest.mark.parametrize("kind", ABLATED)
def test_a_run_that_was_not_planned_or_is_missing_is_refused(lab: Path, kind: str) -> None:
    values = {seed: RESULTS[kind](seed) for seed in SEEDS}
    values[2]["eval_result_details"][0]["dataset_name"] = "stale_results"
    assert refusal(kind, values).error_id == "adapter.unplanned"
    values[2]["eval_result_details"].pop(0)
    assert refusal(kind, values).error_id == "adapter.incomplete"


def test_unlearning_is_of_the_tuned_model_and_says_what_the_sae_was_trained_on(lab: Path) -> None:
    summary = imported("unlearning")
    assert summary.subject.model_name == "google/gemma-2-2b-it"
    ((_, data),) = import_summaries("saebench", ["1=seed1.json"], ImportOptions()).items()
    assert json.loads(data)["protocol"]["settings"]["sae_trained_on"] == "gemma-2-2b"


def test_other_evals_are_not_of_a_tuned_model(lab: Path) -> None:
    values = {seed: RESULTS["ravel"](seed) for seed in SEEDS}
    values[1]["eval_config"]["model_name"] = "gemma-2-2b-it"
    assert refusal("ravel", values).error_id == "adapter.contradiction"


def test_no_folder_of_a_machine_enters_a_summary(lab: Path) -> None:
    imported("ravel")
    ((_, data),) = import_summaries("saebench", ["1=seed1.json"], ImportOptions()).items()
    assert b"/home/" not in data


MEANS = {
    "absorption": ("mean", "mean_absorption_fraction_score"),
    "scr": ("scr_metrics", "scr_metric_threshold_10"),
    "tpp": ("tpp_metrics", "tpp_threshold_10_total_metric"),
    "ravel": ("ravel", "disentanglement_score"),
    "autointerp": ("autointerp", "autointerp_score"),
}


@pytest.mark.parametrize("kind", sorted(MEANS))
def test_a_mean_that_its_own_parts_contradict_is_refused(lab: Path, kind: str) -> None:
    values = {seed: RESULTS[kind](seed) for seed in SEEDS}
    category, metric = MEANS[kind]
    values[2]["eval_result_metrics"][category][metric] += 0.01
    error = refusal(kind, values)
    assert error.error_id == "adapter.contradiction"
    assert error.location is not None
    assert error.location.path == "seed2.json"
    assert error.location.pointer == f"/eval_result_metrics/{category}/{metric}"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None, "0.5", True])
@pytest.mark.parametrize("kind", sorted({*MEANS, "unlearning"}))
def test_a_measure_that_is_not_a_number_is_refused_at_its_place(lab: Path, kind: str, value: Any) -> None:
    values = {seed: RESULTS[kind](seed) for seed in SEEDS}
    category, metric = {**MEANS, "unlearning": ("unlearning", "unlearning_score")}[kind]
    values[3]["eval_result_metrics"][category][metric] = value
    error = refusal(kind, values)
    assert error.error_id in ("json.nonfinite", "adapter.type", "adapter.not_measured", "adapter.saebench_schema")
    assert error.location is not None
    assert error.location.pointer == f"/eval_result_metrics/{category}/{metric}"


@pytest.mark.parametrize("kind", ["absorption", "ravel", "unlearning", "autointerp"])
def test_minus_one_is_what_saebench_writes_where_it_has_nothing(lab: Path, kind: str) -> None:
    values = {seed: RESULTS[kind](seed) for seed in SEEDS}
    category, metric = {**MEANS, "unlearning": ("unlearning", "unlearning_score")}[kind]
    values[3]["eval_result_metrics"][category][metric] = -1
    assert refusal(kind, values).error_id == "adapter.not_measured"


@pytest.mark.parametrize("kind", sorted(RESULTS))
def test_a_setting_of_one_seed_keeps_it_apart(lab: Path, kind: str) -> None:
    values = {seed: RESULTS[kind](seed) for seed in SEEDS}
    values[2]["eval_config"]["random_seed"] = 7
    error = refusal(kind, values)
    assert error.error_id == "adapter.mixed"
    assert "random_seed differ" in error.message


def test_a_probe_size_means_nothing_to_what_has_none(lab: Path) -> None:
    names = written({seed: RESULTS["ravel"](seed) for seed in SEEDS})
    with pytest.raises(UsageError, match="ravel results have no probes or ablations of several sizes"):
        import_summaries("saebench", names, ImportOptions(subject="subject.json", k=5))
