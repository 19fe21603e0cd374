"""`gatekit cycle`: a whole programme of measurements as one plan, run to its end, resumed, watched and reported."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from gatekit.errors import GatekitError, UsageError
from gatekit.exit_codes import ExitCode, worst
from gatekit.report import inert

if TYPE_CHECKING:
    from gatekit.cycles.graph import Graph
    from gatekit.cycles.plan import Cycle
    from gatekit.cycles.state import CycleState

RUNS = "runs"

_out = click.option("--runs", default=RUNS, metavar="DIR", help="Where cycles keep what they write; default runs/.")


def _how_to_run(function: Any) -> Any:
    """Add the options that `run` and `resume` share."""
    for option in reversed(_HOW_TO_RUN):
        function = option(function)
    return function


_HOW_TO_RUN = (
    click.option("--cache", metavar="DIR|URL", help="For the runners; on a cluster one that all machines see."),
    click.option("--slots", type=click.IntRange(1, 1024), default=1, show_default=True, help="Tasks at a time."),
    click.option("--gpus", metavar="IDS", default="", help="GPUs to give out, e.g. 0,1; each to one task at a time."),
    click.option(
        "--cluster",
        metavar="ADDRESS",
        help="Run on a Ray cluster: auto, ray://HOST:PORT, or local to start one here; needs --cache.",
    ),
    click.option(
        "--pieces/--no-pieces", default=None, help="Make pieces side by side; default with a cluster or several GPUs."
    ),
    click.option(
        "--track",
        type=click.Choice(["wandb", "tensorboard"]),
        help="Send the curves of training there, those of a cycle together.",
    ),
    click.option("--retry-failed", is_flag=True, help="Run again what had failed for good."),
    click.option("--wait", is_flag=True, help="Wait for `after_cycle` instead of ending in 3."),
)


@click.group("cycle")
def command() -> None:
    """Run a plan of many measurements: cycles/NAME.yaml says what, on which seeds, and what ends a branch early."""


@command.command("lint")
@click.argument("names", nargs=-1)
@click.option("--configs/--no-configs", default=True, help="Let the runners read every variant of a configuration.")
@click.option("--strict", is_flag=True, help="A warning is an error (exit 4).")
def lint_command(names: tuple[str, ...], configs: bool, strict: bool) -> int:
    """Check plans (names, files or folders; default cycles/): spelling, order, files, policies, configurations.

    Exit 0 when all are sound, 4 when one is not. Nothing is started. A warning says what a sound plan leaves open: a
    stop rule that can never stop anything, a stage that nobody judges. It changes the exit code only with --strict.
    """
    from gatekit.cli.complaints import print_errors
    from gatekit.cli.inputs import load_kinds
    from gatekit.cycles.graph import graph_of
    from gatekit.cycles.lint_warnings import warnings
    from gatekit.cycles.linting import cycle_files, lint_cycle
    from gatekit.cycles.plan import FOLDER
    from gatekit.cycles.reading import cycle_path, read_cycle

    if not names and not os.path.isdir(FOLDER):
        raise UsageError(f"there is no {FOLDER}/ folder here", "name a plan")
    kinds = load_kinds()
    # A folder may have a cycle's name too.
    folders = {name for name in names if os.path.isdir(name) and not os.path.isfile(f"{FOLDER}/{name}.yaml")}
    paths = cycle_files([name if name in folders else cycle_path(name) for name in names] or [FOLDER])
    if not paths:
        raise UsageError(f"there is no plan in {', '.join(names) or FOLDER}")
    codes = [ExitCode.PASS]
    for path in paths:
        try:
            cycle = read_cycle(path)
            errors = lint_cycle(cycle, kinds, configs)
            warned = [] if errors or not configs else warnings(cycle, graph_of(cycle), kinds)
            errors += warned if strict else []
            for one in () if strict else warned:
                shown = GatekitError(one.error_id, f"warning: {one.message}", one.location, one.remedy)
                click.echo(inert.terminal(str(shown), limit=1000), err=True)
        except GatekitError as error:
            errors = [error]
        print_errors(errors)
        codes += [error.exit_code for error in errors]
        if not errors:
            graph = graph_of(cycle)
            said = f"{_count(len(cycle.stages), 'stage')}, {_count(len(graph.tasks), 'task')}"
            click.echo(f"{inert.terminal(path)}: sound: cycle '{cycle.id}', {said}")
    return worst(codes)


@command.command("plan")
@click.argument("name")
@_out
def plan_command(name: str, runs: str) -> int:
    """Print what would be run, in order, what is done already, and what it is expected to take; start nothing."""
    from gatekit.cycles.estimates import plan_lines

    cycle, graph, state = _shown(name, runs)
    for line in plan_lines(cycle, graph, state, Path(runs)):
        click.echo(inert.terminal(line, limit=None))
    return ExitCode.PASS


@command.command("register")
@click.argument("name")
@click.option("--out", metavar="-", help="Print the plan instead of writing it.", type=click.Choice(["-"]))
def register_command(name: str, out: str | None) -> int:
    """Write into a plan what its full tasks will record, by digest, which makes the plan a registration.

    Commit it to the base branch before the cycle runs; its evidence is then no longer exploratory.
    """
    from gatekit.cli.inputs import load_kinds
    from gatekit.cycles.graph import graph_of
    from gatekit.cycles.linting import announced_before
    from gatekit.cycles.reading import LIMITS, cycle_path, parse_cycle
    from gatekit.cycles.registering import announced, with_measurements
    from gatekit.evidence.atomic import write_whole
    from gatekit.evidence.strict_json import read_regular_file
    from gatekit.registration.plans import parse_plan

    path = cycle_path(name)
    data = read_regular_file(path, "yaml", LIMITS.size)
    cycle = parse_cycle(data, path)
    made = with_measurements(data, path, announced(cycle, graph_of(cycle)))
    kinds = load_kinds()
    registration = parse_plan(made, path, kinds)
    if registration is None:
        raise UsageError(f"{path} is no plan that could announce anything")
    for error in announced_before(registration, kinds):
        raise error
    if out == "-":
        click.echo(made.decode("utf-8"), nl=False)
        return ExitCode.PASS
    if made != data:
        write_whole(path, made)
    looks = " and ".join(map(str, registration.looks))
    measured = _count(len(registration.measurements), "measurement")
    same = "" if made != data else ", as it did before"
    click.echo(f"{inert.terminal(path)} announces {measured} with looks after {looks} seeds{same}: commit it, then run")
    return ExitCode.PASS


@command.command("run")
@click.argument("name")
@_out
@_how_to_run
@click.option("--dry-run", is_flag=True, help="Print what would be started first, and end.")
def run_command(
    name: str,
    runs: str,
    cache: str | None,
    slots: int,
    gpus: str,
    cluster: str | None,
    pieces: bool | None,
    track: str | None,
    retry_failed: bool,
    wait: bool,
    dry_run: bool,
) -> int:
    """Run a plan to its end, or go on where it was, whatever ended it before.

    The exit code is that of the plan's final policy: 0 pass, 2 blocked, 3 inconclusive; also 3 where a budget, a
    request to stop or a full disk ended it before.
    """
    from gatekit.cycles.running import RunOptions, run_cycle

    if dry_run:
        from gatekit.cycles.estimates import first_lines

        cycle, graph, state = _shown(name, runs)
        for line in first_lines(cycle, graph, state):
            click.echo(inert.terminal(line, limit=None))
        return ExitCode.PASS
    if cluster is not None and cache is None:
        raise UsageError(
            "--cluster without --cache",
            "name a folder that all machines see, or a URL",
        )
    if cluster is not None and gpus:
        raise UsageError("--gpus beside --cluster", "Ray gives out the GPUs of its machines; leave --gpus out")
    cycle, graph, _ = _loaded(name, runs)
    devices = tuple(part.strip() for part in gpus.split(",") if part.strip())
    options = RunOptions(
        runs=Path(runs),
        cache=cache,
        slots=slots,
        gpus=devices,
        # Each piece is a process that loads the model again, which on one small machine costs more than it gives.
        in_pieces=cluster is not None or len(devices) > 1 if pieces is None else pieces,
        track=track,
        retry_failed=retry_failed,
        wait=wait,
        cluster=cluster,
    )
    return run_cycle(cycle, graph, options, _say)


@command.command("resume")
@click.argument("name")
@click.pass_context
@_out
@_how_to_run
def resume_command(context: click.Context, name: str, runs: str, **options: Any) -> int:
    """Go on with a cycle that was stopped; a killed one goes on by `run` too."""
    cycle, _, _ = _loaded(name, runs)
    folder = Path(runs) / cycle.id
    if not (folder / "ledger.jsonl").exists():
        raise UsageError(f"'{cycle.id}' was never begun in {runs}", f"`gatekit cycle run {name}` begins it")
    (folder / "stop").unlink(missing_ok=True)
    code: int = context.invoke(run_command, name=name, runs=runs, dry_run=False, **options)
    return code


@command.command("stop")
@click.argument("name")
@_out
def stop_command(name: str, runs: str) -> int:
    """Ask the driver of a cycle to end; what runs is ended gently, and `resume` goes on."""
    from gatekit.cycles.lease import holder

    cycle, _, _ = _loaded(name, runs)
    folder = Path(runs) / cycle.id
    driven = holder(folder)
    if not folder.is_dir() or driven is None:
        raise UsageError(f"nobody drives '{cycle.id}' in {runs}")
    (folder / "stop").write_text("", encoding="utf-8")
    _say(f"asked {driven.words} to stop '{cycle.id}'")
    return ExitCode.PASS


@command.command("status")
@click.argument("name")
@_out
@click.option("--json", "as_json", is_flag=True, help="As a machine reads it.")
def status_command(name: str, runs: str, as_json: bool) -> int:
    """Print where a cycle is: progress, rate, time left, cost, and why branches were stopped."""
    import json

    from gatekit.cycles.lease import holder
    from gatekit.cycles.monitor import as_json as snapshot
    from gatekit.cycles.monitor import as_terminal
    from gatekit.cycles.progress import progress_of

    cycle, graph, state = _shown(name, runs)
    driven = holder(Path(runs) / cycle.id)
    progress = progress_of(cycle, graph, state, None if driven is None else driven.words)
    click.echo(json.dumps(snapshot(progress), indent=1) if as_json else as_terminal(progress), nl=as_json)
    return ExitCode.PASS


@command.command("report")
@click.argument("name")
@_out
@click.option("--out", metavar="DIR", help="Where the record is written; default the cycle's own folder.")
def report_command(name: str, runs: str, out: str | None) -> int:
    """Write the record of a cycle: log entry, executive summary and advisor brief in Markdown, with bound numbers.

    Exit 0 when it was written, 3 when the cycle has not ended yet: the record then says so.
    """
    from gatekit.cycles.records import write_records

    cycle, graph, state = _shown(name, runs)
    folder = Path(runs) / cycle.id
    if state.begun is None:
        raise UsageError(f"'{cycle.id}' was never begun in {runs}")
    for path in write_records(cycle, graph, state, folder, folder if out is None else Path(out)):
        click.echo(inert.terminal(str(path), limit=None))
    return ExitCode.PASS if state.code is not None else ExitCode.INCONCLUSIVE


def _shown(name: str, runs: str) -> tuple[Cycle, Graph, CycleState]:
    """Return a cycle by its plan, which must be the one that was begun."""
    return _loaded(name, runs, as_begun=True)


def _loaded(name: str, runs: str, as_begun: bool = False) -> tuple[Cycle, Graph, CycleState]:
    from gatekit.cycles.graph import graph_of
    from gatekit.cycles.ledger import Ledger
    from gatekit.cycles.meaning import refuse_other_plan
    from gatekit.cycles.reading import cycle_path, read_cycle
    from gatekit.cycles.state import state_of

    cycle = read_cycle(cycle_path(name))
    graph = graph_of(cycle)
    folder = Path(runs) / cycle.id
    records = Ledger(folder / "ledger.jsonl").read()
    if as_begun:
        refuse_other_plan(cycle, graph, records, folder)
    return cycle, graph, state_of(graph, records, cycle.retries)


def _say(line: str) -> None:
    click.echo(f"gatekit: {inert.terminal(line, limit=2000)}", err=True)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
