"""From claims.yaml to a Registry. Whatever is unknown, doubled or out of place is an error with line and column."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping

from gatekit.claims.model import Claim, Level, NamedValue, Registry, RegistryRules, Slot, Status
from gatekit.claims.paths import is_plain
from gatekit.claims.statistic import StatisticError, parse_format, parse_statistic
from gatekit.errors import GatekitError, Location, did_you_mean, first_few
from gatekit.evidence.strict_json import read_regular_file
from gatekit.evidence.strict_yaml import Node, Scalar, YamlDocument, YamlLimits, parse_yaml
from gatekit.policy import Policy, fields

REGISTRY_KEYS = ("schema", "rules", "claims", "values")
RULE_KEYS = ("documents", "unregistered_numbers", "claim_language", "at_least")
POLICY_ID = r"[a-z][a-z0-9-]{0,63}"
CLAIM_KEYS = ("id", "sentence", "status", "policy", "gates", "evidence", "slots")
VALUE_KEYS = ("name", "file", "measure", "statistic", "format")
SLOT_KEYS = ("file", "measure", "statistic", "format", "context")
STATUSES: tuple[Status, ...] = ("supported", "not_supported", "pending")
LEVELS: tuple[Level, ...] = ("off", "warn", "error")
CLAIM_ID = r"[a-z][a-z0-9-]{0,63}"
SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,16}\Z")
"""Of a pattern; whether anything reads such documents is found out where they are read."""
LONGEST_SENTENCE = 1000
DEFAULT_LEVEL: Level = "warn"
"""Of both scans: they judge prose by patterns, so a registry must ask for them to block."""
LIMITS = YamlLimits(size=1 << 20, nodes=50_000)
"""A registry of 1,000 claims has about 300 KB."""
MOST_CLAIMS = 1000
"""Claims of one registry."""
MOST_PATTERNS = 50
"""Patterns of documents in one registry; each is looked for in the whole folder."""
MOST_STARS = 4
"""Stars of one pattern, `**` counted as one."""


def read_registry(path: str) -> Registry:
    """Read a registry file.

    Raises:
        GatekitError: `yaml.*` or `claims.*` with file, line and column.
    """
    return parse_registry(read_regular_file(path, "yaml", LIMITS.size), os.fspath(path))


def parse_registry(data: bytes, name: str) -> Registry:
    """Read a registry from bytes, as `read_registry` does from a file."""
    try:
        return _registry(parse_yaml(data, name, LIMITS))
    except GatekitError as error:
        # The typed access to nodes is shared with policies, whose error ids it carries.
        family, _, rest = error.error_id.partition(".")
        if family == "policy":
            error.error_id = f"claims.{rest}"
        raise


def check_references(registry: Registry, policies: Iterable[Policy]) -> list[GatekitError]:
    """Return an error for every policy and gate that a claim names and that is not there."""
    known = {policy.id: policy for policy in policies}
    errors = []
    least = registry.rules.at_least
    if least is not None:
        errors += _unfit_policy("every supported claim", least, known, registry.at_least_location)
    for claim in registry.claims:
        unfit = _unfit_policy(f"claim '{claim.id}'", claim.policy, known, claim.policy_location)
        errors += unfit
        if unfit:
            continue
        policy = known[claim.policy]
        gates = {gate.name: None for gate in policy.gates}
        for gate, location in zip(claim.gates, claim.gate_locations, strict=True):
            if gate not in gates:
                remedy = did_you_mean(gate, gates) or f"gates: {first_few(gates, 20)}"
                message = f"policy '{policy.id}' has no gate '{gate}'"
                errors.append(GatekitError("claims.unknown_gate", message, location, remedy))
    return errors


def _unfit_policy(who: str, name: str, known: Mapping[str, Policy], place: Location | None) -> list[GatekitError]:
    """Return why a policy cannot say what claims need."""
    if name not in known:
        remedy = did_you_mean(name, known) or f"policies given: {first_few(sorted(known), 20) or 'none'}"
        message = f"{who} needs policy '{name}', which is not there"
        return [GatekitError("claims.unknown_policy", message, place, remedy)]
    if known[name].stops:
        message = f"{who} needs policy '{name}', a stop policy: its pass carries no claim"
        return [GatekitError("claims.stop_policy", message, place, "name a policy that judges releases")]
    return []


def _registry(document: YamlDocument) -> Registry:
    root = document.root
    fields.refuse_newer(document, "gatekit.claims/1")
    top = fields.mapping(document, root, "the registry", REGISTRY_KEYS)
    version = fields.required(document, root, top, "schema", "the registry")
    fields.choice(document, version, "schema", ["gatekit.claims/1"])
    rules_node = fields.required(document, root, top, "rules", "the registry")
    rules, document_nodes = _rules(document, rules_node)
    least = fields.mapping(document, rules_node, "rules", RULE_KEYS).get("at_least")
    nodes = fields.sequence(document, fields.required(document, root, top, "claims", "the registry"), "claims")
    if len(nodes) > MOST_CLAIMS:
        message = f"the registry has more than {MOST_CLAIMS} claims"
        raise GatekitError("claims.too_many", message, document.location(nodes[MOST_CLAIMS]))
    claims: dict[str, Claim] = {}
    for node in nodes:
        claim = _claim(document, node)
        if claim.id in claims:
            first = claims[claim.id].location
            raise GatekitError(
                "claims.duplicate_id", f"claim '{claim.id}' is registered twice", claim.location, f"first at {first}"
            )
        claims[claim.id] = claim
    return Registry(
        path=document.path,
        sha256=document.sha256,
        rules=rules,
        rules_location=document.location(rules_node),
        document_locations=tuple(document.location(node) for node in document_nodes),
        claims=tuple(claims.values()),
        values=_values(document, top.get("values")),
        at_least_location=document.location(least) if least is not None else None,
    )


def _values(document: YamlDocument, node: Node | None) -> tuple[NamedValue, ...]:
    if node is None:
        return ()
    values: dict[str, NamedValue] = {}
    for item in fields.sequence(document, node, "values"):
        given = fields.mapping(document, item, "a value", VALUE_KEYS)
        fields.required(document, item, given, "format", "a value")
        name = fields.text(document, fields.required(document, item, given, "name", "a value"), "name", CLAIM_ID)
        if name in values:
            first = values[name].shows.location
            raise fields.refusal(document, item, "duplicate", f"value '{name}' is listed twice", f"first at {first}")
        values[name] = NamedValue(name, _slot(document, item, given, "a value"))
    return tuple(values.values())


def _rules(document: YamlDocument, node: Node) -> tuple[RegistryRules, tuple[Node, ...]]:
    given = fields.mapping(document, node, "rules", RULE_KEYS)
    patterns = fields.sequence(document, fields.required(document, node, given, "documents", "rules"), "documents")

    for number, item in enumerate(patterns):
        text = item.raw if isinstance(item, Scalar) else ""
        if number >= MOST_PATTERNS:
            message = f"the rules have more than {MOST_PATTERNS} patterns of documents"
            raise GatekitError("claims.too_many_patterns", message, document.location(item), "use a pattern with *")
        if len(re.findall(r"\*+", text)) > MOST_STARS or "**/**" in text:
            message = f"the pattern has more than {MOST_STARS} stars, or **/ twice in a row"
            raise GatekitError("claims.pattern", message, document.location(item), "name folders in it")

    def level(key: str) -> Level:
        if key not in given:
            return DEFAULT_LEVEL
        word = fields.choice(document, given[key], key, LEVELS)
        return next(level for level in LEVELS if level == word)

    rules = RegistryRules(
        documents=tuple(_path(document, item, "document", is_pattern=True) for item in patterns),
        unregistered_numbers=level("unregistered_numbers"),
        claim_language=level("claim_language"),
        at_least=fields.text(document, given["at_least"], "at_least", POLICY_ID) if "at_least" in given else None,
    )
    _refuse_doubles(document, patterns, rules.documents, "document")
    return rules, patterns


def _claim(document: YamlDocument, node: Node) -> Claim:
    given = fields.mapping(document, node, "a claim", CLAIM_KEYS)

    def need(key: str) -> Node:
        return fields.required(document, node, given, key, "a claim")

    status = fields.choice(document, need("status"), "status", STATUSES)
    sentence = " ".join(fields.text(document, need("sentence"), "sentence", limit=LONGEST_SENTENCE).split())
    gate_nodes = fields.sequence(document, need("gates"), "gates")
    gates = tuple(fields.text(document, item, "gate", r"[a-z][a-z0-9_]{0,63}") for item in gate_nodes)
    _refuse_doubles(document, gate_nodes, gates, "gate")
    places = fields.sequence(document, given["evidence"], "evidence") if "evidence" in given else ()
    evidence = tuple(_path(document, item, "evidence") for item in places)
    _refuse_doubles(document, places, evidence, "evidence")
    gate_locations = tuple(map(document.location, gate_nodes))
    evidence_locations = tuple(map(document.location, places))
    return Claim(
        id=fields.text(document, need("id"), "id", CLAIM_ID),
        sentence=sentence,
        status=next(word for word in STATUSES if word == status),
        policy=fields.text(document, need("policy"), "policy", POLICY_ID),
        gates=gates,
        evidence=evidence,
        slots=_slots(document, given.get("slots"), sentence),
        location=document.location(need("id")),
        status_location=document.location(need("status")),
        policy_location=document.location(need("policy")),
        gate_locations=gate_locations,
        evidence_locations=evidence_locations,
    )


def _slots(document: YamlDocument, node: Node | None, sentence: str) -> tuple[Slot, ...] | None:
    if node is None:
        return None
    slots = tuple(
        _slot(document, item, fields.mapping(document, item, "a slot", SLOT_KEYS), "a slot")
        for item in fields.sequence(document, node, "slots")
    )
    wanted = sentence.count("{}")
    if len(slots) != wanted:
        counted = f"{len(slots)} slot{'s' * (len(slots) != 1)}"
        message = f"the claim has {counted}, and its sentence has {{}} {wanted} time{'s' * (wanted != 1)}"
        raise fields.refusal(document, node, "slots", message, "list one slot for each {}, in their order")
    return slots


def _slot(document: YamlDocument, node: Node, given: Mapping[str, Node], what: str) -> Slot:
    def need(key: str) -> Node:
        return fields.required(document, node, given, key, what)

    statistic = _readable(document, need("statistic"), "statistic", parse_statistic)
    how = _readable(document, given["format"], "format", parse_format) if "format" in given else None
    return Slot(
        file=_path(document, need("file"), "file"),
        measure=fields.text(document, need("measure"), "measure", r"[a-z][a-z0-9_]{0,63}"),
        statistic=statistic,
        format=how,
        context=fields.flag(document, given["context"], "context") if "context" in given else False,
        location=document.location(node),
    )


def _readable(document: YamlDocument, node: Node, what: str, parse: Callable[[str], object]) -> str:
    """Return text that a binding could have, as it is written."""
    text = fields.text(document, node, what, limit=300)
    try:
        parse(text)
    except StatisticError as error:
        raise fields.refusal(document, node, "slots", str(error), error.remedy) from None
    if any(character.isspace() for character in text):
        raise fields.refusal(document, node, "slots", f"the {what} '{text}' has spaces, which no binding can have")
    return text


def _path(document: YamlDocument, node: Node, what: str, is_pattern: bool = False) -> str:
    """Return a path or pattern that stays inside the registry's folder, without a slash at its end."""
    value = fields.text(document, node, what, limit=300)
    path = value.removesuffix("/")
    if not is_plain(path):
        raise fields.refusal(
            document,
            node,
            "path",
            f"{what} '{value}' is not a plain path inside the registry's folder",
            "write it relative to the registry, with / and without . or ..",
        )
    if is_pattern and "[" in path:
        raise fields.refusal(document, node, "path", "a document pattern knows *, ? and **, not [")
    if is_pattern and not SUFFIX.search(path):
        remedy = "end it with the suffix that its documents have, like .md"
        raise fields.refusal(document, node, "path", f"{what} '{value}' does not end with a plain suffix", remedy)
    return path


def _refuse_doubles(document: YamlDocument, nodes: tuple[Node, ...], values: tuple[str, ...], what: str) -> None:
    for index, value in enumerate(values):
        if value in values[:index]:
            raise fields.refusal(document, nodes[index], "duplicate", f"{what} '{value}' is listed twice")
