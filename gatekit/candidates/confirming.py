"""A candidate before the gates: the selection is repeated from the evidence, and the gates pay for it.

Nothing in candidate.json is believed. Its policy and every summary that it was chosen from must be there with the same
bytes; the selection is made again from them and must come out the same, number by number.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from gatekit.candidates.documents import candidate_document
from gatekit.candidates.pool import kinds_read, on_seeds
from gatekit.candidates.selecting import CandidateStatus, select
from gatekit.errors import GatekitError, Location, UsageError
from gatekit.evidence.newer_schema import REMEDY, newer_schema
from gatekit.evidence.schemas import check
from gatekit.evidence.strict_json import SUMMARY_LIMITS, Document, parse_json, read_json
from gatekit.evidence.summary import Summary
from gatekit.evidence.times import parse_time
from gatekit.gates.evaluate import CLOCK_SKEW, Signer, matches
from gatekit.policy.model import Combined, Policy, Rule, Selection, Threshold

SCHEMA = "gatekit.candidate/1"
UNCOMPARED = ("tool",)
"""What may differ between a candidate file and the selection repeated: who wrote it."""
SECOND_FACTORS = {"per_seed_dataset": "dataset", "per_seed_row": "row"}


@dataclass(frozen=True)
class ConfirmedEvidence:
    """What the gates judge in place of all the evidence."""

    policies: tuple[Policy, ...]
    summaries: tuple[Summary, ...]
    """Of the selected subject alone, with the seeds that may confirm."""
    note: str
    """For the verdict: which candidate, by which file, and what its bounds pay for."""


def read_candidate(path: str) -> Document:
    """Read a candidate file.

    Raises:
        UsageError: there is no such file.
        GatekitError: `json.*` or `schema.*` with file and JSON pointer, or `candidate.not_a_candidate`.
    """
    if not os.path.lexists(path):
        raise UsageError(f"no candidate at '{path}'", "check the path; `gatekit select` writes one")
    return _candidate(read_json(path, SUMMARY_LIMITS))


def parse_candidate(data: bytes, name: str) -> Document:
    """Read a candidate file from bytes, as `read_candidate` does from a file."""
    return _candidate(parse_json(data, name, SUMMARY_LIMITS))


def _candidate(document: Document) -> Document:
    path = document.path
    if not isinstance(document.value, dict) or document.value.get("schema") != SCHEMA:
        newer = newer_schema(document.value.get("schema"), SCHEMA) if isinstance(document.value, dict) else None
        if newer is not None:
            raise GatekitError("candidate.newer_schema", newer, Location(path, pointer="/schema"), REMEDY)
        raise GatekitError(
            "candidate.not_a_candidate",
            f'this is not a candidate (no "schema": "{SCHEMA}")',
            Location(path, pointer=""),
            "`gatekit select` writes one; what a legacy policy selects is none",
        )
    check("candidate", document.value, path)
    return document


def confirm(
    document: Document,
    policies: Sequence[Policy],
    summaries: Sequence[Summary],
    now: datetime,
    signers: Mapping[str, frozenset[Signer]] | None = None,
) -> ConfirmedEvidence:
    """Return what the gates may judge about a candidate.

    Args:
        document: the candidate file.
        policies: those that judge; the one that selected must be among them.
        summaries: all evidence that was given.
        now: aware UTC time.
        signers: as for `gates.evaluate.evaluate`.

    Raises:
        GatekitError: `candidate.*`: the file does not follow from this policy and this evidence.
    """
    value, path = document.value, document.path
    assert isinstance(value, dict)
    policy, selection = _policy(value, path, policies)
    used = _evidence(value, path, summaries)
    moment = _moment(value["now"], path, used, now)
    # As of the time of the selection, so that evidence that has grown old since does not change who won.
    # Who set others aside may have looked at the seeds that were kept for confirmation: then those pay for the choice.
    aside = {one["subject_digest"] for one in value["candidates"] if one["outcome"] == CandidateStatus.SET_ASIDE}
    again = select(policy, selection, used, moment, signers=signers, set_aside=aside)
    if again.errors:
        raise again.errors[0]
    if again.winner is None:
        raise _refusal("differs", "from this evidence nothing is selected", path, "", "run `gatekit select` again")
    _same(value, candidate_document(again, again.winner), path)
    # Last: evidence that was left out would make the number of candidates, and so the price, too small.
    _all_read(value, path, policy, selection, summaries)
    # Seeds that selected nothing are judged at the plain confidence; without any, the bounds pay for the choice.
    confirmed = selection.confirm_seeds
    set_apart = confirmed is not None and not aside
    own = [s for s in summaries if s.subject.digest == value["subject_digest"]]
    words = f"best of {again.compared} by {path} (sha256 {document.sha256})"
    judged = list(own)
    if confirmed is None:
        paid = "judged on the observations that selected it, at a confidence that pays for that"
    else:
        judged = [on_seeds(summary, confirmed) for summary in own]
        seeds = ", ".join(map(str, confirmed))
        paid = f"judged on seeds {seeds}, which selected nothing; bounds over shared datasets or rows pay all the same"
        if aside:
            paid = f"judged on seeds {seeds}, at a confidence that pays for the choice: {len(aside)} were set aside"
    return ConfirmedEvidence(
        # The candidate names its evidence itself, by digest: what was compared lies in several folders.
        policies=tuple(replace(paying(p, again.compared, set_apart), evidence=()) for p in policies),
        summaries=tuple(judged),
        note=f"candidate {value['words']}: {words}; {paid}",
    )


def _policy(value: dict[str, Any], path: str, policies: Sequence[Policy]) -> tuple[Policy, Selection]:
    named = value["policy"]
    found = next((policy for policy in policies if policy.id == named["id"]), None)
    if found is None:
        message = f"it was selected by policy '{named['id']}', which is not among those given"
        raise _refusal("policy", message, path, "/policy", f"add --policy {named['path']}")
    if found.sha256 != named["sha256"] or not isinstance(found.selection, Selection):
        message = f"policy '{found.id}' ({found.path}) has changed since it selected"
        raise _refusal("policy", message, path, "/policy/sha256", "run `gatekit select` again")
    return found, found.selection


def _evidence(value: dict[str, Any], path: str, summaries: Sequence[Summary]) -> list[Summary]:
    """Return the summaries that the candidate names, under the paths that it names them by."""
    # By content: a summary may lie under another path than when it was compared.
    given = {summary.sha256: summary for summary in summaries}
    used = []
    for index, entry in enumerate(value["evidence"]):
        summary = given.get(entry["sha256"])
        if summary is None:
            # Other bytes under the same path: the file has changed, and the message says so.
            at_path = next((s for s in summaries if s.path == entry["path"]), None)
            what = "has changed since the selection" if at_path is not None else "is not among the evidence given"
            raise _refusal(
                "evidence",
                f"{entry['path']} {what}",
                path,
                f"/evidence/{index}/sha256",
                "give everything that was compared, or run `gatekit select` again",
            )
        used.append(replace(summary, path=entry["path"]))
    return used


def _moment(text: str, path: str, used: Sequence[Summary], now: datetime) -> datetime:
    """Return the time of the selection; refuse one that has not come, or that came before its own evidence."""
    try:
        moment = parse_time(text)
    except ValueError:
        raise _refusal("time", f"{text} is not a day and time that exists", path, "/now") from None
    if moment - now > CLOCK_SKEW:
        raise _refusal("future", f"selected at {text}, which is in the future", path, "/now")
    early = next((summary for summary in used if summary.finished - moment > CLOCK_SKEW), None)
    if early is not None:
        raise _refusal("too_early", f"selected at {text}, before {early.path} was measured", path, "/now")
    return moment


def _all_read(
    value: dict[str, Any], path: str, policy: Policy, selection: Selection, summaries: Sequence[Summary]
) -> None:
    """Refuse evidence that the selection reads and has not read: k would be too small, or a rival without its numbers.

    The same bytes under another path are read already.
    """
    known = {candidate["subject_digest"] for candidate in value["candidates"]}
    read = {entry["sha256"] for entry in value["evidence"]}
    kinds = kinds_read(policy, selection)
    for summary in sorted(summaries, key=lambda s: s.path):
        if summary.sha256 in read or summary.kind not in kinds or not matches(policy.subject, summary):
            continue
        compared = summary.subject.digest in known
        what = "which was compared without it" if compared else "which was not among the candidates"
        raise _refusal(
            "not_read" if compared else "not_compared",
            f"{summary.path} is about {summary.subject.words}, {what}",
            path,
            "/evidence" if compared else "/candidates",
            "run `gatekit select` again, or keep that evidence elsewhere",
        )


def _same(stated: Any, found: Any, path: str) -> None:
    """Refuse a file that does not say what the selection says, naming the first place where they differ."""
    place = _first_difference(
        {k: v for k, v in stated.items() if k not in UNCOMPARED},
        {k: v for k, v in found.items() if k not in UNCOMPARED},
        "",
    )
    if place is not None:
        raise _refusal(
            "differs", "the selection made again from this evidence says otherwise", path, place, "select again"
        )


def _first_difference(stated: Any, found: Any, pointer: str) -> str | None:
    if isinstance(stated, dict) and isinstance(found, dict) and stated.keys() == found.keys():
        steps = ((_first_difference(stated[key], found[key], f"{pointer}/{key}")) for key in stated)
        # The policy's path may be written from another folder; its digest was compared.
        return next((step for step in steps if step not in (None, "/policy/path")), None)
    if isinstance(stated, list) and isinstance(found, list) and len(stated) == len(found):
        steps = (_first_difference(a, b, f"{pointer}/{i}") for i, (a, b) in enumerate(zip(stated, found, strict=True)))
        return next((step for step in steps if step is not None), None)
    return None if stated == found else pointer


def paying(policy: Policy, compared: int, set_apart: bool) -> Policy:
    """Return the policy with every bound paying for the choice, where it uses what the choice was made on."""
    gates = tuple(replace(gate, rule=_rule_paying(gate.rule, compared, set_apart)) for gate in policy.gates)
    return replace(policy, gates=gates)


def _rule_paying(rule: Rule, compared: int, set_apart: bool) -> Rule:
    if isinstance(rule, Combined):
        return replace(rule, rules=tuple(_rule_paying(part, compared, set_apart) for part in rule.rules))
    return (
        rule
        if set_apart and not _shares_levels(rule)
        else replace(rule, selected_from=max(rule.selected_from, compared))
    )


def _shares_levels(rule: Threshold) -> bool:
    """Whether a bound also speaks for datasets or rows: those are the same ones on every seed."""
    return SECOND_FACTORS.get(rule.measure.design) in rule.generalize_over


def _refusal(error_id: str, message: str, path: str, pointer: str, remedy: str | None = None) -> GatekitError:
    return GatekitError(f"candidate.{error_id}", message, Location(path, pointer=pointer), remedy)
