"""`gatekit badge`: a verdict in three words, for a README."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from gatekit.cli.delivery import STDOUT
from gatekit.errors import UsageError, did_you_mean

FORMATS = ("svg", "json")


@click.command("badge")
@click.argument("report", metavar="REPORT")
@click.option("--label", default="gatekit", show_default=True, help="What stands on the left.")
@click.option(
    "--output",
    "outputs",
    multiple=True,
    metavar="FORMAT=PATH",
    help="Write svg, or json for shields.io's endpoint; PATH - is stdout.",
)
def command(report: str, label: str, outputs: tuple[str, ...]) -> None:
    """Make a badge of REPORT, the JSON report of `gatekit check` or `gatekit pr`.

    Green is only what was measured and passes: with no number behind any gate that counts, it says `nothing measured`.
    Exit 0 when it could be made, whatever the verdict; 4 when REPORT is no report.
    """
    from gatekit.evidence.atomic import write_whole
    from gatekit.github.judgement import read_report
    from gatekit.report import badge, inert

    wanted = [_wanted(output) for output in outputs]
    said = read_report(Path(report))
    made = badge.badge(label, said.word, said.gates)
    texts = {"svg": badge.svg, "json": badge.json}
    for name, path in wanted:
        if path != STDOUT:
            write_whole(path, texts[name](made).encode("utf-8"))
    for name, path in wanted:
        if path == STDOUT:
            click.echo(texts[name](made), nl=False)
    if not any(path == STDOUT for _, path in wanted):
        click.echo(f"{inert.terminal(made.label, badge.LABEL_LIMIT)}: {made.message} ({made.color})")


def _wanted(output: str) -> tuple[str, str]:
    name, equals, path = output.partition("=")
    if not equals or not path:
        raise UsageError(f"--output '{output}' is not FORMAT=PATH", "for instance --output svg=badge.svg")
    if name not in FORMATS:
        raise UsageError(f"no format '{name}'", did_you_mean(name, FORMATS) or f"known: {', '.join(FORMATS)}")
    return name, path
