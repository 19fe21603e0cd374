"""The pieces of a run that can be made ahead, each by a process of its own, over one cache.

A unit is made by `python -m runners STAGE ... --only KEY`, in any order that respects `after`, on any machine; the run
itself then finds all of them and joins them into its summary. The key of a unit is the digest of its recipe: model,
texts, hooks, shape, training, seeds, code and versions, by content. It does not hold the class of device, so that a
machine that computes nothing can name the units of another kind; whether a unit is done is said for one class.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from gatekit.errors import GatekitError, Location
from runners.code_digest import code_sha256
from runners.config import plain
from runners.digests import data_sha256, file_sha256
from runners.object_cache import has, pull, share
from runners.saes.architecture_plan import ArchitecturePlan
from runners.saes.registry import ARCHITECTURES
from runners.saes.seed_groups import seed_groups
from runners.stage.planned_pieces import Planned, PlannedArm, PlannedProbes, PlannedRows, PlannedStep
from runners.subjects.model_files import find_model
from runners.whole_files import write_text

_PACKAGES = ("numpy", "sae-probes", "scikit-learn", "scipy", "tokenizers", "torch", "transformer-lens", "transformers")
_MAKERS = {
    PlannedRows: ["runners.arms.activations"],
    PlannedArm: ["runners.arms.trained_saes"],
    PlannedProbes: ["runners.stages.saebench.measuring"],
}
STEP_MAKERS = {
    "shift": ["runners.stages.ood.measuring"],
    "price": ["runners.arms.sparsity_search"],
    "priced_saes": ["runners.arms.sparsity_search"],
    "scores": ["runners.arms.sae_scores", "runners.arms.sparsity_search"],
    "stories": ["runners.stages.cebench.measuring"],
    "toward": ["runners.stages.consistency.arms"],
    "searched_saes": ["runners.arms.sparsity_search"],
    "compared_saes": ["runners.stages.layer_routing.measuring"],
    "chosen_saes": ["runners.stages.adaptive_l0.measuring"],
}
"""Step -> modules that compute it, with what they import."""


@dataclass(frozen=True)
class Unit:
    """One piece of work."""

    key: str
    """SHA-256 of its recipe."""
    name: str
    """For people."""
    after: tuple[str, ...]
    """Keys of the units that must be done before."""
    config: Any
    """Of the summary that first asks for it."""
    piece: Planned
    group: tuple[int, ...] = ()
    """Seeds of an arm that are trained together."""


def units_of(cells: Sequence[tuple[str, Any, Sequence[Planned]]], device: str) -> list[Unit]:
    """Return the units behind some summaries, each once, those that others need first.

    Args:
        cells: (folder name, configuration, what it will need) of every summary.
        device: `cpu` or `cuda`, that they are made on.

    Raises:
        GatekitError: the model, or a file of texts, is not there.
    """
    found: dict[str, Unit] = {}
    for folder, config, pieces in cells:
        if not pieces:
            continue
        recipes = _Recipes(config, device)
        within = f"{folder}/" if folder else ""
        trained: list[str] = []
        steps: dict[str, str] = {}
        for piece in pieces:
            for unit in _of_piece(piece, recipes, within, tuple(trained), steps):
                found.setdefault(unit.key, unit)
                trained += [unit.key] if isinstance(unit.piece, PlannedArm) else []
                steps |= {unit.piece.name: unit.key} if isinstance(unit.piece, PlannedStep) else {}
    return list(found.values())


def _of_piece(
    piece: Planned, recipes: _Recipes, within: str, trained: tuple[str, ...], steps: Mapping[str, str]
) -> Iterator[Unit]:
    config = recipes.config
    if isinstance(piece, PlannedStep):
        rows_of_step = [_rows_unit(side, recipes, within) for side in piece.rows]
        yield from rows_of_step
        keys = [*(unit.key for unit in rows_of_step), *trained, *(steps[name] for name in piece.after)]
        after_step = tuple(dict.fromkeys(keys))
        recipe_of_step = {"step": piece.recipe, "of": piece.of, "group": piece.group, "after": after_step}
        kind, _, rest = piece.name.partition("/")
        key = recipes.key(piece, recipe_of_step)
        yield Unit(key, f"{kind}/{within}{rest}", after_step, config, piece, piece.group)
        return
    if isinstance(piece, PlannedProbes):
        rows = _rows_unit(PlannedRows((config.subject.hook,), trains=config.training is not None), recipes, within)
        key = recipes.key(piece, {"probes": recipes.of_probes(piece), "saes": list(trained)})
        yield Unit(key, f"probes/{within}{piece.dataset}", (rows.key, *trained), config, piece)
        return
    if isinstance(piece, PlannedRows):
        yield _rows_unit(piece, recipes, within)
        return
    sides = [side for side in (piece.inputs, piece.targets) if side is not None]
    rows_units = [_rows_unit(side, recipes, within) for side in sides]
    yield from rows_units
    for group in seed_groups(piece.seeds, recipes.device, piece.training.seeds_per_group):
        recipe = {
            "rows": [unit.key for unit in rows_units],
            "shape": plain(piece.shape),
            "training": piece.training.recipe(),
            "group": list(group),
            **({"watched_at": list(piece.watched_at)} if piece.watched_at else {}),
        }
        seeds = f"{group[0]}-{group[-1]}" if len(group) > 1 else f"{group[0]}"
        after = tuple(unit.key for unit in rows_units)
        yield Unit(recipes.key(piece, recipe), f"saes/{within}{piece.name}/{seeds}", after, config, piece, group)


def _rows_unit(rows: PlannedRows, recipes: _Recipes, within: str) -> Unit:
    recipe = {"hooks": list(rows.hooks), "random_model_seed": rows.random_model_seed, "trains": rows.trains}
    model = "model" if rows.random_model_seed is None else f"random-model-{rows.random_model_seed}"
    name = f"activations/{within}{model}/{'+'.join(rows.hooks)}"
    return Unit(recipes.key(rows, recipe), name, (), recipes.config, rows)


class _Recipes:
    """What all units of one configuration have in common, read from disk once."""

    def __init__(self, config: Any, device: str) -> None:
        self.config, self.device = config, device
        subject, texts = config.subject, config.texts
        self._read = {
            "model": _model_of(config),
            "max_tokens_per_text": subject.max_tokens_per_text,
            "prepend_bos": subject.prepend_bos,
            "d_model": subject.d_model,
            "texts": _texts_of(texts),
        }
        self._surroundings = {"device": device, "threads": config.threads, "packages": _versions()}

    def key(self, piece: Planned, recipe: Mapping[str, object]) -> str:
        modules = [*(STEP_MAKERS[piece.step] if isinstance(piece, PlannedStep) else _MAKERS[type(piece)])]
        modules += ["runners.stages.stability.trajectories"] if getattr(piece, "watched_at", ()) else []
        shape = getattr(piece, "shape", None)
        if isinstance(shape, ArchitecturePlan):
            modules += [ARCHITECTURES[shape.architecture].partition(":")[0]]
            modules += [ARCHITECTURES["control"].partition(":")[0]] if shape.control is not None else []
        source = code_sha256(modules)
        return data_sha256({"read": self._read, **self._surroundings, "source": source, "piece": dict(recipe)})

    def of_probes(self, piece: PlannedProbes) -> dict[str, object]:
        """Return the recipe of one dataset's probes."""
        own = self.config.probing.own_by_name.get(piece.dataset)
        plan = {name: value for name, value in plain(self.config.probing).items() if name not in ("datasets", "own")}
        return {
            "dataset": piece.dataset,
            "own": None if own is None else {**plain(own), "path": digest_of(Path(own.path))},
            "plan": plan,
            "baseline": plain(self.config.baseline),
            "saes": self._given_saes(),
        }

    def _given_saes(self) -> object:
        plan = getattr(self.config, "saes", None)
        if plan is None or plan.hub is not None:
            return None if plan is None else plain(plan)
        return {str(seed): digest_of(Path(path)) for seed, path in plan.seeds.items()}


def _model_of(config: Any) -> dict[str, object]:
    plan = config.subject.model
    if config.texts.source == "activations":
        return {"of": "the activations' manifest"}
    if plan.source == "hub":
        # Known by its commit; what a branch's name stands for is looked up by whoever computes.
        return {"hub": plan.name, "revision": plan.revision}
    return {"digest": find_model(plan.source, plan.name).digest}


def _texts_of(plan: Any) -> dict[str, object]:
    """Return the texts by content: files by their bytes, everything else by what names it."""
    settings = plain(plan)
    named = {name: settings.pop(name, None) for name in ("paths", "manifest")}
    files = [*(named["paths"] or ()), *([named["manifest"]] if named["manifest"] else ())]
    return {**settings, "files": [digest_of(Path(path)) for path in files]}


def digest_of(path: Path) -> object:
    """Return the digest of a file, or those of all files of a folder by name."""
    try:
        if path.is_dir():
            files = sorted(each for each in path.rglob("*") if each.is_file())
            return {str(each.relative_to(path)): file_sha256(each) for each in files}
        return file_sha256(path)
    except OSError as error:
        raise GatekitError("units.input", f"cannot be read: {error.strerror}", Location(str(path))) from None


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _place(cache: Path, key: str, device_class: str) -> Path:
    return cache / "units" / f"{key}-{data_sha256(device_class)[:16]}.json"


def is_done(cache: Path, key: str, device_class: str) -> bool:
    """Say whether a unit was made on this class of device, and its files are still in the cache.

    Files are looked for and not read: whoever uses one compares it with its digest, and makes it again where it is not
    what it should be.
    """
    place = _place(cache, key, device_class)
    try:
        if not place.exists() and not pull(place):
            return False
        document = json.loads(place.read_text(encoding="utf-8"))
        # The note of another class of device is as whole, and of files that are not those of this one.
        if (document["key"], document["device"]) != (key, device_class):
            return False
        return all(has(cache / path, size) for path, size in document["files"].items())
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return False


def say_done(cache: Path, unit: Unit, device_class: str, used: Sequence[Path]) -> None:
    """Write that a unit was made, and which files of the cache it consists of, once all of them are shared.

    Raises:
        GatekitError: `cache.objects`: the cache is an object store, which does not answer.
    """
    inside = {path for path in used if path.is_relative_to(cache)}
    share(inside)
    files = {path.relative_to(cache).as_posix(): path.stat().st_size for path in sorted(inside)}
    document = {"key": unit.key, "name": unit.name, "device": device_class, "files": files}
    place = _place(cache, unit.key, device_class)
    write_text(place, json.dumps(document, indent=1, sort_keys=True) + "\n")
    share([place])
