"""A supported claim's sentence shows what its gates judged; everything else in it is declared as context."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import builders
import pytest
from claims.registered import FILE, NOW, README, REGISTRY, evidence, policy, readme, registry, summaries, summary

from gatekit.claims import CheckResult, check
from gatekit.errors import GatekitError
from gatekit.gates.evaluate import Signer

BOUND = f"{FILE} pw_mcc_above_control estimate +.4f -->+0.2100"
ELSEWHERE = "evidence/ood.json"
SLOT = f"{{file: {FILE}, measure: pw_mcc_above_control, statistic: estimate}}"
CONTEXT = f"{{file: {FILE}, measure: pw_mcc_above_control, statistic: candidate, context: true}}"
SIGNED = """\
schema: gatekit.policy/1
id: small
signed_by: {roles: [runner], threshold: 1}
gates:
  above: {from: random_model, measure: pw_mcc_above_control, at_least: 0.0}
  good: {from: random_model, measure: r2, at_least: 0.5}
"""


def slots(*given: str) -> str:
    return REGISTRY.replace('"docs/*.md"', "") + "    slots:\n" + "".join(f"      - {slot}\n" for slot in given)


def judged(binding: str = BOUND, registry_text: str = REGISTRY, **others: object) -> CheckResult:
    document = readme(README.replace(BOUND, binding))
    given = {"policies": [policy()], "summaries": summaries(), "now": NOW} | others
    return check(registry(registry_text), [document], **given)  # type: ignore[arg-type]


def ids(result: CheckResult) -> list[str]:
    return [finding.error_id for finding in result.findings]


def test_the_estimate_and_the_bounds_of_what_a_gate_judges_may_be_shown() -> None:
    assert ids(judged()) == []
    assert "claims.unjudged_number" not in ids(judged(f"{FILE} pw_mcc_above_control lower@0.95 +.4f -->"))
    assert "claims.unjudged_number" not in ids(judged(f"{FILE} pw_mcc_above_control upper@0.99 +.4f -->"))


@pytest.mark.parametrize(
    "binding",
    [
        f"{FILE} pw_mcc_above_control candidate +.4f -->+0.6200",
        f"{FILE} pw_mcc_above_control baseline +.4f -->+0.4100",
        f"{FILE} pw_mcc_above_control n d -->5",
        f"{FILE} pw_mcc_above_control obs[seed_a=0,seed_b=1] +.4f -->+0.6000",
        f"{FILE} pw_mcc_above_control lower@0.6 +.4f -->+0.2000",
    ],
    ids=["raw mean", "control", "count", "one observation", "a weaker bound"],
)
def test_another_statistic_of_a_judged_measure_is_refused_unless_it_is_context(binding: str) -> None:
    result = judged(binding)
    assert "claims.unjudged_number" in ids(result)
    assert result.code == 2
    file, measure, statistic, _ = binding.split(" -->")[0].split()
    declared = slots(f'{{file: {file}, measure: {measure}, statistic: "{statistic}", context: true}}')
    assert "claims.unjudged_number" not in ids(judged(binding, declared))


def test_a_measure_that_none_of_the_claims_gates_judges_is_refused() -> None:
    assert ids(judged(f"{FILE} r2 estimate .2f -->0.83")) == []
    only_above = REGISTRY.replace("[above, good]", "[above]")
    result = judged(f"{FILE} r2 estimate .2f -->0.83", only_above)
    assert ids(result) == ["claims.unjudged_number"]
    assert f"claim 'agree' shows {FILE} r2 estimate, which none of its gates judges" in result.findings[0].message
    assert f"of {FILE} pw_mcc_above_control;" in str(result.findings[0].remedy)


def test_another_file_with_the_same_measure_is_refused() -> None:
    other = evidence()
    other["producer"]["finished"] = "2026-01-02T00:00:00Z"
    older = summary(other, "evidence/older.json")
    result = judged("evidence/older.json pw_mcc_above_control estimate +.4f -->+0.2100", summaries=summaries(older))
    assert ids(result) == ["claims.unjudged_number"]


def test_a_claim_that_is_not_supported_may_show_any_number() -> None:
    pending = REGISTRY.replace("status: supported", "status: pending")
    assert ids(judged(f"{FILE} pw_mcc_above_control n d -->5", pending)) == []


def test_the_registry_fixes_what_each_slot_shows() -> None:
    assert ids(judged(BOUND, slots(SLOT))) == []
    result = judged(f"{FILE} r2 estimate .2f -->0.83", slots(SLOT))
    assert ids(result) == ["claims.slot"]
    assert result.code == 4
    said = (
        f"number 1 of claim 'agree' shows {FILE} r2 estimate; the registry fixes {FILE} pw_mcc_above_control estimate"
    )
    assert result.findings[0].message == said
    assert "claims.yaml:14:9" in str(result.findings[0].remedy)


def test_the_registry_may_fix_the_format_too() -> None:
    fixed = slots(SLOT.replace("estimate}", "estimate, format: +.4f}"))
    assert ids(judged(BOUND, fixed)) == []
    assert ids(judged(f"{FILE} pw_mcc_above_control estimate +.1f -->+0.2", fixed)) == ["claims.slot"]


def test_slots_are_fixed_for_a_pending_claim_too() -> None:
    pending = slots(SLOT).replace("status: supported", "status: pending")
    assert ids(judged(f"{FILE} r2 estimate .2f -->0.83", pending)) == ["claims.slot"]


def test_context_is_reported() -> None:
    result = judged(f"{FILE} pw_mcc_above_control candidate +.4f -->+0.6200", slots(CONTEXT))
    assert ids(result) == []
    (number,) = result.context
    assert (number.claim, number.shows, number.printed) == (
        "agree",
        f"{FILE} pw_mcc_above_control candidate",
        "+0.6200",
    )


def context_from(**producer: str) -> dict[str, object]:
    """The fixture with context from a second file of the subject that no gate reads."""
    document = builders.summary("ood", {"auc_drop": [0.1, 0.12, 0.11, 0.1, 0.13]})
    document["producer"] |= producer
    return {"summaries": summaries(summary(document, ELSEWHERE))}


OTHER = f'{{file: {ELSEWHERE}, measure: auc_drop, statistic: "n", context: true}}'


def test_context_is_of_the_age_that_the_gates_allow() -> None:
    aged = policy(SIGNED.replace("signed_by: {roles: [runner], threshold: 1}", "defaults: {max_age: 30d}"))
    binding = f"{ELSEWHERE} auc_drop n d -->5"
    given = context_from()
    assert "claims.stale_number" not in ids(judged(binding, slots(OTHER), policies=[aged], **given))
    late = NOW + timedelta(days=31)
    result = judged(binding, slots(OTHER), policies=[aged], now=late, **given)
    assert "claims.stale_number" in ids(result)


def test_context_is_about_the_files_that_are_there_now() -> None:
    stale = {ELSEWHERE: "measured runners/x.py, which has changed"}
    result = judged(f"{ELSEWHERE} auc_drop n d -->5", slots(OTHER), stale=stale, **context_from())
    assert ids(result) == ["claims.stale_number"]
    assert result.code == 3
    assert "measured runners/x.py, which has changed" in result.findings[0].message


def test_context_is_signed_as_the_policy_asks() -> None:
    given = context_from()
    signer = frozenset({Signer("k1", frozenset({"runner"}))})
    read = given["summaries"]
    assert isinstance(read, dict)
    both = {one.sha256: signer for one in read.values()}
    gates_only = {read[FILE].sha256: signer}
    binding = f"{ELSEWHERE} auc_drop n d -->5"
    assert ids(judged(binding, slots(OTHER), policies=[policy(SIGNED)], signers=both, **given)) == []
    unsigned = judged(binding, slots(OTHER), policies=[policy(SIGNED)], signers=gates_only, **given)
    assert ids(unsigned) == ["signature.missing"]
    assert unsigned.code == 4


def test_a_claim_fixes_as_many_slots_as_its_sentence_has() -> None:
    with pytest.raises(GatekitError, match=r"claims.yaml:14:7: the claim has 2 slots, and its sentence has {} 1 time"):
        registry(slots(SLOT, SLOT))


@pytest.mark.parametrize(
    ("slot", "said"),
    [
        ('{file: ../x.json, measure: r2, statistic: "n"}', "is not a plain path"),
        ("{file: e.json, measure: r2, statistic: mean}", "unknown statistic 'mean'"),
        ('{file: e.json, measure: r2, statistic: "n", format: x}', "unknown format 'x'"),
        ('{file: e.json, measure: R2, statistic: "n"}', "must match"),
        ('{file: e.json, measure: r2, statistic: "n", context: 1}', "context must be true or false"),
        ('{file: e.json, measure: r2, statistic: "n", extra: 1}', "unknown key 'extra'"),
        ("{file: e.json, measure: r2}", "no 'statistic'"),
    ],
)
def test_a_slot_that_cannot_be_read_says_what_is_wrong(slot: str, said: str) -> None:
    with pytest.raises(GatekitError) as caught:
        registry(slots(slot))
    assert said in str(caught.value)
    assert caught.value.error_id.startswith("claims.")


def test_a_file_of_another_root_is_the_same_file() -> None:
    """Bindings name evidence relative to the registry, gates by the path it was read from."""
    moved = {FILE: replace(summary(evidence()), path=f"lab/{FILE}")}
    assert ids(judged(summaries=moved)) == []
