"""Formats of documents that packages bring: what they give is checked; what is wrong with one is one clear error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from claims.registered import README, REGISTRY, registry, summaries

from gatekit import plugins
from gatekit.claims import document_formats, parse_document, read_documents, rewrite
from gatekit.claims.document_formats import DocumentPart, PartEdit, edited
from gatekit.errors import GatekitError
from gatekit.exit_codes import ExitCode
from gatekit.plugins import Plugin

HEAD = "#org\n"


class Org:
    """A format of a line of its own and Markdown below it."""

    def split(self, data: bytes, name: str) -> Sequence[DocumentPart]:
        text = data.decode().removeprefix(HEAD)
        return [DocumentPart("body", "markdown", text, tuple((line + 2, 1) for line in range(text.count("\n") + 1)))]

    def put_back(self, data: bytes, name: str, edits: Sequence[PartEdit]) -> bytes:
        return (HEAD + edited(self.split(data, name)[0].text, edits, 0)).encode()


@pytest.fixture
def bring(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Register a format under a suffix; several are of several packages."""

    def register(*formats: Any, name: str = "org") -> None:
        found = tuple(Plugin("format", name, f"lab:{index}", f"lab{index}") for index in range(len(formats)))
        monkeypatch.setattr(plugins, "registered", lambda *_: {name: found})
        monkeypatch.setattr(plugins, "load", lambda plugin: formats[found.index(plugin)])

    return register


def refusal(data: bytes = (HEAD + README).encode()) -> GatekitError:
    with pytest.raises(GatekitError) as caught:
        parse_document(data, "docs/a.org")
    assert caught.value.exit_code is ExitCode.REFUSED
    assert "\n" not in str(caught.value)
    return caught.value


def test_a_package_brings_a_format_of_document(bring: Callable[..., None]) -> None:
    bring(Org())
    stale = (HEAD + README.replace("+0.2100", "+7")).encode()
    document = parse_document(stale, "docs/a.org")
    column = stale.decode().splitlines()[5].index("+7") + 1
    assert str(document.values[0].location) == f"docs/a.org:6:{column} (body, line 5)"
    assert rewrite(document, summaries()).data == (HEAD + README).encode()


def _part(**changed: Any) -> DocumentPart:
    given: dict[str, Any] = {"name": "body", "kind": "markdown", "text": "a\nb", "lines": ((1, 1), (2, 1))}
    return DocumentPart(**{**given, **changed})


@pytest.mark.parametrize(
    "given",
    [
        [],
        None,
        7,
        ["a"],
        [_part(), None],
        [_part(name="")],
        [_part(name="a\nb")],
        [_part(name="x" * 101)],
        [_part(name=3)],
        [_part(kind="prose")],
        [_part(kind=[])],
        [_part(text=b"a\nb")],
        [_part(text="a\n\ud800")],
        [_part(lines=((1, 1),))],
        [_part(lines=((1, 1), (2, 0)))],
        [_part(lines=((1, 1), (True, 1)))],
        [_part(lines=((1, 1), (2, 1), (3, 1)))],
        [_part(lines=None)],
    ],
)
def test_what_a_format_gives_is_checked(bring: Callable[..., None], given: Any) -> None:
    class Broken(Org):
        def split(self, data: bytes, name: str) -> Any:
            return given

    bring(Broken())
    assert refusal().error_id in ("format.parts", "format.fails")
    assert "lab0" in str(refusal())


def test_a_format_that_gives_parts_without_end_is_stopped(bring: Callable[..., None]) -> None:
    class Endless(Org):
        def split(self, data: bytes, name: str) -> Any:
            while True:
                yield _part()

    bring(Endless())
    assert refusal().error_id == "document.too_many_parts"


@pytest.mark.parametrize(
    "raised",
    [
        ValueError("a\nb"),
        SystemExit(0),
        RecursionError(),
        GatekitError("x.y", "passes", exit_code=ExitCode.PASS),
    ],
)
def test_a_format_that_fails_refuses_its_document_whatever_it_raises(
    bring: Callable[..., None], raised: BaseException
) -> None:
    class Failing(Org):
        def split(self, data: bytes, name: str) -> Any:
            raise raised

    bring(Failing())
    assert refusal().location is not None


def test_a_format_that_leaves_out_a_marker_is_found_out(bring: Callable[..., None]) -> None:
    class Silent(Org):
        def split(self, data: bytes, name: str) -> Any:
            return [_part()]

    bring(Silent())
    document = parse_document((HEAD + README).encode(), "docs/a.org")
    assert [error.error_id for error in document.errors] == ["claims.marker"]


@pytest.mark.parametrize("changed", [b"", b"#org\n", "text", None, (HEAD + README.replace("0.83", "0.84")).encode()])
def test_a_document_that_is_not_put_back_right_stays_as_it_is(bring: Callable[..., None], changed: Any) -> None:
    class Wrong(Org):
        def put_back(self, data: bytes, name: str, edits: Sequence[PartEdit]) -> Any:
            return changed

    bring(Wrong())
    stale = (HEAD + README.replace("+0.2100", "+7")).encode()
    result = rewrite(parse_document(stale, "docs/a.org"), summaries())
    assert [error.error_id for error in result.errors] == ["format.put_back"]
    assert result.data == stale


def test_two_packages_with_one_suffix_are_refused(bring: Callable[..., None]) -> None:
    bring(Org(), Org())
    assert refusal().error_id == "format.ambiguous"


def test_a_format_without_the_two_functions_is_refused(bring: Callable[..., None]) -> None:
    bring(object())
    assert refusal().error_id == "format.unusable"


def test_no_package_takes_over_the_suffix_of_ours(bring: Callable[..., None]) -> None:
    bring(object(), name="md")
    assert parse_document(README.encode(), "README.md").errors == ()


def test_a_pattern_that_nothing_reads_is_an_error_at_its_place(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(README)
    (tmp_path / "README.rst").write_text("Text")
    rules = registry(REGISTRY.replace('"docs/*.md"', '"*.rst"'))
    documents, errors = read_documents(rules, str(tmp_path))
    assert [error.error_id for error in errors] == ["format.unknown"]
    assert str(errors[0].location) == "claims.yaml:4:26"
    assert ".md, .markdown, .qmd, .tex, .typ, .ipynb" in str(errors[0])
    assert len(documents) == 1


def test_all_documents_of_other_formats_share_one_limit_of_text(
    bring: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bring(Org())
    monkeypatch.setattr(document_formats, "MAX_TEXT", 10)
    rules = registry(REGISTRY.replace('README.md, "docs/*.md"', '"*.org"'))
    (tmp_path / "a.org").write_text(f"{HEAD}12345")
    (tmp_path / "b.org").write_text(f"{HEAD}12345")
    assert read_documents(rules, str(tmp_path))[1] == []
    (tmp_path / "b.org").write_text(f"{HEAD}123456")
    assert [error.error_id for error in read_documents(rules, str(tmp_path))[1]] == ["document.total_size"]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path with a package that registers a format."""
    (tmp_path / "lab_org.py").write_text("def split(data, name): ...\ndef put_back(data, name, edits): ...\n")
    metadata = tmp_path / "lab_org-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: lab-org\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[gatekit.document_formats]\norg = lab_org\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "lab_org", raising=False)
    return tmp_path


@pytest.mark.parametrize("part", ["lab_org.py", "lab_org-1.0.dist-info"])
def test_code_of_what_is_judged_is_not_loaded(installed: Path, part: str) -> None:
    plugin = plugins.find(document_formats.GROUP, document_formats.WHAT, "org")
    with plugins.kept_out(str(installed), lambda path: path == part), pytest.raises(GatekitError) as caught:
        plugins.load(plugin)
    assert caught.value.error_id == "format.judged"
    assert "lab_org" not in sys.modules


def test_code_that_only_lies_in_the_same_folder_is_loaded(installed: Path) -> None:
    plugin = plugins.find(document_formats.GROUP, document_formats.WHAT, "org")
    with plugins.kept_out(str(installed), lambda path: path == "README.md"):
        assert plugins.load(plugin).split
