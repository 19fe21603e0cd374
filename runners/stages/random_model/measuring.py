"""The measuring half of the runner `random_model`: arms of equal shape, scored pair of seeds by pair of seeds.

| arm | its decoders |
|---|---|
| trained | SAEs trained on the model's activations: the candidate |
| random model | the same seeds, texts and training on the re-initialised model, or on several: the control |
| untrained | the trained arm's decoders before the first step; its live latents are the trained arm's |
| extra controls | the same seeds, texts and training on the model, with a part held or shared |
| gaussian | rows drawn from a normal distribution; their score is what chance gives at this shape |

SAEs from files have no start that anybody knows, and a control of the same training only where that is in files too.
What would compare with either is then absent.
"""

from __future__ import annotations

import numpy as np

from runners.arms.activations import collect, datasets_json, inputs_json, open_source, reinitialised
from runners.arms.random_models import arm_name, without_weights
from runners.arms.trained_saes import TrainedSaes, artifacts_json, train
from runners.places import config_error, derived
from runners.stage.run_environment import RunEnvironment
from runners.stage.sae_subject import recipe
from runners.stages.random_model.measurements import Start, measurements_of
from runners.stages.random_model.plan import RandomModelConfig, protocol_of
from runners.summary_writing import RunResult


def measure(config: RandomModelConfig, environment: RunEnvironment) -> RunResult:
    """Run the whole protocol and return what the summary says.

    Raises:
        GatekitError: model, hook, texts or SAEs are not what the configuration says, or an extra control controls
            nothing.
    """
    source = open_source(config, environment.device)
    if config.saes is not None:
        # Imported here: it brings every architecture of every format, and evidence depends on what was imported for it.
        from runners.stages.random_model.given import measure_given

        return measure_given(config, config.saes, source, environment)
    shape, training = recipe(config)
    activations = collect(source, config, environment)
    trained = train(activations, shape, training, config.seeds, environment, "model")
    model_seeds = config.controls.model_seeds
    random_models: list[TrainedSaes] = []
    for seed in model_seeds:
        # Read once: SAEs are trained and scored on what is stored of it.
        twin = without_weights(collect(reinitialised(source, seed), config, environment))
        name = arm_name(seed, model_seeds)
        random_models.append(train(twin, shape, training, config.seeds, environment, name))
    extra: dict[str, TrainedSaes] = {
        name: train(activations, derived(shape, control=name), training, config.seeds, environment, name)
        for name in config.controls.extra_controls
    }
    for place, (name, arm) in enumerate(extra.items()):
        if np.array_equal(arm.decoders, trained.decoders):
            raise config_error(
                config,
                f"controls.extra_controls[{place}]",
                f"'{name}' held nothing: it arrived at the candidate's own weights",
                "train longer, or leave it out of 'extra_controls'",
                error_id="runner.control",
            )
    start, baselines = Start(trained.initial_decoders), [control.subject(config) for control in random_models]
    inputs = [arm.inputs for arm in (trained, *random_models)]
    return RunResult(
        subject=trained.subject(config),
        protocol=protocol_of(config, datasets_json(source), baselines),
        measurements=measurements_of(config, trained, random_models, extra, start, environment.device),
        inputs=inputs_json(inputs),
        artifacts=artifacts_json([trained, *random_models, *extra.values()], environment),
    )
