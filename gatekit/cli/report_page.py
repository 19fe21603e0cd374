"""From what lies in the files now to the page of `gatekit report`."""

from __future__ import annotations

from gatekit.cli.evidence_folders import with_notes
from gatekit.cli.judging_options import JudgingOptions, load_judging_inputs
from gatekit.cli.root import open_project
from gatekit.errors import GatekitError
from gatekit.exit_codes import ExitCode
from gatekit.history.judging import History, read_history
from gatekit.report.policy_page.content import page_content
from gatekit.report.policy_page.html import render, render_error


class ReportPage:
    """Makes the page, and remembers the history of a commit, which does not change."""

    def __init__(self, options: JudgingOptions, commits: int) -> None:
        """Remember what is judged, and how many commits at most."""
        self._options, self._commits = options, commits
        self._history: tuple[str, History] | None = None
        self.code: int = ExitCode.REFUSED
        """The exit code of the last page's verdict."""

    def render(self, version: str | None) -> str:
        """Read and judge everything; return the page.

        Raises:
            GatekitError: an option is wrong, or there is no policy.
        """
        found, instead = load_judging_inputs(self._options)
        verdict = with_notes(found.verdict(), instead, self._options.given)
        page = render(page_content(found, verdict, self._read_history()), version)
        self.code = verdict.exit_code
        return page

    def render_anyhow(self, version: str) -> str:
        """Return the page; once there was one, what keeps another from being made is a page too.

        Raises:
            GatekitError: as `render`, of the first page.
        """
        try:
            return self.render(version)
        except GatekitError as error:
            if version == "0":
                raise
            self.code = int(error.exit_code)
            return render_error(error, version)

    def _read_history(self) -> History | str:
        if self._commits == 0:
            return "it was not asked for (--history 0)"
        try:
            repository, place = open_project(None, None)
            with repository:
                tip = repository.commit("HEAD")
                if self._history is None or self._history[0] != tip:
                    self._history = tip, read_history(repository, "HEAD", place, self._commits)
        except GatekitError as error:
            return f"there is no history to read: {error.message}"
        return self._history[1]
