"""The measuring half of the runner `layer_routing`: choose on the search seeds, compare on the others."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from runners.arms.activations import Activations, collect, datasets_json, inputs_json, open_source
from runners.arms.sparsity_search import at_wanted_l0
from runners.arms.trained_saes import TrainedSaes, artifacts_json, train
from runners.digests import sequence_sha256
from runners.metrics.reconstruction import Reconstruction
from runners.places import config_error
from runners.saes.architecture_plan import ArchitecturePlan
from runners.stage.run_environment import RunEnvironment
from runners.stage.sae_subject import subject_json
from runners.stages.layer_routing.plan import KIND, LayerRoutingConfig, plans, protocol_of
from runners.subjects.layered_store import HOOKS_SEPARATOR
from runners.summary_writing import Json, RunResult, measurement

EQUAL = "equal_by_construction"
"""The setting that says that routed and uniform are the same SAEs, so that their difference is 0 and no finding of
how close two assignments are."""
Scores = Mapping[tuple[str, str], float]
"""(hook, label of the architecture) -> mean score over the search seeds."""


@dataclass(frozen=True)
class Assignment:
    """An architecture for every layer, by label, in order of hooks."""

    routed: tuple[str, ...]
    uniform: str

    @property
    def is_uniform(self) -> bool:
        """Whether one architecture is the best at every layer: routed and uniform are the same SAEs then."""
        return set(self.routed) == {self.uniform}


def assign(scores: Scores, hooks: Sequence[str], labels: Sequence[str]) -> Assignment:
    """Return the best architecture of each layer and the best on average over layers; the first one where equal."""
    routed = tuple(max(labels, key=lambda label: scores[hook, label]) for hook in hooks)
    uniform = max(labels, key=lambda label: fmean(scores[hook, label] for hook in hooks))
    return Assignment(routed, uniform)


def measure(config: LayerRoutingConfig, environment: RunEnvironment) -> RunResult:
    """Run the whole protocol and return what the summary says.

    Raises:
        GatekitError: model, hooks or texts are not what the configuration says, the architectures differ in size, no
            price gives one of them the wanted L0.
    """
    _check_sizes(config)
    source = open_source(config, environment.device)
    inputs = {
        hook: collect(source, config, environment, hook, f"routing.hooks[{place}]")
        for place, hook in enumerate(config.routing.hooks)
    }
    shaped = {
        (hook, plan.label): at_wanted_l0(layer, plan, config.training, config.sparsity, environment)
        for hook, layer in inputs.items()
        for plan in plans(config)
    }
    labels = [plan.label for plan in plans(config)]
    scores = {
        (hook, label): fmean(
            _saes(config, layer, shaped[hook, label], config.routing.search_seeds, environment)
            .reconstruction(environment.device)
            .r2
        )
        for hook, layer in inputs.items()
        for label in labels
    }
    choice = assign(scores, config.routing.hooks, labels)
    arms = {
        (hook, label): _saes(config, inputs[hook], shaped[hook, label], config.seeds, environment)
        for hook, routed in zip(config.routing.hooks, choice.routed, strict=True)
        for label in {routed, choice.uniform}
    }
    routed = [arms[hook, label] for hook, label in zip(config.routing.hooks, choice.routed, strict=True)]
    uniform = [arms[hook, choice.uniform] for hook in config.routing.hooks]
    places = {hook: place for place, hook in enumerate(config.routing.hooks)}
    said = {f"search_r2_{places[hook]}_{label}": score for (hook, label), score in scores.items()}
    chosen = {f"routed_{place}": label for place, label in enumerate(choice.routed)}
    return RunResult(
        subject=_subject(config, routed, "layerwise"),
        protocol=protocol_of(
            config,
            datasets_json(source),
            _subject(config, uniform, choice.uniform),
            {"hooks": ", ".join(places), **chosen, "uniform": choice.uniform, EQUAL: choice.is_uniform, **said},
        ),
        measurements=_measurements(config, routed, uniform, environment.device),
        inputs=inputs_json(list(inputs.values())),
        artifacts=artifacts_json(list(arms.values()), environment),
    )


def _check_sizes(config: LayerRoutingConfig) -> None:
    sizes = {
        plan.label: sum(math.prod(shape) for shape in plan.build(config.subject.d_model).shapes().values())
        for plan in plans(config)
    }
    smallest, largest = min(sizes.values()), max(sizes.values())
    if largest - smallest > config.routing.parameter_tolerance * largest:
        said = ", ".join(f"{label} {size:,}" for label, size in sizes.items())
        message = f"the architectures differ in number of parameters: {said}"
        keys = ("routing.architectures", "routing.parameter_tolerance")
        raise config_error(config, keys, message, error_id="routing.parameters")


def _saes(
    config: LayerRoutingConfig,
    layer: Activations,
    plan: ArchitecturePlan,
    seeds: Sequence[int],
    environment: RunEnvironment,
) -> TrainedSaes:
    purpose = "search" if seeds == config.routing.search_seeds else "compared"
    return train(layer, plan, config.training, seeds, environment, f"{purpose}_{layer.hook}_{plan.label}")


def _subject(config: LayerRoutingConfig, layers: Sequence[TrainedSaes], architecture: str) -> Json:
    """Return SAEs of several layers as one subject; a seed's checkpoint is the digest of its layers' checkpoints."""
    model = layers[0].inputs.model
    entries = [
        {"seed": seed, "sha256": sequence_sha256(layer.digests[place] for layer in layers)}
        for place, seed in enumerate(config.seeds)
    ]
    hook = HOOKS_SEPARATOR.join(layer.inputs.hook for layer in layers)
    return {**subject_json(config, model.name, model.digest, entries, hook=hook), "architecture": architecture}


MEASURES = ("r2", "l0", "dead_fraction", "r2_all_rows", "extreme_rows")
"""Of each side, by the names of `Reconstruction`."""


def _measurements(
    config: LayerRoutingConfig, routed: Sequence[TrainedSaes], uniform: Sequence[TrainedSaes], device: str
) -> Json:
    ours, theirs = ([layer.reconstruction(device) for layer in layers] for layers in (routed, uniform))
    keys = {"seed": config.seeds}

    def mean(side: Sequence[Reconstruction], name: str) -> list[float]:
        columns = (layer.apart.get(name) or getattr(layer, name) for layer in side)
        return [fmean(values) for values in zip(*columns, strict=True)]

    found = {name: measurement(KIND, name, keys, mean(ours, name)) for name in MEASURES}
    for name in ("r2", "l0"):
        compared = f"{name}_above_uniform"
        found[compared] = measurement(KIND, compared, keys, mean(ours, name), mean(theirs, name))
    return found
