"""What `bound:` of a rule asks to be compared with its threshold, and where it may ask for that."""

from __future__ import annotations

from gatekit.evidence.strict_yaml import Node, YamlDocument
from gatekit.policy import fields
from gatekit.policy.limits import Bound, Limits, natural_bound
from gatekit.policy.model import Purpose
from gatekit.policy.operators import Operator

WORDS = ("lower", "upper", "point", "optimistic")


def bound_from(document: YamlDocument, node: Node, operator: Operator, limits: Limits, purpose: Purpose) -> Bound:
    """Return what a rule compares that writes `bound` out.

    Raises:
        GatekitError: `policy.wrong_bound`, `policy.optimistic_bound`: it would make a gate easier than it looks.
    """
    if operator.every_seed:
        message = f"{operator.name} compares each seed's own value, and no bound"
        raise fields.refusal(document, node, "wrong_bound", message, "leave `bound` out")
    word = fields.choice(document, node, "bound", WORDS)
    if word == "optimistic" and purpose != "stop":
        raise fields.refusal(
            document,
            node,
            "optimistic_bound",
            "an optimistic bound passes all that the evidence does not refute, so only a stop policy may use it",
            "leave `bound` out, or write `purpose: stop` in a policy that says when a branch is given up",
        )
    if word in ("point", "optimistic"):
        return "point" if word == "point" else "optimistic"
    natural = natural_bound(limits)
    if word != natural:
        wanted = f"the {natural} bound" if natural else "both bounds"
        raise fields.refusal(
            document,
            node,
            "wrong_bound",
            f"{operator.name} compares {wanted}; '{word}' would make the gate easier",
            "leave `bound` out, or write `bound: point`",
        )
    return "confidence"
