"""From registrations/NAME.yaml to a Registration. What is unknown, doubled or out of place has its line and column."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import pairwise

from gatekit.errors import GatekitError, UsageError, without_frames
from gatekit.evidence.folder_limits import REGISTRATION_FILES, beyond, sizes_of
from gatekit.evidence.listing import visible_files
from gatekit.evidence.strict_json import read_regular_file
from gatekit.evidence.strict_yaml import Node, YamlDocument, YamlLimits, parse_yaml
from gatekit.kinds import INSTALLED, Kinds
from gatekit.policy import fields
from gatekit.policy.settings import kind_from
from gatekit.registration.model import (
    DEFAULT_SPENDING,
    FOLDER,
    RegisteredMeasurement,
    Registration,
    Spending,
)

KEYS = ("schema", "id", "description", "claim", "measurements", "seeds", "looks", "spending", "candidates")
MEASUREMENT_KEYS = ("kind", "config_without_seeds", "protocol", "candidate", "saes_of", "config_without_saes")
SPENDINGS: tuple[Spending, ...] = ("obrien_fleming", "equal")
IDENTIFIER = r"[a-z][a-z0-9-]{0,63}"
CANDIDATE = r"[A-Za-z0-9][A-Za-z0-9_.+=-]{0,99}"
DIGEST = "[0-9a-f]{64}"
LARGEST_SEED = 4_294_967_295
FEWEST_SEEDS = 2
"""Of a look: one seed has no bound."""
LIMITS = YamlLimits(size=1 << 20, nodes=50_000)


def is_registration_name(name: str) -> bool:
    """Whether a file of this name in `registrations/` is read as a registration."""
    return name.endswith((".yaml", ".yml")) and not name.startswith(".")


def read_registration(path: str, kinds: Kinds = INSTALLED) -> Registration:
    """Read one registration.

    Raises:
        GatekitError: `yaml.*` or `registration.*` with file, line and column.
    """
    return parse_registration(read_regular_file(path, "yaml", LIMITS.size), os.fspath(path), kinds)


def parse_registration(data: bytes, name: str, kinds: Kinds = INSTALLED) -> Registration:
    """Read a registration from bytes, as `read_registration` does from a file."""
    try:
        return _registration(parse_yaml(data, name, LIMITS), kinds)
    except GatekitError as error:
        # The typed access to nodes is shared with policies, whose error ids it carries.
        family, _, rest = error.error_id.partition(".")
        if family == "policy":
            error.error_id = f"registration.{rest}"
        raise


def read_registrations(
    folder: str = FOLDER, kinds: Kinds = INSTALLED
) -> tuple[tuple[Registration, ...], list[GatekitError]]:
    """Read every registration of a folder; where there is no such folder, nothing is registered.

    Raises:
        UsageError: `folder` is something else than a folder.
    """
    if not os.path.lexists(folder):
        return (), []
    if not os.path.isdir(folder):
        raise UsageError(f"'{folder}' is no folder of registrations")
    found: list[Registration] = []
    # What lies in a folder below is none, for `pr` too.
    inside = visible_files(folder, is_registration_name)
    paths = [path for path in inside if os.path.dirname(path) == folder.rstrip("/")]
    errors = beyond(sizes_of(paths), REGISTRATION_FILES)
    for path in () if errors else paths:
        try:
            found.append(read_registration(path, kinds))
        except GatekitError as error:
            errors.append(without_frames(error))
    return tuple(found), errors + conflicts(found)


def conflicts(registrations: Sequence[Registration]) -> list[GatekitError]:
    """Return an error for every registration that has another's id, or announces the same measurement of one seed."""
    errors: list[GatekitError] = []
    for index, one in enumerate(registrations):
        for other in registrations[:index]:
            if one.id == other.id:
                message = f"id '{one.id}' is also that of {other.path}"
                errors.append(GatekitError("registration.duplicate_id", message, one.location))
            same = {m.evidence for m in other.measurements}
            seeds = sorted(set(one.seeds) & set(other.seeds))
            both = next((m for m in one.measurements if m.evidence in same), None)
            if both is not None and seeds:
                message = f"seed {seeds[0]} of {both.words} is also registered by {other.path}: two sets of looks"
                remedy = "register new seeds, or only once"
                errors.append(GatekitError("registration.overlap", message, both.location, remedy))
    return errors


def _registration(document: YamlDocument, kinds: Kinds) -> Registration:
    root = document.root
    fields.refuse_newer(document, "gatekit.registration/1")
    given = fields.mapping(document, root, "a registration", KEYS)

    def need(key: str) -> Node:
        return fields.required(document, root, given, key, "the registration")

    fields.choice(document, need("schema"), "schema", ["gatekit.registration/1"])
    if "description" in given:
        fields.text(document, given["description"], "description", limit=1000)
    seeds = read_seeds(document, need("seeds"))
    spending = DEFAULT_SPENDING
    if "spending" in given:
        word = fields.choice(document, given["spending"], "spending", SPENDINGS)
        spending = next(known for known in SPENDINGS if known == word)
    candidates = _candidates(document, given["candidates"]) if "candidates" in given else ()
    return Registration(
        path=document.path,
        sha256=document.sha256,
        id=fields.text(document, need("id"), "id", IDENTIFIER),
        claim=fields.text(document, need("claim"), "claim", IDENTIFIER),
        measurements=read_measurements(document, need("measurements"), candidates, kinds),
        seeds=seeds,
        looks=_looks(document, given["looks"], len(seeds)) if "looks" in given else (len(seeds),),
        spending=spending,
        candidates=candidates,
        location=document.location(need("id")),
    )


def read_seeds(document: YamlDocument, node: Node) -> tuple[int, ...]:
    """Return seeds in their order; raises `policy.*`, for whoever reads the file to name."""
    items = fields.sequence(document, node, "seeds", FEWEST_SEEDS)
    seeds = tuple(fields.integer(document, item, "seed", 0, LARGEST_SEED) for item in items)
    _refuse_doubles(document, items, seeds, "seed")
    return seeds


def _looks(document: YamlDocument, node: Node, seeds: int) -> tuple[int, ...]:
    items = fields.sequence(document, node, "looks")
    looks = tuple(fields.integer(document, item, "look", FEWEST_SEEDS, 1_000_000) for item in items)
    for item, (before, after) in zip(items[1:], pairwise(looks), strict=True):
        if after <= before:
            message = f"looks must increase: {after} follows {before}"
            raise fields.refusal(document, item, "value", message)
    if looks[-1] != seeds:
        message = f"the last look is at {looks[-1]} seeds, but {seeds} seeds are registered"
        remedy = "a look says after how many of the seeds it is; the last one is after all"
        raise fields.refusal(document, items[-1], "value", message, remedy)
    return looks


def _candidates(document: YamlDocument, node: Node) -> tuple[str, ...]:
    items = fields.sequence(document, node, "candidates")
    names = tuple(fields.text(document, item, "candidate", CANDIDATE) for item in items)
    _refuse_doubles(document, items, names, "candidate")
    return names


def read_measurements(
    document: YamlDocument, node: Node, candidates: tuple[str, ...], kinds: Kinds
) -> tuple[RegisteredMeasurement, ...]:
    """Return what is announced, each kind of one candidate once; raises `policy.*`, as `read_seeds`."""
    items = fields.sequence(document, node, "measurements")
    found: list[RegisteredMeasurement] = []
    for item in items:
        one = _measurement(document, item, candidates, kinds)
        for before in found:
            if before.kind == one.kind and before.candidate == one.candidate:
                raise fields.refusal(
                    document,
                    item,
                    "several",
                    f"{one.kind} is measured twice, in two ways, of one candidate: the better one could be shown",
                    "name what is compared under `candidates`, and each measurement's `candidate`",
                )
            if before.evidence == one.evidence:
                raise fields.refusal(document, item, "duplicate", f"{one.words} is listed twice")
        found.append(one)
    sources = {one.config for one in found if one.saes_of is None}
    for item, one in zip(items, found, strict=True):
        if one.saes_of is not None and one.saes_of not in sources:
            message = f"saes_of names configuration {one.saes_of[:12]}, which no measurement here has"
            raise fields.refusal(document, item, "reference", message, "announce what leaves those SAEs too")
    return tuple(found)


def _measurement(
    document: YamlDocument, node: Node, candidates: tuple[str, ...], kinds: Kinds
) -> RegisteredMeasurement:
    given = fields.mapping(document, node, "a measurement", MEASUREMENT_KEYS)
    kind = kind_from(document, fields.required(document, node, given, "kind", "a measurement"), kinds)
    told = [key for key in ("config_without_seeds", "config_without_saes", "protocol") if key in given]
    if len(told) != 1:
        message = "a measurement is named by one of `config_without_seeds`, `config_without_saes` and `protocol`"
        remedy = "`gatekit register` writes the digest of a runner's configuration"
        raise fields.refusal(document, node, "one_way", message, remedy)
    if ("saes_of" in given) != ("config_without_saes" in given):
        message = "`saes_of` and `config_without_saes` belong together: whose SAEs, and what is measured of them"
        raise fields.refusal(document, node, "one_way", message)
    config = protocol = candidate = saes_of = None
    if "protocol" not in given:
        config = fields.text(document, given[told[0]], told[0], DIGEST)
        saes_of = fields.text(document, given["saes_of"], "saes_of", DIGEST) if "saes_of" in given else None
    else:
        protocol = fields.text(document, given["protocol"], "protocol")
    if "candidate" in given:
        candidate = fields.choice(document, given["candidate"], "candidate", candidates)
    return RegisteredMeasurement(kind.name, config, protocol, candidate, document.location(node), saes_of)


def _refuse_doubles(document: YamlDocument, nodes: Sequence[Node], values: Sequence[int | str], what: str) -> None:
    seen: set[int | str] = set()
    for node, value in zip(nodes, values, strict=True):
        if value in seen:
            raise fields.refusal(document, node, "duplicate", f"{what} {value} is listed twice")
        seen.add(value)
