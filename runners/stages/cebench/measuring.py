"""The measuring half of the runner `cebench`: the same stories through the SAEs of every seed and of the baseline.

Activations of the stories' tokens are stored once for each model; latents are computed chunk by chunk, and only their
mean over each story is kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import torch

from gatekit.errors import GatekitError
from gatekit.evidence.dataset_families import row_families
from runners.arms.activations import Activations, collect, datasets_json, inputs_json, open_source, reinitialised
from runners.arms.divergence import diverged
from runners.arms.random_models import arm_name, compared
from runners.arms.sae_arms import (
    Side,
    arm_from_disk,
    candidate_side,
    known_training_texts,
    side_of,
    subject_on_disk,
    trained_side,
    untrained_side,
)
from runners.arms.trained_saes import artifacts_json, train
from runners.benchmarks.cebench import Conditions, PairMeans, StoryPairScores, ceiling, check_matched, score_pairs
from runners.benchmarks.saebench import Arm, pooled
from runners.places import caused_by, config_error, derived
from runners.progress import Progress, showing
from runners.saes.architecture_options import ControlKind
from runners.stage.run_environment import RunEnvironment
from runners.stage.sae_subject import recipe
from runners.stages.cebench.plan import KIND, CeBenchConfig, StoryPairPlan, protocol_of
from runners.subjects.labelled_texts import read_labelled, registered_datasets
from runners.subjects.language_model import tokenize
from runners.subjects.story_pairs import StoryPairs, fetch_pairs, labelled_pairs, read_pairs
from runners.subjects.text_corpus import sae_probes_folder
from runners.subjects.text_store import TextStore, store_texts
from runners.summary_writing import Json, RunResult, measurement

SCORES = ("contrastive", "independence", "interpretability", "interpretability_sum")
SUMS = ("interpretability_sum",)
"""Of two z-scores: no share of one latent's ceiling."""


@dataclass(frozen=True)
class SideScores:
    """SAEs on all pairs."""

    scores: tuple[StoryPairScores, ...]
    """One per seed."""
    conditions: Conditions


def measure(config: CeBenchConfig, environment: RunEnvironment) -> RunResult:
    """Run the whole protocol and return what the summary says.

    Raises:
        GatekitError: model, hook, texts or pairs are not what the configuration says, an SAE was trained on a story, or
            the baseline is no match.
    """
    source = open_source(config, environment.device)
    pairs = open_pairs(config.scoring.pairs)
    where = "scoring.pairs"
    shared = known_training_texts(config, source) & set(pairs.stories.digests)
    if shared:
        message = f"the SAEs were trained on {len(shared)} of the stories"
        raise config_error(config, where, message, error_id="benchmark.leak")
    inputs = collect(source, config, environment, trains=config.training is not None)
    candidate = candidate_side(config, inputs, environment)
    baselines, control = _baselines(config, inputs, candidate, environment)
    with caused_by(config, where):
        our_stories, *their_stories = (
            story_store(config, each, pairs, environment) for each in (inputs, *(each for _, each in baselines))
        )
    different = {arm.sha256 for side in (candidate, *(side for side, _ in baselines)) for arm in side.arms}
    with showing("scoring story pairs", len(different), "SAEs") as progress:
        ours, *theirs = (
            score_side(config, name, side, pairs, stories, environment.device, progress.advance)
            for name, side, stories in (
                ("the candidate", candidate, our_stories),
                *(("the baseline", side, stories) for (side, _), stories in zip(baselines, their_stories, strict=True)),
            )
        )
    with caused_by(config, "scoring.baseline"):
        for each in theirs:
            check_matched(ours.conditions, each.conditions, config.scoring.baseline.l0_band)
            check_varying(each)
    # A file may be called anything; names in a summary have no spaces and no letters beyond ASCII.
    name = re.sub(r"[^A-Za-z0-9_.:/+@=-]", "-", f"pairs:{pairs.name}")[:128]
    dataset = {"name": name, "sha256": pairs.sha256, "rows": len(pairs.pairs)}
    stores = {inputs.model.name: our_stories.store}
    stores |= {each.model.name: stories.store for (_, each), stories in zip(baselines, their_stories, strict=True)}
    activations = [
        {"name": f"activations:{name}:{config.subject.hook}:stories", "sha256": store.sha256, "rows": store.rows}
        for name, store in stores.items()
    ]
    sides = [side for side, _ in baselines]
    arms = [side.saes for side in (candidate, *sides) if side.saes is not None]
    subjects = [side.subject for side in sides if side.subject is not None]
    if candidate.subject is None:
        raise ValueError("the candidate has no subject")
    texts = datasets_json(source, any(arm.inputs.training_rows is not None for arm in arms))
    return RunResult(
        subject=candidate.subject,
        protocol={
            **protocol_of(config, [*texts, dataset], subjects, control),
            **row_families([pair.subject for pair in pairs.pairs]),
        },
        measurements=_measurements(config, ours, theirs),
        inputs=[*inputs_json([arm.inputs for arm in arms]), dataset, *activations],
        artifacts=artifacts_json(arms, environment),
        diverged=diverged(candidate.saes, environment.device),
    )


def open_pairs(plan: StoryPairPlan) -> StoryPairs:
    """Read, fetch or make the pairs.

    Raises:
        GatekitError: there are none of that name, or too few.
    """
    if plan.source == "labelled":
        folder = sae_probes_folder()
        registered = registered_datasets(folder)
        for place, name in enumerate(plan.datasets or ()):
            if name not in registered:
                with caused_by(plan, f"datasets[{place}]"):
                    read_labelled(folder, name)
        with caused_by(plan, "rows"):
            return labelled_pairs(folder, plan.rows, plan.seed or 0, plan.datasets)
    if plan.source == "file":
        path = Path(str(plan.name))
        if not path.is_file():
            raise config_error(plan, "name", f"there is no file '{path.name}'", error_id="pairs.file")
        return read_pairs(path, plan.rows, plan.subject_column)
    with caused_by(plan, "name"):
        return fetch_pairs(str(plan.name), plan.revision, str(plan.split), plan.rows, plan.subject_column)


def _baselines(
    config: CeBenchConfig, inputs: Activations, candidate: Side, environment: RunEnvironment
) -> tuple[list[tuple[Side, Activations]], Json | None]:
    """Return the baseline's SAEs, one per seed, with the activations that they are used on, and how they were made.

    There are several where there are several re-initialised models. The last is None where it is the candidate's own
    recipe, or a public SAE's.
    """
    plan = config.scoring.baseline
    seeds = plan.model_seeds
    if plan.random_model is not None:
        from runners.arms.given_saes import GivenSaes
        from runners.arms.random_model_saes import random_model_saes

        assert isinstance(candidate.saes, GivenSaes)
        key = "scoring.baseline.random_model"
        arms, made = random_model_saes(config, plan.random_model, key, seeds, candidate.saes, environment)
        return [(side_of(config, arm), arm.inputs) for arm in arms], made

    def trained(on: Activations, control: ControlKind | None, name: str = plan.kind) -> Side:
        ours, training = recipe(config)
        shape = ours if control is None else derived(ours, control=control)
        return trained_side(config, train(on, shape, training, config.seeds, environment, name))

    match plan.kind:
        case "random_model":
            twins = [(seed, collect(reinitialised(inputs.source, seed), config, environment)) for seed in seeds]
            return [(trained(twin, None, arm_name(seed, seeds)), twin) for seed, twin in twins], None
        case "random_sae":
            return [(trained(inputs, "frozen_decoder"), inputs)], None
        case "public_sae":
            public = arm_from_disk(config, "scoring.baseline.folder", Path(str(plan.folder)), "public", inputs)
            side = Side((public,) * len(config.seeds), subject_on_disk(config, inputs, [public], (0,)))
            return [(side, inputs)], None
    if candidate.trained is None:
        raise ValueError("no state before training")
    return [(untrained_side(config, candidate.trained), inputs)], None


def story_store(
    config: CeBenchConfig, inputs: Activations, pairs: StoryPairs, environment: RunEnvironment
) -> TextStore:
    """Return the activations of every story of the pairs, at most `max_tokens_per_text` tokens of each."""
    limit, stories = config.subject.max_tokens_per_text, pairs.stories

    def show() -> AbstractContextManager[Progress]:
        tokens = sum(len(text.kept) for text in tokenize(inputs.model, stories.texts, stories.digests, limit))
        return showing(f"{inputs.model.name}: activations of stories", tokens, "tokens")

    return store_texts(inputs.model, inputs.hook, stories, "tokens", limit, environment.cache, show)


def score_side(
    config: CeBenchConfig,
    name: str,
    side: Side,
    pairs: StoryPairs,
    stories: TextStore,
    device: str,
    advance: Callable[[int], None],
) -> SideScores:
    """Score the SAEs of one side on all pairs.

    Args:
        config: of the stage.
        name: of the side, for people.
        side: its SAEs.
        pairs: in order.
        stories: token activations of all first and then all second stories.
        device: to encode on.
        advance: told of every SAE.
    """
    found: dict[str, tuple[StoryPairScores, float]] = {}
    for arm in side.arms:
        # One public SAE stands for every seed.
        if arm.sha256 not in found:
            means, l0 = pair_means(arm, stories, device)
            found[arm.sha256] = score_pairs(means, config.scoring.formula), l0
            advance(1)
    sides = [found[arm.sha256] for arm in side.arms]
    conditions = Conditions(
        name=name,
        hook=str(side.subject["hook"]) if side.subject else config.subject.hook,
        d_sae=side.arms[0].sae.architecture.d_sae,
        pairs_sha256=pairs.sha256,
        pairs=len(sides[0][0].contrastive),
        l0=tuple(l0 for _, l0 in sides),
    )
    return SideScores(tuple(scores for scores, _ in sides), conditions)


def pair_means(arm: Arm, stories: TextStore, device: str) -> tuple[PairMeans, float]:
    """Return the mean latents of every pair and the mean number of active latents per token, over all tokens."""
    active = 0

    def counted(rows: torch.Tensor) -> torch.Tensor:
        nonlocal active
        latents = arm.sae.encode(rows)
        active += int((latents > 0).sum())
        return latents

    means = pooled(stories, counted, device)
    counts = stories.starts[1:] - stories.starts[:-1]
    half = len(counts) // 2
    tokens = counts.reshape(2, half).T
    return PairMeans(means[:half], means[half:], tokens), active / int(stories.starts[-1])


def check_varying(baseline: SideScores) -> None:
    """Refuse a baseline whose latents say nothing on some pair: against its score of 0 anything would win.

    Raises:
        GatekitError: `benchmark.flat_baseline`.
    """
    flat = sum(int(scores.flat.sum()) for scores in baseline.scores)
    if flat:
        raise GatekitError(
            "benchmark.flat_baseline",
            f"on {flat} of its pairs and seeds the baseline's latents do not vary, and its score there is 0",
            remedy="take a baseline that is alive, or longer stories",
        )


def _measurements(config: CeBenchConfig, ours: SideScores, theirs: Sequence[SideScores]) -> Json:
    pairs = range(config.scoring.pairs.rows)
    keys = {
        "seed": [seed for seed in config.seeds for _ in pairs],
        "row": [row for _ in config.seeds for row in pairs],
    }
    highest = ceiling(ours.conditions.d_sae)
    found: Json = {}
    models = config.scoring.baseline.model_seeds

    def beside(name: str, mine: Sequence[float], others: Sequence[Sequence[float]]) -> None:
        found[name] = compared(KIND, name, keys, _written(mine), [_written(other) for other in others], models)

    for name in SCORES:
        mine, *others = (
            [float(value) for each in side.scores for value in getattr(each, name)] for side in (ours, *theirs)
        )
        found[name] = measurement(KIND, name, keys, _written(mine))
        beside(f"{name}_delta", mine, others)
        if name in SUMS:
            continue
        part, *parts = ([value / highest for value in side] for side in (mine, *others))
        beside(f"{name}_normalised_delta", part, parts)
    by_seed = {"seed": list(config.seeds)}
    flat = [fmean(scores.flat.tolist()) for scores in ours.scores]
    found["flat_pairs"] = measurement(KIND, "flat_pairs", by_seed, flat)
    found["l0"] = measurement(KIND, "l0", by_seed, ours.conditions.l0)
    their_l0 = [fmean(of_seed) for of_seed in zip(*(each.conditions.l0 for each in theirs), strict=True)]
    found["baseline_l0"] = measurement(KIND, "baseline_l0", by_seed, their_l0)
    return found


def _written(values: Sequence[float]) -> list[float]:
    """Return values to seven significant digits: they are computed from single precision, and rows are many."""
    return [float(f"{value:.7g}") for value in values]
