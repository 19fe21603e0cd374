"""SAEs from files in the runner `random_model`, beside ones on a re-initialised model where there are such."""

from __future__ import annotations

from runners.arms.activations import Source, collect, datasets_json, inputs_json
from runners.arms.given_saes import given_saes
from runners.arms.random_model_saes import random_model_saes
from runners.arms.saes import Saes
from runners.arms.trained_saes import artifacts_json
from runners.saes.given_plan import GivenSaesPlan
from runners.stage.run_environment import RunEnvironment
from runners.stages.random_model.measurements import measurements_of
from runners.stages.random_model.plan import RandomModelConfig, protocol_of, trains_control
from runners.summary_writing import Json, RunResult


def measure_given(
    config: RandomModelConfig, plan: GivenSaesPlan, source: Source, environment: RunEnvironment
) -> RunResult:
    """Measure SAEs from files, beside a control where the configuration names one.

    Raises:
        GatekitError: as `runners.stages.random_model.measuring.measure`.
    """
    activations = collect(source, config, environment, trains=False)
    candidate = given_saes(config, "saes", plan, "model", activations)
    made: Json | None = None
    controls: list[Saes] = []
    if config.controls.random_model is not None:
        seeds = config.controls.model_seeds
        controls, made = random_model_saes(
            config, config.controls.random_model, "controls.random_model", seeds, candidate, environment
        )
    arms = [candidate, *controls]
    baselines = [control.subject(config) for control in controls]
    return RunResult(
        subject=candidate.subject(config),
        protocol=protocol_of(config, datasets_json(source, trains_control(config)), baselines, made),
        measurements=measurements_of(config, candidate, controls, {}, None, environment.device),
        inputs=inputs_json([arm.inputs for arm in arms]),
        artifacts=artifacts_json(arms, environment),
    )
