"""`gatekit new`: a summary of your own numbers, and the subject file that says what they are about."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from gatekit.cli.import_ import write_and_list
from gatekit.cli.inputs import EVIDENCE, load_kinds
from gatekit.errors import UsageError

if TYPE_CHECKING:
    from gatekit.evidence.adapters import ImportOptions

_SUBJECT = "What was measured: a subject file, YAML or JSON. For instance --subject subject.yaml."
_CSV = "Observations, one a row: .csv, .jsonl or .parquet (repeatable). For instance --csv results.csv."
_MEASURE = "The measure of a table that has only one and no column for its name."


@click.group("new")
def command() -> None:
    """Write evidence of your own numbers, or the subject file that it needs."""


@command.command("summary")
@click.argument("kind")
@click.option("--csv", "tables", multiple=True, required=True, metavar="FILE", help=_CSV)
@click.option("--subject", metavar="FILE", help=_SUBJECT)
@click.option("--measure", metavar="NAME", help=_MEASURE)
@click.option("--finished", metavar="TIME", help="When it was measured (UTC), where the subject file does not say it.")
@click.option(
    "--source", "sources", multiple=True, metavar="FILE", help="File that the numbers depend on (repeatable)."
)
@click.option("--out", default=EVIDENCE, show_default=True, metavar="DIR", help="Folder for the summary.")
def summary_command(
    kind: str,
    tables: tuple[str, ...],
    subject: str | None,
    measure: str | None,
    finished: str | None,
    sources: tuple[str, ...],
    out: str,
) -> None:
    """Write a summary of KIND from the observations in a table and a subject file.

    Everything that is still missing is named in one message, exit 4, and nothing is written.
    """
    from gatekit.evidence.adapters import import_summaries
    from gatekit.evidence.adapters.table.importing import new_summary

    options = _options(kind, tables, subject, measure, finished, sources)
    if subject is None:
        # Nothing says what was measured, so that this names all of it.
        new_summary(kind, tables, options)
    write_and_list(import_summaries("table", tables, options), out)


@command.command("subject")
@click.argument("kind")
@click.option("--csv", "tables", multiple=True, metavar="FILE", help=_CSV)
@click.option("--subject", metavar="FILE", help="A subject file whose parts are kept.")
@click.option("--measure", metavar="NAME", help=_MEASURE)
@click.option("--out", metavar="FILE", help="A new file to write, instead of the terminal.")
def subject_command(
    kind: str, tables: tuple[str, ...], subject: str | None, measure: str | None, out: str | None
) -> None:
    """Write a subject file for a summary of KIND, with a null for everything that is still to be said.

    Seeds and datasets come from the table, what is known from --subject.
    """
    from gatekit.evidence.adapters.table.importing import draft_of
    from gatekit.evidence.several_files import write_together
    from gatekit.evidence.skeleton import subject_skeleton
    from gatekit.report import inert

    draft, _ = draft_of(kind, tables, _options(kind, tables, subject, measure, None, ()))
    text = subject_skeleton(draft)
    if out is None:
        click.echo(text, nl=False)
        return
    write_together({Path(out): text.encode("utf-8")}, replace=False, remedy="name another file with --out")
    count = sum(": null" in line for line in text.splitlines())
    click.echo(f"{inert.terminal(out)}: {count} line{'s' * (count != 1)} with a null to fill in")


def _options(
    kind: str,
    tables: tuple[str, ...],
    subject: str | None,
    measure: str | None,
    finished: str | None,
    sources: tuple[str, ...],
) -> ImportOptions:
    from gatekit.evidence.adapters import ImportOptions

    for path in (*tables, *filter(None, (subject,))):
        if not os.path.lexists(path):
            named = "".join(f" --csv {table}" for table in tables)
            remedy = (
                f"`gatekit new subject {kind}{named} --out {path}` writes one to fill in" if path == subject else None
            )
            raise UsageError(f"no file at '{path}'", remedy)
    return ImportOptions(
        subject=subject, finished=finished, sources=sources, kind=kind, measure=measure, kinds=load_kinds()
    )
