"""`gatekit lint`: is this policy able to decide anything, and is this summary one that the gate accepts?"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import PurePath

import rich_click as click

from gatekit.cli.complaints import print_errors
from gatekit.cli.inputs import POLICIES, load_policies, the_time
from gatekit.errors import GatekitError, Location, UsageError, without_frames
from gatekit.evidence import Summary, find_summaries, read_summaries
from gatekit.evidence.subject_file import is_subject_file, read_subject_file
from gatekit.exit_codes import ExitCode, worst
from gatekit.kinds import FOLDER, INSTALLED, Kinds
from gatekit.policy import lint, thresholds
from gatekit.policy.lint_warnings import warnings
from gatekit.registration.model import FOLDER as REGISTRATIONS
from gatekit.registration.model import PLANS
from gatekit.report import inert


@click.command("lint")
@click.argument("paths", nargs=-1)
@click.option("--now", metavar="TIME", help="Judge waivers at this UTC time.")
@click.option("--strict", is_flag=True, help="A warning is an error (exit 4).")
def command(paths: tuple[str, ...], now: str | None, strict: bool) -> int:
    """Check policies without evidence: spelling, ranges, rules that cannot fail, expired waivers.

    PATHS are policy files or folders; default policies/, and kinds/ and registrations/ where there are any. A file in a
    folder kinds/ is a table of measures of your own, one in registrations/ says what will be measured, and a
    subject.yaml is what evidence is about. A path that ends in .json is a summary, and is checked against its schema
    and against itself. Exit 0 when all are sound, 4 when one is not. A warning says what a sound policy leaves open,
    and changes the exit code only with --strict.
    """
    time = the_time(now)
    evidence = [path for path in paths if path.endswith(".json")]
    tables = [path for path in paths if _is_in(FOLDER, path)]
    subjects = [path for path in paths if path not in tables and is_subject_file(path)]
    announced = [path for path in paths if _is_in(REGISTRATIONS, path)]
    policies = [path for path in paths if path not in (*evidence, *tables, *subjects, *announced)]
    kinds, errors = _kinds(tables, told=bool(tables) or not paths)
    wanted = policies or (not paths and (os.path.isdir(POLICIES) or not kinds.own))
    # A broken table would make every rule about its measures look wrong too.
    if not errors and wanted:
        errors += _policies(policies, time, kinds, strict)
    if not errors:
        errors += _summaries(evidence, kinds)
    if announced or (not paths and (os.path.lexists(REGISTRATIONS) or os.path.isdir(PLANS))):
        from gatekit.cli.registered import lint_registrations

        errors += lint_registrations(announced, kinds)
    errors += _subjects(subjects)
    print_errors(errors)
    return worst([ExitCode.PASS, *(error.exit_code for error in errors)])


def _subjects(paths: Sequence[str]) -> list[GatekitError]:
    errors: list[GatekitError] = []
    for path in paths:
        try:
            facts = read_subject_file(path)
        except GatekitError as error:
            errors.append(without_frames(error))
            continue
        if facts.missing:
            message = f"the subject is incomplete: missing {', '.join(facts.missing)}"
            errors.append(GatekitError("subject.incomplete", message, Location(path)))
        else:
            seeds = _count(len(facts.seeds or ()), "seed")
            click.echo(f"{inert.terminal(path)}: sound: subject, {seeds}")
    return errors


def _is_in(folder: str, path: str) -> bool:
    """Whether an argument is the folder `kinds` or `registrations`, or a file in it."""
    parts = PurePath(path).parts
    return parts[-1:] == (folder,) or (parts[-2:-1] == (folder,) and path.endswith((".yaml", ".yml")))


def _kinds(paths: Sequence[str], told: bool) -> tuple[Kinds, list[GatekitError]]:
    """Read the kinds that hold here, print those that are sound if wanted, and return what is wrong with the others."""
    folders = {os.path.normpath(path if PurePath(path).name == FOLDER else os.path.dirname(path)) for path in paths}
    if len(folders) > 1:
        raise UsageError(f"kinds of several repositories: {', '.join(sorted(folders))}", "check one at a time")
    folder = next(iter(folders), FOLDER)
    if not folders and not os.path.lexists(FOLDER):
        return INSTALLED, []
    for path in paths:
        if not os.path.lexists(path):
            raise UsageError(f"no kind at '{path}'")
    from gatekit.evidence.kind_files import read_kinds

    kinds, errors = read_kinds(folder)
    for kind in kinds.own.values() if told else ():
        path = f"{folder}/{kind.name}.yaml"
        click.echo(f"{inert.terminal(path)}: sound: kind '{kind.name}', {_count(len(kind.measures), 'measure')}")
    return kinds, errors


def _policies(paths: Sequence[str], time: datetime, kinds: Kinds, strict: bool) -> list[GatekitError]:
    policies, errors = load_policies(paths, kinds, stop_policies=True)
    for policy in policies:
        found = lint(policy, time)
        warned = [] if found else warnings(policy)
        for warning in () if strict else warned:
            shown = GatekitError(
                warning.error_id, f"warning: {warning.message}", warning.location, warning.remedy, warning.exit_code
            )
            click.echo(inert.terminal(str(shown), limit=1000), err=True)
        found += warned if strict else []
        errors += found
        if not found:
            rules = sum(1 for gate in policy.gates for _ in thresholds(gate.rule))
            click.echo(
                f"{inert.terminal(policy.path)}: sound: policy '{policy.id}', {_count(len(policy.gates), 'gate')}, "
                f"{_count(rules, 'threshold')}, {_count(len(policy.waivers), 'waiver')}"
            )
    return errors


def _summaries(paths: Sequence[str], kinds: Kinds) -> list[GatekitError]:
    summaries, errors = read_summaries(find_summaries(paths), kinds)
    for summary in summaries:
        click.echo(f"{inert.terminal(summary.path)}: sound: {summary.kind} summary{_content(summary)}")
    return errors


def _content(summary: Summary) -> str:
    if not summary.is_measured:
        return f" without measurements: the run {'was skipped' if summary.status == 'skipped' else 'failed'}"
    reported = sum(measurement.reported is not None for measurement in summary.measurements.values())
    only = f" ({reported} reported, without observations)" if reported else ""
    content = (
        f", {_count(len(summary.measurements), 'measurement')}{only}, {_count(len(summary.protocol.seeds), 'seed')}"
    )
    return content + (f", which diverged ({summary.reason})" if summary.status == "diverged" else "")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
