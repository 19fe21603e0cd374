"""The measuring half of the runner `transcoder`: two arms of one shape, decoding into one space.

| arm | reads | reconstructs |
|---|---|---|
| SAE: the candidate | the subject's hook | the same |
| transcoder: the control | `input_hook` | the subject's hook |
"""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path
from tempfile import TemporaryDirectory

from gatekit.errors import GatekitError
from runners.arms.activations import Source, collect, datasets_json, inputs_json, open_source
from runners.arms.saes import Saes
from runners.arms.scored_arms import ScoredArm, score_arms
from runners.arms.trained_saes import TrainedSaes, artifacts_json, train
from runners.metrics.lower_bounds import lower_bound_over_pairs
from runners.places import caused_by, derived, place_of
from runners.stage.run_environment import RunEnvironment
from runners.stage.sae_subject import recipe
from runners.stage.selection import SelectionPlan
from runners.stages.transcoder.measurements import measurements_of
from runners.stages.transcoder.plan import (
    SEARCH_CONFIDENCE,
    TranscoderConfig,
    conditions,
    protocol_of,
    transcoder_shape,
)
from runners.summary_writing import Json, RunResult

_log = logging.getLogger(__name__)

PARAMETER_TOLERANCE = 1e-4
"""Of parameters, arithmetic and tokens, as a fraction: what still counts as equal."""


def measure(config: TranscoderConfig, environment: RunEnvironment) -> RunResult:
    """Run one condition, or search a sweep and confirm its best, and return what the summary says.

    Raises:
        GatekitError: model, hooks or texts are not what the configuration says, or the arms are not matched.
    """
    source = open_source(config, environment.device)
    if config.saes is not None:
        # Imported here: it brings every architecture of every format, and evidence depends on what was imported for it.
        from runners.stages.transcoder.given import measure_given

        return measure_given(config, config.saes, source, environment)
    searched: Json = {}
    if config.sweep is not None:
        name, config = _chosen(config, source, environment)
        searched = {
            "search_chose": name,
            "search_criterion": f"largest {SEARCH_CONFIDENCE} lower bound of sae_minus_transcoder_chance_corrected",
        }
    trained = _trained(config, source, environment)
    sae, transcoder = _scored(config, *trained, environment)
    with caused_by(config, "sae"):
        compute = matched_compute(*trained)
    return RunResult(
        subject=sae.saes.subject(config),
        protocol=protocol_of(config, datasets_json(source), transcoder.saes.subject(config), compute | searched),
        measurements=measurements_of(config.seeds, sae, transcoder),
        inputs=inputs_json([arm.inputs for arm in trained]),
        artifacts=artifacts_json(trained, environment),
    )


def _chosen(config: TranscoderConfig, source: Source, environment: RunEnvironment) -> tuple[str, TranscoderConfig]:
    """Return name and configuration of the best condition on the search's seeds, to be run on the others."""
    assert config.sweep is not None
    bounds: dict[str, float] = {}
    found = dict(conditions(config))
    for name, condition in found.items():
        # Checkpoints of the search lie with the summaries of its conditions.
        with TemporaryDirectory() as folder:
            inside = dataclasses.replace(environment, artifacts=Path(folder))
            sae, transcoder = _scored(condition, *_trained(condition, source, inside), inside)
        differences = [
            ours - theirs
            for ours, theirs in zip(
                sae.agreement.corrected("pw_mcc"), transcoder.agreement.corrected("pw_mcc"), strict=True
            )
        ]
        bounds[name] = lower_bound_over_pairs(sae.agreement.scores.pairs, differences, SEARCH_CONFIDENCE)
        _log.info("%s: lower bound %.4f", name, bounds[name])
    best = max(bounds, key=bounds.__getitem__)
    selection = SelectionPlan(len(found), config.seeds)
    places = {"seeds": place_of(config, "sweep.confirmation_seeds")}
    return best, derived(found[best], places, seeds=config.sweep.confirmation_seeds, selection=selection)


def _trained(config: TranscoderConfig, source: Source, environment: RunEnvironment) -> tuple[TrainedSaes, TrainedSaes]:
    """Train the SAEs and the transcoders of one condition."""
    shape, training = recipe(config)
    ours = collect(source, config, environment)
    theirs = collect(source, config, environment, config.transcoder.input_hook, "transcoder.input_hook")
    saes = train(ours, shape, training, config.seeds, environment, "model")
    return saes, train(theirs, transcoder_shape(shape), training, config.seeds, environment, "transcoder", ours)


def _scored(
    config: TranscoderConfig, saes: Saes, transcoders: Saes, environment: RunEnvironment
) -> tuple[ScoredArm, ScoredArm]:
    width, draws = config.subject.d_model, config.transcoder.gaussian_draws
    found = score_arms([saes, transcoders], width, draws, environment.device)
    return found[0], found[1]


def matched_compute(saes: TrainedSaes, transcoders: TrainedSaes) -> Json:
    """Return what either arm took.

    Raises:
        GatekitError: it is not the same for both.
    """
    sae, transcoder = (_compute(arm) for arm in (saes, transcoders))
    # Another architecture may have a parameter more, a threshold; anything that could buy capacity is refused.
    if any(abs(sae[name] - transcoder[name]) > PARAMETER_TOLERANCE * sae[name] for name in sae):
        raise GatekitError("transcoder.unmatched", f"the SAE took {sae}, the transcoder {transcoder}")
    return sae


def _compute(trained: TrainedSaes) -> Json:
    """Return what one seed has of parameters, and what it takes to run and to train it."""
    shapes = {name: value.shape[1:] for name, value in trained.stack.parameters.items()}
    d_in, d_sae = shapes["W_enc"]
    d_out, k, plan = shapes["W_dec"][1], trained.plan.active or d_sae, trained.stack.plan
    return {
        "parameters_per_seed": sum(shape.numel() for shape in shapes.values()),
        "forward_flops_per_token": 2 * d_in * d_sae + 2 * k * d_out,
        "training_tokens_per_seed": plan.steps * plan.batch_tokens if plan else 0,
    }
