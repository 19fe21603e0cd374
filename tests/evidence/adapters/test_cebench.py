"""CE-Bench's own result files: means over story pairs, one observation a seed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gatekit.errors import GatekitError, UsageError
from gatekit.evidence import Summary, read_summary
from gatekit.evidence.adapters import ImportOptions, import_summaries

SEEDS = (0, 1, 2)
FINISHED = "2026-05-09T20:06:07Z"
HOOK = "blocks.12.hook_resid_post"


def result(seed: int, **changes: Any) -> dict[str, Any]:
    """A file as CE-Bench writes it (in May 2025), of an SAE with 1,024 latents: a score is at most 31.97."""
    return {
        "contrastive_dataset": "GulkoA/contrastive-stories-v3",
        "sae_release": "lab",
        "sae_id": f"seed{seed}",
        "contrastive_score_mean": 7.5 + seed,
        "independent_score_mean": 17.9 + seed,
        "interpretability_score_mean": 14.7 + seed,
        "total_rows": 520,
        "sae_config": {
            "architecture": "topk",
            "d_in": 64,
            "d_sae": 1024,
            "k": 16,
            "dtype": "torch.bfloat16",
            "model_name": "gemma-2-2b",
            "hook_name": HOOK,
            "hook_layer": 12,
            "normalize_activations": "none",
        },
        "date": "2025-05-09 20:06:07",
        **changes,
    }


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    subject = {
        "model": {"name": "google/gemma-2-2b", "digest": "a" * 64},
        "hook": HOOK,
        "d_model": 64,
        "architecture": "topk",
        "d_sae": 1024,
        "k": 16,
        "checkpoints": [{"seed": seed, "sha256": f"{seed + 1:064x}"} for seed in SEEDS],
    }
    (tmp_path / "subject.json").write_text(json.dumps(subject))
    return tmp_path


def imported(values: dict[int, Any], **options: Any) -> Summary:
    names = []
    for seed, value in values.items():
        Path(f"seed{seed}.json").write_text(json.dumps(value))
        names.append(f"{seed}=seed{seed}.json")
    given = {"subject": "subject.json", "finished": FINISHED, **options}
    ((name, data),) = import_summaries("cebench", names, ImportOptions(**given)).items()
    Path(name).write_bytes(data)
    return read_summary(name)


def refusal(values: dict[int, Any]) -> GatekitError:
    with pytest.raises(GatekitError) as refused:
        imported(values)
    return refused.value


def test_three_means_of_each_seed_are_observations(lab: Path) -> None:
    summary = imported({seed: result(seed) for seed in SEEDS})
    assert summary.kind == "cebench"
    assert summary.measurements["contrastive_mean"].candidate == (7.5, 8.5, 9.5)
    assert summary.measurements["independence_mean"].candidate == (17.9, 18.9, 19.9)
    assert summary.measurements["interpretability_mean"].candidate == (14.7, 15.7, 16.7)
    # Contrastive plus independence: the paper's combination, which the file does not state but determines.
    assert summary.measurements["interpretability_sum_mean"].candidate == pytest.approx((25.4, 27.4, 29.4))
    assert summary.protocol.rows == 520
    assert summary.protocol.datasets == ("GulkoA/contrastive-stories-v3",)


def test_without_a_subject_the_means_are_reported(lab: Path) -> None:
    summary = imported({0: result(0)}, subject=None)
    reported = summary.measurements["contrastive_mean"].reported
    assert reported is not None
    assert reported.estimate == 7.5
    assert summary.subject.hook == HOOK


def test_files_of_the_first_version_name_no_stories(lab: Path) -> None:
    values = {seed: result(seed) for seed in SEEDS}
    for value in values.values():
        del value["contrastive_dataset"]
    assert imported(values).protocol.datasets == ()


def test_its_date_has_no_time_zone_so_the_user_says_when(lab: Path) -> None:
    with pytest.raises(UsageError, match="does not say when it was made; say so with --finished TIME"):
        imported({0: result(0)}, finished=None, subject=None)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"contrastive_dataset": "GulkoA/contrastive-stories-v2"}, "datasets differ"),
        ({"total_rows": 500}, "rows, datasets differ"),
        ({"pooling": "marked tokens"}, "pooling differ"),
    ],
)
def test_seeds_on_other_stories_or_by_other_settings_are_refused(lab: Path, changes: dict[str, Any], says: str) -> None:
    error = refusal({**{seed: result(seed) for seed in SEEDS}, 2: result(2, **changes)})
    assert error.error_id == "adapter.mixed"
    assert "seed0.json" in error.message
    assert says in error.message


def test_a_score_that_no_latent_can_have_is_refused(lab: Path) -> None:
    # (1024 - 1) / sqrt(1024) = 31.97
    error = refusal({0: result(0, contrastive_score_mean=32.5)})
    assert error.error_id == "adapter.range"
    assert "32.5 exceeds 31.9688" in error.message


@pytest.mark.parametrize("value", [float("nan"), None, "7.5", {"max": 7.5}])
def test_a_mean_that_is_not_a_number_is_refused_at_its_place(lab: Path, value: Any) -> None:
    error = refusal({0: result(0, interpretability_score_mean=value)})
    assert error.error_id in ("json.nonfinite", "adapter.type")
    assert error.location is not None
    assert error.location.pointer == "/interpretability_score_mean"


def test_another_hook_than_the_subjects_is_a_contradiction(lab: Path) -> None:
    values = {seed: result(seed) for seed in SEEDS}
    values[1]["sae_config"].update(hook_name="blocks.3.hook_resid_post", hook_layer=3)
    assert refusal(values).error_id == "adapter.contradiction"


@pytest.mark.parametrize("value", [{}, [], 3, {"eval_type_id": "core"}])
def test_a_file_of_another_tool_is_refused(lab: Path, value: Any) -> None:
    assert refusal({0: value}).error_id.startswith("adapter.")


def test_the_importer_of_saebench_names_the_one_to_use(lab: Path) -> None:
    Path("seed0.json").write_text(json.dumps(result(0)))
    with pytest.raises(GatekitError, match="this is a result of CE-Bench") as refused:
        import_summaries("saebench", ["seed0.json"], ImportOptions())
    assert refused.value.remedy == "gatekit import cebench"
