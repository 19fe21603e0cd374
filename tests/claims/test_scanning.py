"""`scan` points at what looks measured or claimed in prose; not at code, links, versions or dates."""

from __future__ import annotations

import pytest
from claims.registered import PAPER, README, paper, readme
from growth import TIMES, grows_evenly

from gatekit.claims import scan_language, scan_numbers


def numbers(text: str) -> list[str]:
    return [stray.text for stray in scan_numbers(readme(text))]


def language(text: str) -> list[str]:
    return [stray.text for stray in scan_language(readme(text))]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("MCC is 0.62 against -0.41.", ["0.62", "-0.41"]),
        ("It drops by 12 % (\u22120.05), or 3.5%.", ["12 %", "\u22120.05", "3.5%"]),
        ("| 0.62 | **0.41** |", ["0.62", "0.41"]),
        ("p<0.05, r=0.9, ~0.5, 1.5e-3", ["0.05", "0.9", "0.5", "1.5e-3"]),
        ("Python 3.11 and 4.5 % faster; Table 3 and 0.12", ["4.5 %", "0.12"]),
        ("95 % of runs; 0.95 one-sided", ["95 %", "0.95"]),
        ("2.0x faster, 3.5\u00d7 smaller", ["2.0x", "3.5\u00d7"]),
        ("1,234.5 tokens", ["1,234.5"]),
        ("# 0.62 is enough", ["0.62"]),
        ("- 0.62\n1. 0.41", ["0.62", "0.41"]),
        ("---\nauc: 0.62\n---\n", ["0.62"]),
        ("- item\n\n    which reaches 0.62", ["0.62"]),
    ],
)
def test_decimals_percentages_and_factors_in_prose_are_found(text: str, found: list[str]) -> None:
    assert numbers(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "five seeds, 1000 rows, 32 latents",
        "`0.62` and\n```\n0.62\n```\n",
        "code:\n\n    x = 0.62\n",
        "<!-- 0.62 -->",
        "<!-- gatekit:literal -->0.62<!-- /gatekit:literal -->",
        "[paper](https://example.org/v0.62) <https://example.org/0.62> https://example.org/0.62",
        "[x]: https://example.org/0.62",
        '<img width="0.62">',
        "## 2.1 Method\n# 3. Results",
        "1.2.3 and v1.2 and version 1.2 and Python 3.11 and 2026-02-16 and 16.02.2026",
        "Section 2.1, Table 3.4, \u00a7 1.2, Fig. 5.6, CC BY 4.0, Apache-2.0, arXiv 2511.12345",
        "GPT-3.5 at blocks.3.hook, a 95 % confidence bound, confidence 0.95",
        "Python 3.11 or 3.12, versions 1.2, 1.3 and 1.4, Sections 2.1 to 2.3",
        "95 % one-sided confidence, a 97.5 % two-sided CI, the 95\\u00a0% lower confidence bound",
        "12:30.5 and 1/0.5",
    ],
)
def test_what_is_no_result_is_not_pointed_at(text: str) -> None:
    assert numbers(text) == []


def test_bound_numbers_are_no_strays_and_others_have_their_place() -> None:
    assert numbers(README) == []
    (stray,) = scan_numbers(readme(README + "\r\nIt was 0.5 before.\r\n"))
    assert str(stray.location) == "README.md:13:8"


def test_a_number_in_a_claim_that_is_not_bound_is_a_stray() -> None:
    assert numbers(README.replace("agree more than", "agree 0.2 more than")) == ["0.2"]


@pytest.mark.parametrize(
    "text",
    [
        *("State-of-the-art results", "state\nof the art", "SOTA", "it outperforms x", "significantly fewer"),
        *("better than x", "a robust metric", "it beats x", "superior", "this proves", "statistically significant"),
    ],
)
def test_claim_language_is_found_in_any_case_and_over_line_ends(text: str) -> None:
    assert len(language(text)) == 1


@pytest.mark.parametrize("text", ["`SOTA`", "significand", "robust-statistics", "[x](robust.md)", "sotas"])
def test_words_that_only_look_alike_are_not(text: str) -> None:
    assert language(text) == []


def test_claim_language_inside_a_registered_block_is_registered() -> None:
    text = "<!-- gatekit:claim a -->\nOurs outperforms theirs.\n<!-- /gatekit:claim -->\n\nIt is robust.\n"
    (stray,) = scan_language(readme(text))
    assert (stray.text, str(stray.location)) == ("robust", "README.md:5:7")


def test_latex_is_scanned_without_its_preamble_lengths_references_and_comments() -> None:
    text = r"""\documentclass[11.5pt]{article}
\begin{document}
\includegraphics[width=0.5\textwidth]{a0.5.png} \vspace{0.5em} \cite{x0.5} \ref{t:0.5} % 0.5
\begin{tabular}{p{0.5cm}} 0.25\textwidth
We reach $0.62$, i.e.\ 12\,\% and by~0.41; it outperforms \verb|0.9|.
\end{document}
0.99
"""
    document = paper(text)
    assert [s.text for s in scan_numbers(document)] == ["0.62", r"12\,\%", "0.41"]
    assert [s.text for s in scan_language(document)] == ["outperforms"]
    assert scan_numbers(paper(PAPER)) == []


def test_numbers_on_many_lines_of_their_own_cost_each_what_few_do() -> None:
    documents = {count: readme("0.12\n" * count) for count in (5_000, TIMES * 5_000)}
    assert len(scan_numbers(documents[5_000])) == 5_000
    assert grows_evenly(lambda count: scan_numbers(documents[count]), 5_000)


@pytest.mark.parametrize(
    "text",
    [
        "\uff10.\uff19\uff19",  # full width
        "\uff10\uff0e\uff19\uff19",
        "\U0001d7ce.\U0001d7d7\U0001d7d7",  # mathematical bold
        "\u0660\u066b\u0669\u0669",  # Arabic, with its decimal separator
        "\u0966.\u096f\u096f",  # Devanagari
        "\u24ea.\u2468\u2468",  # circled
        "\u2070\u00b7\u2079\u2079",  # raised, with a raised point
        "0\u202499",
        "0\u3002" + "99",
        "0.\u200b99",  # characters of no width
        "0\u2060.9\u00ad9",
        "0.9\u03329\u0332",  # underlined by combining marks
        "0\ufe0f\u20e3.9\ufe0f\u20e39\ufe0f\u20e3",  # keycaps
        "0.<b>9</b>9",
        "0.9&#57;",
    ],
)
def test_a_decimal_is_found_in_whatever_digits_it_is_written(text: str) -> None:
    assert numbers(f"by {text} here") == ["0.99"]


@pytest.mark.parametrize("sign", ["\uff05", "\ufe6a", "\u066a", " %", "\u00a0%"])
def test_a_percentage_is_found_with_whatever_sign(sign: str) -> None:
    assert [found.replace(" ", "").replace("\u00a0", "") for found in numbers(f"by 99{sign} here")] == ["99%"]


@pytest.mark.parametrize("text", ["99\u2030", "99 percent", "99 per cent", "99 percentage points", "0,99", "0,5 %"])
def test_other_ways_to_write_a_share_are_found(text: str) -> None:
    assert numbers(f"by {text} here") == [text]


@pytest.mark.parametrize(
    "text",
    [
        *(
            "12,5 %",
            "1,5%",
            "21 Prozent",
            "21 pour cent",
            "21 por ciento",
            "99 pct",
            "99 pp",
            "99 bps",
            "1e-3",
            "2e-05",
        ),
        *("1.234,5", "1\u202f234,5", ".99", "0,21", "99 basis points"),
    ],
)
def test_numbers_are_found_as_other_languages_and_tables_write_them(text: str) -> None:
    assert numbers(f"by {text} here") == [text]
    assert numbers(f"by {text} (1,2) f(0,1) layers 5,6") == [text]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("差は0.99である", "0.99"),
        ("差は０．９９です", "0.99"),
        ("增长21%。", "21%"),
        ("提高21个百分点", "21个百分"),
        ("0.99이다", "0.99"),
        ("21 процентов", "21"),
        ("21パーセント", "21"),
        ("\u00bd of them", "1\u20442"),
        ("0.99 percentile", "0.99"),
    ],
)
def test_numbers_are_found_between_letters_of_any_script(text: str, found: str) -> None:
    (shown,) = numbers(f"so {text}")
    assert shown.startswith(found)


@pytest.mark.parametrize(
    "text", ["第3.2節を見る", "図3.2は", "表2.1", "版本1.2", "arXiv:2401.12345", "k-0.5", "バージョン3.2"]
)
def test_what_counts_or_names_something_is_passed_over_in_other_scripts(text: str) -> None:
    assert numbers(text) == []


@pytest.mark.parametrize("text", ["1,2 and 3", "10,000 rows", "[0, 1]", "x0,5", "95 percent confidence"])
def test_a_comma_that_is_no_decimal_point_is_passed_over(text: str) -> None:
    assert numbers(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "\u043eutperforms",  # a Cyrillic o
        "\u03bfutperforms",  # a Greek one
        "out\u200bperforms",
        "out\u00adperforms",
        "\uff4f\uff55\uff54performs",
        "\U0001d428\U0001d42e\U0001d42d\U0001d429\U0001d41e\U0001d42b\U0001d41f\U0001d428\U0001d42b\U0001d426\U0001d42c",
        "\u1d0f\u1d1c\u1d1b\u1d18\u1d07\u0280\ua730\u1d0f\u0280\u1d0d\ua731",  # small capitals
        "\u24de\u24e4\u24e3performs",  # circled
        "o\u0332u\u0332tperforms",
        "out<b>perf</b>orms",
    ],
)
def test_claim_language_is_found_in_letters_that_look_alike(text: str) -> None:
    assert language(f"It {text} all.") == ["outperforms"]


def test_claim_language_is_found_with_any_dash_or_line_end_in_it() -> None:
    for joint in ("\u2010", "\u2011", "\u2013", "\u2212", "\u00a0", "<br>", "\n"):
        (found,) = language(f"It is state{joint}of{joint}the{joint}art.")
        assert found.startswith("state") and found.endswith("art")
    assert language("S.O.T.A. results, out-\nperforms, signi\ufb01cantly") == [
        "S.O.T.A",
        "out- performs",
        "significantly",
    ]


def test_the_place_of_what_is_found_is_that_of_its_own_letters() -> None:
    (stray,) = scan_numbers(readme("\uff21\u200b\u200bbc \ufb03 and \uff10.\uff19\n"))
    assert str(stray.location) == "README.md:1:13"
