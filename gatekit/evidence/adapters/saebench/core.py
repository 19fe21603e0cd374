"""SAEBench core: what the model loses when the SAE stands in, and how the SAE reconstructs.

`explained_variance` and `explained_variance_legacy` are never read; see the package.
"""

from __future__ import annotations

from gatekit.evidence.adapters.building import named_datasets
from gatekit.evidence.adapters.recorded_settings import recorded_settings
from gatekit.evidence.adapters.sae_scores import EvalScores, OwnNumber
from gatekit.evidence.adapters.saebench.measured import (
    measured_number,
    not_measured,
    plain,
    seed_of,
    unpathed,
    versions,
)
from gatekit.evidence.adapters.saebench.recorded_sae import recorded_sae
from gatekit.evidence.adapters.saebench.sources import SeedFile
from gatekit.kinds import INSTALLED

# Our measure, SAEBench's category and metric.
METRICS = {
    "ce_loss_score": ("model_performance_preservation", "ce_loss_score"),
    "kl_div_score": ("model_behavior_preservation", "kl_div_score"),
    "cossim": ("reconstruction_quality", "cossim"),
    "mse": ("reconstruction_quality", "mse"),
    "l0": ("sparsity", "l0"),
}

# What must be there; whatever else the configuration says is recorded too.
SETTINGS = (
    "batch_size_prompts",
    "context_size",
    "exclude_special_tokens_from_reconstruction",
    "llm_dtype",
    "n_eval_reconstruction_batches",
    "n_eval_sparsity_variance_batches",
)
READ_ELSEWHERE = frozenset({"model_name", "dataset", "verbose"})


def core_result(source: SeedFile) -> EvalScores:
    """Read a core result: six numbers of one SAE."""
    file = source.file
    metrics, config = file["eval_result_metrics"], file["eval_config"]
    own: dict[str, OwnNumber] = {}
    for name, (category, metric) in METRICS.items():
        field = metrics.at(category, metric)
        if field.value is None:
            raise not_measured(field)
        measure = INSTALLED.measures("saebench")[name]
        own[name] = OwnNumber(measured_number(field, measure.low, measure.high), field, field.source)
    alive = metrics.at("misc_metrics", "frac_alive")
    if alive.value is None:
        raise not_measured(alive)
    own["dead_fraction"] = OwnNumber(1 - measured_number(alive, 0, 1), alive, f"1 - {alive.source}")
    for name in SETTINGS:
        plain(config[name])
    tokens = metrics["token_stats"]
    return EvalScores(
        kind="core",
        file=file,
        documents=(file.document,),
        seed=seed_of(file, source.seed),
        shape=recorded_sae(file),
        protocol={
            "name": "saebench.core",
            "rows": tokens["total_tokens_eval_sparsity_variance"].integer(1),
            "datasets": named_datasets([unpathed(config["dataset"])]),
            "ks": [],
            "baseline": {"kind": "none", "subject": None},
            "settings": {
                **recorded_settings(config, READ_ELSEWHERE),
                "tokens_of_scores": tokens["total_tokens_eval_reconstruction"].integer(1),
                "mse_is": "squared error per token, divided by the tokens of a batch",
                "dataset_sha256_of": "name",
            },
        },
        values={name: {"": (one.value, None)} for name, one in own.items()},
        own=own,
        millis=file["datetime_epoch_millis"].integer(0, 9_999_999_999_999),
        packages=versions(file),
        config={"sae_bench_commit": file["sae_bench_commit_hash"].text()},
    )
