"""`gatekit schema`: the contract, for editors and other tools, or as a table for people."""

from __future__ import annotations

import json

import rich_click as click
from click.shell_completion import CompletionItem

from gatekit.cli.inputs import load_kinds
from gatekit.errors import UsageError, did_you_mean
from gatekit.evidence.schemas import schema_names, schema_text
from gatekit.kinds import Kind, Kinds, MeasureSpec
from gatekit.kinds.schema import kind_schema

HEADINGS = ("measurement", "unit", "better", "range", "design", "minus baseline")


def _names(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in schema_names() if name.startswith(incomplete)]


@click.command("schema")
@click.argument("kind", required=False, shell_complete=_names)
@click.option("--table", is_flag=True, help="Instead, list the measurements of a kind of summary, one a line.")
def command(kind: str | None, table: bool) -> None:
    """Print the JSON Schema of a KIND of document: candidate, policy, verdict and others, or a kind of summary.

    Without KIND, list the names: gatekit's own, those of packages, and those in kinds/ here. A kind's schema refers to
    summary.schema.json beside it.
    """
    kinds = load_kinds()
    if table:
        found = kinds.get(kind)
        if found is None:
            wrong = "--table needs a kind of summary" if kind is None else f"'{kind}' is no kind of summary"
            raise UsageError(wrong, f"known: {', '.join(kinds.names())}" if kind is None else kinds.remedy(kind))
        click.echo("\n".join(_table(found)))
    elif kind is None:
        click.echo("\n".join(_all(kinds)))
    else:
        click.echo(_text(kind, kinds), nl=False)


def _text(name: str, kinds: Kinds) -> str:
    """Return a published schema as it is published, or that of any other kind."""
    if name in schema_names():
        return schema_text(name)
    kind = kinds.get(name)
    if kind is None:
        raise UsageError(f"no schema '{name}'", did_you_mean(name, _all(kinds)) or f"known: {', '.join(_all(kinds))}")
    return json.dumps(kind_schema(kind), indent=2, ensure_ascii=False) + "\n"


def _all(kinds: Kinds) -> tuple[str, ...]:
    """Return every name: those that are published, then other kinds."""
    return tuple(dict.fromkeys((*schema_names(), *kinds.names())))


def _table(kind: Kind) -> list[str]:
    rows = [HEADINGS, *(_row(measure) for measure in kind.measures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [
        *lines,
        "",
        "range: of one observation. Where a baseline is subtracted, a threshold is about the difference.",
    ]


def _row(measure: MeasureSpec) -> tuple[str, ...]:
    observed = f"{measure.low:.12g} to {measure.high:.12g}"
    compares = "yes" if measure.compares else "no"
    return measure.name, measure.unit, measure.direction, observed, measure.design, compares
