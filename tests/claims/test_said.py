"""A registered sentence is found in text of any markup, with the numbers that stand in it."""

from __future__ import annotations

import pytest

from gatekit.claims import said
from gatekit.claims.plain_letters import plain
from gatekit.claims.registry import parse_registry
from gatekit.claims.said import Saying, SentenceSearch
from tests.pull_request.change import CLAIMS

PRINTED = ("+0.2100",)


def sayings(text: str, claims: str = CLAIMS) -> list[Saying]:
    return SentenceSearch(parse_registry(claims.encode(), "claims.yaml").claims).sayings(text)


SAID = "Five SAEs agree more than their control, by {} on average."


ENDS = {
    CLAIMS: SAID + " More.",
    CLAIMS.replace("Few of their latents are dead.", "Their latents read other text with a gain of {}."): (
        "Their latents read other text with a gain of {}. More."
    ),
    CLAIMS.replace("Few of their latents are dead.", "'{} of the latents of all SAEs are dead.'"): (
        "Then {} of the latents of all SAEs are dead. More."
    ),
}
"""Claims whose number stands within, at the end and at the beginning, and what a text says of them."""


@pytest.mark.parametrize(
    "text",
    [
        SAID.format("+0.9900"),
        SAID.format("+0.9900").upper(),
        "*Five SAEs* agree **more** than\n   their control,\n   by ``+0.9900`` on average.",
        "<p>Five <b>SA</b>Es agree more than<br>their control, by &#43;0.<i>99</i>00 on average.</p>",
        "Five SAEs agree more than <!-- a\n comment --> their control, by +0.9900 on average",
        '{"source": ["Five SAEs agree more\\n", "than their control, by +0.9900 on average."]}',
        '{"text": "\\u0046ive SAEs agree more than their control, by +0.9900 on average."}',
        "\\textbf{Five SAEs} agree more than their control, by $+0.9900$ on average.",
        "Ｆｉｖｅ SAEs agree more than their control, by ＋0.9900 on average.",
        "Fi\u200bve SАEs agree more than their control, by +0.9900 on average.",
        '<meta name="description" content="Five SAEs agree more than their control, by +0.9900 on average.">',
        "Five [SAEs](https://a.b/c) agree [more][d] than their control[^1], by +0.9900 [12] on average.",
        '[Five SAEs](https://a.b/c "of us") agree more than their control, by +0.9900 on average.',
        "Five [[https://a.b][SAEs]] agree [[more|more]] than link:x[their control], by +0.9900 on average.",
        "Five SAEs {% raw %}agree{% endraw %} more than their control, by +0.9900 on average.",
        f'Five <b class="{"x" * 5000}">SAEs</b> agree more than their control, by +0.9900 on average.',
        'Five SAEs <i title="a>b">agree</i> more than their control, by +0.9900 on average.',
        "\\x46\\U00000069\\u{76}e SAEs agree more than their control, by +0.9900 on average.",
        "Five {\\it SAEs} \\SI{}{} agree more than their control, by +0.9900 on average.",
        "= Seeds\n\nFive SAEs agree more than their control, by {plus}0.9900 on average.",
    ],
)
def test_a_sentence_is_found_whatever_its_markup(text: str) -> None:
    [found] = sayings(text)
    assert found.claim.id == "agree"
    assert not found.shows(PRINTED)


@pytest.mark.parametrize("number", ["+0.2100", "0.21", "+0.2", "\u2009+0.2100", "**+0.2100**", "&#x2b;0.2100"])
def test_the_number_of_the_evidence_is_the_same_however_it_is_rounded_and_marked(number: str) -> None:
    [found] = sayings(SAID.format(number))
    assert found.shows(PRINTED)


@pytest.mark.parametrize("number", ["0.25", "0.24", "+.245", ".25", "0.2", "0.2450"])
def test_a_tie_may_be_rounded_to_either_side_and_a_zero_before_the_point_left_out(number: str) -> None:
    [found] = sayings(SAID.format(number))
    assert found.shows(("+0.2450",))


@pytest.mark.parametrize("number", ["0.26", "0.23", ".45", "-.245", "0.246", "245", "0.3"])
def test_what_no_rounding_gives_is_another_number(number: str) -> None:
    [found] = sayings(SAID.format(number))
    assert not found.shows(("+0.2450",))


@pytest.mark.parametrize("number", ["0.2" + "1" * 35, "2e-999"])
def test_a_number_of_more_digits_than_anybody_prints_is_another_one(number: str) -> None:
    [found] = sayings(SAID.format(number))
    assert not found.shows(PRINTED)


@pytest.mark.parametrize(
    "number",
    ["+0.2200", "-0.2100", "0.3", "+0.2100 %", "21%", "+0.2100 to +0.9900", "not +0.2100", "|value|"],
)
def test_another_number_sign_unit_or_word_is_not_the_same(number: str) -> None:
    [found] = sayings(SAID.format(number))
    assert not found.shows(PRINTED)


@pytest.mark.parametrize("number", ["0,21", "+0,2100", "٠٫٢١", "０，２１", "0·21", "$0.21$", "\\num{0.21}", "≈ 0.21"])
def test_the_number_of_the_evidence_is_the_same_as_other_languages_and_commands_write_it(number: str) -> None:
    for claims, text in ENDS.items():
        [found] = sayings(text.format(number), claims)
        assert found.shows(PRINTED)


@pytest.mark.parametrize(
    "number",
    [
        *("0,99", "1,21", "1.210,2", "0,0021", "2,1", "٠٫٩٩", "21 Prozent", "0.21 Prozent", "0.21 pour cent", "0.21 ‰"),
        *(
            "0.21 × 10⁻³",
            "0.21 x 10^{-3}",
            "$0.21\\times10^{3}$",
            "$0.21 \\cdot 10^{3}$",
            "0.21e-3",
            "0.21 e-3",
            "0.21k",
        ),
        *("0.21 ½", "½", "0.21²", "0.21 / 2", "0.21 - 1", "0.21 to 0.99", "0.21 ± 0.9", "~~0.21~~ 0.99", "0.21 万"),
        *("− 0.21", "–0.21", "minus 0.21", "< 0.21", "√0.21", "1 − 0.21", "not 0.21", "1’000.21", "1\u2009000.21"),
        *("twenty-one percent", "XXI", "九", "0.21 million", "0.21\n%", "0.21 basis points"),
    ],
)
def test_another_number_is_not_the_same_in_whatever_format_or_words(number: str) -> None:
    for claims, text in ENDS.items():
        [found] = sayings(text.format(number), claims)
        assert not found.shows(PRINTED)


def test_a_decimal_comma_is_no_end_of_a_number() -> None:
    for claims, text in ENDS.items():
        [found] = sayings(text.format("+0,21"), claims)
        assert not found.shows(("+0",))


def test_a_sentence_whose_end_is_left_out_is_said_with_its_number() -> None:
    [found] = sayings("Five SAEs agree more than their control, by +0.9900. In 2026 they did.")
    assert (found.numbers, found.is_exact) == (("+0.9900",), True)


@pytest.mark.parametrize(
    "text",
    [
        "Five SAEs were compared with their control.",
        "Five SAEs agree, and their control does more, by 0.99.",
        "By +0.9900 on average.",
        "",
    ],
)
def test_other_words_are_not_the_sentence(text: str) -> None:
    assert sayings(text) == []


def test_a_number_before_the_words_is_found() -> None:
    claims = CLAIMS.replace("Few of their latents are dead.", "'{} of the latents of all SAEs are dead.'")
    [found] = sayings("In 2025 we saw more. Today 0.3 of the latents of all SAEs are dead.", claims)
    assert (found.claim.id, found.numbers) == ("alive", ("0.3",))


def test_a_status_before_the_sentence_is_seen() -> None:
    claims = CLAIMS.replace("status: supported", "status: not_supported", 1)
    said_so = "Not supported by the evidence: " + SAID.format("0.21")
    assert [found.shows_status for found in sayings(said_so, claims)] == [True]
    assert [found.shows_status for found in sayings(SAID.format("0.21"), claims)] == [False]


def test_the_place_is_that_of_the_first_letter() -> None:
    text = "<h1>Results</h1>\n\n&nbsp;<b>Few</b> of their latents are dead."
    [found] = sayings(text)
    assert text[found.offset :].startswith("Few</b>")


def test_a_text_that_holds_nothing_else_is_not_looked_through_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(said, "MOST_TRIED", 1000)
    search = SentenceSearch(parse_registry(CLAIMS.encode(), "claims.yaml").claims)
    assert len(search.sayings("Few of their latents are dead. " * 3)) == 3
    assert not search.has_stopped
    search.sayings("Few of their latents are dead. " * 100)
    assert search.has_stopped


def test_a_sign_that_stands_for_a_phrase_becomes_few_letters_and_stays_some() -> None:
    shown = plain("\ufdfa1\u00b75")
    assert shown.text[-3:] == "1.5" and shown.text[0].isalpha() and len(shown.text) == 5 + 3
    assert [shown.place(at) for at in range(8)] == [0, 0, 0, 0, 0, 1, 2, 3]
