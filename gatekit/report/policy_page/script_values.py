"""What the script of the page computes with: limits, bounds, and how outcomes are combined. Numbers only, no sentences.

Doubles are written as Python prints them, so the script compares exactly the numbers that the gate compares.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

from gatekit.gates.sensitivity import ThresholdAnswer
from gatekit.gates.verdict import WORDS
from gatekit.policy.limits import sides
from gatekit.policy.lint import limit_range
from gatekit.policy.model import Combined, Rule
from gatekit.report.json_values import text
from gatekit.report.policy_page.content import PageContent, PagePolicy, PageThreshold
from gatekit.report.policy_page.plot import LEFT, RIGHT, span


def script_values(content: PageContent, version: str | None) -> str:
    """Return the JSON for a `<script type="application/json">` element.

    Args:
        content: of the page.
        version: what the server calls this reading of the files; None for a file, which never changes.

    Raises:
        ValueError: a number is not finite. The gate never computes one, so this is a fault of gatekit.
    """
    thresholds: list[dict[str, Any]] = []
    policies = [_policy(index, policy, thresholds) for index, policy in enumerate(content.policies)]
    value = {
        "version": version,
        "left": LEFT,
        "right": RIGHT,
        "policies": policies,
        "thresholds": thresholds,
        "lines": _lines(content),
    }
    return _in_markup(value)


def empty_values(version: str) -> str:
    """Return what a page without a policy gives its script."""
    return _in_markup({"version": version, "policies": [], "thresholds": [], "lines": {}})


def _in_markup(value: dict[str, Any]) -> str:
    whole = json.dumps(value, allow_nan=False, ensure_ascii=True, separators=(",", ":"))
    # Nothing in it can end the element or be markup, for readers of HTML and of XML.
    return whole.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e").replace("##[", "#\\u0023[")


def _policy(index: int, page: PagePolicy, thresholds: list[dict[str, Any]]) -> dict[str, Any]:
    numbers = iter(range(len(thresholds), len(thresholds) + len(page.thresholds)))
    answers = [answer.thresholds for answer in page.answers]
    for position, threshold in enumerate(page.thresholds):
        of_all = [of_one[position] for of_one in answers]
        key = f"{page.policy.id} {position} {threshold.rule.effect}"
        thresholds.append({"policy": index, "key": key, **_threshold(threshold, of_all)})
    return {
        "gates": [
            {"counts": result.enforced, "rule": _rule(gate.rule, numbers)}
            for gate, result in zip(page.policy.gates, page.answers[0].result.gates, strict=True)
        ],
        "refused": [answer.refused for answer in page.answers],
        "was": [WORDS[answer.result.code] for answer in page.answers],
    }


def _rule(rule: Rule, numbers: Iterator[int]) -> Any:
    """Return the number of a threshold on the page, or how rules are combined."""
    if isinstance(rule, Combined):
        return {"operator": rule.operator, "rules": [_rule(part, numbers) for part in rule.rules]}
    return next(numbers)


def _threshold(page: PageThreshold, answers: Sequence[ThresholdAnswer]) -> dict[str, Any]:
    rule = page.rule
    places = page.places or ()
    signs = [place.sign for place in places] or [1] * len(sides(rule.limits))
    low, high = limit_range(rule)
    return {
        "sides": [
            {"upper": side.upper, "sign": sign, "limit": side.limit}
            for side, sign in zip(sides(rule.limits), signs, strict=True)
        ],
        "was": [place.raw for place in places],
        "tolerance": rule.against == "base",
        "range": [low if math.isfinite(low) else None, high if math.isfinite(high) else None],
        "span": span(rule.limits, answers),
        "answers": [
            {
                "compared": answer.compared,
                "met": answer.met.value,
                "missed": answer.missed.value,
                "was": answer.result.outcome.value,
                "most": answer.most,
            }
            for answer in answers
        ],
    }


def _lines(content: PageContent) -> dict[str, dict[str, Any]]:
    """Return the lines of the policies that hold numbers of thresholds, with each number's place."""
    found: dict[str, dict[str, Any]] = {}
    number = 0
    for page in content.policies:
        for threshold in page.thresholds:
            for side, place in enumerate(threshold.places or ()):
                where = f"{place.location.path}:{place.location.line}"
                line = found.setdefault(where, {"text": place.location.source_line or "", "numbers": []})
                start = (place.location.column or 1) - 1
                line["numbers"].append({"threshold": number, "side": side, "start": start, "was": place.raw})
            number += 1
    return {text(where): line for where, line in found.items()}
