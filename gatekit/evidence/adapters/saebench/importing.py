"""From SAEBench and sae-probes files to what each SAE scored, whichever eval they are of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gatekit.errors import UsageError, did_you_mean
from gatekit.evidence.adapters.building import stated_time
from gatekit.evidence.adapters.contract import ImportedSummary, ImportOptions, refuse_kind
from gatekit.evidence.adapters.fields import Field
from gatekit.evidence.adapters.recorded_settings import recorded_settings
from gatekit.evidence.adapters.sae_scores import EvalScores
from gatekit.evidence.adapters.saebench.core import core_result
from gatekit.evidence.adapters.saebench.probing import SAE_PROBES, SPARSE_PROBING, probing_result
from gatekit.evidence.adapters.saebench.published_schemas import check_published
from gatekit.evidence.adapters.saebench.raw_probes import raw_results
from gatekit.evidence.adapters.saebench.removal import REMOVAL, removal_result
from gatekit.evidence.adapters.saebench.sources import SeedFile, read_sources
from gatekit.evidence.adapters.saebench.whole_sae import WHOLE, whole_result
from gatekit.evidence.adapters.seed_summaries import seed_summaries

MEMBERS = frozenset(
    {
        *("eval_type_id", "eval_config", "eval_id", "datetime_epoch_millis", "eval_result_metrics"),
        *("eval_result_details", "eval_result_unstructured", "sae_bench_commit_hash", "sae_lens_id"),
        *("sae_lens_release_id", "sae_lens_version", "sae_cfg_dict", "sae_metrics_by_k"),
    }
)
"""What SAEBench writes at the top of a file; whatever else stands there may change a number, and is a setting."""

EVALS = ("core", "sparse_probing", "sparse_probing_sae_probes", *REMOVAL, *WHOLE)


def import_files(paths: Sequence[str], options: ImportOptions) -> list[ImportedSummary]:
    """Return the summaries in SAEBench and sae-probes result files; see the package.

    Args:
        paths: `FILE` or `SEED=FILE`; baselines of raw sae-probes results without a seed.
        options: `subject` for observations; `k` where several probe sizes were run; `datasets` for digests over the
            datasets' content; `finished` for raw sae-probes results, which state no time.

    Raises:
        GatekitError: `json.*`; `adapter.*` for files that do not fit together or hold no measurement.
        UsageError: an option is missing, or none of the files needs it.
    """
    refuse_kind("saebench", options)
    if options.context:
        raise UsageError("SAEBench results need no other files for context")
    stated_time(options.finished)
    measured = _measured(read_sources(paths), options)
    if options.finished is not None and all(one.millis is not None for one in measured):
        raise UsageError("every file states its own time", "drop --finished")
    if options.k is not None and not any(one.protocol["ks"] for one in measured):
        names = " and ".join(sorted({one.kind for one in measured}))
        raise UsageError(f"{names} results have no probes or ablations of several sizes", "drop --k")
    return seed_summaries(measured, options, "saebench")


def _measured(sources: Sequence[SeedFile], options: ImportOptions) -> list[EvalScores]:
    found: list[EvalScores] = []
    raw: list[SeedFile] = []
    for source in sources:
        file = source.file
        if isinstance(file.value, list):
            raw.append(source)
            continue
        if file.has("contrastive_score_mean") and not file.has("eval_type_id"):
            raise file.refuse("shape", "this is a result of CE-Bench", "gatekit import cebench")
        eval_type = file["eval_type_id"].text()
        if eval_type not in EVALS:
            known = did_you_mean(eval_type, EVALS) or f"known: {', '.join(EVALS)}"
            raise file["eval_type_id"].refuse("shape", f"results of '{eval_type[:40]}' are not imported", known)
        _has_category(file, eval_type)
        check_published(file, eval_type)
        result = _result(source, eval_type, options)
        settings = {**result.protocol["settings"], **recorded_settings(file, MEMBERS, "file_")}
        found.append(replace(result, protocol={**result.protocol, "settings": settings}))
    return found + (raw_results(raw, options.k) if raw else [])


def _result(source: SeedFile, eval_type: str, options: ImportOptions) -> EvalScores:
    if eval_type == "core":
        return core_result(source)
    if eval_type in REMOVAL:
        return removal_result(source, REMOVAL[eval_type], options.k)
    if eval_type in WHOLE:
        return whole_result(source, WHOLE[eval_type])
    dialect = SPARSE_PROBING if eval_type == "sparse_probing" else SAE_PROBES
    return probing_result(source, dialect, options.k, means_used=options.subject is None)


def _has_category(file: Field, eval_type: str) -> None:
    """Refuse results of another eval than they say, before a field of that eval is missed."""
    dialect = REMOVAL.get(eval_type) or WHOLE.get(eval_type)
    if dialect is not None and not file["eval_result_metrics"].has(dialect.category):
        message = f"results of '{eval_type}' have metrics of '{dialect.category}', and there are none here"
        raise file["eval_result_metrics"].refuse("shape", message)
