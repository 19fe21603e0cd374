"""Verdicts on pull requests that a reviewer meets, from real repositories, and one whose every text is hostile."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import builders
import repositories

from gatekit.claims.claim_change import ClaimChange, SideBySide
from gatekit.claims.finding import Finding
from gatekit.claims.slots import ContextNumber
from gatekit.errors import GatekitError, Location
from gatekit.exit_codes import ExitCode
from gatekit.gates.following import followed
from gatekit.gates.verdict import Outcome
from gatekit.policy import PolicyDiff
from gatekit.policy.diff import Change, Detail, GateChange
from gatekit.pull_request.continuity_claims import SubjectChange
from gatekit.pull_request.moves import Move
from gatekit.pull_request.trust_root import TrustChange
from gatekit.pull_request.verdict import ClaimGate, EvidenceChange, Flip, PullRequestVerdict
from tests.pull_request.change import FILE, MEASURE, POLICY, README, judged, random_model, with_status, withdrawn
from tests.report.report_verdicts import hostile as hostile_gates

LOOSE = POLICY.replace("at_least: 0.1", "at_least: 0.0")
TIGHT = POLICY.replace("at_least: 0.1", "at_least: 0.2")
RETRAINED = [{"seed": seed, "sha256": builders.digest(f"again {seed}")} for seed in builders.SEEDS]
Files = dict[str, repositories.Content]

CHANGES: dict[str, Files] = {
    "loosened": {
        "policies/demo.yaml": LOOSE,
        FILE: random_model(above=0.05),
        "README.md": README.replace("+0.2100", "+0.0500"),
    },
    "edited_by_hand": {"README.md": README.replace("+0.2100", "+0.9000")},
    "honest": {FILE: random_model(above=0.25), "README.md": README.replace("+0.2100", "+0.2500")},
    "withdrawn": {**withdrawn("agree"), FILE: random_model(above=0.01)},
    "stale": {"runners/measure.py": MEASURE + "\n"},
    "refused": {"evidence/new.json": "{", "policies/demo.yaml": POLICY.replace("at_least", "at_leest")},
    "approved": {"action.yml": "runs: {}\n", "policies/demo.yaml": TIGHT},
    "unmeasured": {"claims.yaml": with_status("ood", "supported")},
    "remark": {"README.md": README + "\nIt is 12.5 % better.\n"},
    "unregistered": {"docs/notes.md": "More.\n"},
    "nothing": {"docs/notes.md": "More.\n"},
    "retrained": {FILE: random_model(of=builders.subject(checkpoints=RETRAINED))},
    "already_wrong": {"docs/notes.md": "More.\n"},
}
"""The change of each pull request."""


@cache
def verdict(name: str) -> PullRequestVerdict:
    """The verdict on one of CHANGES, as gatekit 0.1.0 gives it."""
    bases: dict[str, Files] = {
        "already_wrong": {"README.md": README.replace("+0.2100", "+0.9000")},
        "unregistered": {"claims.yaml": None},
        "retrained": {FILE: random_model(above=0.05)},
    }
    labels = ["gatekit-approved-{head}"] if name == "approved" else []
    with tempfile.TemporaryDirectory() as folder:
        made = judged(Path(folder) / "repository", CHANGES[name], bases.get(name), labels=labels)
    return replace(
        made,
        version="0.1.0",
        judged=made.judged and replace(made.judged, version="0.1.0"),
        preview=made.preview and replace(made.preview, version="0.1.0"),
    )


def hostile(text: str) -> PullRequestVerdict:
    """A verdict with the same text in every field that another person writes."""
    place = Location(text, 3, 2, source_line=text)
    detail = Detail(Change.LOOSENED, text)
    gates = hostile_gates(text)
    finding = Finding(f"x.{text}", text, place, text, ExitCode.BLOCKED, text, text)
    return PullRequestVerdict(
        version=text,
        now=gates.now,
        base="1" * 40,
        base_name=text,
        head="2" * 40,
        root=text,
        result="3" * 40,
        notes=(text,),
        registered=True,
        claims=(
            ClaimChange("number_changed", None, text, place, (text,)),
            ClaimChange("added", text, text, place, (text,), SideBySide("sentence", text, text)),
        ),
        claim_gates=(ClaimGate(text, text, text, Outcome.FAIL, True), ClaimGate(text, text, text, None, False)),
        policies=(
            PolicyDiff(
                text, Change.LOOSENED, (GateChange(text, Change.LOOSENED, (detail, detail)),), (detail,), (detail,)
            ),
        ),
        flips=(Flip(text, text, None, Outcome.PASS),),
        trust=(TrustChange(text, text),),
        approval=text,
        approved_by=text,
        evidence=(EvidenceChange(text, "stale", text),),
        moved=tuple(Move(text, text, text, rule, rule) for _, _, rule in followed(gates))[:2],
        subjects=(SubjectChange(text, "retrained", text, (text,), True),),
        blocking=(finding, replace(finding, error_id="claims.gate_fails")),
        advisory=(finding,),
        remarks=(finding,),
        context=(ContextNumber(text, text, text, place),),
        judged=replace(gates, policies=(*gates.policies, replace(gates.policies[0], id=text + "2"))),
        preview=gates,
        errors=(GatekitError(f"x.{text}", text, place, text),),
        code=ExitCode.REFUSED,
    )
