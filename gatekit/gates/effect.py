"""What a rule is about and what it asks, in words: the one place that says it for judging and for every report.

A rule is about the effect of one measurement: its values, their difference to a baseline that was measured beside them,
or the difference of either to the base branch's evidence. Everything here is raw text that may hold names which others
chose; each format makes it inert for its own readers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, assert_never

from gatekit.kinds import MeasureSpec
from gatekit.policy.limits import Form, Limits, clause, effect_name, ends, form, symbols
from gatekit.policy.model import Threshold

About = Literal["value", "difference to baseline", "difference to base"]


@dataclass(frozen=True)
class Effect:
    """What is compared, and with what."""

    kind: str
    """The kind of summary that the rule reads."""
    spec: MeasureSpec
    """The measure that the rule reads."""
    about: About
    """The value itself, its difference to the baseline of the same summary, or the effect's difference to the base
    branch's evidence."""
    limits: Limits
    """Which values of the effect pass."""
    every_seed: bool = False
    """Whether each seed's own value is asked for, in place of a bound on their mean."""

    @property
    def measure(self) -> str:
        """The measure's name."""
        return self.spec.name

    @property
    def unit(self) -> str:
        """The measure's unit."""
        return self.spec.unit

    @property
    def name(self) -> str:
        """What the effect is called: `saebench.auc`, `saebench.auc_delta`, `saebench.auc - base`."""
        return self.name_in(None)

    def name_in(self, gate: str | None) -> str:
        """Return the name, without the kind inside a gate that is called like the kind."""
        return effect_name(self.kind, self.measure, "base" if self.against_base else "nothing", gate)

    @property
    def measurement(self) -> str:
        """The name of what was measured, before the base branch's evidence is subtracted."""
        return effect_name(self.kind, self.measure, "nothing")

    @property
    def noun(self) -> str:
        """What one number of it is called in a sentence: `value`, or `difference to base`."""
        match self.about:
            case "value" | "difference to baseline":
                return "value"
            case "difference to base":
                return "difference to base"
        assert_never(self.about)

    @property
    def asks(self) -> str:
        """The threshold as a table has it: `>= 0`, `<= 0.1`, `16 to 64`."""
        return f"every seed {symbols(self.limits)}" if self.every_seed else symbols(self.limits)

    @property
    def clause(self) -> str:
        """The threshold as a sentence has it: `at least 0`, `at most 0.1`, `between 16 and 64`."""
        return f"{clause(self.limits)} for every seed" if self.every_seed else clause(self.limits)

    @property
    def form(self) -> Form:
        """The threshold's form as reports for machines name it: at_least, at_most, between."""
        return form(self.limits)

    @property
    def against_base(self) -> bool:
        """Whether the base branch's evidence is subtracted."""
        return self.about == "difference to base"

    @property
    def low(self) -> float | None:
        """The smallest value that passes; None where there is no such end."""
        return ends(self.limits)[0]

    @property
    def high(self) -> float | None:
        """The largest value that passes; None where there is no such end."""
        return ends(self.limits)[1]

    @property
    def range(self) -> tuple[float, float]:
        """The smallest and the largest value that the effect can have, as far as its measure tells.

        A difference to the base is bounded by no range that a reader of the measure would expect, so it has none.
        """
        match self.about:
            case "value" | "difference to baseline":
                return self.spec.effect_range
            case "difference to base":
                return -math.inf, math.inf
        assert_never(self.about)


def effect_of(rule: Threshold) -> Effect:
    """Return what a rule of a policy is about."""
    match rule.against:
        case "nothing":
            about: About = "difference to baseline" if rule.measure.compares else "value"
        case "base":
            about = "difference to base"
        case _:
            assert_never(rule.against)
    return Effect(rule.kind, rule.measure, about, rule.limits, rule.every_seed)
