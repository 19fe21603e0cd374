"""SAEBench's own result files, as its released code wrote them, become observations or reported numbers."""

from __future__ import annotations

import itertools
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from gatekit.errors import GatekitError, UsageError
from gatekit.evidence import Summary, read_summary
from gatekit.evidence.adapters import ImportOptions, import_summaries

DATA = Path(__file__).parents[2] / "data" / "saebench"
SEEDS = (11, 12, 13)
EVALS = ("core", "sparse_probing", "sae_probes")


def result_path(kind: str, seed: int) -> Path:
    return DATA / kind / f"tiny_topk_seed{seed}_custom_sae_eval_results.json"


def result(kind: str, seed: int) -> Any:
    return json.loads(result_path(kind, seed).read_text())


def seeded(kind: str, seeds: tuple[int, ...] = SEEDS) -> list[str]:
    return [f"{seed}={result_path(kind, seed)}" for seed in seeds]


def raw_paths() -> list[str]:
    own = [f"{seed}={path}" for seed in SEEDS for path in sorted((DATA / "raw" / f"seed{seed}").iterdir())]
    return own + [str(path) for path in sorted((DATA / "raw" / "baseline").iterdir())]


@pytest.fixture
def subject(tmp_path: Path) -> str:
    path = tmp_path / "subject.json"
    path.write_text(
        json.dumps(
            {
                "model": {"name": "tiny-local", "digest": "a" * 64},
                "hook": "blocks.1.hook_resid_post",
                "d_model": 32,
                "architecture": "topk",
                "d_sae": 64,
                "k": 8,
                "checkpoints": [{"seed": seed, "sha256": f"{seed:064d}"} for seed in SEEDS],
            }
        )
    )
    return str(path)


def changed(path: str, out: Path, **changes: Any) -> str:
    """Write a subject with other values."""
    value = {**json.loads(Path(path).read_text()), **changes}
    out.write_text(json.dumps(value))
    return str(out)


def single(folder: Path, paths: list[str], **options: Any) -> Summary:
    ((name, data),) = import_summaries("saebench", paths, ImportOptions(**options)).items()
    (folder / name).write_bytes(data)
    return read_summary(str(folder / name))


def test_core_results_of_three_seeds_become_one_observation_per_seed(tmp_path: Path, subject: str) -> None:
    summary = single(tmp_path, seeded("core"), subject=subject)
    expected = {
        "ce_loss_score": ("model_performance_preservation", "ce_loss_score"),
        "kl_div_score": ("model_behavior_preservation", "kl_div_score"),
        "cossim": ("reconstruction_quality", "cossim"),
        "mse": ("reconstruction_quality", "mse"),
        "l0": ("sparsity", "l0"),
    }
    assert set(summary.measurements) == {*expected, "dead_fraction"}
    for measure, (category, metric) in expected.items():
        measurement = summary.measurements[measure]
        assert measurement.design == "per_seed"
        assert measurement.keys == ((11,), (12,), (13,))
        assert list(measurement.candidate) == [
            result("core", seed)["eval_result_metrics"][category][metric] for seed in SEEDS
        ]


def test_the_dead_fraction_is_what_is_not_alive(tmp_path: Path, subject: str) -> None:
    summary = single(tmp_path, seeded("core"), subject=subject)
    # 30, 32 and 31 of 64 latents were active in the recorded runs.
    assert summary.measurements["dead_fraction"].candidate == (34 / 64, 32 / 64, 33 / 64)


def test_explained_variance_changes_nothing_but_the_files_digest(tmp_path: Path, subject: str) -> None:
    """SAEBench's explained_variance depends on units; a summary must not depend on it."""
    (tmp_path / "changed").mkdir()
    paths = []
    for seed in SEEDS:
        value = result("core", seed)
        value["eval_result_metrics"]["reconstruction_quality"]["explained_variance"] = 543.4
        value["eval_result_metrics"]["reconstruction_quality"]["explained_variance_legacy"] = -7.0
        path = tmp_path / "changed" / result_path("core", seed).name
        path.write_text(json.dumps(value, indent=2))
        paths.append(f"{seed}={path}")
    (before,) = import_summaries("saebench", seeded("core"), ImportOptions(subject=subject)).values()
    (after,) = import_summaries("saebench", paths, ImportOptions(subject=subject)).values()
    first, second = json.loads(before), json.loads(after)
    assert first["producer"].pop("inputs") != second["producer"].pop("inputs")
    assert first == second


def test_sparse_probing_is_paired_with_the_dense_probe_of_each_data_set(tmp_path: Path, subject: str) -> None:
    summary = single(tmp_path, seeded("sparse_probing"), subject=subject, k=5)
    assert set(summary.measurements) == {"accuracy", "accuracy_delta"}
    delta = summary.measurements["accuracy_delta"]
    assert delta.design == "per_seed_dataset"
    expected = [
        (
            seed,
            detail["dataset_name"].removesuffix("_results"),
            detail["sae_top_5_test_accuracy"],
            detail["llm_test_accuracy"],
        )
        for seed in SEEDS
        for detail in result("sparse_probing", seed)["eval_result_details"]
    ]
    assert delta.baseline is not None
    assert [(*key, c, b) for key, c, b in zip(delta.keys, delta.candidate, delta.baseline, strict=True)] == expected
    assert summary.protocol.baseline_kind == "dense_probe"
    assert summary.protocol.datasets == ("local/us_state_FL", "local/click_bait")
    assert summary.protocol.rows == 100


def test_sae_probes_results_carry_auc_accuracy_and_f1(tmp_path: Path, subject: str) -> None:
    summary = single(tmp_path, seeded("sae_probes"), subject=subject, k=2)
    assert set(summary.measurements) == {"auc", "auc_delta", "accuracy", "accuracy_delta", "f1", "f1_delta"}
    auc = summary.measurements["auc_delta"]
    details = {(s, d["dataset_name"]): d for s in SEEDS for d in result("sae_probes", s)["eval_result_details"]}
    assert auc.baseline is not None
    assert len(auc.keys) == 6
    for key, candidate, baseline in zip(auc.keys, auc.candidate, auc.baseline, strict=True):
        assert candidate == details[key]["sae_top_2_test_auc"]
        assert baseline == details[key]["llm_test_auc"]


def test_raw_sae_probes_files_say_the_same_as_saebenchs_wrapper(tmp_path: Path, subject: str) -> None:
    """The same probes, once collated by SAEBench and once from sae-probes' own files."""
    raw = single(tmp_path, raw_paths(), subject=subject, k=5, finished="2026-11-21T08:41:30Z")
    wrapped = single(tmp_path, seeded("sae_probes"), subject=subject, k=5)
    for measure in ("auc_delta", "accuracy_delta", "f1_delta"):
        ours, theirs = raw.measurements[measure], wrapped.measurements[measure]
        assert ours.baseline is not None
        assert theirs.baseline is not None
        assert dict(zip(ours.keys, zip(ours.candidate, ours.baseline, strict=True), strict=True)) == dict(
            zip(theirs.keys, zip(theirs.candidate, theirs.baseline, strict=True), strict=True)
        )


def test_the_time_is_when_saebench_wrote_the_files(tmp_path: Path, subject: str) -> None:
    summary = single(tmp_path, seeded("core"), subject=subject)
    # date -u -d @1795250468 and @1795250479, the recorded milliseconds cut to seconds
    assert summary.started.isoformat() == "2026-11-21T08:41:08+00:00"
    assert summary.finished.isoformat() == "2026-11-21T08:41:19+00:00"


@pytest.mark.parametrize("kind", EVALS)
def test_the_order_of_files_does_not_matter(kind: str, subject: str) -> None:
    options = ImportOptions(subject=subject, k=None if kind == "core" else 5)
    results = [import_summaries("saebench", list(p), options) for p in itertools.permutations(seeded(kind))]
    assert all(found == results[0] for found in results)


@pytest.mark.parametrize("kind", EVALS)
def test_without_a_subject_each_file_becomes_its_own_reported_numbers(tmp_path: Path, kind: str) -> None:
    files = import_summaries("saebench", seeded(kind), ImportOptions(k=None if kind == "core" else 5))
    assert len(files) == 3
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        summary = read_summary(str(tmp_path / name))
        assert {m.design for m in summary.measurements.values()} == {"reported"}
        assert all(m.reported is not None and m.reported.n_seeds == 1 for m in summary.measurements.values())
        assert all(m.reported is not None and m.reported.lower is None for m in summary.measurements.values())
        assert summary.subject.model_digest is None
        assert summary.subject.d_sae == 64


def test_reported_numbers_are_saebenchs_own(tmp_path: Path) -> None:
    summary = single(tmp_path, [str(result_path("sae_probes", 11))], k=5)
    metrics = result("sae_probes", 11)["eval_result_metrics"]
    auc, delta = summary.measurements["auc"].reported, summary.measurements["auc_delta"].reported
    assert auc is not None
    assert delta is not None
    assert auc.estimate == metrics["sae"]["sae_top_5_test_auc"]
    assert auc.source.endswith("#/eval_result_metrics/sae/sae_top_5_test_auc")
    assert delta.estimate == metrics["sae"]["sae_top_5_test_auc"] - metrics["llm"]["llm_test_auc"]


def test_a_dense_mean_over_other_data_sets_is_not_reported(tmp_path: Path, subject: str) -> None:
    """D4: the wrapper averages every baseline file in its results folder. Observations do not go through that mean."""
    paths = []
    for seed in SEEDS:
        value = result("sae_probes", seed)
        value["eval_result_metrics"]["llm"]["llm_test_auc"] += 0.01
        path = tmp_path / f"{seed}.json"
        path.write_text(json.dumps(value))
        paths.append(f"{seed}={path}")
    with pytest.raises(GatekitError, match="the mean over the datasets is") as refused:
        import_summaries("saebench", paths[:1], ImportOptions(k=5))
    assert refused.value.error_id == "adapter.contradiction"
    observed = single(tmp_path, paths, subject=subject, k=5)
    untouched = single(tmp_path, seeded("sae_probes"), subject=subject, k=5)
    assert observed.measurements["auc_delta"] == untouched.measurements["auc_delta"]


def test_the_probe_size_is_never_chosen_by_the_test_score(subject: str) -> None:
    with pytest.raises(UsageError, match="has probes of 1, 2, 5 latents; choose one with --k"):
        import_summaries("saebench", seeded("sparse_probing"), ImportOptions(subject=subject))


def test_a_probe_size_that_was_not_run_is_refused(subject: str) -> None:
    with pytest.raises(GatekitError, match="no probe of 10 latents; there are 1, 2, 5"):
        import_summaries("saebench", seeded("sparse_probing"), ImportOptions(subject=subject, k=10))


def test_a_probe_size_means_nothing_to_core_results(subject: str) -> None:
    with pytest.raises(UsageError, match="core results have no probes"):
        import_summaries("saebench", seeded("core"), ImportOptions(subject=subject, k=5))


def test_content_digests_take_the_place_of_digests_of_names(tmp_path: Path, subject: str) -> None:
    datasets = [
        {"name": "105_click_bait", "sha256": "b" * 64, "rows": 1000},
        {"name": "117_us_state_FL", "sha256": "c" * 64, "rows": 2000},
    ]
    path = tmp_path / "datasets.json"
    path.write_text(json.dumps(datasets))
    (data,) = import_summaries(
        "saebench", seeded("sae_probes"), ImportOptions(subject=subject, k=5, datasets=str(path))
    ).values()
    protocol = json.loads(data)["protocol"]
    assert protocol["datasets"] == [datasets[1], datasets[0]]
    assert protocol["settings"]["dataset_sha256_of"] == "content"
    path.write_text(json.dumps(datasets[:1]))
    with pytest.raises(GatekitError, match="no digest of '117_us_state_FL'"):
        import_summaries("saebench", seeded("sae_probes"), ImportOptions(subject=subject, k=5, datasets=str(path)))


def test_a_missing_seed_is_refused(subject: str) -> None:
    with pytest.raises(GatekitError, match="no core result of seed 13") as refused:
        import_summaries("saebench", seeded("core", (11, 12)), ImportOptions(subject=subject))
    assert refused.value.error_id == "adapter.incomplete"


def test_a_seed_without_a_checkpoint_is_refused(tmp_path: Path, subject: str) -> None:
    two = [{"seed": seed, "sha256": f"{seed:064d}"} for seed in (11, 12)]
    other = changed(subject, tmp_path / "two.json", checkpoints=two)
    with pytest.raises(GatekitError, match="no checkpoint of seed 13"):
        import_summaries("saebench", seeded("core"), ImportOptions(subject=other))


def test_one_file_cannot_stand_for_two_seeds(tmp_path: Path, subject: str) -> None:
    copy = tmp_path / "copy.json"
    shutil.copyfile(result_path("core", 11), copy)
    paths = [*seeded("core", (11, 12)), f"13={copy}"]
    with pytest.raises(GatekitError, match="the same bytes as") as refused:
        import_summaries("saebench", paths, ImportOptions(subject=subject))
    assert refused.value.error_id == "adapter.repeated"


def test_two_files_of_one_seed_are_refused_with_both_names(subject: str) -> None:
    paths = [*seeded("core", (11, 12)), f"12={result_path('core', 13)}"]
    with pytest.raises(GatekitError, match=r"seed 12 is also that of .*seed12") as refused:
        import_summaries("saebench", paths, ImportOptions(subject=subject))
    assert refused.value.location is not None
    assert "seed13" in refused.value.location.path


def test_a_file_without_a_seed_needs_one(subject: str) -> None:
    with pytest.raises(GatekitError, match="name it as SEED=FILE"):
        import_summaries("saebench", [str(result_path("core", 11))], ImportOptions(subject=subject))


def test_a_recorded_seed_is_used_and_must_agree(tmp_path: Path, subject: str) -> None:
    paths = []
    for seed in SEEDS:
        value = result("core", seed)
        value["sae_cfg_dict"]["seed"] = seed
        path = tmp_path / f"s{seed}.json"
        path.write_text(json.dumps(value))
        paths.append(str(path))
    assert single(tmp_path, paths, subject=subject).protocol.seeds == SEEDS
    with pytest.raises(GatekitError, match="named as seed 12"):
        import_summaries("saebench", [f"12={paths[0]}"], ImportOptions(subject=subject))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda v: v["eval_config"].update(random_seed=7), "random_seed"),
        (lambda v: v["eval_config"].update(reg_type="l2"), "reg_type"),
        (lambda v: v["eval_config"].update(binarize=True), "binarize"),
    ],
)
def test_seeds_of_different_protocols_are_refused_naming_both(
    tmp_path: Path, subject: str, change: Any, says: str
) -> None:
    value = result("sae_probes", 13)
    change(value)
    path = tmp_path / "other.json"
    path.write_text(json.dumps(value))
    with pytest.raises(GatekitError, match=f"another protocol than .*seed11.*: {says} differ") as refused:
        import_summaries(
            "saebench", [*seeded("sae_probes", (11, 12)), f"13={path}"], ImportOptions(subject=subject, k=5)
        )
    assert refused.value.location is not None
    assert refused.value.location.path == str(path)


def test_other_data_sets_in_one_seed_are_refused_naming_both(tmp_path: Path, subject: str) -> None:
    value = result("sparse_probing", 13)
    value["eval_config"]["dataset_names"] = ["local/click_bait"]
    value["eval_result_details"] = value["eval_result_details"][1:]
    for side in ("sae", "llm"):
        for name in value["eval_result_metrics"][side]:
            value["eval_result_metrics"][side][name] = value["eval_result_details"][0][name]
    path = tmp_path / "other.json"
    path.write_text(json.dumps(value))
    with pytest.raises(GatekitError, match=r"another protocol than .*seed11.*: datasets differ"):
        import_summaries(
            "saebench", [*seeded("sparse_probing", (11, 12)), f"13={path}"], ImportOptions(subject=subject, k=5)
        )


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("d_model", 33, "d_model is 32 here and 33 in the subject"),
        ("d_sae", 128, "d_sae is 64 here and 128 in the subject"),
        ("hook", "blocks.0.hook_resid_post", "hook is 'blocks.1.hook_resid_post' here"),
        ("model", {"name": "other", "digest": "a" * 64}, "model is 'tiny-local' here and 'other'"),
    ],
)
def test_a_result_of_another_sae_is_refused(tmp_path: Path, subject: str, key: str, value: Any, says: str) -> None:
    other = changed(subject, tmp_path / "other.json", **{key: value})
    with pytest.raises(GatekitError, match=says):
        import_summaries("saebench", seeded("core"), ImportOptions(subject=other))


def test_a_subject_without_a_digest_cannot_have_observations(tmp_path: Path, subject: str) -> None:
    other = changed(subject, tmp_path / "other.json", model={"name": "tiny-local", "digest": None})
    with pytest.raises(GatekitError, match="observations need the model's digest") as refused:
        import_summaries("saebench", seeded("core"), ImportOptions(subject=other))
    assert refused.value.location is not None
    assert refused.value.location.pointer == "/model/digest"


def test_a_malformed_subject_is_refused_with_its_place(tmp_path: Path, subject: str) -> None:
    other = changed(subject, tmp_path / "other.json", d_sae=True)
    with pytest.raises(GatekitError) as refused:
        import_summaries("saebench", seeded("core"), ImportOptions(subject=other))
    assert refused.value.error_id == "adapter.subject"
    assert refused.value.location is not None
    assert refused.value.location.pointer == "/d_sae"


def test_raw_results_need_a_time_and_a_subject(subject: str) -> None:
    with pytest.raises(UsageError, match="say so with --finished"):
        import_summaries("saebench", raw_paths(), ImportOptions(subject=subject, k=5))
    with pytest.raises(GatekitError, match="say which with --subject"):
        import_summaries("saebench", raw_paths(), ImportOptions(k=5, finished="2026-11-21T08:41:30Z"))


def test_a_raw_data_set_without_its_baseline_is_refused(subject: str) -> None:
    paths = [path for path in raw_paths() if not path.endswith("105_click_bait_blocks.1.hook_resid_post_logreg.json")]
    with pytest.raises(GatekitError, match="no baseline file for '105_click_bait'"):
        import_summaries("saebench", paths, ImportOptions(subject=subject, k=5, finished="2026-11-21T08:41:30Z"))


def test_raw_results_without_any_baseline_have_scores_and_no_differences(tmp_path: Path, subject: str) -> None:
    paths = [path for path in raw_paths() if os.sep + "baseline" + os.sep not in path]
    summary = single(tmp_path, paths, subject=subject, k=5, finished="2026-11-21T08:41:30Z")
    assert set(summary.measurements) == {"auc", "accuracy", "f1"}
    assert summary.protocol.baseline_kind == "none"


def test_saebenchs_own_schema_is_applied_where_it_is_installed(
    tmp_path: Path, subject: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gatekit.evidence.adapters.saebench import published_schemas

    demanding = {"type": "object", "properties": {"eval_id": {"type": "integer"}}}
    monkeypatch.setattr(published_schemas, "_installed", lambda eval_type: demanding if eval_type == "core" else None)
    with pytest.raises(GatekitError, match="SAEBench's schema of core") as refused:
        import_summaries("saebench", seeded("core"), ImportOptions(subject=subject))
    assert refused.value.error_id == "adapter.saebench_schema"
    assert refused.value.location is not None
    assert refused.value.location.pointer == "/eval_id"
