"""Evidence of other SAEs in the place of what was there needs approval where a supported claim stands on it."""

from __future__ import annotations

import json
from pathlib import Path

import builders
import pytest
import repositories

from gatekit.exit_codes import ExitCode
from tests.pull_request.change import FILE, OOD_FILE, POLICY, judged, ood, random_model, sources, with_status

APPROVED = ("gatekit-approved-{head}",)


def retrained(*seeds: int) -> str:
    """The evidence with other checkpoints for some seeds."""
    document = json.loads(random_model())
    for checkpoint in document["subject"]["checkpoints"]:
        if checkpoint["seed"] in seeds:
            checkpoint["sha256"] = builders.digest(f"again {checkpoint['seed']}")
    return json.dumps(document)


@pytest.mark.parametrize(("seeds", "said"), [((0, 1, 2, 3, 4), "5 seeds retrained"), ((3,), "1 seed retrained")])
def test_seeds_that_were_trained_again_need_approval(tmp_path: Path, seeds: tuple[int, ...], said: str) -> None:
    verdict = judged(tmp_path, {FILE: retrained(*seeds)})
    assert verdict.code is ExitCode.APPROVAL_NEEDED
    assert [(change.path, change.what.partition(";")[0]) for change in verdict.trust] == [(FILE, said)]
    assert judged(tmp_path / "approved", {FILE: retrained(*seeds)}, labels=APPROVED).code is ExitCode.PASS


def test_what_the_old_ones_failed_is_named(tmp_path: Path) -> None:
    verdict = judged(tmp_path, {FILE: retrained(0, 1, 2, 3, 4)}, base={FILE: random_model(dead=0.9)})
    (change,) = verdict.trust
    assert change.what == "5 seeds retrained; the old ones failed alive; claims 'agree', 'alive' stand on it"


JOINT = (
    POLICY + "  joint: {all_of: [{from: random_model, measure: dead_fraction, at_most: 0.2},"
    " {from: ood, measure: auc_drop, at_most: 0.1}]}\n"
)


@pytest.mark.parametrize(("drop", "said"), [(0.5, "the old ones failed joint"), (0.01, "the old ones passed")])
def test_a_gate_of_several_kinds_is_judged_on_all_evidence_of_the_subject(
    tmp_path: Path, drop: float, said: str
) -> None:
    # The other kind was measured long before, which made it no worse.
    long_ago = {"started": "2025-03-01T11:00:00Z", "finished": "2025-03-01T12:00:00Z"}
    other = json.loads(ood(drop))
    other["producer"] |= long_ago
    claims = with_status("ood", "supported").replace("gates: [ood]", "gates: [joint]")
    base = {
        "policies/demo.yaml": JOINT,
        "claims.yaml": claims,
        FILE: random_model(),
        OOD_FILE: json.dumps(other),
    }
    verdict = judged(tmp_path, {FILE: retrained(0, 1, 2, 3, 4)}, base=base)
    whats = [change.what for change in verdict.trust if change.path == FILE]
    assert len(whats) == 1
    assert said in whats[0]


def test_a_seed_that_is_left_out_needs_approval(tmp_path: Path) -> None:
    seeds = (0, 1, 2, 3, 4, 5)
    pairs = (builders.around(0.62, 0.02, 15), builders.around(0.41, 0.01, 15))
    measures = {"pw_mcc_above_control": pairs, "dead_fraction": builders.around(0.05, 0.01, 6)}
    six = builders.summary(
        "random_model", measures, seeds=seeds, producer_changes={"sources": sources("runners/measure.py")}
    )
    verdict = judged(tmp_path, {FILE: random_model()}, base={FILE: json.dumps(six)})
    assert [change.what.partition(";")[0] for change in verdict.trust] == ["seed 5 left out"]
    assert judged(tmp_path / "more", {FILE: json.dumps(six)}).trust == ()  # a seed more is no such choice


def test_another_subject_in_a_files_place_needs_approval(tmp_path: Path) -> None:
    document = json.loads(random_model())
    document["subject"] = builders.subject(d_sae=8192)
    verdict = judged(tmp_path, {FILE: json.dumps(document)})
    assert verdict.code is ExitCode.APPROVAL_NEEDED
    (change,) = verdict.trust
    assert "d_sae=4096" in change.what.partition(" replaced by ")[0]
    assert "d_sae=8192" in change.what.partition(" replaced by ")[2]


def test_the_same_checkpoints_measured_again_need_none(tmp_path: Path) -> None:
    again = json.loads(random_model())
    again["producer"]["finished"] = "2026-03-01T13:00:00Z"
    assert judged(tmp_path, {FILE: json.dumps(again)}).trust == ()


def test_evidence_that_no_supported_claim_stands_on_may_be_replaced(tmp_path: Path) -> None:
    one = with_status("agree", "pending")
    still = judged(tmp_path / "one", {"claims.yaml": one, FILE: retrained(1)})
    assert [change.path for change in still.trust] == [FILE]  # 'alive' stands on it
    none = judged(tmp_path / "none", {"claims.yaml": with_status("alive", "pending", one), FILE: retrained(1)})
    assert (none.trust, none.code) == ((), ExitCode.PASS)


def diverged(text: str, reason: str = "seed 0: all latents dead") -> str:
    return json.dumps({**json.loads(text), "status": "diverged", "reason": reason})


@pytest.mark.parametrize("after", [None, ood()])
def test_divergence_of_saes_that_are_measured_still_is_not_forgotten_unseen(tmp_path: Path, after: str | None) -> None:
    verdict = judged(tmp_path, {OOD_FILE: after}, base={OOD_FILE: diverged(ood())})
    assert verdict.code is ExitCode.APPROVAL_NEEDED
    (change,) = [change for change in verdict.trust if "have diverged" in change.what]
    assert change.path == OOD_FILE


@pytest.mark.parametrize("after", [{OOD_FILE: None, "evidence/b.json": diverged(ood())}, {OOD_FILE: None, FILE: None}])
def test_what_is_shown_elsewhere_or_measured_no_more_may_go(
    tmp_path: Path, after: dict[str, repositories.Content]
) -> None:
    verdict = judged(tmp_path, after, base={OOD_FILE: diverged(ood())})
    assert [change.what for change in verdict.trust if "have diverged" in change.what] == []
