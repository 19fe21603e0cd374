"""The verdict in every format that people and machines read; one module per format.

No format decides anything: each renders the same verdict, and the exit code is the verdict's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from gatekit.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from gatekit.gates.verdict import Verdict
    from gatekit.history.judging import History
    from gatekit.history.series import Series
    from gatekit.pull_request.verdict import PullRequestVerdict

# A format's module is imported when the format is asked for: `gatekit check` starts without XML or hashing.
FORMATS: dict[str, str] = {
    "terminal": "gatekit.report.verdict.terminal",
    "markdown": "gatekit.report.verdict.markdown",
    "json": "gatekit.report.verdict.json",
    "junit": "gatekit.report.verdict.junit",
    "sarif": "gatekit.report.verdict.sarif",
    "html": "gatekit.report.verdict.html",
}

PULL_REQUEST_FORMATS: dict[str, str] = {
    "terminal": "gatekit.report.pull_request.terminal",
    "markdown": "gatekit.report.pull_request.markdown",
    "json": "gatekit.report.pull_request.json",
    "html": "gatekit.report.pull_request.html",
}

HISTORY_FORMATS: dict[str, str] = {
    "terminal": "gatekit.report.history.terminal",
    "json": "gatekit.report.history.json",
    "svg": "gatekit.report.history.svg",
}


def render(format: str, verdict: Verdict) -> str:
    """Return the verdict in one of `FORMATS`, ending in a line feed; the terminal's is plain text 100 columns wide.

    Raises:
        UsageError: there is no format of that name.
    """
    text: str = import_module(module_of(format, FORMATS)).render(verdict)
    return text


def render_pull_request(format: str, verdict: PullRequestVerdict) -> str:
    """Return the verdict on a pull request in one of `PULL_REQUEST_FORMATS`, as `render` does.

    Raises:
        UsageError: there is no format of that name.
    """
    text: str = import_module(module_of(format, PULL_REQUEST_FORMATS)).render(verdict)
    return text


def render_history(format: str, history: History, series: Sequence[Series]) -> str:
    """Return a history in one of `HISTORY_FORMATS`, as `render` does.

    Raises:
        UsageError: there is no format of that name.
    """
    text: str = import_module(module_of(format, HISTORY_FORMATS)).render(history, series)
    return text


def module_of(format: str, formats: Mapping[str, str]) -> str:
    """Return the name of the module that renders a format.

    Raises:
        UsageError: there is none of that name in `formats`.
    """
    if format in formats:
        return formats[format]
    remedy = did_you_mean(format, formats) or f"known: {', '.join(formats)}"
    if format in FORMATS and formats is PULL_REQUEST_FORMATS:
        remedy = f"a pull request is reported as {', '.join(formats)}; `gatekit check` writes {format}"
    raise UsageError(f"no format '{format}'", remedy)
