"""`at_least` in the rules: no supported claim asks less of a measure than that policy, or stands on another measure."""

from __future__ import annotations

import pytest

from gatekit.claims import common_bar, parse_registry
from gatekit.claims.checking import check
from gatekit.claims.finding import Finding
from gatekit.errors import GatekitError
from gatekit.exit_codes import ExitCode
from gatekit.kinds import INSTALLED
from gatekit.policy import parse_policy
from tests.claims.registered import NOW, POLICY, REGISTRY

HEAD = "schema: gatekit.policy/1\nid: least\ngates:\n"
ABOVE = "  above: {from: random_model, measure: pw_mcc_above_control, at_least: 0.0}\n"
GOOD = "  good: {from: random_model, measure: r2, at_least: 0.5}\n"


def found(gates: str, registry: str = REGISTRY, head: str = HEAD) -> list[Finding]:
    """What `check` says of the bar, of the claim `agree` that needs the gates `above` and `good` of POLICY."""
    registry = registry.replace("  claim_language: error\n", "  claim_language: error\n  at_least: least\n")
    policies = [parse_policy(text.encode(), "p.yaml", INSTALLED) for text in (POLICY, head + gates)]
    result = check(parse_registry(registry.encode(), "claims.yaml"), [], policies, {}, NOW)
    return [finding for finding in result.findings if "at_least" in finding.message or "policy" in finding.error_id]


def test_a_claim_that_asks_as_much_or_more_is_fine() -> None:
    assert found(ABOVE + GOOD) == []
    assert found(ABOVE.replace("0.0", "-0.1") + GOOD.replace("0.5", "0.4")) == []


def test_one_that_asks_less_is_refused_and_says_of_what() -> None:
    (finding,) = found(ABOVE.replace("0.0", "0.1") + GOOD)
    assert (finding.error_id, finding.code, finding.claim) == ("claims.below_bar", ExitCode.REFUSED, "agree")
    assert "at_least 0.1 -> 0" in finding.message
    assert str(finding.location) == "claims.yaml:12:13"


@pytest.mark.parametrize("setting", ["min_seeds: 7", "confidence: 0.99", "max_age: 10d"])
def test_what_a_gate_counts_on_is_part_of_the_bar(setting: str) -> None:
    head = HEAD.replace("gates:", f"defaults: {{{setting}}}\ngates:")
    assert [finding.error_id for finding in found(ABOVE + GOOD, head=head)] == ["claims.below_bar"]


def test_one_on_a_measure_that_the_policy_does_not_know_is_refused() -> None:
    (finding,) = found(ABOVE)
    assert "it judges random_model.r2, of which that policy asks nothing" in finding.message


def test_what_that_policy_asks_beside_is_not_asked() -> None:
    assert found(ABOVE + GOOD + "  shift: {from: ood, measure: auc_drop, at_most: 0.1}\n") == []


@pytest.mark.parametrize("status", ["pending", "not_supported"])
def test_a_claim_that_is_not_supported_may_ask_less(status: str) -> None:
    assert found(ABOVE.replace("0.0", "0.1"), REGISTRY.replace("status: supported", f"status: {status}")) == []


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (HEAD.replace("least", "lest"), "every supported claim needs policy 'least', which is not there; did you mean"),
        (HEAD.replace("gates:", "purpose: stop\ngates:"), "every supported claim needs policy 'least', a stop policy"),
    ],
)
def test_a_policy_that_is_not_there_or_stops_is_refused_where_it_is_named(head: str, said: str) -> None:
    (finding,) = found(ABOVE + GOOD, head=head)
    assert str(finding).startswith(f"claims.yaml:7:13: {said}")


def test_more_than_can_be_compared_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(common_bar, "MOST_COMPARISONS", 3)
    with pytest.raises(GatekitError, match="more rules of gates would have to be compared with `at_least` than 3"):
        found(ABOVE + GOOD)
