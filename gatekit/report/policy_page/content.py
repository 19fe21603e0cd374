"""What the page shows: the verdict, every policy's answers, where its numbers stand in its file, and the history."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from gatekit.errors import GatekitError
from gatekit.evidence.strict_yaml import read_yaml
from gatekit.gates.judging_inputs import JudgingInputs
from gatekit.gates.sensitivity import PolicyAnswer, policy_answers
from gatekit.gates.verdict import Verdict
from gatekit.history.judging import History
from gatekit.policy.limit_places import LimitPlace, limit_places
from gatekit.policy.model import Policy, Threshold, thresholds


@dataclass(frozen=True)
class PageThreshold:
    """One threshold, with the places of its numbers; None where its file does not have them as they were read."""

    rule: Threshold
    places: tuple[LimitPlace, ...] | None


@dataclass(frozen=True)
class PagePolicy:
    """One policy with what it says of every subject."""

    policy: Policy
    thresholds: tuple[PageThreshold, ...]
    answers: tuple[PolicyAnswer, ...]
    """The first is what `gatekit check` judges."""
    left_out: int
    """Subjects that are not shown."""


@dataclass(frozen=True)
class PageContent:
    """Everything on the page."""

    verdict: Verdict
    policies: tuple[PagePolicy, ...]
    history: History | str
    """Or why there is none, in a sentence without a full stop."""


def page_content(given: JudgingInputs, verdict: Verdict, history: History | str) -> PageContent:
    """Judge every policy wherever its thresholds stood.

    Args:
        given: what is judged.
        verdict: what `gatekit check` says of it.
        history: verdicts along the branch, or why there are none.
    """
    found = []
    for policy in sorted(given.policies, key=lambda policy: (policy.path, policy.id)):
        answers, left_out = policy_answers(policy, given)
        found.append(PagePolicy(policy, _with_places(policy), tuple(answers), left_out))
    return PageContent(verdict, tuple(found), history)


def short_name(answer: PolicyAnswer) -> str:
    """Return the file or folder that holds all evidence of an answer; raw text."""
    paths = answer.evidence
    if not paths:
        return "no evidence"
    return paths[0] if len(paths) == 1 else _common(paths)


def _common(paths: Sequence[str]) -> str:
    try:
        return os.path.commonpath(paths) or f"{len(paths)} files"
    except ValueError:  # absolute beside relative
        return f"{len(paths)} files"


def _with_places(policy: Policy) -> tuple[PageThreshold, ...]:
    rules = [rule for gate in policy.gates for rule in thresholds(gate.rule)]
    try:
        document = read_yaml(policy.path)
    except (GatekitError, OSError):
        document = None
    if document is None or document.sha256 != policy.sha256:
        return tuple(PageThreshold(rule, None) for rule in rules)  # it has just been changed, and is read again soon
    return tuple(map(PageThreshold, rules, limit_places(document, rules)))
