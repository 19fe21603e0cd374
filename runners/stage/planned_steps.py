"""Which parts of a stage can be made ahead beside its activations and SAEs: probes, and SAEs that wait for a choice.

They stand here and not with the stages, since what is made ahead of a run changes no number.
Without a step, since their scores are kept nowhere: agreement of pairs of seeds, CE-Bench's scores, SAEBench's core,
absorption, SCR and TPP. The run computes those itself. So it does all of `known_circuit`, which keeps no SAEs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runners.arms.random_models import arm_name
from runners.config import plain
from runners.saes.registry import PRICES
from runners.saes.seed_groups import seed_groups
from runners.stage.planned_pieces import Planned, PlannedRows, PlannedStep, own_rows
from runners.stage.units import digest_of

if TYPE_CHECKING:
    from runners.stage.stage import Stage

_FILES = ("path", "shifted_path", "test_path")


def all_pieces(stage: Stage, config: Any, device: str) -> Sequence[Planned]:
    """Return what can be made ahead of one summary: what its stage names, and these steps.

    Args:
        stage: that measures it.
        config: of the summary.
        device: `cpu` or `cuda`, that decides which seeds are trained together.
    """
    pieces = stage.pieces(config)
    steps = _STEPS.get(stage.kind)
    return [*pieces, *(steps(config, device) if steps is not None else ())]


def _shift(config: Any, _device: str) -> Sequence[PlannedStep]:
    """Probes of every dataset with shifted texts."""
    # Imported here: it reads the register of the datasets.
    from runners.subjects.shifted_texts import datasets_with_shift
    from runners.subjects.text_corpus import sae_probes_folder

    plan = config.shift
    shifted = datasets_with_shift(sae_probes_folder()) if plan.shifted == ("all",) else plan.shifted or ()
    named = [("shifted", name) for name in shifted]
    named += [("longer", name) for name in plan.longer or ()]
    named += [("own", each.name) for each in plan.own or ()]
    settings = _without(plain(plan), "shifted", "longer", "own")
    rows = (PlannedRows((config.subject.hook,), trains=config.training is not None),)
    return [
        PlannedStep("shift", f"probes/{name}/{side}", _recipe(settings, _own(plan, side, name)), rows, (side, name))
        for side, name in named
    ]


def _frontier(config: Any, device: str) -> Sequence[PlannedStep]:
    """The search of a price, the SAEs at it, and the probes of every dataset."""
    rows = (own_rows(config),)
    if config.sae.architecture == "route":
        rows = (PlannedRows(config.route_hooks, ("route_hooks",)),)
    priced = _priced(config, config.sae, rows, "price", "priced_saes", (), config.seeds, device)
    return [*priced, *_scores(config, rows, tuple(each.name for each in priced))]


def _scaling(config: Any, _device: str) -> Sequence[PlannedStep]:
    """The probes of every dataset."""
    return _scores(config, (own_rows(config),), ())


def _scores(config: Any, rows: tuple[PlannedRows, ...], after: tuple[str, ...]) -> list[PlannedStep]:
    # Imported here: it reads the register of the datasets.
    from runners.benchmarks.saebench import dataset_names
    from runners.subjects.text_corpus import sae_probes_folder

    plan = config.probing
    settings = _without(plain(plan), "datasets", "own")
    return [
        PlannedStep("scores", f"probes/{name}", _recipe(settings, _own(plan, "own", name)), rows, (name,), (), after)
        for name in dataset_names(plan, sae_probes_folder())
    ]


def _priced(
    config: Any,
    shape: Any,
    rows: tuple[PlannedRows, ...],
    search: str,
    step: str,
    of: tuple[str | int, ...],
    seeds: Sequence[int],
    device: str,
) -> list[PlannedStep]:
    """Return the search of a price, and the SAEs of some seeds at it; nothing where k fixes the sparsity."""
    if shape.architecture not in PRICES:
        return []
    named = "/".join([shape.label, *map(str, of)])
    recipe = _recipe(plain(shape), config.training.recipe(), plain(config.sparsity))
    first = PlannedStep("price", f"{search}/{named}", recipe, rows, of)
    groups = seed_groups(seeds, device, config.training.seeds_per_group)
    return [
        first,
        *(
            PlannedStep(step, f"saes/{named}/{_said(group)}", recipe, rows, of, group, (first.name,))
            for group in groups
        ),
    ]


def _stories(config: Any, _device: str) -> Sequence[PlannedStep]:
    """What the models hold on CE-Bench's stories."""
    plan = config.scoring
    recipe = _recipe(_with_digest(plain(plan.pairs), "name" if plan.pairs.source == "file" else ""))
    trains = config.training is not None
    found = [PlannedStep("stories", "activations/stories/model", recipe, (own_rows(config),), ("model",))]
    if plan.baseline.kind == "random_model" and trains:
        seeds = plan.baseline.model_seeds
        for seed in seeds:
            name, twin = f"activations/stories/{arm_name(seed, seeds)}", own_rows(config, seed)
            found.append(PlannedStep("stories", name, recipe, (twin,), ("random_model", seed)))
    return found


def _toward(config: Any, _device: str) -> Sequence[PlannedStep]:
    """SAEs that are drawn to a reference, each alone, since its reference is part of its architecture."""
    point = plain(config.cell) if config.cell is not None else {}
    shared = {"sae": plain(config.sae), "training": config.training.recipe(), "references": plain(config.references)}
    drawn = {**shared, "point": point, "alignment": plain(config.alignment)}
    recipes = {"aligned": drawn, "aligned_to_shared_reference": drawn, "copying": shared}
    return [
        PlannedStep("toward", f"saes/{name}/{seed}", _recipe(recipe), (own_rows(config),), (name, place), (seed,))
        for name, recipe in recipes.items()
        for place, seed in enumerate(config.seeds)
    ]


def _routed(config: Any, device: str) -> Sequence[PlannedStep]:
    """What the search trains at a price, and then the SAEs of every layer that it chooses."""
    # Imported here: a stage's plan, which imports what this is read from.
    from runners.stages.layer_routing.plan import plans

    every = tuple(PlannedRows((hook,), (f"routing.hooks[{n}]",)) for n, hook in enumerate(config.routing.hooks))
    found: list[PlannedStep] = []
    for place, rows in enumerate(every):
        for number, shape in enumerate(plans(config)):
            of = (place, number)
            found += _priced(config, shape, (rows,), "price", "searched_saes", of, config.routing.search_seeds, device)
    recipe = _recipe(plain(config.routing), plain(config.sae), config.training.recipe(), plain(config.sparsity))
    before = tuple(step.name for step in found)
    for place, hook in enumerate(config.routing.hooks):
        for group in seed_groups(config.seeds, device, config.training.seeds_per_group):
            name = f"saes/compared/{hook}/{_said(group)}"
            found.append(PlannedStep("compared_saes", name, recipe, every, (place,), group, before))
    return found


def _chosen(config: Any, device: str) -> Sequence[PlannedStep]:
    """The SAEs of the k that the search chooses."""
    if len(config.search.ks) == 1:
        return []
    recipe = _recipe(plain(config.search), plain(config.sae), config.training.recipe(), plain(config.chance))
    groups = seed_groups(config.seeds, device, config.training.seeds_per_group)
    rows = (own_rows(config),)
    return [PlannedStep("chosen_saes", f"saes/chosen/{_said(each)}", recipe, rows, (), each) for each in groups]


_STEPS: dict[str, Callable[[Any, str], Sequence[PlannedStep]]] = {
    "ood": _shift,
    "frontier": _frontier,
    "scaling": _scaling,
    "cebench": _stories,
    "consistency": _toward,
    "layer_routing": _routed,
    "adaptive_l0": _chosen,
}


def _said(group: Sequence[int]) -> str:
    return f"{group[0]}-{group[-1]}" if len(group) > 1 else f"{group[0]}"


def _recipe(*parts: object) -> str:
    return json.dumps(parts, sort_keys=True)


def _without(settings: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name not in names}


def _own(plan: Any, side: str, name: str) -> object:
    """Return a dataset of one's own by content; None for one that sae-probes has."""
    found = next((each for each in plan.own or () if side == "own" and each.name == name), None)
    return None if found is None else _with_digest(plain(found), *_FILES)


def _with_digest(settings: dict[str, Any], *files: str) -> dict[str, Any]:
    """Return settings with the digests of the files that some of them name."""
    named = {name: digest_of(Path(str(settings[name]))) for name in files if settings.get(name) is not None}
    return {**settings, **named}
