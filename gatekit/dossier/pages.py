"""The dossier's first pages: README.md and index.html, with the same sentences in the same order."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gatekit.dossier.conclusion import LIMITS, Conclusion, MeasurementStatement, Writing, conclude
from gatekit.gates.verdict import PolicyResult, Verdict
from gatekit.report import inert
from gatekit.report.forest_plot import LEGEND, svg
from gatekit.report.html_page import cell, code, error_item, heading, items, page, row, sentence, table, text
from gatekit.report.verdict.html import banner
from gatekit.report.verdict.markdown import error_item as markdown_error
from gatekit.report.verdict.markdown import row_of
from gatekit.report.verdict.markdown import sentence as markdown_sentence
from gatekit.report.verdict.wording import headline


@dataclass(frozen=True)
class Plot:
    """A picture in the dossier."""

    name: str
    """File name in plots/ without its ending."""
    title: str
    svg: bytes
    png: bytes | None
    """None where nothing that draws it is installed."""


@dataclass(frozen=True)
class Dossier:
    """What the pages tell about."""

    verdict: Verdict
    plots: tuple[Plot, ...]
    missing: str | None
    """Which pictures are not there and why, in one line."""
    files: Mapping[str, str]
    """What each other file is, by path; gatekit's own words, as are titles of plots."""
    baselines: Mapping[str, str]
    """Kind of the baseline per sha256 of a summary."""
    rerun: str
    """The command that judges the copies again."""

    @property
    def further_plots(self) -> list[Plot]:
        """Those that do not stand beside their policy."""
        return [plot for plot in self.plots if not plot.name.startswith("forest-")]


def forest_name(policy: PolicyResult) -> str:
    """Return what a policy's forest plot is called, without its ending; ids are plain, and here no others do harm."""
    return "forest-" + re.sub("[^a-z0-9-]", "_", policy.id)[:64]


MARKDOWN = Writing(inert.markdown_code, markdown_sentence, str)
HTML = Writing(code, text, text)
MAY = "May be said"
MAY_NOT = "May not be claimed"
SUMS_COMMAND = "sha256sum --check SHA256SUMS"
WHOLE = "says whether every file is as it was written"
AGAIN = "gives the verdict again from the copies"


def _told(said: MeasurementStatement) -> Iterator[tuple[str, str]]:
    """Yield (what may be done with it, finished sentence)."""
    for words in said.may:
        yield MAY, words
    if said.open is not None:
        yield "Open", said.open
    for words in said.may_not:
        yield MAY_NOT, words
    for words in said.marks:
        yield "Note", f"{words}."


def readme(dossier: Dossier) -> str:
    """Return README.md, ending in a line feed."""
    return "\n".join(_markdown(dossier)) + "\n"


def _markdown(dossier: Dossier) -> Iterator[str]:
    verdict, quoted = dossier.verdict, inert.markdown_code
    yield f"# Dossier: {verdict.word}\n\n**{headline(verdict, quoted)}**\n"
    for error in verdict.errors:
        yield markdown_error(error)
    for policy, conclusion in zip(verdict.policies, conclude(verdict, MARKDOWN, dossier.baselines), strict=True):
        yield from _markdown_policy(policy, conclusion)
    yield "## What none of this says\n"
    for limit in LIMITS:
        yield f"- {limit}"
    yield ""
    if dossier.further_plots or dossier.missing is not None:
        yield "## Pictures\n"
    for plot in dossier.further_plots:
        yield f"![{plot.title}](plots/{plot.name}.svg)\n"
    if dossier.missing is not None:
        yield f"{dossier.missing}\n"
    yield "## What is in this folder\n"
    yield "| file | what |\n| :-- | :-- |"
    for name, what in dossier.files.items():
        yield row_of(quoted(name), what)
    yield f"\n`{SUMS_COMMAND}` {WHOLE}; `{dossier.rerun}` {AGAIN}.\n"
    yield f"Judged at {verdict.now:%Y-%m-%d %H:%M} UTC by gatekit {quoted(verdict.version)}, exit code "
    yield f"{int(verdict.exit_code)}."


def _markdown_policy(policy: PolicyResult, conclusion: Conclusion) -> Iterator[str]:
    quoted = inert.markdown_code
    yield f"## Policy {quoted(policy.id)}\n\n**{conclusion.headline}**\n"
    yield f"Subject: {'none' if policy.subject is None else quoted(policy.subject)}  "
    yield f"Policy: sha256 {quoted(policy.sha256)}\n"
    for note in policy.notes:
        yield f"Note: {markdown_sentence(note)}.\n"
    if policy.gates:
        yield f"![Every estimate and bound against its threshold](plots/{forest_name(policy)}.svg)\n"
    for gate in conclusion.gates:
        yield f"### Gate {gate.name}: {gate.outcome_words}\n"
        if gate.asks is not None:
            yield f"It asks: {gate.asks}.\n"
        for mark in gate.marks:
            yield f"- {mark}."
        for said in gate.measurements:
            yield f"- {said.name}: {said.meaning}"
            for lead, words in _told(said):
                yield f"  - {lead}: {words}"
        yield ""


def index(dossier: Dossier) -> str:
    """Return index.html: one self-contained page, pictures included."""
    return page(f"Dossier: {dossier.verdict.word}", _html(dossier), images=True)


def _html(dossier: Dossier) -> Iterator[str]:
    verdict = dossier.verdict
    yield "<main>"
    yield banner(f"Dossier: {verdict.word}", headline(verdict), verdict.code)
    yield items([error_item(error) for error in verdict.errors])
    for policy, conclusion in zip(verdict.policies, conclude(verdict, HTML, dossier.baselines), strict=True):
        yield from _html_policy(policy, conclusion)
    yield "<section>\n<h2>What none of this says</h2>"
    yield items(LIMITS)
    yield "</section>"
    if dossier.further_plots or dossier.missing is not None:
        yield "<section>\n<h2>Pictures</h2>"
        for plot in dossier.further_plots:
            data = b64encode(plot.png or b"").decode()
            yield (
                f'<figure>\n<img alt="{text(plot.title)}" src="data:image/png;base64,{data}"/>\n'
                f"<figcaption>{text(plot.title)}</figcaption>\n</figure>"
            )
        yield f"<p>{text(dossier.missing or '', None)}</p>\n</section>"
    yield "<section>\n<h2>What is in this folder</h2>"
    yield table(["file", "what"], _file_rows(dossier.files), "Files")
    yield f"<p>{code(SUMS_COMMAND)} {WHOLE}; <code>{text(dossier.rerun)}</code> {AGAIN}.</p>"
    yield (
        f'</section>\n</main>\n<footer>\n<p class="quiet">Judged at {verdict.now:%Y-%m-%d %H:%M} UTC by gatekit '
        f"{code(verdict.version)}, exit code {int(verdict.exit_code)}.</p>\n</footer>"
    )


def _html_policy(policy: PolicyResult, conclusion: Conclusion) -> Iterator[str]:
    yield f"<section>\n<h2>Policy {code(policy.id)}</h2>\n<p><strong>{conclusion.headline}</strong></p>"
    subject = "none" if policy.subject is None else code(policy.subject)
    yield f'<p class="quiet">Subject: {subject}<br/>Policy: sha256 {code(policy.sha256)}</p>'
    yield items([sentence(note) for note in policy.notes])
    if policy.gates:
        picture = svg(policy, forest_name(policy))
        yield f"<figure>\n{picture}\n<figcaption>{LEGEND}</figcaption>\n</figure>"
    for gate in conclusion.gates:
        yield f'<section>\n<h3>Gate {gate.name}: <span class="{gate.outcome.value}">{gate.outcome_words}</span></h3>'
        if gate.asks is not None:
            yield f'<p><span class="quiet">It asks:</span> {gate.asks}.</p>'
        yield items(gate.marks)
        for said in gate.measurements:
            meaning = f'<br/><span class="quiet">{said.meaning}</span>' if said.meaning else ""
            yield f"<p>{said.name}{meaning}</p>"
            yield items([f"<strong>{lead}:</strong> {words}" for lead, words in _told(said)])
        yield "</section>"
    yield "</section>"


def _file_rows(files: Mapping[str, str]) -> Sequence[str]:
    return [row(heading(code(name)), [cell("what", text(what), "wide")]) for name, what in files.items()]
