"""One self-contained HTML page: no script, nothing loaded from anywhere, light and dark, readable on a phone.

The page is well-formed XML as well, so any XML reader can check it. Its content security policy allows its own style
sheet by digest and nothing else: what should ever get past `inert` could still not run, load or send anything.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256

from gatekit.errors import GatekitError
from gatekit.report import inert
from gatekit.report.forest_plot import SHAPES
from gatekit.report.palette import DARK, LIGHT

text = inert.html
"""Text that others wrote, as the content of an element or of an attribute in quotes."""

_RULES = """
:root { color-scheme: light dark; }
@light@ @media (prefers-color-scheme: dark) {@dark@}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 76rem; background: var(--page); color: var(--text);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", "Liberation Sans", sans-serif; overflow-wrap: break-word; }
h1, h2, h3 { line-height: 1.25; margin: 1.5em 0 0.5em; }
h1 { font-size: 1.6rem; margin-top: 0; } h2 { font-size: 1.3rem; } h3 { font-size: 1.05rem; }
section { border-top: 1px solid var(--line); } section section { border: 0; }
code { font: 0.9em ui-monospace, "Liberation Mono", monospace; overflow-wrap: anywhere; }
.verdict { border: 1px solid var(--line); border-left: 0.5rem solid; border-radius: 0.3rem; padding: 0.8rem 1rem;
  background: var(--panel); }
.verdict p { margin: 0; color: var(--text); }
.pass { color: var(--pass); } .fail { color: var(--fail); } .inconclusive { color: var(--inconclusive); }
.pass, .fail, .inconclusive { font-weight: 600; }
.quiet, .why, figcaption { color: var(--quiet); font-weight: 400; }
.why { display: block; font-size: 0.9rem; }
figure { margin: 1rem 0; } figure svg, figure img { display: block; width: 100%; max-width: 38rem; height: auto; }
figcaption { font-size: 0.9rem; max-width: 38rem; }
table { border-collapse: collapse; width: 100%; font-size: 0.95rem; }
th, td { text-align: left; vertical-align: top; padding: 0.35rem 0.5rem; border-bottom: 1px solid var(--line); }
thead th { color: var(--quiet); font-weight: 600; } tbody th { font-weight: 400; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
.gate { table-layout: fixed; font-size: 0.875rem; } .gate th, .gate td { padding: 0.35rem 0.4rem; }
.gate thead th { width: 9.5%; } .gate thead th:first-child { width: 19%; } .gate thead th:nth-child(8) { width: 15%; }
.gate thead th:nth-child(7) { width: 8.5%; } .gate thead th:last-child { width: 10.5%; }
.gate thead th:nth-child(n+2):nth-child(-n+5) { text-align: right; }
tr .deep1.deep1 { padding-left: 1.4rem; } tr .deep2.deep2 { padding-left: 2.4rem; }
tr .deep3.deep3 { padding-left: 3.4rem; }
@media (max-width: 55rem) {
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  table, tbody, th, td { display: block; } tr { display: grid; grid-template-columns: 1fr 1fr; column-gap: 1rem;
    padding: 0.5rem 0; border-bottom: 1px solid var(--line); }
  th, td { border: 0; padding: 0.1rem 0; } td.number { text-align: left; }
  tbody th, td.wide { grid-column: 1 / -1; } tbody th { font-weight: 600; } .gate th, .gate td { padding: 0.1rem 0; }
  td::before { content: attr(data-label) ": "; color: var(--quiet); font-weight: 400; }
  tr .deep1.deep1 { padding-left: 1rem; } tr .deep2.deep2 { padding-left: 2rem; }
  tr .deep3.deep3 { padding-left: 3rem; }
}
@shapes@"""


def _variables(palette: Mapping[str, str]) -> str:
    return ":root { " + " ".join(f"--{name}: {color};" for name, color in palette.items()) + " }"


STYLE = _RULES.replace("@light@", _variables(LIGHT)).replace("@dark@", _variables(DARK)).replace("@shapes@", SHAPES)


def page(title: str, body: Iterable[str], images: bool = False, refresh: int | None = None, style: str = "") -> str:
    """Return a whole page.

    Args:
        title: raw text.
        body: finished HTML, block by block.
        images: whether it holds pictures, as data of its own.
        refresh: seconds after which a browser reads it again; None for a page that does not change.
        style: rules of this page alone, after those of all.
    """
    style = STYLE + style
    digest = b64encode(sha256(style.encode()).digest()).decode()
    pictures = "img-src data:; " if images else ""
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; {pictures}base-uri 'none'; form-action 'none'"
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8"/>',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}"/>',
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>',
        *(() if refresh is None else (f'<meta http-equiv="refresh" content="{refresh}"/>',)),
        f"<title>{text(title)}</title>",
        f"<style>{style}</style>",
        "</head>",
        "<body>",
        *body,
        "</body>",
        "</html>",
    ]
    return "\n".join(lines) + "\n"


def code(raw: str) -> str:
    """Return a name, path or digest that others chose."""
    return f"<code>{text(raw, inert.NAME_LIMIT)}</code>"


def sentence(raw: str) -> str:
    """Return running text that others wrote, without a full stop."""
    return text(raw.removesuffix("."))


def items(finished: Sequence[str]) -> str:
    """Return a list of finished HTML; nothing at all when there is nothing in it."""
    return "<ul>\n" + "\n".join(f"<li>{item}</li>" for item in finished) + "\n</ul>" if finished else ""


# Roles are named because a table whose rows are stacked on a narrow screen is none for a screen reader any more.
def table(headings: Sequence[str], rows: Iterable[str], caption: str, kind: str = "") -> str:
    """Return a table.

    Args:
        headings: finished HTML.
        rows: finished (`row`).
        caption: raw text that names it to screen readers.
        kind: `gate` makes the columns of all such tables alike.
    """
    alike = f' class="{kind}"' if kind else ""
    heads = "".join(f'<th role="columnheader" scope="col">{heading}</th>' for heading in headings)
    head = f'<thead role="rowgroup">\n<tr role="row">{heads}</tr>\n</thead>'
    body = "\n".join(rows)
    return (
        f'<table role="table"{alike} aria-label="{text(caption, inert.NAME_LIMIT)}">\n{head}\n'
        f'<tbody role="rowgroup">\n{body}\n</tbody>\n</table>'
    )


def row(head: str, cells: Iterable[str]) -> str:
    """Return one row: finished HTML of its heading (`heading`) and of its cells (`cell`)."""
    return f'<tr role="row">{head}{"".join(cells)}</tr>'


def heading(content: str, depth: int = 0) -> str:
    """Return the cell that names a row; `depth` indents it."""
    deep = f' class="deep{min(depth, 3)}"' if depth else ""
    return f'<th role="rowheader" scope="row"{deep}>{content}</th>'


def cell(label: str, content: str, kind: str = "", span: int = 1) -> str:
    """Return one cell; on a narrow screen `label`, the column's name, stands before it."""
    extra = (f' class="{kind}"' if kind else "") + (f' colspan="{span}"' if span > 1 else "")
    return f'<td role="cell" data-label="{label}"{extra}>{content}</td>'


def error_item(error: GatekitError) -> str:
    """Return an error with its place, its remedy and the user's own line."""
    place = "" if error.location is None else f"{code(str(error.location))}: "
    remedy = "" if error.remedy is None else f"; {sentence(error.remedy)}"
    item = f"{place}{sentence(error.message)}{remedy} ({code(error.error_id)})"
    if error.location is not None and error.location.source_line is not None:
        item += f"<br/>{code(error.location.source_line.strip())}"
    return item
