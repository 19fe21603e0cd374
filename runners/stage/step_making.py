"""Making one step ahead of a run, by the functions of the stage itself, so that the run finds what it would compute.

A step asks for exactly what the run will ask for, under the names that the cache has for it. Were it to ask for
something else, the run would compute its own: a step is never read by its name.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from runners.arms.activations import Activations, collect, collect_layers, open_source, reinitialised
from runners.arms.sparsity_search import at_wanted_l0
from runners.arms.trained_saes import TrainedSaes, train
from runners.places import derived
from runners.saes.registry import PRICES
from runners.stage.planned_pieces import PlannedStep
from runners.stage.run_environment import RunEnvironment


def make_step(step: PlannedStep, config: Any, environment: RunEnvironment) -> None:
    """Put the results of a step into the cache.

    Raises:
        GatekitError: as the stage would raise it.
    """
    _MAKERS[step.step](step, config, environment)


def _shift(step: PlannedStep, config: Any, environment: RunEnvironment) -> None:
    from runners.arms.sae_arms import candidate_side
    from runners.stages.ood.measuring import shifted_probe, slices_of

    side, name = step.of
    plan = config.shift
    named = tuple(each for each in plan.own or () if each.name == name) if side == "own" else (name,)
    alone = derived(plan, **{**dict.fromkeys(("shifted", "longer", "own")), str(side): named})
    one = derived(config, shift=alone)
    inputs = _own_rows(one, environment)
    arms = candidate_side(one, inputs, environment).arms
    for each in slices_of(one, inputs, environment):
        dense = shifted_probe(one, each, None, environment)
        # A dataset that the model itself cannot tell apart takes no part.
        for arm in arms if dense.validation_auc >= plan.least_dense_auc else ():
            shifted_probe(one, each, arm, environment)


def _price(step: PlannedStep, config: Any, environment: RunEnvironment) -> None:
    inputs, shape = _searched(step, config, environment)
    at_wanted_l0(inputs, shape, config.training, config.sparsity, environment)


def _priced_saes(step: PlannedStep, config: Any, environment: RunEnvironment) -> None:
    inputs, shape = _searched(step, config, environment)
    priced = at_wanted_l0(inputs, shape, config.training, config.sparsity, environment)
    train(inputs, priced, config.training, step.group, environment, "model")


def _searched(step: PlannedStep, config: Any, environment: RunEnvironment) -> tuple[Activations, Any]:
    """Return the rows and the shape that a price is searched for."""
    if not step.of:
        return _frontier_rows(config, environment), config.sae
    from runners.stages.layer_routing.plan import plans

    place, number = map(int, step.of)
    source = open_source(config, environment.device)
    hook = config.routing.hooks[place]
    return collect(source, config, environment, hook, f"routing.hooks[{place}]"), plans(config)[number]


def _scores(step: PlannedStep, config: Any, environment: RunEnvironment) -> None:
    from runners.arms.sae_scores import probe

    trained = _frontier_saes(config, environment) if hasattr(config, "sparsity") else _own_saes(config, environment)
    (name,) = step.of
    probe(derived(config, probing=derived(config.probing, datasets=(str(name),))), trained, environment)


def _stories(step: PlannedStep, config: Any, environment: RunEnvironment) -> None:
    from runners.stages.cebench.measuring import open_pairs, story_store

    source = open_source(config, environment.device)
    trains = config.training is not None
    if step.of[0] == "random_model":
        source = reinitialised(source, int(step.of[1]))
    inputs = collect(source, config, environment, trains=trains)
    story_store(config, inputs, open_pairs(config.scoring.pairs), environment)


def _toward(step: PlannedStep, config: Any, environment: RunEnvironment) -> None:
    from runners.stages.consistency.arms import train_toward

    inputs = _own_rows(config, environment)
    name, place = str(step.of[0]), int(step.of[1])
    shares = name == "aligned_to_shared_reference"
    seeds = (config.references.shared,) if shares else config.references.seeds
    references = train(inputs, config.sae, config.training, seeds, environment, "reference")
    one = derived(config, seeds=step.group)
    train_toward(one, inputs, [(references, 0 if shares else place)], environment, name, name == "copying")


def _compared_saes(step: PlannedStep, config: Any, environment: RunEnvironment) -> None:
    inputs, shapes = _assigned(config, environment.device, environment.cache)
    (place,) = step.of
    hook = config.routing.hooks[int(place)]
    for label, shape in shapes[hook].items():
        train(inputs[hook], shape, config.training, step.group, environment, f"compared_{hook}_{label}")


# Several pieces of one process choose once.
@lru_cache(maxsize=1)
def _assigned(config: Any, device: str, cache: Path) -> tuple[dict[str, Activations], dict[str, dict[str, Any]]]:
    """Return the rows of every layer, and the shapes that are compared there, by label: the routed and the uniform."""
    from statistics import fmean

    from runners.stages.layer_routing.measuring import assign
    from runners.stages.layer_routing.plan import plans

    source = open_source(config, device)
    hooks, labels = config.routing.hooks, [plan.label for plan in plans(config)]
    inputs, shaped, scores = {}, {}, {}
    with TemporaryDirectory() as folder:
        environment = RunEnvironment(device, cache, Path(folder))
        for place, hook in enumerate(hooks):
            inputs[hook] = layer = collect(source, config, environment, hook, f"routing.hooks[{place}]")
            for plan in plans(config):
                at = (hook, plan.label)
                shaped[at] = at_wanted_l0(layer, plan, config.training, config.sparsity, environment)
                saes = train(layer, shaped[at], config.training, config.routing.search_seeds, environment, "search")
                scores[at] = fmean(saes.reconstruction(device).r2)
    choice = assign(scores, hooks, labels)
    found = {
        hook: {label: shaped[hook, label] for label in dict.fromkeys((routed, choice.uniform))}
        for hook, routed in zip(hooks, choice.routed, strict=True)
    }
    return inputs, found


def _chosen_saes(step: PlannedStep, config: Any, environment: RunEnvironment) -> None:
    from runners.stages.adaptive_l0.plan import with_k

    inputs = _own_rows(config, environment)
    chosen = with_k(config, _chosen_k(config, environment.device, environment.cache)).sae
    train(inputs, chosen, config.training, step.group, environment, "model")


@lru_cache(maxsize=1)
def _chosen_k(config: Any, device: str, cache: Path) -> int:
    from runners.stages.adaptive_l0.measuring import choose, searched

    with TemporaryDirectory() as folder:
        environment = RunEnvironment(device, cache, Path(folder))
        return choose(searched(config, _own_rows(config, environment), environment), config.search, config.sae.k)


def _own_rows(config: Any, environment: RunEnvironment) -> Activations:
    return collect(open_source(config, environment.device), config, environment, trains=config.training is not None)


def _own_saes(config: Any, environment: RunEnvironment) -> TrainedSaes:
    inputs = _own_rows(config, environment)
    return train(inputs, config.sae, config.training, config.seeds, environment, "model")


def _frontier_rows(config: Any, environment: RunEnvironment) -> Activations:
    if config.sae.architecture != "route":
        return _own_rows(config, environment)
    source = open_source(config, environment.device)
    return collect_layers(source, config, environment, config.route_hooks, "route_hooks")


def _frontier_saes(config: Any, environment: RunEnvironment) -> TrainedSaes:
    inputs = _frontier_rows(config, environment)
    shape = config.sae
    if shape.architecture in PRICES:
        shape = at_wanted_l0(inputs, shape, config.training, config.sparsity, environment)
    return train(inputs, shape, config.training, config.seeds, environment, "model")


_MAKERS: dict[str, Callable[[PlannedStep, Any, RunEnvironment], None]] = {
    "shift": _shift,
    "price": _price,
    "priced_saes": _priced_saes,
    "searched_saes": _priced_saes,
    "scores": _scores,
    "stories": _stories,
    "toward": _toward,
    "compared_saes": _compared_saes,
    "chosen_saes": _chosen_saes,
}
