"""Which of HUSAI's result shapes a file has, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gatekit.errors import UsageError
from gatekit.evidence.adapters.building import stated_time
from gatekit.evidence.adapters.contract import ImportedSummary, ImportOptions, refuse_kind
from gatekit.evidence.adapters.fields import Field, root
from gatekit_husai.importing.assignment import import_assignment
from gatekit_husai.importing.context import Context
from gatekit_husai.importing.external import import_cebench, import_cebench_results, import_saebench
from gatekit_husai.importing.frontier import import_frontier, import_scaling
from gatekit_husai.importing.multiseed import import_multiseed
from gatekit_husai.importing.ood import import_ood
from gatekit_husai.importing.release import import_release_policy
from gatekit_husai.importing.selection import import_candidate, import_selection
from gatekit_husai.importing.transcoder import import_stress, import_sweep
from gatekit_husai.result_files import read_result


@dataclass(frozen=True)
class Shape:
    """A kind of result file, recognised by its top-level keys."""

    name: str
    keys: frozenset[str]
    importer: Callable[[Field, Context], list[ImportedSummary]] | str
    """The function that imports it, or why there is none."""


def _shape(name: str, keys: str, importer: Callable[[Field, Context], list[ImportedSummary]] | str) -> Shape:
    return Shape(name, frozenset(keys.split()), importer)


# The first that fits is taken: of two shapes that share keys, the one with more of them stands first.
SHAPES = (
    _shape("release_policy", "thresholds metrics gates inputs", import_release_policy),
    _shape("selection_summary", "selected_candidate ranked_candidates counts", import_selection),
    _shape("selected_candidate", "condition_id metrics selection seed_candidates", import_candidate),
    _shape("ood_stress_summary", "id_result ood_result datasets", import_ood),
    _shape("transcoder_stress_summary", "transcoder sae transcoder_delta per_seed", import_stress),
    _shape("transcoder_sweep", "best_condition records gates", import_sweep),
    _shape("assignment_v3", "records acceptance", import_assignment),
    _shape("frontier", "records aggregate config", import_frontier),
    _shape("scaling", "records aggregates config", import_scaling),
    _shape("custom_cebench_summary", "cebench_summary custom_metrics sae_meta config", import_cebench),
    _shape("custom_saebench_summary", "sae_meta summary config", import_saebench),
    _shape("cebench_results", "contrastive_dataset interpretability_score_mean sae_config", import_cebench_results),
    _shape("multiseed_summary", "seeds runs aggregate", import_multiseed),
    _shape(
        "cebench_metrics_summary",
        "interpretability_score_mean_max sae_release total_rows",
        "it does not record the SAE's width; import the results.json that it was made from",
    ),
    _shape(
        "assignment_v2", "results acceptance", "version 3 is; this one says of no lambda which checkpoint stands for it"
    ),
    _shape("known_circuit", "transformer sae gates", "no kind of summary measures circuit recovery"),
)


def import_files(paths: Sequence[str], options: ImportOptions) -> list[ImportedSummary]:
    """Return the summaries in HUSAI result files; see the package for what is imported.

    Args:
        paths: result files.
        options: `context` names results files that identify a selected candidate's SAEs or a CE-Bench baseline;
            `subject` identifies them where no such file is left; `finished` dates files without a time.

    Raises:
        GatekitError: `json.*` for a file that is not strict JSON (HUSAI writes NaN in some), `adapter.shape` for an
            unknown one, `adapter.*` for a value that is missing, of the wrong type or at odds with another.
        UsageError: an option that none of the files needs.
    """
    refuse_kind("husai", options)
    if options.k is not None or options.datasets is not None:
        raise UsageError("HUSAI results have their probe size and datasets fixed; drop the options for them")
    stated_time(options.finished)
    files = [root(read_result(path)) for path in paths]
    beside = [root(read_result(path)) for path in options.context]
    for file in beside:
        recognise(file)
    context = Context(options, [*files, *beside])
    imported: list[ImportedSummary] = []
    for file in files:
        shape = recognise(file)
        if isinstance(shape.importer, str):
            raise file.refuse("shape", f"{shape.name} results are not imported: {shape.importer}")
        imported += shape.importer(file, context)
    context.refuse_unused()
    return imported


def recognise(file: Field) -> Shape:
    """Return the shape of a file.

    Raises:
        GatekitError: `adapter.shape`.
    """
    keys = {key for key, _ in file.members()}
    for shape in SHAPES:
        if shape.keys <= keys:
            return shape
    raise file.refuse(
        "shape", "this is none of the result files known", f"known: {', '.join(shape.name for shape in SHAPES)}"
    )
