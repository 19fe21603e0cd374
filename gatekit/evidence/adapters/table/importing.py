"""Tables and a subject file as one summary, by way of the same draft that `SummaryBuilder` fills."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gatekit.errors import GatekitError, UsageError, did_you_mean
from gatekit.evidence.adapters.building import file_name, read_datasets, stated_time, summary_document
from gatekit.evidence.adapters.contract import ImportedSummary, ImportOptions
from gatekit.evidence.adapters.table.columns import COLUMNS, GROUPS, KEYS, AbsentColumns, absent_columns
from gatekit.evidence.adapters.table.csv_table import parse_csv
from gatekit.evidence.adapters.table.json_lines import parse_json_lines
from gatekit.evidence.adapters.table.parquet import parse_parquet
from gatekit.evidence.adapters.table.rows import Table, TableRow, number_in, refuse
from gatekit.evidence.draft import NO_OBSERVATION, SummaryDraft, incomplete
from gatekit.evidence.observations import ObservationError
from gatekit.evidence.sources import source_entries
from gatekit.evidence.strict_json import SUMMARY_LIMITS, Document, read_regular_file
from gatekit.evidence.subject_file import SubjectFacts, read_subject_file, subject_facts

FORMATS: Mapping[str, Callable[[bytes, str], Table]] = {
    ".csv": parse_csv,
    ".jsonl": parse_json_lines,
    ".ndjson": parse_json_lines,
    ".parquet": parse_parquet,
}
SIZE = SUMMARY_LIMITS.size
"""Bytes of one file: what a table holds must fit in a summary."""

BASELINE = "_baseline"
"""After a measure's name: the column of its control in a table with a column per measure."""


def import_files(paths: Sequence[str], options: ImportOptions) -> list[ImportedSummary]:
    """Return the one summary that the tables hold together.

    Raises:
        UsageError: an option is missing or cannot be used, or the format of a file is unknown.
        GatekitError: `table.*`, `observation.*`, `subject.*`, `json.*`, `yaml.*` with the place of the first fault;
            `observation.incomplete` names all that is missing.
    """
    if options.kind is None or options.subject is None:
        absent = " and ".join(
            name for name, given in (("--kind", options.kind), ("--subject", options.subject)) if given is None
        )
        raise UsageError(f"a table needs {absent}", "say what the numbers are: --kind KIND --subject subject.yaml")
    return new_summary(options.kind, paths, options)


def new_summary(kind: str, paths: Sequence[str], options: ImportOptions) -> list[ImportedSummary]:
    """Return the one summary of a kind that the tables hold together.

    Raises:
        UsageError, GatekitError: as `import_files`; without a subject file every part of it is among what is missing.
    """
    draft, tables, absent = _drafted(kind, paths, options)
    facts, missing = draft.facts, [*draft.missing(), *missing_time(draft.facts)]
    if absent:
        # Nothing was observed of these tables, which says nothing of what they hold.
        missing = [phrase for phrase in missing if phrase != NO_OBSERVATION]
    if not missing and absent:
        raise absent[0].error()
    if missing:
        raise incomplete([*missing, *(one.phrase for one in absent)], kind, paths[0])
    assert facts.finished is not None
    documents = [Document(table.path, None, table.sha256, 0) for table in tables]
    document = summary_document(
        adapter="table",
        kind=kind,
        subject=draft.subject(),
        protocol=draft.protocol(),
        measurements=draft.measurements(),
        sources=documents,
        config={},
        started=facts.started,
        finished=facts.finished,
    )
    named = source_entries(facts.sources)
    if named:
        document["producer"]["sources"] = named
    return [ImportedSummary(file_name(kind, documents[0]), document)]


def draft_of(kind: str, paths: Sequence[str], options: ImportOptions) -> tuple[SummaryDraft, list[Table]]:
    """Return the draft with every observation of the tables in it, complete or not, and the tables.

    Raises:
        UsageError, GatekitError: as `import_files`.
    """
    draft, tables, absent = _drafted(kind, paths, options)
    if absent:
        raise absent[0].error()
    return draft, tables


def _drafted(
    kind: str, paths: Sequence[str], options: ImportOptions
) -> tuple[SummaryDraft, list[Table], list[AbsentColumns]]:
    """Return the draft, the tables, and what each table that could not be read lacks."""
    for name, given in (("--context", options.context), ("--k", options.k)):
        if given:
            raise UsageError(f"a table has no use for {name}", "write it under protocol: in the subject file")
    draft = SummaryDraft(kind, _facts(options), options.kinds)
    tables = [_read(path) for path in paths]
    absent = [_observe(draft, table, options.measure) for table in tables]
    return draft, tables, [one for one in absent if one is not None]


def missing_time(facts: SubjectFacts) -> list[str]:
    """Return what is asked for where nobody says when the measurement was done."""
    if facts.finished is not None:
        return []
    return ['when the measurement was done: finished: "2026-03-01T11:30:00Z" in the subject file, or --finished']


def _facts(options: ImportOptions) -> SubjectFacts:
    path = options.subject
    facts = subject_facts({}) if path is None else read_subject_file(path)
    finished = stated_time(options.finished)
    if finished is not None:
        if facts.finished not in (None, finished):
            raise UsageError(f"--finished {finished}, but {path} says {facts.finished}", "say it once")
        facts = replace(facts, finished=finished)
    if options.datasets is not None:
        if "datasets" in facts.protocol:
            raise UsageError(f"--datasets, but {path} names datasets too", "say it once")
        datasets = list(read_datasets(options.datasets).values())
        facts = replace(facts, protocol={**facts.protocol, "datasets": datasets})
    return facts


def _read(path: str) -> Table:
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in FORMATS:
        raise UsageError(f"'{path}' is no table that can be read", f"known formats: {', '.join(sorted(FORMATS))}")
    return FORMATS[suffix](read_regular_file(path, "table", SIZE), path)


def _observe(draft: SummaryDraft, table: Table, measure: str | None) -> AbsentColumns | None:
    """Take every row of a table as observations; where columns are not there take none, and return which."""
    one_a_row = not {"measure", "value", "baseline", "group"}.isdisjoint(table.columns)
    known = COLUMNS if one_a_row else (*KEYS, *_measure_columns(draft, table))
    for column in table.columns:
        if column not in known:
            others = (*COLUMNS, *draft.table)
            remedy = did_you_mean(column, others) or f"known: {', '.join(COLUMNS)}, or the measures of {draft.kind}"
            raise refuse("unknown_column", f"unknown column '{column[:60]}'", table.header, remedy)
    if one_a_row:
        default = _default_measure(draft, table, measure)
        absent = absent_columns(draft.kind, draft.table, table, [] if default is None else [default])
        if absent is None:
            for row in table.rows:
                _observe_row(draft, row, default)
        return absent
    if measure is not None:
        raise refuse("columns", "there is no column 'value'", table.header, "--measure names what it would hold")
    names = _measure_columns(draft, table)
    values = [name for name in names if name in draft.table]
    absent = absent_columns(draft.kind, draft.table, table, values, wide=bool(values))
    if absent is None:
        for row in table.rows:
            for name in values:
                baseline = f"{name}{BASELINE}" if f"{name}{BASELINE}" in names else None
                _take(draft, row, row.cells, name, name, baseline, control=False)
    return absent


def _measure_columns(draft: SummaryDraft, table: Table) -> list[str]:
    """Return the columns that are named after measures, or after the control of one."""
    return [
        name
        for name in table.columns
        if name in draft.table or (name.endswith(BASELINE) and name.removesuffix(BASELINE) in draft.table)
    ]


def _default_measure(draft: SummaryDraft, table: Table, measure: str | None) -> str | None:
    """Return the measure of a table that does not name it per row; None where nothing says it, or each row does."""
    if "measure" in table.columns:
        if measure is not None:
            raise refuse("columns", "there is a column 'measure'", table.header, "leave --measure out")
        return None
    if measure is not None:
        if measure not in draft.table:
            remedy = did_you_mean(measure, draft.table) or f"known: {', '.join(sorted(draft.table))}"
            raise UsageError(f"--measure: unknown measure '{measure}' of {draft.kind}", remedy)
        return measure
    return next(iter(draft.table)) if len(draft.table) == 1 else None


def _observe_row(draft: SummaryDraft, row: TableRow, default: str | None) -> None:
    cells = row.cells
    name = default if default is not None else cells.get("measure")
    if name is None:
        raise refuse("empty_cell", "the cell of measure is empty", row.place("measure"))
    group = cells.get("group", GROUPS[0])
    if group not in GROUPS:
        raise refuse("group", f"the group is {' or '.join(GROUPS)}, not {str(group)[:40]!r}", row.place("group"))
    _take(draft, row, cells, name, "value", "baseline", control=group == "control")


def _take(
    draft: SummaryDraft,
    row: TableRow,
    cells: Mapping[str, Any],
    measure: Any,
    value: str,
    baseline: str | None,
    *,
    control: bool,
) -> None:
    """Take one observation of a row, and give every error its place.

    Args:
        draft: what takes it.
        row: where it stands.
        cells: of the row, without the empty ones.
        measure: its name, as the row has it.
        value: column of the value.
        baseline: column of the paired control; None where the table has none.
        control: whether the row is of a control group that is not paired.
    """
    columns = {"value": value, "baseline": baseline or value}
    if value not in cells:
        raise refuse("empty_cell", f"the cell of {value} is empty", row.place(value))
    try:
        keys = {name: cells[name] if name == "dataset" else _number(row, cells, name) for name in KEYS if name in cells}
        number = _number(row, cells, value)
        paired = _number(row, cells, baseline) if baseline is not None and baseline in cells else None
        if not control:
            draft.observe(measure, keys, number, paired)
        elif paired is None:
            draft.observe_control(measure, keys, number)
        else:
            raise refuse("group", "a row of the control group has no baseline", row.place(baseline))
    except ObservationError as error:
        place = row.place(columns.get(error.part, error.part))
        raise GatekitError(error.error_id, error.message, place, error.remedy) from None


def _number(row: TableRow, cells: Mapping[str, Any], column: str) -> Any:
    try:
        return number_in(cells[column])
    except ValueError as error:
        raise refuse("not_a_number", f"{column}: {error}", row.place(column)) from None
