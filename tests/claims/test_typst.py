"""Typst documents show registered sentences and values by name, from gatekit-values.typ, as LaTeX documents do."""

from __future__ import annotations

import subprocess
from pathlib import Path

import builders
import pytest
from acceptance.console_script import gatekit
from claims.registered import PAPER_REGISTRY, registry, summaries, write
from growth import grows_evenly

from gatekit.claims import ClaimsDocument, parse_document, typst_values
from gatekit.claims.entries import named_entries
from gatekit.claims.scanning import scan_numbers

IMPORT = '#import "gatekit-values.typ": gatekit-claim, gatekit-value, gatekit-literal'
USE = '#gatekit-value("r2")'
PAPER = f'{IMPORT}\n= Seeds\n#gatekit-claim("agree") They explain {USE} of it.\n'
REGISTRY = PAPER_REGISTRY.replace("paper/*.tex", "paper/*.typ")
VALUES = "paper/gatekit-values.typ"


def document(text: str = PAPER) -> ClaimsDocument:
    return parse_document(text.encode(), "paper/p.typ")


def ids(body: str) -> list[str]:
    return [error.error_id.removeprefix("claims.") for error in document(f"{IMPORT}\n{body}\n").errors]


def claims(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    timed = ("--now", builders.NOW) if arguments[0] == "check" else ()
    return gatekit("claims", *arguments, *timed, cwd=cwd)


def test_sync_writes_a_file_that_check_compares(tmp_path: Path) -> None:
    write(tmp_path, {"claims.yaml": REGISTRY, "paper/p.typ": PAPER})
    assert claims("sync", cwd=tmp_path).returncode == 0
    text = (tmp_path / VALUES).read_text()
    assert '  "claim-agree": "Five SAEs agree more than their control, by " + "+0.2100" + " on average.",\n' in text
    assert claims("check", cwd=tmp_path).returncode == 0
    (tmp_path / VALUES).write_text(text.replace('"0.83"', '"0.84"'))
    done = claims("check", cwd=tmp_path)
    assert (done.returncode, "says 0.84, evidence says 0.83" in done.stdout) == (2, True)
    (tmp_path / VALUES).write_text(text.replace("more than", "less than"))
    assert claims("check", cwd=tmp_path).returncode == 4


def test_the_words_of_a_sentence_are_a_string_of_typst() -> None:
    sentence = r"""'Five "SAEs" \\ #x agree more than their control, by {} on average.'"""
    text = PAPER_REGISTRY.replace("Five SAEs agree more than their control, by {} on average.", sentence)
    line = typst_values.lines(named_entries(registry(text), summaries()).values())[4].text
    assert line.startswith(r'  "claim-agree": "Five \"SAEs\" \\ #x agree more')


@pytest.mark.parametrize(
    "body",
    [
        f"{USE}, *{USE}* [{USE}] ({USE}). {USE} gatekit checks it.",
        f"$ x = {USE} $ #table([{USE}], [9]) #figure(caption: [{USE}])[x]",
        "#show heading: it => it.body\n#show: doc => doc\n#show <a>: none\n#set text(size: 9pt)\nWe\nshow that it is.",
        '#import "@preview/x:0.1.0": y\n#let f(x) = x\nimportant: *bold*',
        f"// by gatekit\n/* a /* b */ c */ `raw` {USE}",
        "#gatekit-literal[95 %]",
    ],
)
def test_the_ways_in_which_documents_use_the_names_pass(body: str) -> None:
    assert ids(body) == []


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ('#let gatekit-value(name) = "0.99"', "macro"),
        ("#let f(gatekit-value) = gatekit-value", "macro"),
        ('#import "x.typ": gatekit-value', "macro"),
        ('#import "x.typ" as gatekit-value', "macro"),
        ("#for gatekit-value in (1, 2) {}", "macro"),
        ("#let gatekit-entries = (:)", "macro"),
        ('#gatekit-value("r2").replace("8", "9")', "macro"),
        ("#gatekit-value(x)", "macro"),
        ('#{ gatekit-value("r2") + "9" }', "macro"),
        ('#import "x.typ": *', "unsafe"),
        ('#import "x.typ": /* a */ *', "unsafe"),
        ('#show "0.83": "0.99"', "unsafe"),
        ('#show regex("0.83"): [0.99]', "unsafe"),
        ('#{/**/show "0.83": "0.99"}', "unsafe"),
        ('#let s = "0.83"\n#show s: "0.99"', "unsafe"),
        ('#eval("x")', "unsafe"),
        (IMPORT, "input"),
        (f"// {USE}", "hidden"),
        (f"/* {USE} */", "hidden"),
        (f"`{USE}`", "hidden"),
        (f"9{USE}", "glued"),
        (f"{USE}9", "glued"),
        (f"{USE}e-3", "glued"),
        (f"{USE} %", "glued"),
    ],
)
def test_what_could_make_a_name_show_something_else_is_refused(body: str, wanted: str) -> None:
    assert wanted in ids(body)


@pytest.mark.parametrize("text", ["= Seeds\n", f"= Seeds\n{IMPORT}\n", f"{IMPORT}, x\n", f"// {IMPORT}\n"])
def test_a_document_begins_with_the_import(text: str) -> None:
    assert "claims.not_input" in [error.error_id for error in document(text).errors]


def test_prose_is_scanned_and_other_files_are_named() -> None:
    read = document(f'{PAPER}It is 0.99, #gatekit-literal[9.5].\n#include "methods.typ"\n#image("a.png", width: 80%)\n')
    assert [stray.text for stray in scan_numbers(read)] == ["0.99"]
    assert [brought.name for brought in read.brought] == ["methods.typ"]


PIECES = ["7", "#show ", "#import ", "/*", "`", "``` ", f"{USE} ", "#gatekit-literal", "show ", "#x("]


@pytest.mark.parametrize("piece", PIECES)
def test_any_one_piece_costs_each_time_the_same_however_often_it_stands_there(piece: str) -> None:
    def scanned(characters: int) -> None:
        scan_numbers(document(f"{IMPORT}\n" + piece * (characters // len(piece))))

    assert grows_evenly(scanned, 12_500)


@pytest.mark.parametrize(
    "body",
    [
        f"#hide[{USE}]",
        f"#hide[a *b* {USE}]",
        f"#scale(x: -100%)[{USE}]",
        f"#text(fill: white)[{USE}]",
        f"#text(0pt)[a *b* {USE}]",
        f"#text(size: 0.01em)[{USE}]",
        f"#rotate(180deg, [{USE}])",
        f"#metadata[{USE}]",
        f"#block[#hide[#block[{USE}]]]",
        '#hide[#gatekit-claim("agree")]',
    ],
)
def test_a_name_within_a_function_that_does_not_show_it_is_refused(body: str) -> None:
    assert ids(body) == ["hidden"]


@pytest.mark.parametrize(
    "body",
    [
        f"#hide[a] {USE}",
        f"#block(width: 9pt)[{USE}]",
        f"#strong[{USE}]",
        f"#f(x)[{USE}]",
        f"#text(fill: red, size: 9pt)[{USE}]",
    ],
)
def test_a_name_within_or_beside_any_other_is_not(body: str) -> None:
    assert ids(body) == []


@pytest.mark.parametrize(
    "body",
    [
        f"{USE}#super[9]",
        f'{USE}#"9"',
        f"{USE}#9",
        f'{USE}#image("9.svg")',
        f"{USE}{USE}",
        f"\u2013{USE}",
        f"$-${USE}",
        f"\\u{{2212}}{USE}",
        f"{USE}\\u{{39}}",
        f"{USE}/100",
        f"{USE} percent",
    ],
)
def test_a_value_that_is_shown_together_with_what_is_made_beside_it_is_refused(body: str) -> None:
    assert "glued" in ids(body)


@pytest.mark.parametrize("body", [f"{USE}#footnote[a]", f"{USE} #super[9]", f"{USE}, {USE}", f"- {USE}", f"{USE}@a"])
def test_their_near_twins_are_read(body: str) -> None:
    assert ids(body) == []


def test_text_from_right_to_left_is_refused() -> None:
    assert ids(f"#text(dir: rtl)[{USE}]") == ["unsafe"]
    assert ids(f"#text(dir: ltr)[{USE}]") == []
