"""Keeps docs/verdict.ipynb true: its cells are run in order, and what they print and draw is stored in it.

    python docs/notebook.py           # runs the cells and writes what they print and draw now
    python docs/notebook.py --check   # exits 1 when they print something else, or draw another number of pictures

Cells are plain Python, so that running them needs no Jupyter: one namespace, in the folder of the notebook, as a kernel
has it. A picture's bytes depend on the machine's fonts, so its presence is compared and not its bytes.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import sys
from pathlib import Path
from typing import Any

from matplotlib import pyplot

NOTEBOOK = Path(__file__).with_name("verdict.ipynb")


def run(notebook: dict[str, Any]) -> None:
    """Put into every cell of code what it prints and draws now.

    Raises:
        Exception: what a cell raises; a notebook that fails is not written.
    """
    pyplot.switch_backend("agg")
    namespace: dict[str, Any] = {"__name__": "__main__"}
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    with contextlib.chdir(NOTEBOOK.parent):
        for count, cell in enumerate(cells, start=1):
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile("".join(cell["source"]), f"cell {count}", "exec"), namespace)
            cell["execution_count"] = count
            text = printed.getvalue().splitlines(keepends=True)
            cell["outputs"] = [{"name": "stdout", "output_type": "stream", "text": text}] if text else []
            cell["outputs"] += [_picture(number) for number in pyplot.get_fignums()]
            pyplot.close("all")


def _picture(number: int) -> dict[str, Any]:
    data = io.BytesIO()
    pyplot.figure(number).savefig(data, format="png", dpi=80, metadata={"Software": None})
    png = base64.b64encode(data.getvalue()).decode()
    return {"data": {"image/png": png}, "metadata": {}, "output_type": "display_data"}


def told(notebook: dict[str, Any]) -> list[list[Any]]:
    """What can be compared of the outputs: texts as they are, pictures by being there."""
    return [
        [output.get("text", list(output.get("data", ()))) for output in cell["outputs"]]
        for cell in notebook["cells"]
        if cell["cell_type"] == "code"
    ]


def main() -> int:
    """Write the outputs, or compare them."""
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    before = told(notebook)
    run(notebook)
    if "--check" in sys.argv[1:]:
        return int(told(notebook) != before)
    NOTEBOOK.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
