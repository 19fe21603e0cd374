"""`gatekit import`: another tool's result files as summaries, all of them or none."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping
from pathlib import Path

import rich_click as click
from click.shell_completion import CompletionItem

from gatekit.cli.inputs import EVIDENCE, load_kinds
from gatekit.errors import UsageError
from gatekit.evidence.several_files import write_together
from gatekit.report import inert


def _adapters(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from gatekit.evidence.adapters import adapter_names

    return [CompletionItem(name) for name in adapter_names() if name.startswith(incomplete)]


@click.command("import")
@click.argument("name", shell_complete=_adapters)
@click.argument("files", nargs=-1, required=True, metavar="[SEED=]FILES...")
@click.option("--out", default=EVIDENCE, show_default=True, metavar="DIR", help="Folder for the summaries.")
@click.option(
    "--subject",
    "subjects",
    multiple=True,
    metavar="FILE",
    help="What was measured, by digest, with a checkpoint per seed: YAML, or JSON with a summary's `subject` "
    "(repeatable, for files of several SAEs). For instance --subject subject.json; docs/import.md has one.",
)
@click.option("--kind", metavar="KIND", help="What a table measures. For instance --kind random_model.")
@click.option(
    "--measure",
    metavar="NAME",
    help="The measure of a table that has only one, or the metric of a log that has several. "
    "For instance --measure acc.",
)
@click.option("--context", multiple=True, metavar="FILE", help="Result file that describes the others (repeatable).")
@click.option(
    "--finished",
    metavar="TIME",
    help="UTC time of results whose files state none. For instance --finished 2026-02-16T01:48:20Z.",
)
@click.option("--k", type=int, help="Probe size, where a result holds several. For instance --k 5.")
@click.option(
    "--datasets",
    metavar="FILE",
    help="JSON with the datasets' [{name, sha256, rows}]. For instance --datasets datasets.json.",
)
@click.option(
    "--families",
    metavar="FILE",
    help="CSV with the columns dataset,family (or row,family): which of them are near copies. "
    "For instance --families families.csv.",
)
@click.option(
    "--source",
    "sources",
    multiple=True,
    metavar="FILE",
    help="File of the repository that the numbers depend on (repeatable): the evidence goes stale when it changes. "
    "For instance --source configs/sae.yaml.",
)
def command(
    name: str,
    files: tuple[str, ...],
    out: str,
    subjects: tuple[str, ...],
    kind: str | None,
    measure: str | None,
    context: tuple[str, ...],
    finished: str | None,
    k: int | None,
    datasets: str | None,
    families: str | None,
    sources: tuple[str, ...],
) -> None:
    """Turn another tool's result FILES into summaries that the gate can read.

    NAME is the tool: saebench (sae-probes too), cebench, lm_eval, inspect, husai, or what a package adds; or `table`
    for a CSV, JSON lines or parquet file with an observation a row:
    `gatekit import table results.csv --kind KIND --subject subject.yaml`.
    Observations are imported as such; a number without observations is imported as reported, which a policy must allow.
    A file that does not record its seed is given as SEED=FILE: `gatekit import saebench --subject subject.json
    0=seed0.json 1=seed1.json`.
    """
    from gatekit.evidence.adapters import OBSERVED_WITH_SUBJECT, ImportOptions, import_summaries, load_adapter

    load_adapter(name)  # a misspelt name is the first thing to hear of
    for path in (*map(file_of, files), *context, *sources, *subjects, *filter(None, (datasets, families))):
        if not os.path.lexists(path):
            raise UsageError(f"no file at '{path}'")
    options = ImportOptions(
        subject=subjects[0] if subjects else None,
        more_subjects=subjects[1:],
        context=context,
        finished=finished,
        k=k,
        datasets=datasets,
        families=families,
        sources=sources,
        kind=kind,
        measure=measure,
        kinds=load_kinds(),
    )
    summaries = import_summaries(name, files, options)
    write_and_list(summaries, out)
    if not subjects and name in OBSERVED_WITH_SUBJECT:
        click.echo(
            "hint: without --subject these numbers are reported, not observations, and a policy must allow them; "
            "give --subject FILE with the model's digest and a checkpoint per seed (docs/import.md)"
        )


def write_and_list(summaries: Mapping[str, bytes], out: str) -> None:
    """Write new summaries into a folder, all of them or none, and print what each holds.

    Args:
        summaries: content by file name.
        out: the folder.

    Raises:
        GatekitError: another file stands in the place of one, or it cannot be written.
    """
    written = write_together(
        {Path(out) / file: data for file, data in summaries.items()},
        replace=False,
        remedy="remove what is there if it is wrong, or choose another --out",
    )
    unchanged = set(written.unchanged)
    for file, data in summaries.items():
        place = Path(out) / file
        word = "unchanged" if place in unchanged else "new"
        click.echo(f"{word:<9}  {inert.terminal(place.as_posix(), limit=None)}  {_content(data)}")
    count = len(summaries)
    # Of its own accord `check` reads evidence/ and what lies below it.
    elsewhere = os.path.normpath(out).split(os.sep)[0] != EVIDENCE
    judge = f"gatekit check --evidence {shlex.quote(out)}" if elsewhere else "gatekit check"
    said = f"{count} summar{'y' if count == 1 else 'ies'} in {out}; judge with `{judge}`"
    click.echo(inert.terminal(said, limit=None))
    if any(_names_no_source(data) for data in summaries.values()):
        click.echo(
            "hint: these observations name no file that they depend on, so a pull request counts them as stale; "
            "give --source FILE"
        )


def file_of(argument: str) -> str:
    """Return the path in `SEED=FILE`, or the argument itself where a file has that name."""
    _label, equals, path = argument.partition("=")
    return path if equals and path and not os.path.lexists(argument) else argument


def _names_no_source(data: bytes) -> bool:
    document = json.loads(data)
    observed = any(measurement["design"] != "reported" for measurement in document["measurements"].values())
    return observed and not document["producer"].get("sources")


def _content(data: bytes) -> str:
    """Return what a summary holds: `saebench, 3 measurements observed, 1 reported`."""
    document = json.loads(data)
    designs = [measurement["design"] for measurement in document["measurements"].values()]
    if not designs:
        return f"{document['kind']}, no measurement: the run {document['status']}"
    count = {"observed": sum(d != "reported" for d in designs), "reported": designs.count("reported")}
    parts = [f"{n} measurement{'s' * (n != 1)} {word}" for word, n in count.items() if n]
    return f"{document['kind']}, {', '.join(parts)}"
