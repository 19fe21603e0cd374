"""The operators of a rule: one entry each, with how its YAML is read and what the published schema says of it.

An operator says two things: which values pass (`Limits`), and whose values these are (`Against`: the measurement's own
effect's, or those of its difference to the base branch's). All the rest follows from these two. To add an operator, add
an entry to `OPERATORS` and run `make schemas`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gatekit.evidence.strict_yaml import Node, YamlDocument
from gatekit.kinds import MeasureSpec
from gatekit.policy import fields
from gatekit.policy.limits import Against, AtLeast, AtMost, Between, Limits

LARGEST = 1e300
"""Of a number in a policy; beyond it sums of squares overflow."""
NUMBER: Mapping[str, Any] = {"type": "number", "minimum": -LARGEST, "maximum": LARGEST}


@dataclass(frozen=True)
class OperatorValue:
    """The value of an operator's key in a policy's file, and the measure that its rule is about."""

    document: YamlDocument
    node: Node
    measure: MeasureSpec


BASE_KEYS = ("base", "seeds", "across_subjects")


@dataclass(frozen=True)
class BaseComparison:
    """With what of the base branch's evidence not_worse_than compares: see the fields of `Threshold`."""

    common_seeds: bool = False
    across_subjects: bool = False


@dataclass(frozen=True)
class Operator:
    """One operator of the policy language."""

    name: str
    """Its key in a rule."""
    against: Against
    read: Callable[[OperatorValue], Limits]
    """From the key's value to what passes; raises a `policy.*` error at the node that is wrong."""
    schema: Mapping[str, Any]
    """JSON Schema of the key's value, with its description."""
    every_seed: bool = False
    """Whether each seed's own value is compared, in place of a bound on their mean."""
    comparison: Callable[[OperatorValue, bool], BaseComparison] = lambda _, stops: BaseComparison(common_seeds=stops)
    """With what of the base it compares, from the key's value and whether the policy is a stop policy."""


def _at_least(given: OperatorValue) -> Limits:
    return AtLeast(fields.number(given.document, given.node, "at_least"))


def _at_most(given: OperatorValue) -> Limits:
    return AtMost(fields.number(given.document, given.node, "at_most"))


def _between(given: OperatorValue) -> Limits:
    document, node = given.document, given.node
    items = fields.sequence(document, node, "between", at_least=2)
    if len(items) != 2:
        raise fields.refusal(document, node, "value", "between takes two numbers: [low, high]")
    low, high = (fields.number(document, item, "between") for item in items)
    if not low < high:
        raise fields.refusal(document, node, "value", f"between [{low:g}, {high:g}] is empty: low must be below high")
    return Between(low, high)


def _not_worse_than(given: OperatorValue) -> Limits:
    document, node = given.document, given.node
    keys = fields.mapping(document, node, "not_worse_than", BASE_KEYS)
    base = fields.required(document, node, keys, "base", "not_worse_than")
    tolerated = fields.number(document, base, "the margin to base")
    if tolerated < 0:
        raise fields.refusal(document, base, "value", "the margin to base must be 0 or more")
    return AtLeast(-tolerated) if given.measure.direction == "higher" else AtMost(tolerated)


def _base_comparison(given: OperatorValue, stops: bool) -> BaseComparison:
    keys = fields.mapping(given.document, given.node, "not_worse_than", BASE_KEYS)
    # A pilot has fewer seeds than what it is compared with: stop policies pair.
    common = stops
    if "seeds" in keys:
        common = fields.choice(given.document, keys["seeds"], "seeds", ("all", "common")) == "common"
        if common and not stops:
            # Whoever measures the head could leave out the seeds that are bad here, or good in the base.
            raise fields.refusal(
                given.document,
                keys["seeds"],
                "value",
                "seeds: common stands only in a policy of purpose: stop: elsewhere the head could choose on which of "
                "its own and of the base's seeds they are compared",
            )
    across = "across_subjects" in keys and fields.flag(given.document, keys["across_subjects"], "across_subjects")
    return BaseComparison(common, across)


def _every_seed(given: OperatorValue) -> Limits:
    document, node = given.document, given.node
    readers = {"at_least": _at_least, "at_most": _at_most, "between": _between}
    keys = fields.mapping(document, node, "every_seed", tuple(readers))
    if len(keys) != 1:
        raise fields.refusal(document, node, "value", "every_seed takes one of at_least, at_most, between")
    ((name, limit),) = keys.items()
    return readers[name](OperatorValue(document, limit, given.measure))


_BETWEEN: Mapping[str, Any] = {"type": "array", "minItems": 2, "maxItems": 2, "items": NUMBER}

OPERATORS: Mapping[str, Operator] = {
    operator.name: operator
    for operator in (
        Operator(
            name="at_least",
            against="nothing",
            read=_at_least,
            schema={"description": "The lower bound must reach this.", **NUMBER},
        ),
        Operator(
            name="at_most",
            against="nothing",
            read=_at_most,
            schema={"description": "The upper bound must not exceed this.", **NUMBER},
        ),
        Operator(
            name="between",
            against="nothing",
            read=_between,
            schema={
                "description": "Lower and upper bound must lie in [low, high].",
                **_BETWEEN,
            },
        ),
        Operator(
            name="every_seed",
            against="nothing",
            read=_every_seed,
            schema={
                "description": "The value of every single seed must pass, without a bound: {at_least: 0.5}. A seed's "
                "value is its mean over pairs, datasets or rows, or its difference to the baseline.",
                "type": "object",
                "minProperties": 1,
                "maxProperties": 1,
                "additionalProperties": False,
                "properties": {"at_least": NUMBER, "at_most": NUMBER, "between": _BETWEEN},
            },
            every_seed=True,
        ),
        Operator(
            name="not_worse_than",
            against="base",
            read=_not_worse_than,
            comparison=_base_comparison,
            schema={
                "description": "The bound on the difference to the base branch's evidence, measured by the same "
                "protocol, must stay within the margin: {base: 0.02}.",
                "type": "object",
                "required": ["base"],
                "additionalProperties": False,
                "properties": {
                    "base": {
                        "description": "How much worse is tolerated, in the measurement's unit; 0 or more.",
                        "type": "number",
                        "minimum": 0,
                        "maximum": LARGEST,
                    },
                    "seeds": {
                        "description": "common: compare, paired, only the seeds that both sides measured; only in stop "
                        "policies, and default there. all (default elsewhere): other seeds are two independent groups.",
                        "enum": ["all", "common"],
                    },
                    "across_subjects": {
                        "description": "Also compare with another model, hook, architecture or size by the same "
                        "protocol. Default false.",
                        "type": "boolean",
                    },
                },
            },
        ),
    )
}
"""By the key of a rule, in the order that errors name them."""
