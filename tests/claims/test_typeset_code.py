"""What LaTeX and Typst documents bring from the repository is read, and says nothing of our names."""

from __future__ import annotations

import pytest

from gatekit.claims import typeset_code
from gatekit.claims.documents import parse_document
from gatekit.claims.typeset_code import BroughtCode, is_doubtful, read_brought
from gatekit.errors import GatekitError, Location

HEAD = "\\input{gatekit-values}\n"
RED = "\\renewcommand{\\gatekitvalue}[1]{0.99}\n"


def brought(document: str, files: dict[str, str], name: str = "paper/a.tex") -> BroughtCode:
    def read(path: str) -> bytes | None:
        if files.get(path) == "link":
            raise GatekitError("document.not_regular", "this is no regular file", Location(path))
        return files[path].encode() if path in files else None

    return read_brought([parse_document((HEAD + document).encode(), name)], read, [*files, name])


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ("\\input{sec}", "paper/sec.tex"),
        ("\\input sec", "paper/sec.tex"),
        ("\\include{sub/sec}", "paper/sub/sec.tex"),
        ("\\input{sec.txt}", "paper/sec.txt"),
        ("\\input{../shared/sec}", "shared/sec.tex"),
        ("\\input{top}", "top.tex"),
        ("\\import{sub/}{sec}", "paper/sub/sec.tex"),
        ("\\subfile{sec}", "paper/sec.tex"),
        ("\\usepackage[a=b]{graphicx, lab}", "paper/lab.sty"),
        ("\\RequirePackage{lab}", "paper/lab.sty"),
        ("\\documentclass[11pt]{lab}", "paper/lab.cls"),
        ("", "paper/keyval.sty"),
        ("", "paper/graphics.cfg"),
        ("", "lab.sty"),
        ("", "paper/a.aux"),
    ],
)
def test_our_names_in_a_file_that_a_document_brings_are_an_error(document: str, path: str) -> None:
    found = brought(document, {path: "\\relax\n" + RED})
    assert [(str(error.location), error.error_id) for error in found.errors] == [(f"{path}:2:16", "claims.brought")]
    assert brought(document, {path: "\\relax\n"}) == BroughtCode((path,), ())


def test_files_that_files_bring_are_read_too() -> None:
    files = {"paper/a.sty": "\\RequirePackage{b}", "paper/sub/b.sty": RED, "paper/b.sty": "\\input{sub/b.sty}"}
    [error] = brought("\\usepackage{a}", files).errors
    assert str(error.location) == "paper/sub/b.sty:1:16"


def test_a_file_that_cannot_be_read_or_is_named_by_a_macro_is_an_error() -> None:
    assert [e.error_id for e in brought("\\input{sec}", {"paper/sec.tex": "link"}).errors] == ["claims.brought"]
    assert [e.error_id for e in brought("\\input{\\dir/sec}", {}).errors] == ["claims.brought"]


@pytest.mark.parametrize("name", ["missing", "/etc/passwd", "../../outside", "x" * 300, "amsmath"])
def test_what_is_not_in_the_repository_is_none_of_it(name: str) -> None:
    assert brought(f"\\input{{{name}}}\n\\usepackage{{{name}}}", {}) == BroughtCode((), ())


def test_what_is_no_code_of_tex_may_speak_of_us() -> None:
    files = {"setup.cfg": "[tool]\ngatekit = 1\n", "paper/notes.txt": RED, "other/lab.sty": RED}
    assert brought("", files) == BroughtCode(("setup.cfg",), ())


def test_what_tex_has_left_repeats_our_names_and_defines_none() -> None:
    assert brought("", {"paper/a.toc": "{By \\gatekitvalue {x} and \\gatekitclaim{y}}"}).errors == ()
    assert brought("", {"paper/a.toc": "\\def\\gatekitvalue#1{0.99}"}).errors != ()


def test_modules_of_typst_are_read() -> None:
    head = '#import "gatekit-values.typ": gatekit-claim, gatekit-value, gatekit-literal\n'
    text = (head + '#import "lab.typ": template\n').encode()
    document = parse_document(text, "paper/a.typ")
    files = {"paper/lab.typ": b"#let gatekit-value(x) = 0.99\n"}
    [error] = read_brought([document], files.get, files).errors
    assert str(error.location) == "paper/lab.typ:1:6"


def test_more_files_or_bytes_than_anybody_brings_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"paper/a.sty": "\\relax", "paper/b.sty": "\\relax"}
    monkeypatch.setattr(typeset_code, "MOST_FILES", 2)
    assert brought("", files).errors == ()
    monkeypatch.setattr(typeset_code, "MOST_FILES", 1)
    assert [error.error_id for error in brought("", files).errors] == ["claims.too_much_brought"]
    monkeypatch.setattr(typeset_code, "MOST_FILES", 2)
    monkeypatch.setattr(typeset_code, "MOST_BYTES", 11)
    assert [error.error_id for error in brought("", files).errors] == ["claims.too_much_brought"]


@pytest.mark.parametrize(
    "code", ["\\csname x\\endcsname", "\\catcode`\\@=11", "\\renewcommand{\\input}{x}", "\\newif\\ifx"]
)
def test_code_that_changes_how_tex_reads_on_is_doubtful(code: str) -> None:
    assert is_doubtful("paper/lab.sty", code.encode())


def test_plain_macros_text_and_what_tex_has_left_are_not() -> None:
    assert not is_doubtful("paper/lab.sty", b"\\newcommand{\\lab}{The lab}\nText.\n")
    assert not is_doubtful("paper/a.aux", b"\\csname x\\endcsname")
    assert not is_doubtful("lab.typ", b"#let lab = [The lab]\n")


def test_a_show_rule_for_text_and_a_file_of_any_size_are_doubtful() -> None:
    assert is_doubtful("lab.typ", b'#show "0.21": "0.99"\n')
    assert not is_doubtful("lab.sty", b"x" * typeset_code.LONGEST_JUDGED)
    assert is_doubtful("lab.sty", b"x" * (typeset_code.LONGEST_JUDGED + 1))
