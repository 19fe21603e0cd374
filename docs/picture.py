"""Draws the README's picture of a pull request that is blocked: what git and gatekit print about a real repository.

    python docs/picture.py           # writes docs/pictures/blocked-light.svg and blocked-dark.svg
    python docs/picture.py --check   # exits 1 when they are not what is printed now

The evidence of the example is constructed (tests/pull_request/change.py); nothing else is.
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import sysconfig
import tempfile
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "pull_request")]

import builders  # noqa: E402
import change  # noqa: E402
import repositories  # noqa: E402

FOLDER = ROOT / "docs" / "pictures"
COLUMNS = 88
TITLE = "A pull request whose claim the evidence does not carry, and what gatekit says of it"
COLORS = {
    "light": {
        "ground": "#ffffff",
        "edge": "#d0d7de",
        **{"": "#1f2328", "1": "#1f2328", "2": "#59636e", "32": "#116329", "33": "#7d4e00", "31": "#b3261e"},
    },
    "dark": {
        "ground": "#0d1117",
        "edge": "#3d444d",
        **{"": "#e6edf3", "1": "#ffffff", "2": "#9198a1", "32": "#56d364", "33": "#e3b341", "31": "#ff7b72"},
    },
}
"""Per theme, the colour of each code of ECMA-48 that the report uses; each has at least 4.5 : 1 to the ground."""
SIZE, ROW, EDGE, CHARACTER = 13, 18, 16, 7.9
"""Pixels: of the letters, from line to line, around the text, and a character's width at most."""


def printed() -> str:
    """The diff of the claim, the command, and what it prints on a terminal, with its colours."""
    with tempfile.TemporaryDirectory() as folder:
        builder = repositories.Builder(Path(folder) / "repository")
        base = builder.commit("main", change.BASE)
        files = {change.OOD_FILE: change.ood(0.16), "claims.yaml": change.with_status("ood", "supported")}
        builder.commit("feature", files, parents=[base])
        root = builder.save()
        shown = ["git", "-C", str(root), "diff", "-U1", "main", "feature", "--", "claims.yaml"]
        diff = subprocess.run(shown, capture_output=True, text=True, check=True).stdout
        told = on_terminal(["pr", "--repo", str(root), "--base", "main", "--head", "feature", "--now", builders.NOW])
    lines = [line for line in diff.splitlines() if not line.startswith(("index ", "diff ", "---", "@@"))]
    marks = {"-": "\x1b[31m", "+": "\x1b[32m"}
    colored = [f"{marks[line[0]]}{line}\x1b[0m" if line[0] in marks else line for line in lines]
    return "\n".join([*colored, "", "\x1b[1m$ gatekit pr --base main --head feature\x1b[0m", told])


def on_terminal(arguments: list[str]) -> str:
    """What the command writes where its stdout is a terminal."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "COLUMNS": str(COLUMNS), "LINES": "40", "TERM": "xterm"}
    env = {name: value for name, value in env.items() if name not in ("NO_COLOR", "GITHUB_ACTIONS")}
    command = [str(Path(sysconfig.get_path("scripts")) / "gatekit"), *arguments]
    with subprocess.Popen(command, stdout=theirs, stderr=subprocess.STDOUT, env=env):
        os.close(theirs)
        data = b""
        while True:
            try:
                piece = os.read(ours, 1 << 16)
            except OSError:  # how Linux says that the other end was closed
                break
            if not piece:
                break
            data += piece
    os.close(ours)
    return data.decode().replace("\r\n", "\n").rstrip("\n")


def drawn(text: str, theme: str) -> str:
    """The picture of a text with colours, as SVG that holds all it needs."""
    colors = COLORS[theme]
    lines = text.split("\n")
    width, height = round(COLUMNS * CHARACTER + 2 * EDGE), len(lines) * ROW + 2 * EDGE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="{escape(TITLE)}">',
        f"<title>{escape(TITLE)}</title>",
        f'<rect x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="6" fill="{colors["ground"]}" '
        f'stroke="{colors["edge"]}"/>',
        f'<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="{SIZE}">',
    ]
    for number, line in enumerate(lines):
        spans = "".join(_spans(line, colors))
        if spans:
            parts.append(f'<text x="{EDGE}" y="{EDGE + number * ROW + SIZE}" xml:space="preserve">{spans}</text>')
    return "\n".join([*parts, "</g>", "</svg>", ""])


def _spans(line: str, colors: dict[str, str]) -> list[str]:
    """The pieces of one line, each in its colour."""
    spans, codes = [], ""
    for piece in re.split(r"(\x1b\[[0-9;]*m)", line):
        if piece.startswith("\x1b["):
            codes = "" if piece == "\x1b[0m" else piece[2:-1]
        elif piece:
            weight = ' font-weight="bold"' if "1" in codes.split(";") else ""
            color = colors[codes.split(";")[-1]]
            spans.append(f'<tspan fill="{color}"{weight}>{escape(piece, quote=False)}</tspan>')
    return spans


def main() -> int:
    """Write the pictures, or compare them."""
    text = printed()
    made = {FOLDER / f"blocked-{theme}.svg": drawn(text, theme) for theme in COLORS}
    if "--check" in sys.argv[1:]:
        return int(any(not path.exists() or path.read_text(encoding="utf-8") != svg for path, svg in made.items()))
    FOLDER.mkdir(exist_ok=True)
    for path, svg in made.items():
        path.write_text(svg, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
