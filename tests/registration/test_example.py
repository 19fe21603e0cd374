"""examples/registered: the release policy of this repository for a lab that registers, and a registration for it."""

from __future__ import annotations

from pathlib import Path

from gatekit.evidence.summary import parse_time
from gatekit.policy import read_policy
from gatekit.policy.lint import lint
from gatekit.policy.model import thresholds
from gatekit.registration.reading import read_registration

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "registered"


def test_its_policy_asks_what_the_release_policy_asks_of_registered_evidence() -> None:
    strict, shown = (read_policy(str(f / "policies" / "release.yaml")) for f in (EXAMPLE, ROOT))
    assert (strict.registered, shown.registered) == ("required", "shown")
    asked = [[(r.kind, r.measure.name, r.limits) for g in p.gates for r in thresholds(g.rule)] for p in (strict, shown)]
    assert asked[0] == asked[1]
    assert lint(strict, parse_time("2026-03-02T12:00:00Z")) == []


def test_its_registration_announces_every_kind_that_the_policy_judges() -> None:
    policy = read_policy(str(EXAMPLE / "policies" / "release.yaml"))
    registration = read_registration(str(EXAMPLE / "registrations" / "reproducible-features.yaml"))
    kinds = {rule.kind for gate in policy.gates for rule in thresholds(gate.rule)}
    assert {measured.kind for measured in registration.measurements} == kinds
    assert registration.looks == (5, 10, 15)
