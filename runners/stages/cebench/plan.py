"""Runner `cebench`: does one latent stand out between contrasting stories, further than in a matched baseline?

What the result establishes: over the pairs and seeds measured, the largest z-score among the SAE's latents (see
`runners.benchmarks.cebench`) is larger (or not) than that of a baseline of the same width and sparsity on the same
pairs at the same hook. What it does not: that the latents that stand out mean what the stories contrast; nor anything
about another width, whose ceiling is another.

Importing this module is cheap; torch is imported when the run starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

from runners.arms.random_model_plan import RandomModelPlan, check_random_model, control_seeds
from runners.arms.random_models import arm_name, baseline_json, seed_faults, seed_settings
from runners.config import ABSENT_WHERE_NONE, Bounds
from runners.places import derived, refuse_first, taking
from runners.saes.architecture_plan import ArchitecturePlan
from runners.saes.given_plan import GivenSaesPlan, GivenShape
from runners.saes.plan import TrainingPlan
from runners.stage.planned_pieces import Planned, own_arm, own_pieces, own_rows
from runners.stage.sae_subject import (
    check_saes,
    needs_network,
    reads_one_hook,
    shown_name,
    shrink_saes,
    training_settings,
    width_key,
    without_paths,
)
from runners.stage.selection import SelectionPlan, selection_json
from runners.subjects.plan import SubjectPlan, TextPlan
from runners.summary_writing import Json

KIND = "cebench"

_MOST_VALUES = 800_000
"""Of all columns of a summary together; the gate reads a million JSON values."""
_COLUMNS_PER_PAIR = 40
"""Four scores alone and four differences, three normalised ones, with seed, row and baseline each."""
_DIFFERENCES = 7
"""Of these, each with one more column for every one of several re-initialised models."""


@dataclass(frozen=True)
class StoryPairPlan:
    """Which stories are contrasted."""

    source: Literal["labelled", "file", "hub"]
    """`labelled`: texts of one registered dataset with opposite labels; `file` and `hub`: the published columns."""
    rows: Annotated[int, Bounds(2, 1_000_000)]
    """Pairs, exactly; the first ones of a file."""
    seed: Annotated[int, Bounds(0, 4294967295)] | None = None
    """Of the order in which labelled texts are paired."""
    datasets: tuple[str, ...] | None = None
    """Of labelled texts; null takes all that sae-probes registers."""
    name: str | None = None
    """Path of the file, or `owner/name` on the hub."""
    revision: str | None = None
    """Commit or tag on the hub."""
    split: str | None = None
    """On the hub."""
    subject_column: str = "subject"


BASELINES = {
    "random_model": "SAEs of the same shape and training on the re-initialised model, same stories",
    "random_sae": "SAEs of the same shape and training whose decoder stays as it was drawn",
    "untrained": "the same SAEs before the first step",
    "public_sae": "one SAE from disk, the same for every seed",
}


@dataclass(frozen=True)
class ScoreBaselinePlan:
    """What the scores are compared with."""

    kind: Literal["random_model", "random_sae", "untrained", "public_sae"]
    l0_band: Annotated[float, Bounds(1.0, 100.0)]
    """The baseline's mean active latents per token lie within this factor of the candidate's."""
    random_model_seed: Annotated[int, Bounds(0, 4294967295)] | None = None
    """Of the weights of the model that is re-initialised here."""
    random_model: RandomModelPlan | None = None
    """Of SAEs from files; SAEs that are trained here have a baseline of the same training."""
    folder: str | None = None
    """Of an SAE on disk (docs/formats.md)."""
    random_model_seeds: Annotated[tuple[int, ...], Bounds(0, 4294967295)] | None = field(
        default=None, metadata=ABSENT_WHERE_NONE
    )
    """Of several models that are re-initialised here, in place of `random_model_seed`."""

    @property
    def model_seeds(self) -> tuple[int, ...]:
        """Seeds of the weights of all re-initialised models; none where nobody asks for them."""
        return control_seeds(self.random_model, self.random_model_seed, self.random_model_seeds)


@dataclass(frozen=True)
class PairScoringPlan:
    """Formula, pairs and baseline."""

    formula: Literal["paper", "upstream_2025_05"]
    pairs: StoryPairPlan
    baseline: ScoreBaselinePlan
    network: bool
    """Whether pairs may be fetched."""


@dataclass(frozen=True)
class CeBenchConfig:
    """Everything that determines the observations, on one device."""

    threads: Annotated[int, Bounds(1, 1024)]
    seeds: Annotated[tuple[int, ...], Bounds(0, 4294967295)]
    subject: SubjectPlan
    texts: TextPlan
    sae: ArchitecturePlan | GivenShape
    training: TrainingPlan | None
    scoring: PairScoringPlan
    selection: SelectionPlan | None = None
    saes: GivenSaesPlan | None = None
    """SAEs from files, in place of `seeds`, `sae` and `training`."""


def check(config: CeBenchConfig) -> None:
    """Refuse values that do not go together.

    Raises:
        GatekitError: `config.together`.
    """
    check_saes(config)
    pairs, baseline = config.scoring.pairs, config.scoring.baseline
    needed = {"labelled": {"seed"}, "file": {"name"}, "hub": {"name", "split"}}[pairs.source]
    allowed = needed | {"labelled": {"datasets"}, "file": set(), "hub": {"revision"}}[pairs.source]
    given = {name for name in ("seed", "datasets", "name", "revision", "split") if getattr(pairs, name) is not None}
    wanted = _wanted(config)
    named = ("random_model_seed", "random_model_seeds", "folder")
    stated = {name for name in named if getattr(baseline, name) is not None}
    models = len(baseline.model_seeds)
    columns = _COLUMNS_PER_PAIR + (models * _DIFFERENCES if models > 1 else 0)
    values = pairs.rows * len(config.seeds) * columns
    needs, surplus = needed - given, given - allowed
    refuse_first(
        config,
        ("scoring.pairs", f"pairs from '{pairs.source}' need {_listed(needs)}", bool(needs)),
        (
            f"scoring.pairs.{min(surplus, default='source')}",
            f"pairs from '{pairs.source}' have no {_listed(surplus)}",
            bool(surplus),
        ),
        (
            "scoring.baseline",
            f"the baseline '{baseline.kind}' needs {_listed({wanted or ''})}",
            wanted is not None and wanted not in stated,
        ),
        (
            f"scoring.baseline.{min(stated - {wanted}, default='kind')}",
            f"the baseline '{baseline.kind}' has no {_listed(stated - {wanted or ''})}",
            bool(stated - {wanted}),
        ),
        *seed_faults("scoring.baseline", baseline.random_model_seed, baseline.random_model_seeds),
        (
            ("scoring.baseline.kind", "saes"),
            f"the baseline '{baseline.kind}' needs the training, which nobody knows of SAEs from files",
            config.saes is not None and baseline.kind in ("random_sae", "untrained"),
        ),
        (
            "scoring.baseline",
            "the baseline 'random_model' of SAEs from files needs 'random_model'",
            config.saes is not None and baseline.kind == "random_model" and baseline.random_model is None,
        ),
        (
            "scoring.baseline.random_model",
            "'random_model' belongs to the baseline random_model of SAEs from files",
            baseline.random_model is not None and (config.saes is None or baseline.kind != "random_model"),
        ),
        (
            ("scoring.network", "scoring.pairs.source"),
            "pairs from the hub need 'network: true'",
            pairs.source == "hub" and not config.scoring.network,
        ),
        (width_key(config.sae), "a z-score over latents needs two of them", config.sae.width < 2),
        (
            "sae.architecture",
            f"an SAE of architecture '{config.sae.label}' does not read one hook alone",
            not reads_one_hook(config),
        ),
        (
            ("scoring.pairs.rows", "seeds"),
            f"{pairs.rows} pairs and {len(config.seeds)} seeds are {values:,} values, more than the {_MOST_VALUES:,} "
            "that a summary holds",
            values > _MOST_VALUES,
        ),
    )
    if baseline.random_model is not None:
        check_random_model(config, baseline.random_model, "scoring.baseline.random_model")


def _wanted(config: CeBenchConfig) -> str | None:
    """Return the key that the kind of baseline needs, where it needs one."""
    baseline = config.scoring.baseline
    if baseline.kind == "public_sae":
        return "folder"
    plan = baseline.random_model
    given = plan is not None and (plan.saes is not None or plan.models is not None)
    if baseline.kind != "random_model" or given:
        return None
    return "random_model_seed" if baseline.random_model_seeds is None else "random_model_seeds"


def _listed(names: set[str]) -> str:
    return ", ".join(f"'{name}'" for name in sorted(names))


def shrink(config: CeBenchConfig, small: CeBenchConfig) -> CeBenchConfig:
    """Return the configuration's model, hook, formula and baseline at the smoke configuration's size.

    A public SAE has a width of its own, which the small SAEs have not; its place is taken by the smoke baseline.
    """
    scoring = config.scoring
    fewer = small.scoring.pairs.rows < scoring.pairs.rows
    pairs = taking(scoring.pairs, small.scoring.pairs, "rows") if fewer else scoring.pairs
    swapped = scoring.baseline.kind == "public_sae" and config.saes is None
    baseline = small.scoring.baseline if swapped else scoring.baseline
    return derived(shrink_saes(config, small), scoring=derived(scoring, pairs=pairs, baseline=baseline))


def recorded(config: CeBenchConfig) -> Json:
    """Return the plain form with every path cut to its last part."""
    plain = without_paths(config)
    scoring = plain["scoring"]
    if scoring["pairs"]["source"] == "file":
        scoring["pairs"]["name"] = shown_name(scoring["pairs"]["name"])
    if scoring["baseline"]["folder"] is not None:
        scoring["baseline"]["folder"] = shown_name(scoring["baseline"]["folder"])
    return plain


def protocol_of(
    config: CeBenchConfig, datasets: Sequence[Json], baselines: Sequence[Json], control: Json | None = None
) -> Json:
    """Return a summary's protocol: what must be equal before two of its numbers are compared.

    The formula is part of the name: scores by two formulas are two benchmarks.

    Args:
        config: of the run.
        datasets: stories, and texts, by digest.
        baselines: subject of the baseline's SAEs, where it has one; one for each re-initialised model.
        control: what is known of how they were made, where it is not the candidate's own recipe.
    """
    scoring = config.scoring
    return {
        "name": f"cebench/1:{scoring.formula}",
        "seeds": list(config.seeds),
        "rows": scoring.pairs.rows,
        "datasets": list(datasets),
        "ks": [],
        "baseline": baseline_json(scoring.baseline.kind, scoring.baseline.model_seeds, baselines),
        "selection": selection_json(config.selection),
        "settings": {
            "formula": scoring.formula,
            "baseline": BASELINES[scoring.baseline.kind] if control is None else "SAEs on a re-initialised model",
            "i2": "mean of I1 over the pairs" if scoring.formula == "paper" else "0",
            "z": "over latents, unbiased standard deviation; 0 where a distance does not vary",
            "ceiling": "(d_sae - 1) / sqrt(d_sae)",
            "story_latents": "mean over the tokens that the tokeniser did not add",
            "pairs": "texts of one registered dataset with opposite labels, not written as pairs"
            if scoring.pairs.source == "labelled"
            else "story1 and story2 of each row, first rows",
            "pairs_seed": scoring.pairs.seed,
            "pairs_in_training_texts": 0,
            "l0_band": scoring.baseline.l0_band,
            **seed_settings(scoring.baseline.model_seeds),
            **(control or {}),
            **training_settings(config),
        },
    }


def network(config: CeBenchConfig) -> bool:
    """Say whether anything is fetched by name."""
    return needs_network(config) or config.scoring.network


def pieces(config: CeBenchConfig) -> Sequence[Planned]:
    """Return what can be made ahead: the candidate, and the baseline where it is trained."""
    plan = config.scoring.baseline
    if config.training is None:
        return own_pieces(config)
    if plan.kind == "random_model":
        seeds = plan.model_seeds
        twins = [replace(own_arm(config, arm_name(seed, seeds)), inputs=own_rows(config, seed)) for seed in seeds]
        return [own_arm(config), *twins]
    control = [own_arm(config, plan.kind, control="frozen_decoder")] if plan.kind == "random_sae" else []
    return [own_arm(config), *control]
