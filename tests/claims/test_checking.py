"""Whether what is published is carried by the evidence: one finding for each way in which it is not."""

from __future__ import annotations

import builders
import pytest
from claims.registered import (
    FILE,
    MORE,
    NOW,
    POLICY,
    README,
    REGISTRY,
    evidence,
    more,
    policy,
    readme,
    registry,
    summaries,
    summary,
    value,
)

from gatekit.claims import CheckResult, check
from gatekit.exit_codes import ExitCode
from gatekit.gates.verdict import Outcome


def checked(
    registry_text: str = REGISTRY, readme_text: str = README, given=None, policies=None, more_text: str = MORE
) -> CheckResult:
    documents = [readme(readme_text), more(more_text)]
    evidence_by_path = summaries() if given is None else given
    return check(registry(registry_text), documents, policies or [policy()], evidence_by_path, NOW)


def found(result: CheckResult) -> list[tuple[str, str, int]]:
    return [(str(f.location), f.error_id, int(f.code)) for f in result.findings]


def test_a_registry_whose_documents_and_gates_agree_with_the_evidence_passes() -> None:
    result = checked()
    assert (result.findings, result.code, result.numbers, result.documents) == ((), ExitCode.PASS, 3, 2)
    (state,) = result.claims
    assert state.outcomes == (("above", Outcome.PASS), ("good", Outcome.PASS))
    assert [str(place) for place in state.places] == ["README.md:3:1", "docs/more.md:3:1"]


def test_a_number_that_is_not_the_evidences_blocks() -> None:
    result = checked(readme_text=README.replace("+0.2100", "+0.2101"))
    (finding,) = result.findings
    assert str(finding).startswith("README.md:5:85: says +0.2101, evidence says +0.2100;")
    assert (finding.error_id, result.code, finding.claim) == ("claims.number", ExitCode.BLOCKED, "agree")


@pytest.mark.parametrize(
    "printed", ["0.2100", "+0.21", "+0.21000", "+.2100", "+0,2100", "+0.2100.", "+0.210 0", "**+0.2100**"]
)
def test_a_number_must_stand_exactly_as_its_format_prints_it(printed: str) -> None:
    assert found(checked(readme_text=README.replace("+0.2100", printed))) == [("README.md:5:85", "claims.number", 2)]


def test_a_typographic_minus_is_a_minus() -> None:
    lower = (builders.around(0.41, 0.02, 10), builders.around(0.62, 0.01, 10))
    texts = [text.replace("+0.2100", "\u22120.2100") for text in (README, MORE)]
    pending = REGISTRY.replace("supported", "pending")
    assert checked(pending, texts[0], summaries(pw_mcc_above_control=lower), more_text=texts[1]).findings == ()


def test_an_empty_number_is_refused_with_the_number_that_sync_would_write() -> None:
    result = checked(readme_text=README.replace("+0.2100", ""))
    assert found(result) == [("README.md:5:85", "claims.empty", 4)]
    assert "is empty, evidence says +0.2100; `gatekit claims sync` writes it" in str(result.findings[0])


def test_a_supported_claim_whose_gate_fails_blocks() -> None:
    result = checked(REGISTRY.replace("[above, good]", "[above, perfect]"))
    (finding,) = result.findings
    assert found(result) == [("claims.yaml:10:13", "claims.gate_fails", 2)]
    assert "claim 'agree' is registered as supported, but gate 'perfect' of policy 'small' fails" in finding.message


def test_a_supported_claim_whose_gate_was_not_measured_is_inconclusive() -> None:
    result = checked(REGISTRY.replace("[above, good]", "[above, measured_elsewhere]"))
    assert found(result) == [("claims.yaml:10:13", "claims.gate_inconclusive", 3)]


@pytest.mark.parametrize("status", ["pending", "not_supported"])
@pytest.mark.parametrize("gate", ["perfect", "measured_elsewhere", "good"])
def test_any_other_status_is_always_allowed(status: str, gate: str) -> None:
    text = REGISTRY.replace("[above, good]", f"[{gate}]").replace("status: supported", f"status: {status}")
    shown = README.replace("Five **SAEs**", f"{badge(status)} Five **SAEs**")
    assert check(registry(text), [readme(shown)], [policy()], summaries(), NOW).code is ExitCode.PASS


def badge(status: str) -> str:
    """What tells readers the status of a claim."""
    words = {"not_supported": "Not supported by the evidence:", "pending": "Not yet supported by evidence:"}
    return f"**<!-- gatekit:status -->{words[status]}<!-- /gatekit:status -->**"


def test_a_claim_that_is_not_supported_says_so_where_it_stands() -> None:
    text = REGISTRY.replace("status: supported", "status: not_supported")
    bare = check(registry(text), [readme()], [policy()], summaries(), NOW)
    assert found(bare) == [("README.md:3:1", "claims.status", 2)]
    wrong = README.replace("Five **SAEs**", f"{badge('pending')} Five **SAEs**")
    result = check(registry(text), [readme(wrong)], [policy()], summaries(), NOW)
    assert found(result) == [("README.md:4:3", "claims.status", 2)]
    assert "its block says 'Not yet supported by evidence:'" in result.findings[0].message


def test_a_supported_claim_may_not_say_that_it_is_not() -> None:
    wrong = README.replace("Five **SAEs**", f"{badge('not_supported')} Five **SAEs**")
    result = check(registry(), [readme(wrong)], [policy()], summaries(), NOW)
    assert [error_id for _, error_id, _ in found(result)] == ["claims.status"]


@pytest.mark.parametrize(
    "shown",
    [
        "~~{}~~ Five",
        "<span hidden>{}</span> Five",
        "<!-- {} --> Five",
        "Five {}",
        "`{}` Five",
        "**<!-- gatekit:status -->Not supported by the &#101;vidence:<br><!-- /gatekit:status -->** Five",
        "**<!-- gatekit:status -->~~Not supported by the evidence:~~<!-- /gatekit:status -->** Five",
    ],
)
def test_a_status_that_a_reader_may_not_see_is_none(shown: str) -> None:
    text = REGISTRY.replace("status: supported", "status: not_supported")
    changed = README.replace("Five", shown.format(badge("not_supported")))
    result = check(registry(text), [readme(changed)], [policy()], summaries(), NOW)
    assert "claims.status" in {error_id for _, error_id, _ in found(result)}


def test_a_status_outside_a_claim_or_twice_in_it_is_refused() -> None:
    twice = README.replace("Five", f"{badge('pending')} {badge('pending')} Five")
    assert "the claim says its status twice" in str(readme(twice).errors[0])
    assert "outside every claim" in str(readme(badge("pending")).errors[0])


def test_only_the_gates_that_a_claim_needs_count() -> None:
    assert "perfect" in POLICY  # which fails
    assert checked().code is ExitCode.PASS


def test_a_waived_or_optional_gate_does_not_support_a_claim() -> None:
    waiver = 'waivers:\n  - {gate: perfect, owner: ada, reason: "soon", expires: "2026-12-31"}\n'
    optional = POLICY.replace("at_least: 0.99}", "at_least: 0.99, required: false, level: warn}")
    text = REGISTRY.replace("[above, good]", "[perfect]")
    for changed in (POLICY + waiver, optional):
        result = found(checked(text, policies=[policy(changed)]))
        assert result[0] == ("claims.yaml:10:13", "claims.gate_fails", 2)
        # What the sentence shows is judged by gates that it no longer needs.
        assert {error_id for _, error_id, _ in result[1:]} == {"claims.unjudged_number"}


def test_missing_evidence_is_inconclusive_for_gates_and_numbers() -> None:
    result = checked(given={})
    assert {code for _, _, code in found(result)} == {3}
    assert [error_id for _, error_id, _ in found(result)] == [
        *["claims.gate_inconclusive"] * 2,
        *["claims.no_evidence"] * 3,
    ]
    assert result.code is ExitCode.INCONCLUSIVE


def test_a_wrong_number_weighs_more_than_a_missing_one_and_a_malformed_one_more_than_both() -> None:
    missing = README + value("evidence/none.json r2 estimate .2f")
    assert checked(readme_text=missing).code is ExitCode.INCONCLUSIVE
    assert checked(readme_text=missing.replace("0.83", "0.84")).code is ExitCode.BLOCKED
    assert checked(readme_text=missing.replace("0.83", "0.84") + value("x")).code is ExitCode.REFUSED


def test_a_block_of_an_unregistered_claim_names_the_nearest() -> None:
    result = checked(readme_text=README.replace("gatekit:claim agree", "gatekit:claim agre"))
    assert found(result) == [("README.md:3:1", "claims.unknown_claim", 4)]
    assert result.findings[0].remedy == "did you mean 'agree'?"


def test_a_claim_that_no_document_holds_is_refused() -> None:
    more = REGISTRY + REGISTRY.partition("claims:\n")[2].replace("agree\n", "alone\n", 1)
    assert found(checked(more)) == [("claims.yaml:13:9", "claims.unbound", 4)]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "more than",
            "less than",
            "says '... SAEs agree less than their control, ...' where the registered sentence says",
        ),
        ("average.", "average!", "says '... {} on average!' where"),
        ("Five **SAEs**", "Five *small* SAEs", "says 'Five small SAEs agree more ...' where"),
        ("\naverage.", "", "says '... {} on' where the registered sentence says '... {} on average.'"),
    ],
)
def test_a_sentence_that_is_not_the_registered_one_is_refused(old: str, new: str, said: str) -> None:
    assert old in README
    result = checked(readme_text=README.replace(old, new, 1))
    assert found(result) == [("README.md:3:1", "claims.sentence", 4)]
    assert said in result.findings[0].message


def test_braces_typed_into_a_sentence_are_no_bound_number() -> None:
    start, end = README.index("<!-- gatekit:value"), README.index(" on\naverage")
    result = checked(readme_text=README[:start] + "{}" + README[end:])
    assert found(result) == [("README.md:3:1", "claims.sentence", 4)]


def test_a_claim_is_judged_on_its_own_evidence() -> None:
    other = summary(builders.summary("random_model", {"r2": [0.1] * 5}, of=builders.subject(model="other")), "b/o.json")
    given = summaries(other)
    assert {code for _, _, code in found(checked(given=given))} == {3}  # two subjects and none is named
    assert checked(REGISTRY + "    evidence: [evidence]\n", given=given).code is ExitCode.PASS
    result = checked(REGISTRY + "    evidence: [evidence, c]\n", given=given)
    assert found(result) == [("claims.yaml:13:26", "claims.no_evidence", 3)]


def test_a_number_in_a_claim_must_come_from_the_evidence_of_the_claim() -> None:
    text = REGISTRY + "    evidence: [evidence/random_model.json]\n"
    copied = summary(evidence(), "evidence/copy.json")
    result = checked(text, README.replace(FILE, "evidence/copy.json"), given=summaries(copied))
    assert found(result) == [("README.md:5:1", "claims.foreign_number", 4)]


def test_a_number_in_a_claim_that_names_no_evidence_must_be_about_the_subject_that_was_judged() -> None:
    other = summary(
        builders.summary("random_model", {"r2": [0.9] * 5}, of=builders.subject(architecture="relu")), "evidence/o.json"
    )
    arguments = f"{FILE} pw_mcc_above_control estimate +.4f -->+0.2100"
    assert arguments in README
    text = README.replace(arguments, "evidence/o.json r2 estimate .2f -->0.90", 1)
    judged = policy(POLICY.replace("gates:", "subject: {architecture: topk}\ngates:"))
    result = checked(readme_text=text, given=summaries(other), policies=[judged])
    assert found(result) == [("README.md:5:1", "claims.foreign_number", 4)]


def test_an_unsound_policy_is_refused_once_for_all_its_claims() -> None:
    second = REGISTRY.partition("claims:\n")[2].replace("id: agree", "id: again")
    document = README + README.partition("# Seeds\n")[2].partition("|")[0].replace("claim agree", "claim again")
    result = checked(REGISTRY + second, document, policies=[policy(POLICY.replace("0.99", "7.0"))])
    assert [(error_id, code) for _, error_id, code in found(result)] == [("policy.out_of_range", 4)]


def test_an_unknown_gate_is_refused_and_nothing_else_is_said_about_it() -> None:
    assert found(checked(REGISTRY.replace("[above, good]", "[above, godo]"))) == [
        ("claims.yaml:12:20", "claims.unknown_gate", 4)
    ]
