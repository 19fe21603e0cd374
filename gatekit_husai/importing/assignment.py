"""Assignment sweeps (version 3): one record per lambda, each with its SAEs' agreement and one SAE's benchmarks.

The whole file is computed again before anything is imported: bounds from the pairs, drops, joint scores, the Pareto
front, the ranking and the acceptance of the first. A number that its parts do not give is refused.
"""

from __future__ import annotations

from gatekit.evidence.adapters.building import Json, file_name, reported, summary_document
from gatekit.evidence.adapters.contract import ImportedSummary
from gatekit.evidence.adapters.fields import Field
from gatekit_husai.importing.assignment_kind import ABOVE_GAUSSIAN, KIND, VARIANCE_DROP
from gatekit_husai.importing.assignment_record import Record, read_record
from gatekit_husai.importing.assignment_sweep import check_sweep
from gatekit_husai.importing.context import Context, failed
from gatekit_husai.importing.external import EvaluatedSae
from gatekit_husai.importing.frontier import BENCHMARKS, evaluated, trained_of
from gatekit_husai.importing.release import ENDS_CONFIDENCE, ENDS_METHOD


def import_assignment(file: Field, context: Context) -> list[ImportedSummary]:
    """Return per lambda what its SAEs agree on, and the benchmarks of the SAE that stands for it."""
    resamples = file.at("config", "bootstrap_samples")
    records = [read_record(record, resamples) for record in file["records"].items()]
    check_sweep(file, records)
    finished = context.finished(file["run_metadata"].get("timestamp_utc"), file)
    imported = []
    for record in records:
        subject = _subject(file, record, context)
        config = {
            "lambda_consistency": record.strength,
            "joint_score": record.field.at("selection", "joint_score").number(),
            "is_pareto": record.field.at("selection", "is_pareto").boolean(),
            "sweep_best_lambda": file.at("acceptance", "best_lambda").number(),
            "sweep_pass_all": file.at("acceptance", "pass_all").boolean(),
        }
        part = f"lambda_{record.strength}"
        document = summary_document(
            adapter="husai",
            kind=KIND.name,
            subject=subject,
            protocol=_protocol(file, record, len(records)),
            measurements=_agreement(record),
            sources=[file.document],
            config=config,
            finished=finished,
            device=file.at("config", "device").text(),
        )
        imported.append(ImportedSummary(file_name(KIND.name, file.document, part), document))
        for kind in BENCHMARKS:
            benchmark = _benchmark(file, record, kind, subject, config, len(records), finished, context)
            if benchmark is not None:
                imported.append(ImportedSummary(file_name(kind, file.document, part), benchmark))
    return imported


def _agreement(record: Record) -> Json:
    delta, bound = record.field["delta_pwmcc"], record.field["delta_pwmcc_ci_low_conservative"]
    drop = record.field.at("selection_metrics", "ev_drop")
    models = len(record.seeds)
    return {
        ABOVE_GAUSSIAN: reported(
            KIND.name,
            ABOVE_GAUSSIAN,
            delta.number(),
            delta,
            lower=bound.number(),
            confidence=ENDS_CONFIDENCE,
            n_seeds=models,
        ),
        VARIANCE_DROP: reported(KIND.name, VARIANCE_DROP, drop.number(), drop, n_seeds=models),
    }


def _protocol(file: Field, record: Record, lambdas: int) -> Json:
    config = file["config"]
    source = config.get("activation_source")
    return {
        "name": "husai.assignment",
        "seeds": record.seeds,
        "rows": 0 if source is None else source.at("data_meta", "total_rows").integer(1),
        "datasets": [],
        "ks": [],
        "baseline": {"kind": "unknown", "subject": None},
        # Whichever lambda is gated, it could have been another of the sweep.
        "selection": {"candidates": lambdas, "seeds": record.seeds},
        "settings": {
            "lambda_consistency": record.strength,
            "reference_seed": record.field["seed_ref"].seed(),
            "epochs": config["epochs"].integer(1),
            "batch_size": config["batch_size"].integer(1),
            "learning_rate": config["learning_rate"].number(0),
            "control": "Gaussian dictionaries of the same shape, not a random model",
            "similarity": "MMCS of decoders, all pairs with the reference among them",
            "bound_method": ENDS_METHOD,
        },
    }


def _subject(file: Field, record: Record, context: Context) -> Json:
    """Return what the sweep trained: from its cache of activations, or from the user where it had none."""
    config = file["config"]
    shape = {"architecture": "topk", "d_sae": record.field["d_sae"].integer(1), "k": record.field["k"].integer(1)}
    source = config.get("activation_source")
    if source is None:
        subject = context.subject(file, "the sweep does not record the model behind its activations")
        for key, value in shape.items():
            if subject[key] != value:
                raise record.field.refuse("contradiction", f"the subject's {key} is {subject[key]!r}, not {value!r}")
        return {**subject, "checkpoints": []}
    model, hook = config["model_name"], config["hook_name"]
    folder, pattern = source["activation_cache_dir"], source["activation_glob"]
    if not folder.text().rstrip("/").endswith(f"model_activations_{model.text()}"):
        raise folder.refuse("contradiction", f"the activations are not those of {model.text()}")
    if not pattern.text().endswith(f"_{hook.text()}.pt"):
        raise pattern.refuse("contradiction", f"the activations are not those at {hook.text()}")
    return {
        "model": {"name": model.name(), "digest": None},
        "hook": hook.name(),
        "d_model": source.at("data_meta", "d_model").integer(1),
        **shape,
        "checkpoints": [],
    }


def _benchmark(
    file: Field,
    record: Record,
    kind: str,
    subject: Json,
    config: Json,
    lambdas: int,
    finished: str,
    context: Context,
) -> Json | None:
    """Return one benchmark of the selected checkpoint, the best of the sweep's; None where it was not run."""
    external = record.field.get("external_eval")
    if external is None:
        return None
    name = f"lambda_{record.strength}/seed{record.chosen_seed}"
    # The reference was not up for choice; one of the others was chosen at each lambda.
    selection = {"candidates": lambdas * (len(record.seeds) - 1), "seeds": [record.chosen_seed]}
    reason = failed(external.get(f"{kind}_returncode"))
    if reason is not None:
        return summary_document(
            adapter="husai",
            kind=kind,
            subject=subject,
            protocol={
                "name": f"husai.{kind}",
                "seeds": [record.chosen_seed],
                "rows": 0,
                "datasets": [],
                "ks": [],
                "baseline": {"kind": "unknown", "subject": None},
                "selection": selection,
                "settings": {"checkpoint_name": name},
            },
            measurements={},
            sources=[file.document],
            config=config,
            finished=finished,
            failure=reason,
        )
    trained = trained_of(external, external["checkpoint"], EvaluatedSae(record.chosen_seed, None, name))
    found = evaluated(external, kind, context, trained)
    if found is None:
        return None
    for key in ("model", "hook", "d_model", "d_sae", "k"):
        if found.subject[key] != subject[key]:
            raise found.summary.refuse("contradiction", f"it evaluated another {key} than the sweep trained")
    stated = found.summary.get("timestamp_utc")
    return summary_document(
        adapter="husai",
        kind=kind,
        subject=found.subject,
        protocol={**found.protocol, "selection": selection},
        measurements=found.measurements,
        sources=[file.document],
        config={**config, "config_hash": found.summary["config_hash"].text()},
        finished=finished if stated is None else context.finished(stated, file),
        device=found.summary.at("config", "device").text(),
    )
