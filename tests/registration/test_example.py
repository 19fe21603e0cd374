"""examples/registered: the release policy of this repository for a lab that registers, and a registration for it."""

from __future__ import annotations

from pathlib import Path

from gatekit.evidence.strict_yaml import parse_yaml, read_yaml
from gatekit.evidence.times import parse_time
from gatekit.policy import read_policy
from gatekit.policy.lint import lint
from gatekit.policy.model import thresholds
from gatekit.registration.reading import read_registration

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "registered"


def test_its_policy_asks_what_the_release_policy_asks_of_registered_evidence() -> None:
    example, release = (read_policy(str(f / "policies" / "release.yaml")) for f in (EXAMPLE, ROOT))
    assert (example.registered, release.registered) == ("required", "required")
    asked = [
        [(r.kind, r.measure.name, r.limits) for g in p.gates for r in thresholds(g.rule)] for p in (example, release)
    ]
    assert asked[0] == asked[1]
    assert lint(example, parse_time("2026-03-02T12:00:00Z")) == []


def test_what_judges_unannounced_evidence_asks_all_that_the_release_policy_asks_but_for_a_registration() -> None:
    texts = [(ROOT / "policies" / f"{name}.yaml").read_text(encoding="utf-8") for name in ("release", "exploratory")]
    asked, shown = (parse_yaml(text.encode(), "policy.yaml").plain() for text in texts)
    differ = {key for key in asked | shown if asked.get(key) != shown.get(key)}
    assert differ == {"id", "registered", "description"}
    assert (asked["registered"], shown["registered"]) == ("required", "shown")


def test_no_claim_and_no_registered_cycle_is_judged_by_what_asks_for_no_registration() -> None:
    claims = read_yaml(ROOT / "claims.yaml").plain()["claims"]
    assert "exploratory" not in {claim["policy"] for claim in claims}
    for path in sorted((ROOT / "cycles").glob("*.yaml")):
        plan = read_yaml(path).plain()
        assert plan["finish"]["check"] == f"policies/{'release' if 'claim' in plan else 'exploratory'}.yaml"


def test_its_registration_announces_every_kind_that_the_policy_judges() -> None:
    policy = read_policy(str(EXAMPLE / "policies" / "release.yaml"))
    registration = read_registration(str(EXAMPLE / "registrations" / "reproducible-features.yaml"))
    kinds = {rule.kind for gate in policy.gates for rule in thresholds(gate.rule)}
    assert {measured.kind for measured in registration.measurements} == kinds
    assert registration.looks == (5, 10, 15)
