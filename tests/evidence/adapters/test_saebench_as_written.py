"""SAEBench files as the tools really write them: SAELens 6's metadata, NaN where nothing is, and what must agree."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gatekit.errors import GatekitError, UsageError
from gatekit.evidence.adapters import ImportOptions, import_summaries

DATA = Path(__file__).parents[2] / "data" / "saebench"
SEEDS = (11, 12, 13)
HOOK = "blocks.1.hook_resid_post"
METADATA = (
    "SAEMetadata({'sae_lens_version': '6.6.1', 'sae_lens_training_version': None, 'model_name': 'tiny-local', "
    "'hook_name': 'blocks.1.hook_resid_post', 'hook_layer': 1, 'seqpos_slice': (None,), "
    "'model_from_pretrained_kwargs': {'dtype': torch.bfloat16}, 'prepend_bos': True})"
)


def result(kind: str, seed: int = 11) -> Any:
    return json.loads((DATA / kind / f"tiny_topk_seed{seed}_custom_sae_eval_results.json").read_text())


def as_saelens_6(value: Any, metadata: Any = METADATA) -> Any:
    """Put model and hook where SAELens 6 keeps them."""
    config = value["sae_cfg_dict"]
    for key in ("model_name", "hook_name", "hook_layer"):
        config.pop(key, None)
    config["metadata"] = metadata
    return value


@pytest.fixture
def subject(tmp_path: Path) -> str:
    path = tmp_path / "subject.json"
    path.write_text(
        json.dumps(
            {
                "model": {"name": "tiny-local", "digest": "a" * 64},
                "hook": HOOK,
                "d_model": 32,
                "architecture": "topk",
                "d_sae": 64,
                "k": 8,
                "checkpoints": [{"seed": seed, "sha256": f"{seed:064d}"} for seed in SEEDS],
            }
        )
    )
    return str(path)


def imported(folder: Path, values: list[Any], **options: Any) -> dict[str, Any]:
    """Import values as seeds 11, 12 and 13, or one alone; return the only summary."""
    names = []
    for seed, value in zip(SEEDS, values, strict=False):
        path = folder / f"seed{seed}.json"
        path.write_text(json.dumps(value, indent=1))
        names.append(f"{seed}={path}")
    (data,) = import_summaries("saebench", names, ImportOptions(**options)).values()
    summary: dict[str, Any] = json.loads(data)
    return summary


def refusal(folder: Path, values: list[Any], **options: Any) -> GatekitError:
    with pytest.raises(GatekitError) as refused:
        imported(folder, values, **options)
    return refused.value


def test_the_text_of_saelens_6_metadata_names_model_and_hook(tmp_path: Path) -> None:
    summary = imported(tmp_path, [as_saelens_6(result("core"))])
    assert summary["subject"]["hook"] == HOOK
    assert summary["subject"]["model"]["name"] == "tiny-local"


def test_metadata_as_an_object_says_the_same(tmp_path: Path) -> None:
    text = imported(tmp_path, [as_saelens_6(result("core"))])
    metadata = {"model_name": "tiny-local", "hook_name": HOOK, "hook_layer": 1}
    assert imported(tmp_path, [as_saelens_6(result("core"), metadata)])["subject"] == text["subject"]


@pytest.mark.parametrize(
    "metadata",
    [
        "SAEMetadata(<object at 0x7f>)",
        "SAEMetadata({'model_name': })",
        "SAEMetadata({1: 2})",
        "SAEMetadata({'model_name': 'a', 'model_name': 'b'})",
        "SAEMetadata(__import__('os').system('true'))",
        "SAEMetadata({" + "(" * 5000 + ")" * 5000 + "})",
        "something else",
    ],
)
def test_metadata_that_is_no_literal_is_refused_and_never_run(tmp_path: Path, metadata: str) -> None:
    error = refusal(tmp_path, [as_saelens_6(result("core"), metadata)])
    assert error.error_id == "adapter.metadata"
    assert error.location is not None
    assert error.location.pointer == "/sae_cfg_dict/metadata"


def test_another_hook_in_the_text_of_the_metadata_is_a_contradiction(tmp_path: Path, subject: str) -> None:
    other = METADATA.replace("blocks.1.", "blocks.12.").replace("'hook_layer': 1", "'hook_layer': 12")
    values = [as_saelens_6(result("core", seed), other) for seed in SEEDS]
    error = refusal(tmp_path, values, subject=subject)
    assert error.error_id == "adapter.contradiction"
    assert "hook is 'blocks.12.hook_resid_post' here and 'blocks.1.hook_resid_post' in the subject" in error.message


def test_an_sae_of_another_model_than_was_loaded_is_a_contradiction(tmp_path: Path) -> None:
    other = METADATA.replace("tiny-local", "gemma-2-2b")
    error = refusal(tmp_path, [as_saelens_6(result("core"), other)])
    assert error.error_id == "adapter.contradiction"
    assert "'tiny-local' was evaluated, the SAE is of 'gemma-2-2b'" in error.message


def test_a_layer_that_is_not_the_hooks_is_a_contradiction(tmp_path: Path) -> None:
    other = METADATA.replace("'hook_layer': 1", "'hook_layer': 3")
    error = refusal(tmp_path, [as_saelens_6(result("core"), other)])
    assert error.error_id == "adapter.contradiction"


@pytest.mark.parametrize(("recorded", "loaded"), [("EleutherAI/pythia-70m", "pythia-70m"), ("gpt2", "gpt2-small")])
def test_two_names_of_one_model_are_no_contradiction(tmp_path: Path, recorded: str, loaded: str) -> None:
    value = as_saelens_6(result("core"), METADATA.replace("tiny-local", recorded))
    value["eval_config"]["model_name"] = loaded
    assert imported(tmp_path, [value])["subject"]["model"]["name"] == recorded


def test_nan_of_dead_latents_is_counted_and_changes_no_measure(tmp_path: Path, subject: str) -> None:
    values = [result("core", seed) for seed in SEEDS]
    plain = imported(tmp_path, values, subject=subject)
    for detail in values[1]["eval_result_details"][:3]:
        detail["encoder_decoder_cosine_sim"] = float("nan")
    values[1]["eval_result_metrics"]["reconstruction_quality"]["explained_variance"] = float("-inf")
    holed = imported(tmp_path, values, subject=subject)
    assert holed["measurements"] == plain["measurements"]
    assert holed["producer"]["config"]["absent"] == [{"file": "seed12.json", "numbers": 4}]
    assert "absent" not in plain["producer"]["config"]


@pytest.mark.parametrize(("value", "word"), [("nan", "NaN"), ("inf", "Infinity"), ("-inf", "-Infinity")])
def test_nan_in_a_measure_is_refused_by_its_word_and_place(tmp_path: Path, value: str, word: str) -> None:
    holed = result("core")
    holed["eval_result_metrics"]["reconstruction_quality"]["cossim"] = float(value)
    error = refusal(tmp_path, [holed])
    assert error.error_id == "json.nonfinite"
    assert error.message.startswith(f"{word} is not a number")
    assert error.location is not None
    assert error.location.pointer == "/eval_result_metrics/reconstruction_quality/cossim"


def test_nan_in_a_setting_is_recorded_as_absent(tmp_path: Path) -> None:
    value = result("core")
    value["eval_config"]["dead_below"] = float("nan")
    assert imported(tmp_path, [value])["protocol"]["settings"]["dead_below"] is None


def test_nan_of_every_dense_probe_is_not_a_missing_baseline(tmp_path: Path) -> None:
    value = result("sae_probes")
    for detail in value["eval_result_details"]:
        detail["llm_test_auc"] = float("nan")
    assert refusal(tmp_path, [value], k=5).error_id == "json.nonfinite"


@pytest.mark.parametrize(
    ("key", "value"), [("sae_bench_commit_hash", "0" * 40), ("sae_lens_version", "6.0.0"), ("sae_lens_version", None)]
)
def test_seeds_by_two_versions_of_the_evaluator_are_refused(
    tmp_path: Path, subject: str, key: str, value: str | None
) -> None:
    values = [result("core", seed) for seed in SEEDS]
    values[2][key] = value
    error = refusal(tmp_path, values, subject=subject)
    assert error.error_id == "adapter.mixed"
    assert "another evaluator than" in error.message
    assert "seed11.json" in error.message
    assert error.location is not None
    assert error.location.path.endswith("seed13.json")


@pytest.mark.parametrize("kind", ["core", "sparse_probing", "sae_probes"])
def test_a_setting_that_nobody_knows_is_recorded_and_must_agree(tmp_path: Path, subject: str, kind: str) -> None:
    values = [result(kind, seed) for seed in SEEDS]
    for value in values:
        value["eval_config"]["token_filter"] = ["bos", "eos"]
    options: dict[str, Any] = {"subject": subject, "k": None if kind == "core" else 5}
    settings = imported(tmp_path, values, **options)["protocol"]["settings"]
    assert settings["token_filter"] == '["bos", "eos"]'
    values[1]["eval_config"]["token_filter"] = []
    error = refusal(tmp_path, values, **options)
    assert error.error_id == "adapter.mixed"
    assert "token_filter differ" in error.message


def other_width(folder: Path, subject: str, **changes: Any) -> str:
    path = folder / "wide.json"
    path.write_text(json.dumps({**json.loads(Path(subject).read_text()), "d_sae": 128, **changes}))
    return str(path)


def of_two_widths(folder: Path) -> list[str]:
    names = []
    for width in (64, 128):
        for seed in SEEDS:
            value = result("core", seed)
            value["sae_cfg_dict"]["d_sae"] = width
            value["eval_id"] = f"{width}-{seed}"
            path = folder / f"width{width}_seed{seed}.json"
            path.write_text(json.dumps(value))
            names.append(f"{seed}={path}")
    return names


def test_files_of_several_saes_go_each_to_its_own_subject(tmp_path: Path, subject: str) -> None:
    wide = other_width(tmp_path, subject)
    options = ImportOptions(subject=subject, more_subjects=(wide,))
    files = import_summaries("saebench", of_two_widths(tmp_path), options)
    summaries = [json.loads(data) for data in files.values()]
    assert sorted(summary["subject"]["d_sae"] for summary in summaries) == [64, 128]
    assert all(summary["protocol"]["seeds"] == list(SEEDS) for summary in summaries)


def test_a_file_that_fits_two_subjects_or_none_is_refused(tmp_path: Path, subject: str) -> None:
    names = of_two_widths(tmp_path)
    same = other_width(tmp_path, subject, d_sae=64, model={"name": "tiny-local", "digest": "b" * 64})
    with pytest.raises(GatekitError, match="it could be about each of") as refused:
        import_summaries("saebench", names[:3], ImportOptions(subject=subject, more_subjects=(same,)))
    assert refused.value.error_id == "adapter.subject"
    other = other_width(tmp_path, subject, d_sae=256)
    with pytest.raises(GatekitError, match="it is about none of"):
        import_summaries("saebench", names, ImportOptions(subject=subject, more_subjects=(other,)))


def test_a_table_is_about_one_subject(subject: str) -> None:
    options = ImportOptions(subject=subject, more_subjects=(subject,), kind="saebench")
    with pytest.raises(UsageError, match="one subject at a time"):
        import_summaries("table", ["x.csv"], options)


def test_a_member_of_the_file_that_nobody_knows_is_recorded_and_must_agree(tmp_path: Path, subject: str) -> None:
    values = [{**result("core", seed), "token_filter": "bos"} for seed in SEEDS]
    assert imported(tmp_path, values, subject=subject)["protocol"]["settings"]["file_token_filter"] == "bos"
    values[1]["token_filter"] = "none"
    error = refusal(tmp_path, values, subject=subject)
    assert error.error_id == "adapter.mixed"
    assert "file_token_filter differ" in error.message


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("k", 16), ("architecture", "jumprelu"), ("dtype", "bfloat16"), ("normalize_activations", "layer_norm")),
        *(("context_size", 64), ("prepend_bos", False), ("dataset_path", "other/texts"), ("training_tokens", 5)),
    ],
)
def test_seeds_of_two_kinds_of_sae_are_refused(tmp_path: Path, subject: str, key: str, value: Any) -> None:
    path = tmp_path / "any_k.json"
    path.write_text(json.dumps({**json.loads(Path(subject).read_text()), "k": None}))
    values = [result("core", seed) for seed in SEEDS]
    values[1]["sae_cfg_dict"][key] = value
    error = refusal(tmp_path, values, subject=str(path))
    assert error.error_id == "adapter.mixed"
    assert f"another SAE than in {tmp_path}/seed11.json: {key} differ" in error.message


def test_the_positions_that_an_sae_was_trained_on_are_read_of_the_text_too(subject: str, tmp_path: Path) -> None:
    values = [as_saelens_6(result("core", seed)) for seed in SEEDS]
    values[2] = as_saelens_6(result("core", 13), METADATA.replace("(None,)", "(-5, None)"))
    for value in values:
        value["sae_cfg_dict"].pop("seqpos_slice", None)
    error = refusal(tmp_path, values, subject=subject)
    assert error.error_id == "adapter.mixed"
    assert "seqpos_slice differ" in error.message
