"""What a verdict allows people to say, sentence by sentence."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatekit.dossier.conclusion import CARRIES, MAY_CLAIM, MeasurementStatement, cautious, conclude
from gatekit.dossier.pages import Dossier, index, readme
from gatekit.exit_codes import ExitCode
from gatekit.gates.verdict import Outcome, ThresholdResult, Verdict
from gatekit.kinds import BUILT_IN, INSTALLED
from tests.report.reading_html import read
from tests.report.report_verdicts import (
    BETWEEN,
    EXTERNAL_MISSING,
    HEALTH,
    NESTED,
    OOD_FAILS,
    OPTIONAL,
    POINT,
    RANDOM_MODEL,
    REPORTED,
    SUBJECT_WORDS,
    VERDICTS,
    WAIVED,
    WARNS,
    WEAK,
    gate,
    hostile,
    hostile_text,
    policy,
    threshold,
    verdict,
)
from tests.report.test_report_html import check_inert
from tests.report.test_report_markdown import flat


def of(*gates: object, code: ExitCode = ExitCode.PASS, **changes: object) -> Verdict:
    return verdict(policy(*gates, code=code, **changes), code=code)  # type: ignore[arg-type]


def said(rule: ThresholdResult, code: ExitCode = ExitCode.PASS, **changes: object) -> MeasurementStatement:
    """What is said about one threshold, alone in its gate."""
    (conclusion,) = conclude(of(gate("g", rule, **changes), code=code))
    return conclusion.gates[0].measurements[0]


PASSING = threshold("ood", "auc_drop", (None, 0.1), 0.0512, 0.0634)
TOO_WEAK = threshold("ood", "auc_drop", (None, 0.1), 0.0871, 0.1234, Outcome.FAIL, reason=WEAK)
WRONG_SIDE = threshold("ood", "auc_drop", (None, 0.1), 0.1071, 0.1234, Outcome.FAIL)
OPPOSITE = threshold("ood", "auc_drop", (None, 0.1), 0.2071, 0.2234, Outcome.FAIL)
MISSING = threshold("ood", "auc_drop", (None, 0.1), None, outcome=Outcome.INCONCLUSIVE, reason="no ood summary")

NUMBERS = "Estimate {0}, bounds: lower {1}, upper {2}; threshold: at most 0.1 (t over seeds)."

SENTENCES = {
    "a pass is a claim with its bound, confidence and seeds": (
        PASSING,
        ExitCode.PASS,
        [
            "It may be claimed, with one-sided confidence 0.95 over 5 seeds, that ood.auc_drop is at most 0.06340. "
            + NUMBERS.format("0.05120", "0.03900", "0.06340")
        ],
        [],
    ),
    "the same pass in a blocked verdict is a measurement": (
        PASSING,
        ExitCode.BLOCKED,
        ["As a measurement only: " + NUMBERS.format("0.05120", "0.03900", "0.06340")],
        ["that ood.auc_drop is at most 0.1, because the verdict is blocked."],
    ),
    "the same pass in an inconclusive verdict is a measurement": (
        PASSING,
        ExitCode.INCONCLUSIVE,
        ["As a measurement only: " + NUMBERS.format("0.05120", "0.03900", "0.06340")],
        ["that ood.auc_drop is at most 0.1, because the verdict is inconclusive."],
    ),
    "too weak a bound is said to be weak, not wrong": (
        TOO_WEAK,
        ExitCode.BLOCKED,
        [
            "The estimate is on the passing side, but the evidence is too weak: the bound is not. "
            + NUMBERS.format("0.08710", "0.05080", "0.1234")
        ],
        ["that ood.auc_drop is at most 0.1."],
    ),
    "an estimate on the wrong side settles neither": (
        WRONG_SIDE,
        ExitCode.BLOCKED,
        ["The estimate is on the failing side. " + NUMBERS.format("0.1071", "0.09080", "0.1234")],
        ["that ood.auc_drop is at most 0.1.", "that ood.auc_drop is not at most 0.1: the bounds leave that open."],
    ),
    "a bound on the wrong side is a finding": (
        OPPOSITE,
        ExitCode.BLOCKED,
        [
            "The opposite was found, with one-sided confidence 0.95 over 5 seeds: ood.auc_drop is at least 0.1908, "
            "above 0.1. " + NUMBERS.format("0.2071", "0.1908", "0.2234")
        ],
        ["that ood.auc_drop is at most 0.1."],
    ),
    "of what was not measured nothing is said": (
        MISSING,
        ExitCode.INCONCLUSIVE,
        [],
        ["that ood.auc_drop is at most 0.1."],
    ),
}


@pytest.mark.parametrize("name", SENTENCES)
def test_each_outcome_has_its_sentences(name: str) -> None:
    rule, code, may, may_not = SENTENCES[name]
    told = said(rule, code)
    assert list(told.may) == may
    assert list(told.may_not) == may_not
    assert (told.open is not None) == (rule is MISSING)


def test_an_open_question_says_why_it_is_open() -> None:
    assert said(MISSING, ExitCode.INCONCLUSIVE).open == "Nothing can be said yet about ood.auc_drop: no ood summary."


def test_a_threshold_with_two_sides_is_claimed_with_both_bounds() -> None:
    (conclusion,) = conclude(of(BETWEEN))
    (claim,) = conclusion.gates[0].measurements[0].may
    assert "that random_model.l0 is at least 30.50 and at most 33.25." in claim


@pytest.mark.parametrize(
    ("made", "because"),
    [
        (POINT, "no confidence bound was asked for"),
        (REPORTED, "it is another tool's own number, without observations"),
        (replace(RANDOM_MODEL, level="warn"), "its gate does not count"),
        (replace(RANDOM_MODEL, required=False), "its gate does not count"),
        (replace(RANDOM_MODEL, waiver=WAIVED.waiver), "its gate does not count"),
    ],
    ids=["point", "reported", "warn", "optional", "waived"],
)
def test_what_passes_on_weaker_ground_is_no_claim_though_the_verdict_is_a_pass(made: object, because: str) -> None:
    (conclusion,) = conclude(of(HEALTH, made))
    (told,) = conclusion.gates[1].measurements
    assert not [sentence for sentence in told.may if MAY_CLAIM in sentence]
    assert told.may_not[-1].endswith(f"because {because}.")


def test_a_part_of_a_gate_that_does_not_pass_is_no_claim() -> None:
    (conclusion,) = conclude(of(HEALTH, replace(OOD_FAILS, level="warn")))
    failed, passed = conclusion.gates[1].measurements
    assert failed.may_not == ("that ood.auc_drop is at most 0.1.",)
    assert passed.may_not == ("that ood.relative_drop is at most 0.5, because its gate does not pass.",)


def test_a_failing_alternative_of_a_passing_gate_is_said_to_fail() -> None:
    (conclusion,) = conclude(of(NESTED))
    outcomes = [(told.name, told.outcome) for told in conclusion.gates[0].measurements]
    assert outcomes[0] == ("ood.auc_drop", Outcome.FAIL)
    assert conclusion.gates[0].measurements[0].may_not == ("that ood.auc_drop is at most 0.1.",)


HEADLINES = {
    "pass": f"The evidence carries what policy release asks of {SUBJECT_WORDS}: all 3 required gates pass.",
    "blocked": f"What policy release asks may not be claimed of {SUBJECT_WORDS}: failing: ood; not decided: external.",
    "inconclusive": f"Nothing can be said yet about whether {SUBJECT_WORDS} is what policy release asks: "
    "not decided: external.",
    "waived": f"The evidence carries what policy release asks of {SUBJECT_WORDS}: its one required gate passes. "
    "Not counted, and no part of it: random_model, stability, extra.",
    "weaker": "Every required gate of policy release passes, but it is a legacy policy, which reproduces the rules of "
    f"another system: nothing may be claimed of {SUBJECT_WORDS} because of it.",
}


@pytest.mark.parametrize("name", HEADLINES)
def test_each_verdict_has_its_conclusion(name: str) -> None:
    (conclusion,) = conclude(VERDICTS[name])
    assert conclusion.headline == HEADLINES[name]


def test_a_policy_that_passes_beside_one_that_does_not_carries_no_claim() -> None:
    first, second = conclude(VERDICTS["two_policies"])
    assert first.headline == (
        "The gates of policy release pass by themselves, but the verdict as a whole is blocked: "
        f"nothing may be claimed of {SUBJECT_WORDS} because of them."
    )
    assert second.headline.startswith("What policy nightly asks may not be claimed of a candidate of which nothing")


def test_before_approval_nothing_may_be_claimed() -> None:
    (conclusion,) = conclude(replace(of(RANDOM_MODEL), code=ExitCode.APPROVAL_NEEDED))
    assert "may not be claimed" in conclusion.headline
    assert conclusion.gates[0].measurements[0].may_not[0].endswith("because the verdict is approval needed.")


GATES = [
    RANDOM_MODEL, HEALTH, OOD_FAILS, EXTERNAL_MISSING, WAIVED, WARNS, OPTIONAL, POINT, REPORTED, BETWEEN, NESTED,
    gate("opposite", OPPOSITE), gate("wrong_side", WRONG_SIDE),
]  # fmt: skip
codes = st.sampled_from([ExitCode.PASS, ExitCode.BLOCKED, ExitCode.INCONCLUSIVE, ExitCode.APPROVAL_NEEDED])


def pages(made: Verdict) -> str:
    dossier = Dossier(made, (), None, {}, {}, "gatekit check")
    return readme(dossier) + "\n" + index(dossier)


@settings(deadline=None, max_examples=80)
@given(gates=st.lists(st.sampled_from(GATES), max_size=5), own=codes, whole=codes, legacy=st.booleans())
def test_a_dossier_of_a_verdict_that_is_no_pass_holds_no_sentence_of_one_that_is(
    gates: list[object], own: ExitCode, whole: ExitCode, legacy: bool
) -> None:
    made = replace(of(*gates, code=own, legacy=legacy), code=whole)
    text = pages(made)
    if whole is not ExitCode.PASS or legacy:
        assert MAY_CLAIM not in text
        assert CARRIES not in text
    if own is not ExitCode.PASS:
        assert CARRIES not in text


@settings(deadline=None)
@given(value=st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300))
def test_a_bound_is_never_rounded_to_the_bold_side(value: float) -> None:
    low, high = cautious(value, up=False), cautious(value, up=True)
    assert float(low) <= value <= float(high)
    # And by no more than one unit of its fourth digit.
    if value:
        assert float(high) - float(low) <= 1.0001 * 10.0 ** (Decimal(repr(value)).adjusted() - 3) + 1e-323


@pytest.mark.parametrize(
    ("value", "up", "text"),
    [
        (0.0812094, False, "0.08120"),
        (0.0812094, True, "0.08121"),
        (-0.0088123, False, "-0.008813"),
        (-0.0088123, True, "-0.008812"),
        (0.1, True, "0.1000"),
        (32.0, True, "32.00"),
        (12345.678, False, "12345"),
        (0.0, True, "0"),
    ],
)
def test_a_bound_has_four_digits(value: float, up: bool, text: str) -> None:
    assert cautious(value, up) == text


def test_gatekits_own_words_need_no_escaping_in_a_page() -> None:
    for kind in BUILT_IN:
        for measure in INSTALLED.measures(kind).values():
            assert not re.search(r"[<>`\[\]*@]|://|www\.|\n", measure.description), measure.name


def test_the_baseline_of_a_comparison_is_named() -> None:
    made = of(EXTERNAL_MISSING, RANDOM_MODEL, code=ExitCode.INCONCLUSIVE)
    (conclusion,) = conclude(made, baselines={"ab" * 32: "dense_probe"})
    assert conclusion.gates[0].measurements[0].meaning.endswith("Baseline: dense_probe.")
    # Its schema names its control: the random model.
    assert "Baseline" not in conclusion.gates[1].measurements[0].meaning


@settings(deadline=None, max_examples=40)
@given(text=hostile_text().filter(bool))
def test_no_text_of_others_does_anything_on_either_page(text: str) -> None:
    def dossier(words: str) -> Dossier:
        return Dossier(replace(hostile(words), code=ExitCode.BLOCKED), (), None, {}, {}, "gatekit check")

    check_inert(index(dossier(text)), index(dossier("x")))
    tokens = flat(readme(dossier(text)))
    assert not {"link_open", "html_inline", "html_block", "fence", "code_block"} & {token.type for token in tokens}
    assert sum(token.type == "image" for token in tokens) == 1
    plain = flat(readme(dossier("x")))
    count = [sum(token.type == "heading_open" for token in found) for found in (tokens, plain)]
    assert count[0] == count[1]


def test_both_pages_say_the_same_sentences() -> None:
    dossier = Dossier(VERDICTS["blocked"], (), None, {}, {}, "gatekit check")
    shown = " ".join("".join(read(index(dossier)).text).split())
    for token in flat(readme(dossier)):
        if token.type == "inline" and token.content.startswith(("May be said", "May not", "Open")):
            words = "".join(child.content for child in token.children or [])
            assert " ".join(words.split()) in shown
