"""Which commits of the hub a run measured, also where its configuration names a branch, which moves."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runners.digests import text_sha256
from runners.saes.given_plan import GivenSaesPlan
from runners.subjects.plan import ModelPlan

SEED = "{seed}"
"""Stands in the name of a repository of SAEs for the seed, where each seed has one of its own."""
_COMMIT = re.compile(r"[0-9a-f]{40}")
_LONGEST = 128
"""Characters of a name of an input."""


def hub_inputs(config: Any) -> list[dict[str, str | int]]:
    """Return the repositories that a configuration names on the hub, each at its commit, as entries of the inputs.

    A branch or a tag stands for the commit that this machine last fetched by its name: what was measured is named by
    the digests of its content, and this says where it is found again. A repository whose commit nobody knows is left
    out.

    Args:
        config: of a run that is done.
    """
    found = {}
    for kind, name, revision in _repositories(config):
        commit = _commit_of(kind, name, revision)
        if commit is not None:
            place = name if kind == "model" else f"datasets/{name}"
            shown = f"hub:{place}"[: _LONGEST - len(commit) - 1]
            found[f"{shown}@{commit}"] = text_sha256(f"hub {kind} {name} {commit}")
    return [{"name": name, "sha256": digest, "rows": 0} for name, digest in found.items()]


def _repositories(block: Any) -> Iterator[tuple[str, str, str | None]]:
    """Yield (model or dataset, `owner/name`, revision) of every repository that a configuration names."""
    if isinstance(block, tuple | list):
        for each in block:
            yield from _repositories(each)
    elif isinstance(block, dict):
        yield from _repositories(list(block.values()))
    elif dataclasses.is_dataclass(block) and not isinstance(block, type):
        if isinstance(block, GivenSaesPlan) and block.hub is not None:
            for seed in block.seeds if SEED in block.hub else (0,):
                yield "model", block.hub.replace(SEED, str(seed)), block.revision
        elif getattr(block, "source", None) == "hub":
            # Where texts with attributes lie is their `path`.
            name = getattr(block, "name", None) or getattr(block, "path", None)
            yield "model" if isinstance(block, ModelPlan) else "dataset", str(name), getattr(block, "revision", None)
        for member in dataclasses.fields(block):
            yield from _repositories(getattr(block, member.name))


def _commit_of(kind: str, name: str, revision: str | None) -> str | None:
    if revision is not None and _COMMIT.fullmatch(revision):
        return revision
    # Imported here: only a run that fetched something has the package.
    from huggingface_hub import constants

    folder = f"{kind}s--{name.replace('/', '--')}"
    place = Path(constants.HF_HUB_CACHE) / folder / "refs" / (revision or constants.DEFAULT_REVISION)
    try:
        with open(place, "rb") as stream:
            commit = stream.read(64).decode("ascii", "replace").strip()
    except OSError:
        return None
    return commit if _COMMIT.fullmatch(commit) else None
