"""What a command line that names evidence does to the folders that policies name themselves."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from gatekit.gates.verdict import Verdict
from gatekit.policy import Policy


def on_given_evidence(policies: Sequence[Policy]) -> tuple[list[Policy], dict[str, tuple[str, ...]]]:
    """Return the policies as they judge what the command line names, and per id the folders that they name instead."""
    named = {policy.id: policy.evidence for policy in policies if policy.evidence}
    return [replace(policy, evidence=()) for policy in policies], named


def with_notes(verdict: Verdict, named: Mapping[str, tuple[str, ...]], given: Sequence[str]) -> Verdict:
    """Return the verdict with a note in every policy whose own folders were not the ones that were read.

    Args:
        verdict: what was found.
        named: per policy's id, what it names, as `on_given_evidence` says.
        given: what was read in its place, as the command line names it.
    """
    read = _listed(given)
    places = _places(given)
    return replace(
        verdict,
        policies=tuple(
            replace(
                policy,
                notes=(f"judged on {read}, not on {_listed(named[policy.id])}, which the policy names", *policy.notes),
            )
            if policy.id in named and _places(named[policy.id]) != places
            else policy
            for policy in verdict.policies
        ),
    )


def _places(paths: Iterable[str]) -> set[str]:
    """Return the paths however they are written: one folder may be named by `evidence/mine/` and `./evidence/mine`."""
    return {os.path.normpath(path) for path in paths}


def _listed(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
    return ", ".join(paths[:3]) + more
