"""The verdict in every format that people and machines read; one module per format.

No format decides anything: each renders the same verdict, and the exit code is the verdict's own.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from gatekit.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from gatekit.gates.verdict import Verdict

# A format's module is imported when the format is asked for: `gatekit check` starts without XML or hashing.
FORMATS: dict[str, str] = {
    "terminal": "gatekit.report.terminal",
    "markdown": "gatekit.report.markdown",
    "json": "gatekit.report.json_report",
    "junit": "gatekit.report.junit",
    "sarif": "gatekit.report.sarif",
}


def render(format: str, verdict: Verdict) -> str:
    """Return the verdict in one of `FORMATS`, ending in a line feed; the terminal's is plain text 100 columns wide.

    Raises:
        UsageError: there is no format of that name.
    """
    if format not in FORMATS:
        raise UsageError(f"no format '{format}'", did_you_mean(format, FORMATS) or f"known: {', '.join(FORMATS)}")
    text: str = import_module(FORMATS[format]).render(verdict)
    return text
