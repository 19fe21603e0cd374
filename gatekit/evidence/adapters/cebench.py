"""CE-Bench's own `results.json`: three means over story pairs of one SAE, and the sum of two of them.

CE-Bench writes no row scores, so a mean is one observation of its seed. It writes neither which version of its formulas
ran (independence was the loudest latent for a while) nor in which time zone its `date` is: the first stands in the
protocol as unrecorded, the second the user says.
"""

from __future__ import annotations

from collections.abc import Sequence

from gatekit.errors import UsageError
from gatekit.evidence.adapters.building import named_datasets, stated_time
from gatekit.evidence.adapters.contract import ImportedSummary, ImportOptions, refuse_kind
from gatekit.evidence.adapters.fields import Field
from gatekit.evidence.adapters.recorded_settings import recorded_settings
from gatekit.evidence.adapters.sae_scores import EvalScores, OwnNumber
from gatekit.evidence.adapters.saebench.measured import seed_of, unpathed
from gatekit.evidence.adapters.saebench.recorded_sae import recorded_sae
from gatekit.evidence.adapters.saebench.sources import SeedFile, read_sources
from gatekit.evidence.adapters.seed_summaries import seed_summaries

# Our measure, CE-Bench's member.
METRICS = {
    "contrastive_mean": "contrastive_score_mean",
    "independence_mean": "independent_score_mean",
    "interpretability_mean": "interpretability_score_mean",
}
SUM = "interpretability_sum_mean"
NOT_SETTINGS = frozenset(
    {*METRICS.values(), "contrastive_dataset", "sae_release", "sae_id", "total_rows", "sae_config", "date"}
)
CONFIG = "sae_config"


def import_files(paths: Sequence[str], options: ImportOptions) -> list[ImportedSummary]:
    """Return the summaries in CE-Bench result files.

    Args:
        paths: `FILE` or `SEED=FILE`.
        options: `subject` for observations; `datasets` for a digest over the stories; `finished` always.

    Raises:
        GatekitError: `json.*`; `adapter.*` for files that do not fit together or hold no measurement.
        UsageError: an option is missing, or none of the files needs it.
    """
    refuse_kind("cebench", options)
    if options.context:
        raise UsageError("CE-Bench results need no other files for context")
    if options.k is not None:
        raise UsageError("CE-Bench results have no probes", "drop --k")
    stated_time(options.finished)
    return seed_summaries([_scores(source) for source in read_sources(paths)], options, "cebench")


def _scores(source: SeedFile) -> EvalScores:
    file = source.file
    for name in (*METRICS.values(), CONFIG):
        file[name]  # what is not CE-Bench's is refused by the first member that it lacks
    shape = recorded_sae(file, CONFIG)
    ceiling = 10_000.0 if shape.d_sae is None else (shape.d_sae - 1) / shape.d_sae**0.5
    own = {name: _score(file[member], ceiling) for name, member in METRICS.items()}
    summed = own["contrastive_mean"], own["independence_mean"]
    # A mean of sums is the sum of the means; the paper's combination is therefore known, though no file states it.
    own[SUM] = OwnNumber(summed[0].value + summed[1].value, summed[0].at, summed[0].source)
    rows = file["total_rows"].integer(1)
    stories = file.get("contrastive_dataset")
    return EvalScores(
        kind="results",
        file=file,
        documents=(file.document,),
        seed=seed_of(file, source.seed, CONFIG),
        shape=shape,
        protocol={
            "name": "cebench.results",
            "rows": rows,
            "datasets": [] if stories is None else named_datasets([unpathed(stories)], rows),
            "ks": [],
            "baseline": {"kind": "none", "subject": None},
            "settings": {
                **recorded_settings(file, NOT_SETTINGS),
                "formula": "unrecorded",
                "dataset_sha256_of": "name",
            },
        },
        values={name: {"": (one.value, None)} for name, one in own.items()},
        own=own,
        millis=None,
        packages={},
        config={},
        table="cebench",
    )


def _score(field: Field, ceiling: float) -> OwnNumber:
    value = field.number(0)
    if value > ceiling * (1 + 1e-6):
        raise field.refuse("range", f"{value} exceeds {ceiling:.6g}, the most that one of so many latents can score")
    return OwnNumber(value, field, field.source)
