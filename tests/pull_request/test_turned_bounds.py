"""A sentence that shows the end of an interval which no gate compares, and not the one that a gate does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from repositories import Content

from gatekit.exit_codes import ExitCode
from gatekit.pull_request.verdict import PullRequestVerdict
from tests.pull_request.change import CLAIMS, FILE, README, judged, with_status

VALUE = f"<!-- gatekit:value {FILE} pw_mcc_above_control estimate +.4f -->+0.2100<!-- /gatekit:value -->"
BOUNDS = {"lower": "+0.2079", "upper": "+0.2121"}


def shown(side: str) -> str:
    return f"<!-- gatekit:value {FILE} pw_mcc_above_control {side} +.4f -->{BOUNDS[side]}<!-- /gatekit:value -->"


def showing(*sides: str) -> dict[str, Content]:
    """README and registry whose claim `agree`, held to a lower end, says these ends."""
    said = ", ".join(["by {} on average", *("at {}" for _ in sides)])
    numbers = ", ".join([f"{VALUE} on average", *(f"at {shown(side)}" for side in sides)])
    sentence = CLAIMS.replace("by {} on average", said)
    return {"claims.yaml": sentence, "README.md": README.replace(f"{VALUE} on average", numbers)}


def turned(verdict: PullRequestVerdict) -> bool:
    return any("a bound that none of its gates compares" in change.what for change in verdict.trust)


@pytest.mark.parametrize("base", [{}, showing("lower")], ids=["new words", "the same words"])
def test_the_other_end_alone_needs_approval(tmp_path: Path, base: Mapping[str, Content]) -> None:
    verdict = judged(tmp_path, showing("upper"), base=base)
    assert (verdict.code, [change.path for change in verdict.trust]) == (ExitCode.APPROVAL_NEEDED, ["claim agree"])
    assert turned(verdict)


@pytest.mark.parametrize("sides", [("lower",), ("lower", "upper")])
def test_the_end_that_a_gate_compares_and_an_interval_need_none(tmp_path: Path, sides: tuple[str, ...]) -> None:
    assert judged(tmp_path, showing(*sides)).code is ExitCode.PASS


def test_what_the_base_showed_already_needs_none(tmp_path: Path) -> None:
    assert judged(tmp_path, {"docs/notes.md": "More.\n"}, base=showing("upper")).code is ExitCode.PASS


def test_a_claim_that_showed_it_while_it_was_pending_needs_approval_when_it_is_supported(tmp_path: Path) -> None:
    upper = showing("upper")
    pending = {**upper, "claims.yaml": with_status("agree", "pending", str(upper["claims.yaml"]))}
    assert not judged(tmp_path / "pending", pending).trust
    assert turned(judged(tmp_path / "supported", {"claims.yaml": upper["claims.yaml"]}, base=pending))
