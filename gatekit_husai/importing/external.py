"""SAEBench and CE-Bench summaries of one SAE, alone or inside a frontier or scaling record."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gatekit.evidence.adapters.building import Json, file_name, named_datasets, reported, summary_document
from gatekit.evidence.adapters.contract import ImportedSummary
from gatekit.evidence.adapters.fields import Field
from gatekit_husai.importing.context import Context, checkpoint_name, close, public_subject

_SEED = re.compile(r"_seed(\d{1,10})$", re.ASCII)


@dataclass(frozen=True)
class EvaluatedSae:
    """What a record or a summary says about the SAE that was evaluated."""

    seed: int | None
    sha256: str | None
    """Of the checkpoint; HUSAI writes it in CE-Bench summaries only."""
    name: str
    """HUSAI's own name for it, `topk_seed42`."""


def sae_subject(summary: Field, trained: EvaluatedSae) -> Json:
    """Return the subject of a summary with `config` and `sae_meta`."""
    config, meta = summary["config"], summary["sae_meta"]
    architecture = meta.get("architecture") or config.get("architecture_override")
    k = meta.get("k")
    checkpoints = []
    if trained.seed is not None and trained.sha256 is not None:
        checkpoints = [{"seed": trained.seed, "sha256": trained.sha256}]
    return {
        "model": {"name": config["model_name"].name(), "digest": None},
        "hook": config["hook_name"].name(),
        "d_model": meta["d_model"].integer(1),
        "architecture": "unrecorded" if architecture is None else architecture.identifier(),
        "d_sae": meta["d_sae"].integer(1),
        "k": None if k is None else k.integer(1),
        "checkpoints": checkpoints,
    }


def trained_alone(summary: Field) -> EvaluatedSae:
    """Return what a summary outside a record says: the seed stands in the checkpoint's name."""
    name = checkpoint_name(summary.at("config", "checkpoint"))
    match = _SEED.search(name)
    digest = summary["config"].get("checkpoint_sha256")
    return EvaluatedSae(int(match[1]) if match else None, None if digest is None else digest.sha256(), name)


def _identity_settings(summary: Field, trained: EvaluatedSae) -> Json:
    """Settings that tell SAEs apart where no digest does, and say when another architecture was evaluated."""
    settings: Json = {}
    if trained.sha256 is None or trained.seed is None:
        settings["checkpoint_name"] = trained.name
    evaluated = summary["sae_meta"].get("eval_architecture")
    trained_as = summary["sae_meta"].get("architecture")
    if evaluated is not None and trained_as is not None and evaluated.text() != trained_as.text():
        settings["evaluated_as"] = evaluated.identifier()
    return settings


def saebench_protocol(summary: Field, trained: EvaluatedSae) -> Json:
    """Return the protocol of a SAEBench summary: probes of ks latents against a dense probe, k picked on the test."""
    config = summary["config"]
    datasets = named_datasets(config["dataset_names"].items())
    if config["dataset_count"].integer(1) != len(datasets):
        raise config["dataset_count"].refuse("contradiction", f"{len(datasets)} datasets are listed")
    return {
        "name": "husai.saebench",
        "seeds": [] if trained.seed is None else [trained.seed],
        "rows": 0,
        "datasets": datasets,
        "ks": [item.integer(1, 1_000_000) for item in config["ks"].items()],
        "baseline": {"kind": "dense_probe", "subject": None},
        "selection": {"candidates": 1, "seeds": []},
        "settings": {
            "reg_type": config["reg_type"].text(),
            "setting": config["setting"].text(),
            "binarize": config["binarize"].boolean(),
            "dtype": config["dtype"].text(),
            "dataset_count": len(datasets),
            "dataset_sha256_of": "name",
            "k_rule": "the k with the largest mean test AUC",
            **_identity_settings(summary, trained),
        },
    }


def saebench_measurements(summary: Field) -> Json:
    """Return the AUC of the best k and its difference from the dense probe's, means over datasets of one SAE."""
    result = summary["summary"]
    if (error := result.get("error")) is not None:
        raise error.refuse("failed_run", "the benchmark reports an error and no result")
    delta, auc = result["best_minus_llm_auc"], result.at("best_by_auc", "test_auc")
    dense = result.at("llm_metrics", "llm_test_auc").number(0, 1)
    close(delta, auc.number(0, 1) - dense, "best_by_auc minus llm_test_auc")
    return {
        "auc_delta": reported("saebench", "auc_delta", delta.number(), delta, n_seeds=1),
        "auc": reported("saebench", "auc", auc.number(), auc, n_seeds=1),
    }


def cebench_protocol(summary: Field, trained: EvaluatedSae, context: Context) -> Json:
    """Return the protocol of a CE-Bench summary.

    The baseline's score and, where its own results file is at hand, its width stand in the settings: a z-score over F
    latents cannot exceed (F-1)/sqrt(F), so they decide whether a threshold can be reached at all.
    """
    config = summary["config"]
    rows = config["dataset_rows_used"].integer(1)
    datasets = named_datasets([config["dataset_name"]], config["dataset_rows_total"].integer(rows))
    settings: Json = {
        "dataset_sha256_of": "name",
        "formula": "CE-Bench as installed, version unrecorded",
        "llm_dtype": config["llm_dtype"].text(),
        "sae_dtype": config["sae_dtype"].text(),
        "random_seed": config["random_seed"].seed(),
        **_identity_settings(summary, trained),
    }
    baseline: Json = {"kind": "none", "subject": None}
    matched = summary.get("matched_baseline_metrics")
    if matched is not None:
        payload = summary["matched_baseline_payload"]
        score = matched["interpretability_score_mean_max"]
        score.equals(payload["interpretability_score_mean_max"])
        if payload["total_rows"].integer(1) != rows:
            raise payload["total_rows"].refuse("baseline", f"the baseline was scored on other rows than these {rows}")
        release, sae_id = payload["sae_release"].text(), payload["sae_id"].text()
        public = context.public_baseline(release, sae_id, rows, score.number())
        baseline = {"kind": "public_sae", "subject": public}
        settings |= {
            "baseline_release": release,
            "baseline_sae_id": sae_id,
            "baseline_interpretability": score.number(),
            "baseline_contrastive": matched["contrastive_score_mean_max"].number(),
        }
        if public is not None:
            settings["baseline_d_sae"] = public["d_sae"]
    return {
        "name": "husai.cebench",
        "seeds": [] if trained.seed is None else [trained.seed],
        "rows": rows,
        "datasets": datasets,
        "ks": [],
        "baseline": baseline,
        "selection": {"candidates": 1, "seeds": []},
        "settings": settings,
    }


def cebench_measurements(summary: Field) -> Json:
    """Return the contrastive and interpretability scores and their differences, means over rows of one SAE.

    The independence score is left out: in the code at hand it is not the one that the measure defines.
    """
    own = summary["custom_metrics"]
    delta = summary.get("delta_vs_matched_baseline")
    measurements: Json = {}
    for measure in ("interpretability", "contrastive"):
        key = f"{measure}_score_mean_max"
        measurements[measure] = reported("cebench", measure, own[key].number(), own[key], n_seeds=1)
        if delta is not None:
            baseline = summary.at("matched_baseline_metrics", key).number()
            close(delta[key], own[key].number() - baseline, "score minus baseline")
            name = f"{measure}_delta"
            measurements[name] = reported("cebench", name, delta[key].number(), delta[key], n_seeds=1)
    return measurements


def import_saebench(file: Field, context: Context) -> list[ImportedSummary]:
    """Return a SAEBench summary of one SAE."""
    trained = trained_alone(file)
    document = summary_document(
        adapter="husai",
        kind="saebench",
        subject=sae_subject(file, trained),
        protocol=saebench_protocol(file, trained),
        measurements=saebench_measurements(file),
        sources=[file.document],
        config={"config_hash": file["config_hash"].text()},
        finished=context.finished(file.get("timestamp_utc"), file),
        device=file.at("config", "device").text(),
    )
    return [ImportedSummary(file_name("saebench", file.document), document)]


def import_cebench(file: Field, context: Context) -> list[ImportedSummary]:
    """Return a CE-Bench summary of one SAE."""
    trained = trained_alone(file)
    document = summary_document(
        adapter="husai",
        kind="cebench",
        subject=sae_subject(file, trained),
        protocol=cebench_protocol(file, trained, context),
        measurements=cebench_measurements(file),
        sources=[file.document],
        config={"config_hash": file["config_hash"].text()},
        finished=context.finished(file.get("timestamp_utc"), file),
        device=file.at("config", "device").text(),
    )
    return [ImportedSummary(file_name("cebench", file.document), document)]


def import_cebench_results(file: Field, context: Context) -> list[ImportedSummary]:
    """Return CE-Bench's own results file, as HUSAI ran it on a public SAE. Its `date` names no time zone."""
    rows = file["total_rows"].integer(1)
    measurements: Json = {}
    for measure in ("interpretability", "contrastive"):
        score = file.at(f"{measure}_score_mean", "max")
        measurements[measure] = reported("cebench", measure, score.number(), score)
    protocol = {
        "name": "husai.cebench",
        "seeds": [],
        "rows": rows,
        "datasets": named_datasets([file["contrastive_dataset"]]),
        "ks": [],
        "baseline": {"kind": "none", "subject": None},
        "selection": {"candidates": 1, "seeds": []},
        "settings": {
            "dataset_sha256_of": "name",
            "formula": "CE-Bench as installed, version unrecorded",
            "sae_release": file["sae_release"].text(),
            "sae_id": file["sae_id"].text(),
            "sae_dtype": file.at("sae_config", "dtype").text(),
        },
    }
    version = file.at("sae_config", "metadata").get("sae_lens_version")
    document = summary_document(
        adapter="husai",
        kind="cebench",
        subject=public_subject(file),
        protocol=protocol,
        measurements=measurements,
        sources=[file.document],
        config={"date": file["date"].text()},
        finished=context.finished(None, file),
        device=file.at("sae_config", "device").text(),
        packages={} if version is None else {"sae-lens": version.name()},
    )
    return [ImportedSummary(file_name("cebench", file.document), document)]
