"""Notebooks: Markdown cells bind as documents do, outputs bind nothing, and sync changes single numbers of the JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from claims.registered import README, REGISTRY, registry, summaries

from gatekit.claims import ClaimsDocument, find_strays, parse_document, rewrite, scan_language, scan_numbers
from gatekit.claims.json_strings import strings_under
from gatekit.errors import GatekitError

GIVEN = summaries()
Json = dict[str, Any]


def markdown(text: str | list[str], **more: Any) -> Json:
    return {"cell_type": "markdown", "id": "m", "metadata": {}, "source": text, **more}


def code(text: str, *outputs: Json) -> Json:
    return {"cell_type": "code", "id": "c", "metadata": {}, "execution_count": 1, "source": text, "outputs": outputs}


def shows(**data: Any) -> Json:
    bundle = {name.replace("_", "/", 1): value for name, value in data.items()}
    return {"output_type": "display_data", "metadata": {}, "data": bundle}


def stream(text: str) -> Json:
    return {"output_type": "stream", "name": "stdout", "text": text}


def notebook(*cells: Json, **options: Any) -> bytes:
    top = {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(top, **({"indent": 1, "ensure_ascii": False} | options)).encode()


def read(*cells: Json) -> ClaimsDocument:
    return parse_document(notebook(*cells), "docs/a.ipynb")


def lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def refusal(data: bytes) -> GatekitError:
    with pytest.raises(GatekitError) as caught:
        parse_document(data, "docs/a.ipynb")
    assert int(caught.value.exit_code) == 4
    return caught.value


def test_a_markdown_cell_is_read_as_markdown_and_its_places_name_the_cell() -> None:
    data = notebook(markdown("# Title"), markdown(lines(README)))
    found = parse_document(data, "docs/a.ipynb")
    plain = parse_document(README.encode(), "docs/a.md")
    assert [(block.claim, block.sentence) for block in found.blocks] == [("agree", plain.blocks[0].sentence)]
    assert [value.printed for value in found.values] == ["+0.2100", "0.83"]
    (place,) = [(n, line) for n, line in enumerate(data.decode().splitlines(), 1) if "+0.2100" in line]
    where = f"docs/a.ipynb:{place[0]}:{place[1].index('+0.2100') + 1} (cell 2, line 5)"
    assert str(found.values[0].location) == where
    assert found.errors == ()


@pytest.mark.parametrize("options", [{"indent": 1}, {"indent": None, "separators": (",", ":")}, {"ensure_ascii": True}])
@pytest.mark.parametrize("split", [lines, lambda text: text, lambda text: [text[:200], "", text[200:]]])
def test_sync_changes_the_numbers_and_no_other_byte(options: Json, split: Any) -> None:
    # What JSON escapes, and a character that two escapes make, stand before the numbers.
    text = '"quoted" \\ \t\u00e4\U0001f600\n\n' + README
    stale = text.replace("+0.2100", "+7").replace("0.83", "")
    cells = [code("x = 1", shows(text_plain="1", image_png="AAAA")), markdown(split(stale))]
    given, wanted = notebook(*cells, **options), notebook(cells[0], markdown(split(text)), **options)
    result = rewrite(parse_document(given, "docs/a.ipynb"), GIVEN)
    assert result.errors == ()
    assert [(change.before, change.after) for change in result.changes] == [("+7", "+0.2100"), ("", "0.83")]
    assert json.loads(result.data) == json.loads(wanted) or not isinstance(split(text), str)
    assert "".join(parse_document(result.data, "docs/a.ipynb").parts[-1].text) == text
    assert result.data.replace(b"+0.2100<", b"+7<").replace(b"0.83<", b"<") == given


def test_an_edit_over_two_strings_of_one_cell_stands_in_the_first() -> None:
    head, tail = README.split("0.2100")
    given = notebook(markdown([f"{head}9.", f"9{tail}"]))
    result = rewrite(parse_document(given, "docs/a.ipynb"), GIVEN)
    assert json.loads(result.data)["cells"][0]["source"] == [f"{head}0.2100", tail]


def test_sync_writes_a_status_into_a_cell() -> None:
    rules = registry(REGISTRY.replace("status: supported", "status: not_supported"))
    given = notebook(markdown(lines(README)))
    result = rewrite(parse_document(given, "docs/a.ipynb"), GIVEN, rules)
    assert result.errors == ()
    assert b"Not supported by the evidence:" in result.data
    assert rewrite(parse_document(result.data, "docs/a.ipynb"), GIVEN, rules).changes == ()


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        (code("<!-- gatekit:value a b c d -->"), "cell 1, line 1"),
        (code("", stream("\n<!-- gatekit:value a b c d -->")), "output 1 of cell 1, line 2"),
        (code("", shows(text_html="<p><!-- gatekit:value a b c d -->1")), "text/html of output 1 of cell 1, line 1"),
        (code("", shows(text_markdown=["a\n", "<!-- gatekit:literal -->1<!-- /gatekit:literal -->"])), None),
        ({"cell_type": "raw", "metadata": {}, "source": "<!--gatekit:claim x-->"}, "cell 1, line 1"),
    ],
)
def test_a_marker_binds_nothing_but_in_markdown_cells(cell: Json, name: str | None) -> None:
    found = read(cell)
    assert {error.error_id for error in found.errors} == {"claims.marker"}
    assert name is None or name in str(found.errors[0])
    assert (found.blocks, found.values) == ((), ())


def test_a_claim_ends_in_the_cell_in_which_it_begins() -> None:
    head, tail = README.split("average.\n", 1)
    found = read(markdown(head), code("", stream("0.5")), markdown(f"average.\n{tail}"))
    assert [error.error_id for error in found.errors] == ["claims.unclosed", "claims.unopened"]


def test_a_claim_has_one_block_in_a_notebook() -> None:
    found = read(markdown(README), markdown(README))
    assert [error.error_id for error in found.errors] == ["claims.duplicate"]
    assert "(cell 1, line 3)" in str(found.errors[0])


def test_what_cells_printed_is_looked_at_by_the_scans_and_code_is_not() -> None:
    found = read(
        markdown("A 0.11."),
        code(
            "x = 0.22  # beats",
            stream("loss 0.\x1b[1m33\x1b[0m\r\x1b[2m\nbeats all"),
            shows(text_html=["<b>0</b>.44"], text_plain="0.55", text_latex="0.66", text_markdown="**0**.77"),
            {"output_type": "error", "ename": "E", "evalue": "0.88", "traceback": ["", "0.99"]},
        ),
        {"cell_type": "raw", "metadata": {}, "source": "1.11"},
    )
    assert [stray.text for stray in scan_numbers(found)] == [
        *("0.11", "0.33", "0.44", "0.55", "0.66", "0.77", "0.88", "0.99", "1.11")
    ]
    assert [str(stray.location).partition(" ")[2] for stray in scan_language(found)] == ["(output 1 of cell 2, line 2)"]
    findings = find_strays(registry().rules, [found], registry())
    assert len(findings) == 10


@pytest.mark.parametrize(
    ("data", "place", "said"),
    [
        (
            notebook(code("", shows(**{"application_vnd.plotly.v1+json": {}}))),
            "/cells/0/outputs/0/data/application~1vnd.",
            "",
        ),
        (notebook(markdown("x", metadata={"variables": {"a": "0.99"}})), "/cells/0/metadata/variables", "variables"),
        (notebook({"cell_type": "heading", "source": "x"}), "/cells/0/cell_type", "heading"),
        (notebook(markdown([1])), "/cells/0/source", "array of strings"),  # type: ignore[list-item]
        (notebook({"cell_type": "markdown"}), "/cells/0/source", "a string"),
        (notebook({"cell_type": "code", "source": "x"}), "/cells/0/outputs", "an array"),
        (notebook(code("", {"output_type": "pyout"})), "/cells/0/outputs/0/output_type", "type of output"),
        (b'{"nbformat": 3, "worksheets": [], "cells": []}', "/nbformat", "nbformat 3"),
        (b'{"nbformat": true, "cells": []}', "", "no notebook"),
        (b'{"nbformat": 4}', "", "no notebook"),
        (b"[]", "", "no notebook"),
    ],
)
def test_what_is_no_notebook_of_nbformat_4_is_refused_with_its_place(data: bytes, place: str, said: str) -> None:
    error = refusal(data)
    assert error.error_id == "document.notebook"
    assert str(error.location).startswith(f"docs/a.ipynb#{place}")
    assert said in error.message


@pytest.mark.parametrize(
    ("data", "error_id"),
    [
        (notebook(markdown("x")).replace(b'"cells"', b'"cells": [], "cells"', 1), "json.duplicate_key"),
        (notebook(markdown("x"))[:-2], "json.syntax"),
        (b"\xef\xbb\xbf" + notebook(markdown("x")), "document.bom"),
        (notebook(markdown("x")).decode().encode("utf-16"), "document.encoding"),
        (notebook(markdown("x\u202ey")), "document.control_character"),
        (notebook(code("", stream("1\x082"))), "document.control_character"),
        (notebook(markdown("\\ud83d"), ensure_ascii=False).replace(b"\\\\ud83d", b"\\ud83d"), "json.lone_surrogate"),
        (notebook(), "format.parts"),
        (notebook(markdown("")), "format.parts"),
    ],
)
def test_what_cannot_be_read_is_one_clear_error(data: bytes, error_id: str) -> None:
    assert refusal(data).error_id == error_id


def test_a_marker_outside_of_all_cells_is_an_error() -> None:
    data = notebook(markdown("text")).replace(
        b'"metadata": {}\n', b'"metadata": {"a": "<!-- gatekit:claim x -->"}\n', 1
    )
    found = parse_document(data.replace(b'"nbformat"', b'"x": "<!-- gatekit:claim x -->", "nbformat"'), "docs/a.ipynb")
    assert [error.error_id for error in found.errors] == ["claims.marker"]


def test_strings_are_found_with_their_places() -> None:
    text = '{"a": {"cells": ["x"]}, "cells": [[], {}, "\\u00e4\\ud83d\\ude00b", {"k\\"": ["", "y"]}], "z": "q"}'
    found = strings_under(text, "cells")
    assert {keys: one.text for keys, one in found.items()} == {
        ("cells", 2): "\u00e4\U0001f600b",
        ("cells", 3, 'k"', 0): "",
        ("cells", 3, 'k"', 1): "y",
    }
    one = found["cells", 2]
    assert [text[one.place(at) : one.place(at + 1)] for at in range(3)] == ["\\u00e4", "\\ud83d\\ude00", "b"]
