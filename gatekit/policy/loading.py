"""From a YAML file to a Policy. Whatever is unknown, doubled or out of place is an error with line and column."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gatekit.errors import GatekitError, Location, UsageError, did_you_mean, without_frames
from gatekit.evidence.folder_limits import POLICY_FILES, beyond, sizes_of
from gatekit.evidence.listing import nearest_beside, visible_files
from gatekit.evidence.strict_yaml import Node, YamlDocument, parse_yaml, read_yaml
from gatekit.kinds import INSTALLED, Kinds
from gatekit.policy import fields
from gatekit.policy.bound import bound_from
from gatekit.policy.evidence_folders import evidence_from
from gatekit.policy.limits import Bound
from gatekit.policy.model import (
    Combination,
    Combined,
    Gate,
    Level,
    Policy,
    Purpose,
    Registered,
    Rule,
    SignedBy,
    SubjectFilter,
    Threshold,
    Waiver,
    thresholds,
)
from gatekit.policy.operators import OPERATORS, BaseComparison, OperatorValue
from gatekit.policy.selection import selection_from
from gatekit.policy.settings import (
    SETTING_KEYS,
    Settings,
    kind_from,
    measure_from,
    min_random_models_from,
    settings_from,
)

POLICY_KEYS = (
    *("schema", "id", "description", "legacy", "defaults", "subject", "evidence", "one_subject"),
    *("registered", "purpose", "signed_by", "gates", "selection", "waivers"),
)
COMBINATIONS: tuple[Combination, ...] = ("all_of", "any_of", "first_of")
GATE_KEYS = ("required", "level", "description")
THRESHOLD_KEYS = ("from", "measure", *OPERATORS, "bound", "protocol", "min_random_models", *SETTING_KEYS)
SUBJECT_KEYS = ("model", "model_digest", "hook", "architecture", "d_sae", "k", "digest")
WAIVER_KEYS = {"gate": "health", "owner": "ann", "reason": '"retraining until May"', "expires": '"2027-05-31"'}
"""Each with a value that it could have."""
GATES_EXAMPLE = "{health: {from: random_model, measure: r2, at_least: 0.5}}"
NAME = r"[a-z][a-z0-9_]{0,63}"
MAX_DEPTH = 8
"""Combinations nested deeper than this are not read by people either."""

MOST_RULES = 4000
"""Thresholds of all policies that are judged together; a release has some twenty."""


def is_policy_name(name: str) -> bool:
    """Whether a file of this name, at any depth of a folder of policies, is one: for `check` and for `pr`."""
    return name.endswith((".yaml", ".yml"))


def find_policies(paths: list[str]) -> list[str]:
    """Return the policy files under files and folders (`*.yaml`, `*.yml` at any depth), sorted, each once.

    Raises:
        UsageError: a path does not exist, or a folder holds no policy.
    """
    found: dict[str, None] = {}
    for path in paths:
        place = Path(path)
        if os.path.isdir(path):
            inside = visible_files(path, is_policy_name)
            if not inside:
                raise UsageError(f"no policy in '{path}'", "`gatekit init` writes one")
            found.update(dict.fromkeys(Path(file).as_posix() for file in inside))
        elif os.path.lexists(path):
            found.setdefault(place.as_posix())
        else:
            raise UsageError(
                f"no policy at '{path}'",
                nearest_beside(path) or "check the path, or write one with `gatekit init`",
            )
    return sorted(found)


def read_policy(path: str, kinds: Kinds = INSTALLED) -> Policy:
    """Read one policy file.

    Raises:
        GatekitError: `yaml.*` or `policy.*` with file, line and column.
    """
    return _policy_from(read_yaml(path), kinds)


def parse_policy(data: bytes, name: str, kinds: Kinds = INSTALLED) -> Policy:
    """Read a policy from bytes, as `read_policy` does from a file."""
    return _policy_from(parse_yaml(data, name), kinds)


def _policy_from(document: YamlDocument, kinds: Kinds) -> Policy:
    root = document.root
    fields.refuse_newer(document, "gatekit.policy/1")
    top = fields.mapping(document, root, "a policy", POLICY_KEYS)
    version = fields.required(document, root, top, "schema", "the policy", "gatekit.policy/1")
    fields.choice(document, version, "schema", ["gatekit.policy/1"])
    legacy = "legacy" in top and fields.flag(document, top["legacy"], "legacy")
    purpose = _purpose(document, top, legacy)
    defaults = Settings()
    if "defaults" in top:
        given = fields.mapping(document, top["defaults"], "defaults", SETTING_KEYS)
        defaults = settings_from(document, given, defaults)
    gates_node = fields.required(document, root, top, "gates", "the policy", GATES_EXAMPLE)
    named = fields.entries(document, gates_node, "gates")
    if not named:
        raise fields.refusal(
            document, gates_node, "no_gates", "a policy without gates would pass anything", f"such as {GATES_EXAMPLE}"
        )
    terms = _RuleTerms(defaults, legacy, purpose, kinds)
    # Each gate of a stop policy stops alone.
    gates = tuple(_gate(document, key, node, terms, _Shares(to_fail=len(named))) for key, node in named)
    names = [gate.name for gate in gates]
    waivers: list[Waiver] = []
    if "waivers" in top:
        listed = fields.sequence(document, top["waivers"], "waivers", at_least=0)
        waivers = [_waiver(document, node, names) for node in listed]
    signed_by = _signed_by(document, top["signed_by"]) if "signed_by" in top else None
    selection = None
    if "selection" in top:
        selection = selection_from(document, top["selection"], defaults, names, legacy, kinds)
    policy_id = fields.required(document, root, top, "id", "the policy", "my-policy")
    return Policy(
        path=document.path,
        sha256=document.sha256,
        id=fields.text(document, policy_id, "id", r"[a-z][a-z0-9-]{0,63}"),
        description=fields.text(document, top["description"], "description") if "description" in top else None,
        legacy=legacy,
        one_subject="one_subject" not in top or fields.flag(document, top["one_subject"], "one_subject"),
        subject=_subject(document, top["subject"]) if "subject" in top else SubjectFilter(),
        signed_by=signed_by,
        gates=gates,
        waivers=tuple(waivers),
        selection=selection,
        registered=_registered(document, top["registered"]) if "registered" in top else "shown",
        purpose=purpose,
        evidence=evidence_from(document, top["evidence"]) if "evidence" in top else (),
    )


@dataclass(frozen=True)
class _RuleTerms:
    """What every rule of one policy is read by."""

    defaults: Settings
    legacy: bool
    purpose: Purpose
    kinds: Kinds


@dataclass(frozen=True)
class _Shares:
    """Among how many rules the error of a decision is shared that each of them can make alone."""

    to_pass: int = 1
    """Alternatives of any_of, one within the other."""
    to_fail: int = 1
    """Gates, and parts of all_of: what a stop policy's optimistic bounds pay for."""


def _purpose(document: YamlDocument, top: Mapping[str, Node], legacy: bool) -> Purpose:
    if "purpose" not in top or fields.choice(document, top["purpose"], "purpose", ("release", "stop")) == "release":
        return "release"
    if legacy:
        message = "a legacy policy reproduces another system's release; it cannot be a stop policy"
        raise fields.refusal(document, top["purpose"], "stop", message)
    if "selection" in top:
        message = "a stop policy chooses nothing for a release, so it has no `selection`"
        raise fields.refusal(document, top["selection"], "stop", message, "put it in a policy of its own")
    return "stop"


def _registered(document: YamlDocument, node: Node) -> Registered:
    return "required" if fields.choice(document, node, "registered", ("required", "shown")) == "required" else "shown"


def _gate(document: YamlDocument, key: Node, node: Node, terms: _RuleTerms, shares: _Shares) -> Gate:
    name = fields.text(document, key, "gate name", NAME)
    fields_known = (*THRESHOLD_KEYS, *COMBINATIONS, *GATE_KEYS)
    given = fields.mapping(document, node, f"gate '{name}'", fields_known)
    rule = _rule(document, node, {k: v for k, v in given.items() if k not in GATE_KEYS}, terms, shares, 1)
    level: Level = "enforce"
    if "level" in given and fields.choice(document, given["level"], "level", ["enforce", "warn"]) == "warn":
        level = "warn"
    return Gate(
        name=name,
        rule=rule,
        required="required" not in given or fields.flag(document, given["required"], "required"),
        level=level,
        description=fields.text(document, given["description"], "description") if "description" in given else None,
        location=document.location(key),
    )


def _rule(
    document: YamlDocument,
    node: Node,
    given: Mapping[str, Node],
    terms: _RuleTerms,
    shares: _Shares,
    depth: int,
) -> Rule:
    combinations = [key for key in COMBINATIONS if key in given]
    if not combinations:
        rule = _threshold(document, node, given, terms)
        return replace(rule, alternatives=shares.to_fail if rule.optimistic else shares.to_pass)
    operator = combinations[0]
    others = [key for key in given if key != operator]
    if others:
        raise fields.refusal(
            document, given[others[0]], "mixed_rule", f"a rule is {operator} or a threshold, not both ('{others[0]}')"
        )
    if operator == "first_of" and not terms.legacy:
        raise fields.refusal(
            document,
            node,
            "fallback",
            "first_of falls back to another measurement when one is missing: a hole in a gate",
            "use all_of or any_of; only a policy with legacy: true may use it",
        )
    if depth > MAX_DEPTH:
        raise fields.refusal(document, node, "depth", f"rules are nested deeper than {MAX_DEPTH}")
    parts = fields.sequence(document, given[operator], operator)
    known = (*THRESHOLD_KEYS, *COMBINATIONS)
    # Alternatives within an alternative share what it may spend. A legacy policy reproduces rules that paid nothing.
    if operator == "any_of" and not terms.legacy:
        shares = replace(shares, to_pass=shares.to_pass * len(parts))
    if operator == "all_of":
        shares = replace(shares, to_fail=shares.to_fail * len(parts))
    rules = []
    for part in parts:
        inside = fields.mapping(document, part, "a rule", known)
        rules.append(_rule(document, part, inside, terms, shares, depth + 1))
    return Combined(operator=operator, rules=tuple(rules), location=document.location(node))


def _threshold(document: YamlDocument, node: Node, given: Mapping[str, Node], terms: _RuleTerms) -> Threshold:
    if not given:
        raise fields.refusal(document, node, "empty", "an empty rule would hold for anything")
    kind_node = fields.required(document, node, given, "from", "a rule")
    kind = kind_from(document, kind_node, terms.kinds)
    measure_node = fields.required(document, node, given, "measure", "a rule")
    measure = measure_from(document, measure_node, kind)
    operators = [key for key in OPERATORS if key in given]
    if len(operators) != 1:
        what = "no threshold" if not operators else f"{' and '.join(operators)}"
        raise fields.refusal(
            document, node, "one_threshold", f"a rule has exactly one of {', '.join(OPERATORS)}; this has {what}"
        )
    operator = OPERATORS[operators[0]]
    limit = given[operator.name]
    limits = operator.read(OperatorValue(document, limit, measure))
    settings = settings_from(document, given, terms.defaults)
    compared_with = BaseComparison()
    if operator.against == "base":
        compared_with = operator.comparison(OperatorValue(document, limit, measure), terms.purpose == "stop")
    bound: Bound = "confidence"
    if "bound" in given:
        bound = bound_from(document, given["bound"], operator, limits, terms.purpose)
    return Threshold(
        kind=kind.name,
        measure=measure,
        operator=operator.name,
        against=operator.against,
        limits=limits,
        bound=bound,
        every_seed=operator.every_seed,
        confidence=settings.confidence,
        min_seeds=settings.min_seeds,
        max_age=settings.max_age,
        allow_reported=settings.allow_reported,
        generalize_over=settings.generalize_over,
        protocol=fields.text(document, given["protocol"], "protocol") if "protocol" in given else None,
        selected_from=settings.selected_from,
        common_seeds=compared_with.common_seeds,
        across_subjects=compared_with.across_subjects,
        min_random_models=min_random_models_from(document, given, kind, measure),
        location=document.location(node),
        limit_location=document.location(limit),
    )


def _subject(document: YamlDocument, node: Node) -> SubjectFilter:
    given = fields.mapping(document, node, "subject", SUBJECT_KEYS)
    if not given:
        raise fields.refusal(document, node, "empty", "subject names nothing", "leave it out to accept any one subject")

    def words(key: str, pattern: str | None = None) -> str | None:
        return fields.text(document, given[key], key, pattern) if key in given else None

    def count(key: str) -> int | None:
        return fields.integer(document, given[key], key, 1, 100_000_000) if key in given else None

    return SubjectFilter(
        model=words("model"),
        model_digest=words("model_digest", "[0-9a-f]{64}"),
        hook=words("hook"),
        architecture=words("architecture"),
        d_sae=count("d_sae"),
        k=count("k"),
        digest=words("digest", "[0-9a-f]{12,64}"),
    )


def _signed_by(document: YamlDocument, node: Node) -> SignedBy:
    given = fields.mapping(document, node, "signed_by", ("roles", "threshold"))
    roles = fields.sequence(document, fields.required(document, node, given, "roles", "signed_by"), "roles")
    return SignedBy(
        roles=tuple(fields.text(document, role, "role", NAME) for role in roles),
        threshold=fields.integer(document, given["threshold"], "threshold", 1, 100) if "threshold" in given else 1,
    )


def _waiver(document: YamlDocument, node: Node, gates: list[str]) -> Waiver:
    given = fields.mapping(document, node, "a waiver", WAIVER_KEYS)

    def need(key: str) -> Node:
        return fields.required(document, node, given, key, "a waiver", WAIVER_KEYS[key])

    gate = fields.text(document, need("gate"), "gate")
    if gate not in gates:
        remedy = did_you_mean(gate, gates) or f"gates: {', '.join(gates)}"
        raise fields.refusal(document, need("gate"), "unknown_gate", f"the waiver names no gate: '{gate}'", remedy)
    return Waiver(
        gate=gate,
        owner=fields.text(document, need("owner"), "owner", limit=100),
        reason=fields.text(document, need("reason"), "reason"),
        expires=fields.day(document, need("expires"), "expires"),
        location=document.location(node),
    )


def read_policies(paths: list[str], kinds: Kinds = INSTALLED) -> tuple[list[Policy], list[GatekitError]]:
    """Read every policy; two with one id are refused, because reports and comments are told apart by it."""
    policies: list[Policy] = []
    errors = beyond(sizes_of(paths), POLICY_FILES)
    for path in () if errors else paths:
        try:
            policies.append(read_policy(path, kinds))
        except GatekitError as error:
            errors.append(without_frames(error))
    return policies, errors + duplicate_ids(policies) + too_many_rules(policies)


def too_many_rules(policies: Sequence[Policy]) -> list[GatekitError]:
    """Return an error for the first policy with which all of them have more than MOST_RULES thresholds."""
    total = 0
    for policy in policies:
        total += sum(1 for gate in policy.gates for _ in thresholds(gate.rule))
        if total > MOST_RULES:
            message = f"the policies together have more than {MOST_RULES} thresholds"
            return [GatekitError("policy.too_many_rules", message, Location(policy.path, 1))]
    return []


def duplicate_ids(policies: Sequence[Policy]) -> list[GatekitError]:
    """Return an error for every policy that has the id of one before it."""
    first: dict[str, Policy] = {}
    errors = []
    for policy in policies:
        other = first.setdefault(policy.id, policy)
        if other is not policy:
            message = f"id '{policy.id}' is also that of {other.path}"
            errors.append(GatekitError("policy.duplicate_id", message, Location(policy.path, 1)))
    return errors
