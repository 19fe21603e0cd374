"""The numbers that HUSAI recorded come out of its recorded files exactly, each under what it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gatekit.errors import GatekitError, UsageError
from gatekit.evidence import Summary, contradictions, read_summary
from gatekit.evidence.adapters import ImportOptions, import_summaries

HUSAI = Path(__file__).parents[2] / "data" / "husai"
FRONTIER = "cycle3_queue_final/frontier_multiseed_results_run_20260214T202538Z.json"
SCALING = "cycle3_queue_run_20260215T165724Z/scaling_results.json"
SINGLE_SEED = "phase4b_architecture_frontier_external/run_20260213T173707Z_results.json"
BASELINE = "phase4e_cebench_matched200/cebench_matched200_results.json"
RP1 = "phase4e_stress_gated_release/run_20260213T204120Z_release_policy.json"
CYCLE4 = "cycle4_followups_run_20260215T190004Z"
CYCLE5 = "cycle5_external_push_run_20260215T232351Z"
SWEEP = f"{CYCLE4}/transcoder_sweep/results.json"
STRESS = "cycle3_queue_final/transcoder_stress_summary_run_20260214T224242Z.json"
LATER = "2026-02-16T01:48:20Z"


def imported(folder: Path, *paths: str, context: tuple[str, ...] = (), **options: Any) -> list[Summary]:
    """Import recorded files, write the summaries and read them as the gate does."""
    found = import_summaries(
        "husai",
        [str(HUSAI / path) for path in paths],
        ImportOptions(context=tuple(str(HUSAI / path) for path in context), **options),
    )
    folder.mkdir(exist_ok=True)
    summaries = []
    for name, data in found.items():
        (folder / name).write_bytes(data)
        summaries.append(read_summary(str(folder / name)))
    return summaries


def by_kind(summaries: list[Summary]) -> dict[str, Summary]:
    found = {summary.kind: summary for summary in summaries}
    assert len(found) == len(summaries)
    return found


@pytest.mark.parametrize(
    "path", [RP1, f"{CYCLE4}/release_gate/release_policy.json", f"{CYCLE5}/release/release_policy.json"]
)
def test_a_release_policy_yields_its_random_comparison_and_nothing_second_hand(tmp_path: Path, path: str) -> None:
    (summary,) = imported(tmp_path, path)
    assert summary.kind == "random_model"
    assert list(summary.measurements) == ["mmcs_above_gaussian"]
    reported = summary.measurements["mmcs_above_gaussian"].reported
    assert reported is not None
    assert reported.estimate == 0.0012296229600906594
    assert reported.lower == 6.183199584486321e-05
    assert reported.source.endswith("release_policy.json#/metrics/trained_random_delta")


@pytest.mark.parametrize(
    ("path", "finished"),
    [
        (RP1, "2026-02-13T20:41:20"),
        (f"{CYCLE4}/release_gate/release_policy.json", "2026-02-15T19:11:37"),
        (f"{CYCLE5}/release/release_policy.json", "2026-02-16T01:48:20"),
    ],
)
def test_the_time_of_a_summary_is_the_one_that_the_file_states(tmp_path: Path, path: str, finished: str) -> None:
    (summary,) = imported(tmp_path, path)
    assert summary.finished.isoformat() == f"{finished}+00:00"
    assert summary.started == summary.finished


@pytest.mark.parametrize("cycle", [CYCLE4, CYCLE5])
def test_the_selected_candidate_keeps_mean_bound_and_seeds_apart(tmp_path: Path, cycle: str) -> None:
    found = by_kind(
        imported(tmp_path, f"{cycle}/selector/selected_candidate.json", context=(FRONTIER, BASELINE), finished=LATER)
    )
    delta = found["saebench"].measurements["auc_delta"].reported
    assert delta is not None
    assert (delta.estimate, delta.lower) == (-0.04059280026569467, -0.04478959689939781)
    assert (delta.confidence, delta.n_seeds) == (0.975, 5)
    interpretability = found["cebench"].measurements["interpretability_delta"].reported
    assert interpretability is not None
    assert (interpretability.estimate, interpretability.lower) == (-40.2248433790207, -40.467037470119465)
    raw = found["cebench"].measurements["interpretability"].reported
    assert raw is not None
    assert (raw.estimate, raw.lower) == (7.726768206596374, 7.4845741154976055)
    assert found["saebench"].protocol.settings["bound_method"] == "mean - 1.96 sd / sqrt(n), normal"


def test_the_candidate_carries_what_a_feasibility_check_needs(tmp_path: Path) -> None:
    """D1: a z-score over F latents has the ceiling (F-1)/sqrt(F); the baseline lies above the candidate's."""
    cebench = by_kind(
        imported(tmp_path, f"{CYCLE4}/selector/selected_candidate.json", context=(FRONTIER, BASELINE), finished=LATER)
    )["cebench"]
    assert cebench.subject.d_sae == 1024
    assert cebench.protocol.settings["baseline_interpretability"] == 47.951611585617066
    assert cebench.protocol.settings["baseline_d_sae"] == 32768
    assert cebench.protocol.baseline_kind == "public_sae"
    assert cebench.protocol.baseline_subject is not None
    assert cebench.protocol.baseline_subject.d_sae == 32768
    assert 1023 / 1024**0.5 < 47.951611585617066


def test_without_the_baselines_own_results_its_width_stays_unrecorded(tmp_path: Path) -> None:
    cebench = by_kind(
        imported(tmp_path, f"{CYCLE4}/selector/selected_candidate.json", context=(FRONTIER,), finished=LATER)
    )["cebench"]
    assert "baseline_d_sae" not in cebench.protocol.settings
    assert cebench.protocol.baseline_subject is None


def test_the_pool_of_the_selection_comes_from_the_selectors_output(tmp_path: Path) -> None:
    alone = imported(tmp_path / "a", f"{CYCLE4}/selector/selected_candidate.json", context=(FRONTIER,), finished=LATER)
    assert alone[0].protocol.selection.candidates == 1
    assert alone[0].protocol.settings["selection_pool"] == "unrecorded; at least this one"
    summary = f"{CYCLE4}/selector/selection_summary.json"
    beside = imported(
        tmp_path / "b", f"{CYCLE4}/selector/selected_candidate.json", context=(FRONTIER, summary), finished=LATER
    )
    assert beside[0].protocol.selection.candidates == 8
    assert imported(tmp_path / "c", summary, context=(FRONTIER,))[0].protocol.selection.candidates == 8


@pytest.mark.parametrize("cycle", [CYCLE4, CYCLE5])
def test_the_ood_drop_is_the_drop_beyond_the_dense_probes_own(tmp_path: Path, cycle: str) -> None:
    (summary,) = imported(tmp_path, f"{cycle}/ood/ood_stress_summary.json")
    assert sorted(summary.measurements) == ["auc_drop", "auc_drop_above_baseline"]
    above = summary.measurements["auc_drop_above_baseline"].reported
    assert above is not None
    assert above.estimate == 0.020994556554025268
    own = summary.measurements["auc_drop"].reported
    assert own is not None
    assert own.estimate == 0.6331873943668943 - 0.6180138801066932
    assert summary.protocol.settings["id_dataset_count"] == 81
    assert summary.protocol.settings["ood_dataset_count"] == 32
    assert len(summary.protocol.datasets) == 113


def test_the_transcoder_delta_keeps_its_sign_and_says_so(tmp_path: Path) -> None:
    (summary,) = imported(tmp_path, STRESS)
    reported = summary.measurements["mmcs_transcoder_minus_sae"].reported
    assert reported is not None
    assert reported.estimate == -0.002227966984113039
    assert reported.lower is None
    assert summary.protocol.seeds == (42, 123, 456)


def test_the_best_cell_of_the_sweep_is_the_best_of_sixteen(tmp_path: Path) -> None:
    (summary,) = imported(tmp_path, SWEEP)
    reported = summary.measurements["mmcs_transcoder_minus_sae"].reported
    assert reported is not None
    assert (reported.estimate, reported.lower) == (0.004916101694107056, 0.0010100603103637695)
    assert summary.protocol.selection.candidates == 16
    assert summary.protocol.selection.seeds == (42, 123, 456)
    assert (summary.subject.d_sae, summary.subject.k) == (128, 32)


def test_the_two_worlds_are_different_subjects(tmp_path: Path) -> None:
    """D18: the mod-113 transformer's numbers were reused for every Pythia candidate."""
    candidate = imported(tmp_path, f"{CYCLE4}/selector/selected_candidate.json", context=(FRONTIER,), finished=LATER)
    (ood,) = imported(tmp_path, f"{CYCLE4}/ood/ood_stress_summary.json")
    (random_model,) = imported(tmp_path, f"{CYCLE4}/release_gate/release_policy.json")
    (transcoder,) = imported(tmp_path, SWEEP)
    pythia = {summary.subject.digest for summary in (*candidate, ood)}
    assert len(pythia) == 1
    assert ood.subject.model_name == "pythia-70m-deduped"
    assert ood.subject.d_model == 512
    for summary in (random_model, transcoder):
        assert summary.subject.model_name == "modular-addition-113"
        assert summary.subject.d_model == 128
        assert summary.subject.digest not in pythia


def test_rp1_reads_the_topk_saebench_summary(tmp_path: Path) -> None:
    (summary,) = imported(
        tmp_path, "phase4b_architecture_frontier_external/run_20260213T173707Z_topk_saebench_summary.json"
    )
    reported = summary.measurements["auc_delta"].reported
    assert reported is not None
    assert reported.estimate == -0.1328355796129408
    assert reported.lower is None
    assert reported.n_seeds == 1
    assert summary.protocol.baseline_kind == "dense_probe"
    assert len(summary.protocol.datasets) == 8


def test_contradictory_duplicates_are_named_with_both_files(tmp_path: Path) -> None:
    """Same checkpoint, same eight datasets, two deltas: the second run read a stale probe cache (D3)."""
    summaries = imported(tmp_path / "a", SINGLE_SEED) + imported(tmp_path / "b", FRONTIER)
    found = {
        (Path(error.location.path).name.split("-")[2], error.message)
        for error in contradictions(summaries)
        if error.location is not None and error.location.pointer == "/measurements/auc_delta"
    }
    assert {sae for sae, _ in found} == {"topk_seed42", "relu_seed42", "batchtopk_seed42", "jumprelu_seed42"}
    for sae, message in found:
        assert f"/a/saebench-run_20260213t173707z_results-{sae}-" in message


@pytest.mark.parametrize(
    ("path", "condition", "digest", "delta"),
    [
        (SINGLE_SEED, "topk_seed42", "0340244b", -0.1328355796129408),
        (SINGLE_SEED, "relu_seed42", "fe206d2a", -0.034640129083699955),
        (SINGLE_SEED, "batchtopk_seed42", "2a2ee3c2", -0.06297839017306739),
        (SINGLE_SEED, "jumprelu_seed42", "7d8c81a2", -0.048843621026267825),
        (FRONTIER, "topk_seed42", "0340244b", -0.041807613913057096),
        (FRONTIER, "relu_seed42", "fe206d2a", -0.017257680751151527),
        (FRONTIER, "batchtopk_seed42", "2a2ee3c2", -0.04559594184051896),
        (FRONTIER, "jumprelu_seed42", "7d8c81a2", -0.0314611726937194),
        (SCALING, "tok10000_layer0_dsae1024_seed42", "0418ea95", -0.06509338803900744),
    ],
)
def test_a_record_carries_its_checkpoint_digest_and_delta(
    tmp_path: Path, path: str, condition: str, digest: str, delta: float
) -> None:
    (summary,) = (s for s in imported(tmp_path, path) if s.kind == "saebench" and f"-{condition}-" in s.path)
    reported = summary.measurements["auc_delta"].reported
    assert reported is not None
    assert reported.estimate == delta
    assert summary.subject.checkpoints[0].seed == 42
    assert summary.subject.checkpoints[0].sha256.startswith(digest)
    assert summary.subject.model_digest is None


def test_eight_and_sixteen_data_sets_are_different_protocols(tmp_path: Path) -> None:
    """D7: the selector compared means over eight datasets with means over sixteen."""
    frontier = next(s for s in imported(tmp_path, FRONTIER) if s.kind == "saebench")
    scaling = next(s for s in imported(tmp_path, SCALING) if s.kind == "saebench")
    assert (len(frontier.protocol.datasets), len(scaling.protocol.datasets)) == (8, 16)
    assert frontier.protocol.digest != scaling.protocol.digest


def test_a_group_carries_the_recorded_mean_over_its_seeds_and_their_checkpoints(tmp_path: Path) -> None:
    summaries = imported(tmp_path, FRONTIER)
    assert len(summaries) == 2 * 20 + 2 * 4
    (relu,) = (s for s in summaries if s.kind == "saebench" and "-relu_seeds-" in s.path)
    reported = relu.measurements["auc_delta"].reported
    assert reported is not None
    assert (reported.estimate, reported.n_seeds, reported.lower) == (-0.024691224025891967, 5, None)
    assert [checkpoint.seed for checkpoint in relu.subject.checkpoints] == [42, 123, 456, 789, 1011]
    l0 = relu.measurements["l0"].reported
    assert l0 is not None
    assert l0.estimate == 653.6598876953125


def test_a_layer_without_a_matched_baseline_has_scores_and_no_delta(tmp_path: Path) -> None:
    layer1 = [s for s in imported(tmp_path, SCALING) if s.kind == "cebench" and "_layer1_" in s.path]
    assert len(layer1) == 12
    for summary in layer1:
        assert sorted(summary.measurements) == ["contrastive", "interpretability"]
        assert summary.protocol.baseline_kind == "none"
        assert summary.subject.hook == "blocks.1.hook_resid_pre"


def test_a_benchmark_that_failed_becomes_a_failed_summary(tmp_path: Path) -> None:
    summaries = imported(tmp_path, f"{CYCLE4}/matryoshka/results.json")
    assert len(summaries) == 6
    assert {(s.status, s.reason) for s in summaries} == {("failed", "the benchmark ended with return code 1")}
    assert {s.subject.architecture for s in summaries} == {"matryoshka"}


def test_a_router_that_was_not_evaluated_is_said_so(tmp_path: Path) -> None:
    """D11: routed SAEs were evaluated as plain TopK."""
    summaries = imported(tmp_path, f"{CYCLE5}/routed/run_20260215T232359Z_results.json")
    assert {s.protocol.settings["evaluated_as"] for s in summaries} == {"topk"}
    assert {s.subject.architecture for s in summaries} == {"routed_topk"}


def test_the_public_baseline_is_a_subject_of_its_own(tmp_path: Path) -> None:
    (summary,) = imported(tmp_path, BASELINE, finished="2026-02-13T18:59:31Z")
    assert (summary.subject.architecture, summary.subject.d_sae) == ("standard", 32768)
    scores = {name: m.reported.estimate for name, m in summary.measurements.items() if m.reported is not None}
    assert scores == {"contrastive": 50.51130743026734, "interpretability": 47.951611585617066}


def test_the_three_seed_summary_takes_its_subject_from_the_user(tmp_path: Path) -> None:
    subject = {
        "model": {"name": "pythia-70m-deduped", "digest": None},
        "hook": "blocks.0.hook_resid_pre",
        "d_model": 512,
        "architecture": "topk",
        "d_sae": 2048,
        "k": 32,
        "checkpoints": [],
    }
    (tmp_path / "subject.json").write_text(json.dumps(subject))
    (summary,) = imported(
        tmp_path / "out",
        "phase4e_husai_custom_multiseed/summary.json",
        subject=str(tmp_path / "subject.json"),
        finished="2026-02-13T03:30:00Z",
    )
    reported = summary.measurements["auc_delta"].reported
    assert reported is not None
    assert (reported.estimate, reported.lower) == (-0.051800797532893204, -0.05249645092302145)
    assert (reported.confidence, reported.n_seeds) == (0.975, 3)
    assert summary.subject.d_sae == 2048


def test_a_single_seed_summary_with_113_data_sets_keeps_their_names(tmp_path: Path) -> None:
    (summary,) = imported(tmp_path, "phase4e_husai_custom_multiseed/seed42_custom_summary.json")
    assert len(summary.protocol.datasets) == 113
    assert "131_temp_cat_Typical_Time" in summary.protocol.datasets
    assert summary.subject.architecture == "unrecorded"


def test_a_file_with_nan_is_refused_with_its_place() -> None:
    with pytest.raises(GatekitError) as refused:
        import_summaries(
            "husai",
            [str(HUSAI / "phase4d_assignment_consistency_v2/run_20260213T203957Z_results.json")],
            ImportOptions(),
        )
    assert refused.value.error_id == "json.nonfinite"
    assert refused.value.location is not None
    pointer = "/results/0/per_seed_metrics/0/assignment_alignment_mean_train"
    assert refused.value.location.pointer == pointer


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("cycle4_postfix_reruns/known_circuit_run_20260215T203809Z_summary.json", "known_circuit"),
        ("phase4e_cebench_matched200/cebench_matched200_summary.json", "cebench_metrics_summary"),
    ],
)
def test_a_shape_that_cannot_be_imported_faithfully_is_refused_by_name(path: str, says: str) -> None:
    with pytest.raises(GatekitError, match=says) as refused:
        import_summaries("husai", [str(HUSAI / path)], ImportOptions())
    assert refused.value.error_id == "adapter.shape"


def test_a_candidate_without_a_time_needs_one() -> None:
    with pytest.raises(GatekitError, match="--finished") as refused:
        import_summaries(
            "husai",
            [str(HUSAI / CYCLE4 / "selector/selected_candidate.json")],
            ImportOptions(context=(str(HUSAI / FRONTIER),)),
        )
    assert refused.value.error_id == "adapter.time"


def test_a_candidate_that_nothing_identifies_is_refused() -> None:
    with pytest.raises(GatekitError, match="does not record its model and width") as refused:
        import_summaries(
            "husai", [str(HUSAI / CYCLE4 / "selector/selected_candidate.json")], ImportOptions(finished=LATER)
        )
    assert refused.value.error_id == "adapter.subject"


def test_a_candidate_without_its_results_takes_its_subject_from_the_user(tmp_path: Path) -> None:
    subject = {
        "model": {"name": "pythia-70m-deduped", "digest": None},
        "hook": "blocks.0.hook_resid_pre",
        "d_model": 512,
        "architecture": "topk",
        "d_sae": 1024,
        "k": 32,
        "checkpoints": [],
    }
    path = tmp_path / "subject.json"
    path.write_text(json.dumps(subject))
    candidate = f"{CYCLE4}/selector/selected_candidate.json"
    found = by_kind(imported(tmp_path / "out", candidate, subject=str(path), finished=LATER))
    assert found["saebench"].protocol.settings["protocol_from"] == (
        "unrecorded: the results file of the group is not at hand"
    )
    assert "baseline_interpretability" not in found["cebench"].protocol.settings
    path.write_text(json.dumps({**subject, "architecture": "relu"}))
    with pytest.raises(GatekitError, match="the subject's architecture is 'relu'"):
        imported(tmp_path / "out", candidate, subject=str(path), finished=LATER)


def test_explained_variance_is_never_taken_over(tmp_path: Path) -> None:
    """D10: the reference computed it in three ways and mixed them."""
    for number, path in enumerate((FRONTIER, SCALING, SINGLE_SEED)):
        for summary in imported(tmp_path / str(number), path):
            assert not {"r2", "explained_variance"} & set(summary.measurements)


def test_an_option_that_no_file_needs_is_an_error_of_usage() -> None:
    with pytest.raises(UsageError, match="no imported file refers to those given as context"):
        import_summaries("husai", [str(HUSAI / RP1)], ImportOptions(context=(str(HUSAI / FRONTIER),)))
    with pytest.raises(UsageError, match="states its own time"):
        import_summaries("husai", [str(HUSAI / RP1)], ImportOptions(finished=LATER))
    with pytest.raises(UsageError, match="probe size"):
        import_summaries("husai", [str(HUSAI / RP1)], ImportOptions(k=5))


def test_the_same_input_gives_the_same_bytes_wherever_it_lies(tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere" / Path(FRONTIER).name
    copy.parent.mkdir()
    copy.write_bytes((HUSAI / FRONTIER).read_bytes())
    first = import_summaries("husai", [str(HUSAI / FRONTIER)], ImportOptions())
    assert first == import_summaries("husai", [str(copy)], ImportOptions())
    assert str(tmp_path).encode() not in b"".join(first.values())
