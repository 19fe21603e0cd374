"""The measuring half of the runner `frontier`: one architecture, brought to the wanted L0, trained and scored."""

from __future__ import annotations

from runners.arms.activations import collect, collect_layers, inputs_json, open_source
from runners.arms.sae_scores import score_saes
from runners.arms.sparsity_search import at_wanted_l0
from runners.arms.trained_saes import artifacts_json, train
from runners.stage.run_environment import RunEnvironment
from runners.stages.frontier.plan import KIND, FrontierConfig, protocol_of
from runners.summary_writing import RunResult


def measure(config: FrontierConfig, environment: RunEnvironment) -> RunResult:
    """Run one architecture and return what its summary says.

    Raises:
        GatekitError: model, hook, texts or datasets are not what the configuration says, or the architecture cannot be
            brought to the wanted L0.
    """
    source = open_source(config, environment.device)
    if config.sae.architecture == "route":
        inputs = collect_layers(source, config, environment, config.route_hooks, "route_hooks")
    else:
        inputs = collect(source, config, environment)
    plan = at_wanted_l0(inputs, config.sae, config.training, config.sparsity, environment)
    trained = train(inputs, plan, config.training, config.seeds, environment, "model")
    scores = score_saes(config, trained, environment)
    return RunResult(
        subject=trained.subject(config),
        protocol=protocol_of(config, scores.datasets),
        measurements=scores.measurements(KIND),
        inputs=[*inputs_json([inputs]), *scores.inputs],
        artifacts=artifacts_json([trained], environment),
    )
