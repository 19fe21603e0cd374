"""`gatekit select`: one of several candidates, by what the policy's `selection` says."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from gatekit.cli.delivery import terminal_width
from gatekit.cli.inputs import EVIDENCE, load_evidence, load_kinds, load_policies, the_time
from gatekit.errors import GatekitError, Location, UsageError
from gatekit.evidence.several_files import check_apart, write_together
from gatekit.exit_codes import ExitCode
from gatekit.kinds import Kinds
from gatekit.policy import Policy
from gatekit.policy.mode import policy_mode
from gatekit.policy.mode_selection import ModeSelection
from gatekit.policy.model import Selection
from gatekit.report import inert

if TYPE_CHECKING:
    from gatekit.candidates import ComparedCandidate, Robustness, SelectionResult

EARLIER = ("candidate.json", "selection.json", "selection.md", "pareto.md", "pareto.png", "pareto.svg")
"""What a selection leaves in --out, the file that a gate reads first."""
PLOTS_MISSING = "no plots: matplotlib is not installed; `pip install 'gatekit-sae[plots]'` brings it"


@click.command("select")
@click.argument("evidence", nargs=-1)
@click.option(
    "--policy", "policies", multiple=True, metavar="FILE", help="Policy with a `selection`; default policies/."
)
@click.option("--out", metavar="DIR", help="Folder for candidate.json, selection.json, tables and plots.")
@click.option(
    "--set-aside",
    multiple=True,
    metavar="DIR",
    help="Evidence of subjects that were given up before: compared and paid for, never selected (repeatable).",
)
@click.option("--replace", is_flag=True, help="Overwrite what an earlier selection left in --out.")
@click.option("--keys", metavar="FILE", help="Whose signatures count; default trust/keys.yaml where there is one.")
@click.option("--now", metavar="TIME", help="Judge ages at this UTC time, e.g. 2026-02-16T01:48:20Z.")
def command(
    evidence: tuple[str, ...],
    policies: tuple[str, ...],
    out: str | None,
    set_aside: tuple[str, ...],
    replace: bool,
    keys: str | None,
    now: str | None,
) -> int:
    """Choose a release candidate from EVIDENCE: summaries of several subjects that were measured alike.

    Exit 0 when one is selected, 2 when every candidate fails a gate, 3 when none can be ranked or several tie, 4 when
    an input is malformed or candidates were measured by two protocols. With 2 and 3 only selection.json and pareto.md
    are written, which say why; with 4 nothing is.
    """
    from gatekit.candidates import robustness, select
    from gatekit.cli.signatures import load_signers
    from gatekit.report.selection.terminal import render

    if out is not None:
        check_apart(Path(out), evidence or [EVIDENCE])
    time = the_time(now)
    kinds = load_kinds()
    policy, section, errors = _policy(policies, kinds)
    if isinstance(section, ModeSelection):
        if errors:
            raise errors[0]
        choice = policy_mode(section.method, Location(policy.path)).choose(policy, evidence)
        if out is not None and choice.files:
            _write(out, dict(choice.files), replace)
        click.echo("\n".join(choice.lines))
        return choice.code
    given_up, aside_errors = load_evidence(set_aside, kinds) if set_aside else ([], [])
    summaries, evidence_errors = load_evidence(evidence, kinds)
    there = {summary.sha256 for summary in summaries}
    summaries += [summary for summary in given_up if summary.sha256 not in there]
    evidence_errors += aside_errors
    signers, signature_errors = load_signers([*evidence, *set_aside], summaries, [policy], keys, time)
    wrong = [*errors, *evidence_errors, *signature_errors]
    aside = {summary.subject.digest for summary in given_up}
    selected = select(policy, section, summaries, time, wrong, signers, aside)
    robust = robustness(selected)
    told: list[str] = []
    if out is not None:
        told = _written(out, selected, robust, replace)
    click.echo(render(selected, robust, terminal_width()), nl=False)
    for line in told:
        click.echo(line, err=True)
    return selected.code


def _written(out: str, selected: SelectionResult, robust: Robustness | None, replace: bool) -> list[str]:
    """Write what a selection leaves, and return what is to be said of it.

    Raises:
        UsageError: an earlier selection is in the way of one that selects.
    """
    winner = selected.winner
    if selected.errors:
        return ["gatekit: an input was refused, so nothing was written"]
    if winner is not None and robust is not None:
        files = _files(selected, winner, robust)
        _write(out, files, replace)
        missing = [] if "pareto.png" in files else [f"gatekit: {PLOTS_MISSING}"]
        return [f"{inert.terminal(out)}: {', '.join(files)}", *missing]
    files = _reasons(selected)
    earlier = [name for name in EARLIER if os.path.lexists(os.path.join(out, name))]
    if earlier and not replace:
        # The exit code is what was found, whatever becomes of the files.
        where = inert.terminal(out)
        return [
            f"gatekit: nothing was selected, and {where} holds an earlier selection, which is left as it is; --replace "
            "writes the reasons in its place"
        ]
    # First: no candidate of an earlier selection may stand beside the reasons why there is none.
    for name in earlier:
        if name not in files:
            _remove(Path(out) / name)
    _write(out, files, replace)
    return [f"gatekit: nothing was selected; {inert.terminal(out)} says why: {', '.join(files)}"]


def _remove(path: Path) -> None:
    try:
        path.unlink()
    except OSError as error:
        reason = f"what an earlier selection left cannot be removed: {error.strerror}"
        raise GatekitError("output.unwritable", reason, Location(str(path)), exit_code=ExitCode.USAGE) from None


def _policy(paths: Sequence[str], kinds: Kinds) -> tuple[Policy, Selection | ModeSelection, list[GatekitError]]:
    """Return the one policy that selects.

    Raises:
        UsageError: none of the policies does, or several do.
        GatekitError: the only one cannot be read.
    """
    loaded, errors = load_policies(paths, kinds)
    able = [policy for policy in loaded if policy.selection is not None]
    # A policy of the folder that reproduces another system is not what is meant by naming none.
    able = [policy for policy in able if not policy.legacy] or able if not paths else able
    if not able and errors:
        raise errors[0]
    if len(able) != 1:
        named = ", ".join(policy.path for policy in able)
        what = f"several policies have a `selection`: {named}" if able else "no policy here has a `selection`"
        raise UsageError(what, "name one with --policy" if able else "docs/selection.md shows one")
    section = able[0].selection
    assert section is not None
    return able[0], section, errors


def _write(out: str, files: Mapping[str, bytes], replace: bool) -> None:
    remedy = "--replace overwrites an earlier selection; or choose another --out"
    write_together({Path(out) / name: data for name, data in files.items()}, replace, remedy)


def _files(selected: SelectionResult, winner: ComparedCandidate, robust: Robustness) -> dict[str, bytes]:
    """Return every file of a selection by name; all are made before any is written."""
    from gatekit.candidates import candidate_document
    from gatekit.evidence.schemas import check
    from gatekit.report.json_values import written
    from gatekit.report.selection.markdown import rationale

    document = candidate_document(selected, winner)
    check("candidate", document, "candidate.json")
    files = {"candidate.json": written(document).encode(), **_reasons(selected, robust)}
    files["selection.md"] = rationale(selected, winner, robust).encode()
    return files | _plots(selected)


def _reasons(selected: SelectionResult, robust: Robustness | None = None) -> dict[str, bytes]:
    """Return the files that say what became of every candidate, whether or not one was selected."""
    from gatekit.candidates import selection_document
    from gatekit.evidence.schemas import check
    from gatekit.report.json_values import written
    from gatekit.report.selection.markdown import pareto

    document = selection_document(selected, robust)
    check("selection", document, "selection.json")
    return {"selection.json": written(document).encode(), "pareto.md": pareto(selected).encode()}


def _plots(selected: SelectionResult) -> dict[str, bytes]:
    """Return the plots; none where the library that draws them is not installed."""
    from importlib.util import find_spec

    if find_spec("matplotlib") is None:
        return {}
    from gatekit.report.selection.plot import draw

    return draw(selected)
