"""What a LaTeX document binds: macros that are typeset, none in comments, definitions and verbatim text."""

from __future__ import annotations

import pytest
from claims.registered import paper

from gatekit.claims.prose import SLOT

R2 = r"\gatevalue{evidence/a.json}{r2}{estimate}{.2f}{0.83}"


def errors(text: str) -> list[str]:
    return [f"{error.location}: {error.error_id}" for error in paper(text).errors]


def test_a_claim_and_its_value_are_found_with_their_places() -> None:
    document = paper()
    assert document.errors == ()
    (block,) = document.blocks
    assert (block.claim, str(block.location)) == ("agree", "paper/p.tex:4:1")
    assert block.sentence.replace(SLOT, "{}") == "Five SAEs agree more than their control, by {} on average."
    (value,) = document.values
    assert (value.printed, value.claim, str(value.location)) == ("+0.2100", "agree", "paper/p.tex:5:83")


def test_braces_may_nest_in_a_sentence() -> None:
    text = r"\gateclaim{a}{Five {\bf SAEs} with $k=32$ \emph{agree {\it more}} \{so\}.}"
    assert paper(text).blocks[0].sentence == r"Five \bf SAEs with k=32 agree \it more {so}."


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (r"They~agree at 95\,\% on d\_sae.", "They agree at 95 % on d_sae."),
        ("They % not\n  agree.", "They agree."),
        (r"They ``agree'' \textbf{more}.", 'They "agree" more.'),
        (r"By \textbf{" + R2 + "} on average.", "By {} on average."),
        (r"At \gateliteral{95\,\%} they agree.", "At 95 % they agree."),
    ],
)
def test_styles_ties_and_comments_are_no_part_of_a_sentence(text: str, words: str) -> None:
    assert paper(rf"\gateclaim{{a}}{{{text}}}").blocks[0].sentence.replace(SLOT, "{}") == words


@pytest.mark.parametrize(
    ("printed", "read"),
    [
        ("$-0.05$", "-0.05"),
        (r"\num{-0.05}", "-0.05"),
        (r"\ensuremath{-0.05}", "-0.05"),
        (r"$-5.1\%$", "-5.1%"),
        ("\u22120.05", "-0.05"),
        (" 0.05\n", "0.05"),
    ],
)
def test_a_printed_number_is_read_without_what_surrounds_it(printed: str, read: str) -> None:
    text = rf"\gatevalue{{evidence/a.json}}{{r2}}{{lower@0.99}}{{.1\%}}{{{printed}}}"
    (value,) = paper(text).values
    assert (value.printed, value.target) == (read, "evidence/a.json r2 lower@0.99 .1%")


@pytest.mark.parametrize(
    "text",
    [
        f"% {R2}\n",
        rf"5\% \\% {R2}",
        rf"\verb|{R2}|",
        rf"\begin{{verbatim}}{R2}\end{{verbatim}}",
        rf"\begin{{lstlisting}}{R2}\end{{lstlisting}}",
        rf"\begin{{comment}}{R2}\end{{comment}}",
        rf"\end{{document}} {R2}",
        r"\newcommand{\gatevalue}[5]{#5} \newcommand{\gateclaim}[2]{#2} \newcommand{\gateliteral}[1]{#1}",
    ],
)
def test_comments_definitions_and_verbatim_text_bind_nothing(text: str) -> None:
    document = paper(text)
    assert (document.values, document.errors) == ((), ())


@pytest.mark.parametrize(
    "text",
    [
        r"\newcommand{\gatevalue}[5]{+0.9900}",
        r"\newcommand{\gatevalue}[5]{#4}",
        r"\newcommand{\gatevalue}[5]{#5} \newcommand{\gatevalue}[5]{#5}",
        r"\newcommand{\gatevalue}[5]{#5} \renewcommand{\gatevalue}[5]{0.9}",
        r"\renewcommand\gatevalue[5]{#5}",
        r"\providecommand{\gatevalue}[5]{0.9}",
        r"\def\gateclaim#1#2{#2}",
        r"\let\gatevalue\x",
        r"\global\let\gatevalue=\x",
        r"\NewDocumentCommand{\gatevalue}{mmmmm}{#5}",
        r"\DeclareRobustCommand\gateliteral[1]{9}",
    ],
)
def test_our_macros_are_defined_to_show_their_last_argument_and_once(text: str) -> None:
    assert "claims.macro" in [error.error_id for error in paper(f"{text}\n{R2}\n").errors]


@pytest.mark.parametrize(
    "text",
    [
        r"\catcode`\%=12",
        r"\expandafter\def\csname gatevalue\endcsname#1#2#3#4#5{0.9}",
        r"\iffalse",
        r"\ifx\a\b",
        r"\fi",
        r"\endinput",
        r"\input{values}",
        r"\include{values}",
        r"\scantokens{x}",
        r"\lowercase{x}",
        r"\^^67x",
        r"\newif\ifx",
    ],
)
def test_what_changes_how_tex_reads_on_is_refused_beside_markers(text: str) -> None:
    assert "claims.unsafe" in [error.error_id for error in paper(f"{text}\n{R2}\n").errors]
    assert paper(f"% {text}\n{R2}\n\\verb|{text}|\n").errors == ()
    assert paper(f"{text}\n").errors == ()


@pytest.mark.parametrize(
    "text", [f"9{R2}", f"9{{}}{R2}", f"$9${R2}", rf"9\!{R2}", f"{R2}e-3", f"{R2}{{}}9", rf"{R2}\%", rf"{R2}$\times 10$"]
)
def test_a_bound_number_that_touches_another_is_an_error(text: str) -> None:
    assert "claims.glued" in [error.error_id for error in paper(text).errors]


@pytest.mark.parametrize(
    "text", [rf"$a \iff b$ {R2}", rf"\textbf{{{R2}}}", f"~{R2}, ({R2}).", f"9 {R2} 9", f"{R2} & {R2}"]
)
def test_their_near_twins_pass(text: str) -> None:
    assert paper(text).errors == ()


@pytest.mark.parametrize("text", [rf"5\% {R2}", f"%\n{R2}", R2.replace("}{", "}\n {"), R2.replace("}{", "}% x\n{")])
def test_an_escaped_percent_sign_starts_no_comment_and_arguments_may_stand_apart(text: str) -> None:
    assert [value.printed for value in paper(text).values] == ["0.83"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (r"\gateclaim{a}{b", ["paper/p.tex:1:1: claims.unclosed"]),
        (r"\gateclaim{a}", ["paper/p.tex:1:1: claims.marker"]),
        (r"\gatevalue{a.json}{r2}{n}{0.1}", ["paper/p.tex:1:1: claims.marker"]),
        (r"x \gatevalue{a.json}{r2}{mean}{.3f}{0.1}", ["paper/p.tex:1:3: claims.value"]),
        (
            r"\gateclaim{a}{b \gateclaim{c}{d}}",
            ["paper/p.tex:1:17: claims.nested", "paper/p.tex:1:33: claims.unopened"],
        ),
        (r"\gateclaim{a}{b} \gateclaim{a}{b}", ["paper/p.tex:1:18: claims.duplicate"]),
        (r"\gateclaim{a}{ % b" + "\n}", ["paper/p.tex:1:1: claims.empty"]),
        (r"\gateclaims{a}{b}", ["paper/p.tex:1:1: claims.marker"]),
        (r"\gatevalue{a.json {r2}{n}{d}{5}", ["paper/p.tex:1:1: claims.marker"]),
    ],
)
def test_what_cannot_be_read_is_an_error_at_its_macro(text: str, found: list[str]) -> None:
    assert errors(text) == found
