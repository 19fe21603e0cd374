"""What a cycle announces: a plan in cycles/ that names a claim is a registration of what its full tasks measure.

Its seeds are the full ones, its looks after the pilot and after all. What its tasks will record stands in the plan by
digest, under `measurements`, which `gatekit cycle register` writes: a gate starts no runner to learn configurations.
Everything else that a begun cycle may not change is part of what the registration says.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from gatekit.errors import GatekitError, without_frames
from gatekit.evidence.canonical import sha256_of
from gatekit.evidence.folder_limits import PLAN_FILES, beyond, sizes_of
from gatekit.evidence.listing import visible_files
from gatekit.evidence.strict_json import read_regular_file
from gatekit.evidence.strict_yaml import Mapping, Node, YamlDocument, parse_yaml
from gatekit.kinds import INSTALLED, Kinds
from gatekit.policy import fields
from gatekit.registration.model import DEFAULT_SPENDING, PLANS, Registration
from gatekit.registration.reading import (
    CANDIDATE,
    IDENTIFIER,
    LIMITS,
    is_registration_name,
    read_measurements,
    read_seeds,
)

MEASUREMENTS = "measurements"
SCHEMA = b"gatekit.cycle/"
_FREE = ("description", "budget", "retries", "after_cycle", MEASUREMENTS)
"""Keys of a plan that may change once it has begun, and the one that is compared by itself."""
_FREE_OF_A_STAGE = ("needs", "budget", "record")


def is_plan_name(name: str) -> bool:
    """Whether a file of this name in `cycles/` is read as a plan."""
    return is_registration_name(name)


def parse_plan(data: bytes, name: str, kinds: Kinds = INSTALLED) -> Registration | None:
    """Return what a plan announces; None of one that names no claim, and of a file that is no plan.

    Raises:
        GatekitError: `yaml.*`, `registration.*` or `cycle.*` with file, line and column; among them
            `cycle.unannounced`, where a plan names a claim and does not say what it will record.
    """
    if not _may_announce(data):
        return None
    try:
        return _registration(parse_yaml(data, name, LIMITS), kinds)
    except GatekitError as error:
        # The typed access to nodes is shared with policies, whose error ids it carries.
        family, _, rest = error.error_id.partition(".")
        if family == "policy":
            error.error_id = f"cycle.{rest}"
        raise


def read_plans(folder: str = PLANS, kinds: Kinds = INSTALLED) -> tuple[tuple[Registration, ...], list[GatekitError]]:
    """Read what the plans of a folder announce, and what is wrong with them; nothing where there is no such folder."""
    if not os.path.isdir(folder):
        return (), []
    inside = visible_files(folder, is_plan_name)
    paths = [path for path in inside if os.path.dirname(path) == folder.rstrip("/")]
    errors = beyond(sizes_of(paths), PLAN_FILES)
    found: list[Registration] = []
    for path in () if errors else paths:
        try:
            announced = parse_plan(read_regular_file(path, "yaml", LIMITS.size), path, kinds)
        except GatekitError as error:
            errors.append(without_frames(error))
            continue
        found += [] if announced is None else [announced]
    return tuple(found), errors


def _may_announce(data: bytes) -> bool:
    """Whether bytes may be a plan with a claim: most plans have none, and parsing all of them takes a check's time.

    A key can be written in other bytes only with a backslash.
    """
    return SCHEMA in data and (b"\\" in data or b"claim" in data.replace(b"claims", b""))


def _registration(document: YamlDocument, kinds: Kinds) -> Registration | None:
    root = document.root
    claim = root.get("claim") if isinstance(root, Mapping) else None
    if claim is None or not isinstance(root, Mapping):
        return None
    fields.refuse_newer(document, "gatekit.cycle/1")
    given = dict(zip(root.keys(), (value for _, value in root.items), strict=True))

    def need(key: str) -> Node:
        return fields.required(document, root, given, key, "the cycle")

    fields.choice(document, need("schema"), "schema", ["gatekit.cycle/1"])
    identifier = fields.text(document, need("id"), "id", IDENTIFIER)
    if MEASUREMENTS not in given:
        message = f"cycle '{identifier}' names a claim, and does not say what its tasks will record"
        remedy = f"`gatekit cycle register {identifier}` writes it into the plan"
        raise fields.refusal(document, claim, "unannounced", message, remedy)
    phases = fields.mapping(document, need("seeds"), "seeds", ("pilot", "full"))
    seeds = read_seeds(document, fields.required(document, need("seeds"), phases, "full", "seeds"))
    pilot = read_seeds(document, phases["pilot"]) if "pilot" in phases else ()
    if pilot and (seeds[: len(pilot)] != pilot or len(pilot) == len(seeds)):
        message = "the pilot's seeds are not the first of the full ones"
        raise fields.refusal(document, phases["pilot"], "value", message)
    candidates = plan_candidates(document, given[MEASUREMENTS])
    return Registration(
        path=document.path,
        sha256=document.sha256,
        id=identifier,
        claim=fields.text(document, claim, "claim", IDENTIFIER),
        measurements=read_measurements(document, given[MEASUREMENTS], candidates, kinds),
        seeds=seeds,
        looks=(len(pilot), len(seeds)) if pilot else (len(seeds),),
        spending=DEFAULT_SPENDING,
        candidates=candidates,
        location=document.location(need("id")),
        plan=sha256_of(_fixed(document.plain())),
    )


def plan_candidates(document: YamlDocument, node: Node) -> tuple[str, ...]:
    """Return the candidates that a plan's `measurements` name, each once: all of them are compared."""
    found: list[str] = []
    for item in fields.sequence(document, node, MEASUREMENTS):
        candidate = item.get("candidate") if isinstance(item, Mapping) else None
        if candidate is not None:
            found.append(fields.text(document, candidate, "candidate", CANDIDATE))
    return tuple(dict.fromkeys(found))


def _fixed(plan: Any) -> Any:
    """Return a plan without its words, its costs and its digests."""
    kept = {key: value for key, value in plan.items() if key not in _FREE}
    if isinstance(kept.get("defaults"), dict):
        kept["defaults"] = _without(kept["defaults"], _FREE_OF_A_STAGE)
    if isinstance(kept.get("stages"), dict):
        kept["stages"] = {
            name: _without(stage, _FREE_OF_A_STAGE) if isinstance(stage, dict) else stage
            for name, stage in kept["stages"].items()
        }
    return kept


def _without(block: dict[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    return {key: value for key, value in block.items() if key not in keys}
