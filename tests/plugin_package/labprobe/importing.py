"""Importer `labprobe`: the lab's log files, one line per seed, as a summary of kind absorption."""

from __future__ import annotations

from collections.abc import Sequence

from gatekit.errors import UsageError
from gatekit.evidence.adapters import ImportedSummary, ImportOptions
from gatekit.evidence.adapters.building import file_name, summary_document
from gatekit.evidence.draft import SummaryDraft, incomplete
from gatekit.evidence.strict_json import Document, read_json
from gatekit.evidence.subject_file import read_subject_file


def import_files(paths: Sequence[str], options: ImportOptions) -> list[ImportedSummary]:
    """Return one summary of all logs; each is `{"seed": 0, "rate": 0.1}`."""
    if options.subject is None or options.finished is None:
        raise UsageError("labprobe logs need --subject and --finished")
    facts = read_subject_file(options.subject)
    draft = SummaryDraft("absorption", facts, options.kinds)
    logs: list[Document] = [read_json(path) for path in paths]
    for log in logs:
        draft.observe("absorption_rate", {"seed": log.value["seed"]}, log.value["rate"])
    if missing := draft.missing():
        raise incomplete(missing)
    document = summary_document(
        adapter="labprobe",
        kind="absorption",
        subject=draft.subject(),
        protocol=draft.protocol(),
        measurements=draft.measurements(),
        sources=logs,
        config={},
        finished=options.finished,
    )
    return [ImportedSummary(file_name("absorption", logs[0]), document)]
