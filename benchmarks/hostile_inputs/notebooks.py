"""Notebooks, and files that `claims sync` wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gatekit.claims import document_formats, notebook, written
from gatekit.evidence.folder_limits import NOTEBOOK_FILES
from hostile_inputs.cases import CLAIMS, case, claims, write

PICTURE = "iVBORw0KGgo"


def cells(texts: list[str], **more: Any) -> str:
    """A notebook of Markdown cells."""
    found = [{"cell_type": "markdown", "metadata": {}, "source": text} for text in texts]
    return json.dumps({"cells": found, "metadata": {}, "nbformat": 4, "nbformat_minor": 4, **more})


def code(outputs: list[Any]) -> Any:
    """A cell with what it printed."""
    return {"cell_type": "code", "metadata": {}, "source": "x", "execution_count": 1, "outputs": outputs}


def printed(text: str, kind: str = "text/plain") -> Any:
    """One output."""
    return {"output_type": "display_data", "metadata": {}, "data": {kind: text}}


@case("notebook: as many bytes as one may have, a picture")
def _(folder: Path) -> list[str]:
    picture = printed(PICTURE, "image/png")
    text = cells(["0.12 " * 1000], x=code([picture]))
    return claims(folder, text.replace(PICTURE, "A" * (document_formats.MAX_FILE - len(text))), "x.ipynb", "scan")


@case("notebook: as many cells as there may be")
def _(folder: Path) -> list[str]:
    return claims(folder, cells(["* a 0.12"] * document_formats.MOST_PARTS), "x.ipynb", "scan")


@case("notebook: as many outputs as there may be")
def _(folder: Path) -> list[str]:
    one = code([printed("0.12")] * (document_formats.MOST_PARTS - 1))
    text = json.dumps({"cells": [one], "metadata": {}, "nbformat": 4, "nbformat_minor": 4})
    return claims(folder, text, "x.ipynb", "scan")


@case("notebook: as many values as there may be, lines of one cell")
def _(folder: Path) -> list[str]:
    lines: Any = ["a 0.12\n"] * (notebook.LIMITS.values - 40)
    return claims(folder, cells([lines]), "x.ipynb", "scan")


@case("notebook: as much text as all may have, lists on lines")
def _(folder: Path) -> list[str]:
    each = "* a\n" * (document_formats.MAX_TEXT // 4 // 4 - 10)
    for index in range(4):
        write(folder, f"n{index}.ipynb", cells([each]))
    claims(folder, "", "x.md", "scan")
    write(folder, "claims.yaml", CLAIMS % '"*.ipynb"')
    return ["claims", "scan"]


@case("notebook: as much text as all may have, HTML that was printed")
def _(folder: Path) -> list[str]:
    one = code([printed("<b>" * (document_formats.MAX_TEXT // 3 - 10), "text/html")])
    text = json.dumps({"cells": [one], "metadata": {}, "nbformat": 4, "nbformat_minor": 4})
    return claims(folder, text, "x.ipynb", "scan")


@case("notebooks: as many files and bytes as there may be")
def _(folder: Path) -> list[str]:
    each = NOTEBOOK_FILES.size // NOTEBOOK_FILES.files
    claims(folder, "", "x.md", "scan")
    write(folder, "claims.yaml", CLAIMS % '"*.ipynb"')
    for index in range(NOTEBOOK_FILES.files):
        text = cells(["0.12 " * 100], x=code([printed(PICTURE, "image/png")]))
        write(folder, f"n{index}.ipynb", text.replace(PICTURE, "A" * (each - len(text))))
    return ["claims", "scan"]


@case("values: a file that sync wrote, of as many bytes as one may have")
def _(folder: Path) -> list[str]:
    claims(folder, "\\gateclaim{c}", "x.tex")
    line = "\\gatedefine{value}{c}{0.12}\n"
    write(folder, "gatekit-values.tex", (line * (written.MAX_SIZE // len(line) + 1))[: written.MAX_SIZE])
    return ["claims", "check"]
