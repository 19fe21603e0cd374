"""Jupyter notebooks (nbformat 4): Markdown cells are Markdown, and what cells have printed is shown but binds nothing.

A number in an output was printed by a run that nobody can repeat here, so it is no bound number: a marker there is an
error, and the scans look at what is printed as at prose. An output whose text is not read, as a widget, is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from gatekit.claims.document_formats import MAX_FILE, MAX_TEXT, DocumentPart, PartEdit, PartKind
from gatekit.claims.document_text import LINE_END
from gatekit.claims.json_strings import JsonString, Keys, LineStarts, strings_under, written
from gatekit.errors import GatekitError, Location
from gatekit.evidence.strict_json import JsonLimits, parse_json, value_pointer

LIMITS = JsonLimits(size=MAX_FILE, values=50_000, string=MAX_FILE)

_COLOUR = re.compile("\x1b\\[[0-9;]*m")
"""Escapes that colour what is printed, and show nothing."""
_TEXTS: dict[str, PartKind] = {
    "text/plain": "text",
    "text/html": "html",
    "text/markdown": "printed_markdown",
    "text/latex": "text",
}
CLEAR = "clear the output"


def split(data: bytes, name: str) -> list[DocumentPart]:
    """Return the cells of a notebook and what they printed.

    Raises:
        GatekitError: `json.*`; `document.notebook` with the JSON pointer of what is no notebook of nbformat 4, or
            shows something that is not read.
    """
    return list(_Notebook(data, name).parts())


def put_back(data: bytes, name: str, edits: Sequence[PartEdit]) -> bytes:
    """Return the notebook with new text in its cells, and every other byte as it was."""
    notebook = _Notebook(data, name)
    runs = list(notebook.runs())
    changes: list[tuple[int, int, str]] = []
    for edit in edits:
        changes += _written_changes(runs[edit.part], edit)
    text, at = notebook.text, 0
    pieces: list[str] = []
    for start, end, new in sorted(changes):
        pieces += [text[at:start], new]
        at = end
    return "".join([*pieces, text[at:]]).encode("utf-8")


class _Run:
    """The strings of which the notebook makes one text."""

    def __init__(self, name: str, kind: PartKind, strings: Sequence[JsonString], between: str = "") -> None:
        self.name = name
        self.kind = kind
        self.strings = strings
        self.text = between.join(string.text for string in strings)
        self.starts: list[int] = []
        at = 0
        for string in strings:
            self.starts.append(at)
            at += len(string.text) + len(between)

    def part(self, lines: LineStarts) -> DocumentPart:
        """Return the run as a part; what only colours it is left out."""
        starts = [0, *(found.end() for found in LINE_END.finditer(self.text))]
        places: list[tuple[int, int]] = []
        index = 0
        for start in starts:
            while index + 1 < len(self.strings) and self.starts[index + 1] <= start:
                index += 1
            string = self.strings[index]
            places.append(lines.place(string.place(min(start - self.starts[index], len(string.text)))))
        text = self.text if self.kind == "markdown" else _COLOUR.sub("", self.text)
        # Without a colour between them, two line ends can be one.
        return DocumentPart(self.name, self.kind, text, tuple(places[: len(LINE_END.findall(text)) + 1]))


class _Notebook:
    def __init__(self, data: bytes, name: str) -> None:
        self.name = name
        self.value = parse_json(data, name, LIMITS).value
        self.text = data.decode("utf-8")
        self.strings = strings_under(self.text, "cells")

    def parts(self) -> Iterator[DocumentPart]:
        lines = LineStarts(self.text)
        left = MAX_TEXT
        for run in self.runs():
            left -= len(run.text)
            if left < 0:  # before the place of every line is looked for
                message = f"the text of the cells and outputs has more than {MAX_TEXT} characters"
                raise GatekitError("document.total_size", message, Location(self.name), CLEAR)
            yield run.part(lines)

    def runs(self) -> Iterator[_Run]:
        top = self.value
        if not isinstance(top, dict) or type(top.get("nbformat")) is not int or "cells" not in top:
            raise self.refusal((), "the file is no notebook: it has no nbformat and cells")
        if top["nbformat"] != 4:
            remedy = "save it as nbformat 4: `jupyter nbconvert --to notebook`"
            raise self.refusal(("nbformat",), f"nbformat {top['nbformat']} is not read", remedy)
        cells = self.typed(top["cells"], list, ("cells",))
        for index, cell in enumerate(cells):
            keys: Keys = ("cells", index)
            self.typed(cell, dict, keys)
            yield from self.cell(cell, keys, f"cell {index + 1}")

    def cell(self, cell: dict[str, Any], keys: Keys, name: str) -> Iterator[_Run]:
        kinds: dict[Any, PartKind] = {"markdown": "markdown", "code": "code", "raw": "text"}
        cell_type = self.typed(cell.get("cell_type"), str, (*keys, "cell_type"))
        if cell_type not in kinds:
            raise self.refusal((*keys, "cell_type"), f"there are no cells of type '{cell_type[:40]}' in nbformat 4")
        if cell_type == "markdown" and _has_variables(cell):
            message = "the cell shows values of variables, which are not in its text, so it cannot be checked"
            raise self.refusal((*keys, "metadata", "variables"), message, "write the numbers into the cell")
        yield from self.run(cell, "source", keys, name, kinds[cell_type])
        if cell_type != "code":
            return
        for number, output in enumerate(self.typed(cell.get("outputs"), list, (*keys, "outputs"))):
            place: Keys = (*keys, "outputs", number)
            self.typed(output, dict, place)
            yield from self.output(output, place, f"output {number + 1} of {name}")

    def output(self, output: dict[str, Any], keys: Keys, name: str) -> Iterator[_Run]:
        output_type = output.get("output_type")
        if output_type == "stream":
            yield from self.run(output, "text", keys, name, "text")
        elif output_type == "error":
            for key in ("ename", "evalue"):
                yield from self.run(output, key, keys, f"{key} of {name}", "text")
            yield from self.run(output, "traceback", keys, f"traceback of {name}", "text", "\n")
        elif output_type in ("display_data", "execute_result"):
            place: Keys = (*keys, "data")
            bundle = self.typed(output.get("data"), dict, place)
            for mime in bundle:
                if mime.startswith("image/"):  # a picture, as in every other document
                    continue
                if mime not in _TEXTS:
                    message = f"the output shows '{mime[:80]}', which is not read, so it cannot be checked"
                    raise self.refusal((*place, mime), message, CLEAR)
                yield from self.run(bundle, mime, place, f"{mime} of {name}", _TEXTS[mime])
        else:
            raise self.refusal((*keys, "output_type"), "there is no such type of output in nbformat 4", CLEAR)

    def run(
        self, holder: dict[str, Any], key: str, keys: Keys, name: str, kind: PartKind, between: str = ""
    ) -> Iterator[_Run]:
        """Return the run of a value that is one string or several; nothing for one that holds no text."""
        place: Keys = (*keys, key)
        value = holder.get(key)
        if isinstance(value, str):
            found = [self.strings[place]]
        elif isinstance(value, list) and all(isinstance(line, str) for line in value):
            found = [self.strings[(*place, index)] for index in range(len(value))]
        else:
            raise self.refusal(place, "expected a string or an array of strings")
        if any(string.text for string in found):
            yield _Run(name, kind, found, between)

    def typed(self, value: Any, wanted: type, keys: Keys) -> Any:
        if type(value) is not wanted:
            names = {"list": "an array", "dict": "an object", "str": "a string"}
            raise self.refusal(keys, f"expected {names[wanted.__name__]}")
        return value

    def refusal(self, keys: Keys, message: str, remedy: str | None = None) -> GatekitError:
        return GatekitError("document.notebook", message, Location(self.name, pointer=value_pointer(keys)), remedy)


def _has_variables(cell: dict[str, Any]) -> bool:
    """Whether an extension of Jupyter fills in values that it keeps beside the text."""
    metadata = cell.get("metadata")
    return isinstance(metadata, dict) and bool(metadata.get("variables"))


def _written_changes(run: _Run, edit: PartEdit) -> Iterator[tuple[int, int, str]]:
    """Return the changes of one edit in the notebook's own text: start, end, and what stands there instead."""
    new: str | None = edit.text
    for start, string in zip(run.starts, run.strings, strict=True):
        end = start + len(string.text)
        is_last = string is run.strings[-1]
        if edit.start < end or (is_last and edit.start <= end):
            first, last = max(edit.start, start) - start, min(edit.end, end) - start
            if first <= last and (new is not None or first < last):
                yield string.place(first), string.place(last), written(new or "")
                new = None
        if edit.end <= end and new is None:
            return
