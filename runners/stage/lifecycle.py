"""The life of a run, the same for every runner: read, refuse early, measure, and leave a whole summary or a failed one.

An interrupted or broken run writes a summary with status `failed` and the reason, so that the gate sees that
something was tried; where an `ok` summary of the same configuration already stands, that one stays.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from gatekit.errors import GatekitError, Location, UsageError
from gatekit.exit_codes import ExitCode, worst
from runners import provenance, summary_writing
from runners.cache_use import noting
from runners.config import bases_of, read_config
from runners.determinism import choose_device, describe_device, fix_arithmetic, prepare_environment
from runners.object_cache import cache_folder, share_if_possible
from runners.provenance import GitState, run_times, shown_argument, utc_now, without_paths
from runners.settings import read_settings
from runners.stage.control_positions import check_control_positions
from runners.stage.hub_commits import hub_inputs
from runners.stage.hub_faults import hub_fault
from runners.stage.interruption import Interrupted, interruptible, keeping_handlers, pass_on
from runners.stage.judging import check, select_and_check
from runners.stage.lost_entries import lost_entry
from runners.stage.machine_faults import machine_fault
from runners.stage.parts_faults import check_parts
from runners.stage.run_environment import RunEnvironment
from runners.stage.stage import Stage, one_cell, read_stage
from runners.stage.supervision import Testament, is_command, supervised
from runners.summary_writing import Json, RunResult, why_diverged
from runners.whole_files import make_folder, permissions_of

if TYPE_CHECKING:
    from runners.tracking import Service


@dataclass(frozen=True)
class _Cell:
    """One summary to be: where it goes and what it measures."""

    name: str
    stage: Stage
    path: Path
    config: Any
    recorded: Json


def _cells(stage: Stage, config: Any, out: Path) -> list[_Cell]:
    """Return every summary to be, having made sure that there is a place for it."""
    parts = stage.summaries(config)
    for kind in dict.fromkeys(part.kind for _, part, _ in parts):
        summary_writing.check_kind(kind)
    cells = []
    for name, part, cell in parts:
        recorded = part.recorded(cell)
        path = out / name / f"{part.kind}.json"
        summary_writing.check_place(path, recorded)
        cells.append(_Cell(name, part, path, cell, recorded))
    return cells


def run_stage(stage: Stage, argv: Sequence[str]) -> int:
    """Run one stage from its command line and return the exit code.

    Where that is all that this process does, another one measures, so that nothing dies unheard: see `supervision`.

    0 done; 4 the configuration or an input is refused; 64 the command line is wrong; 70 the run failed; 130 and 143
    interrupted by SIGINT and SIGTERM, which a process that does more than the run then gets itself; 137 killed. With
    `--policy`, a run that is done exits as `gatekit check` does on its summaries; where there are several, with the
    code that matters most. With `--select` too, it exits as `gatekit select` on all of them, or as `gatekit check` on
    the one selected.
    """
    return supervised(stage.kind, lambda testament: _run(stage, argv, testament), _left_behind, is_command())


def _run(stage: Stage, argv: Sequence[str], testament: Testament) -> int:
    try:
        arguments = _parse(stage, argv)
        config = _configuration(stage, arguments)
        if arguments.units or arguments.only:
            return _ahead(stage, config, arguments, testament)
        cells = _cells(stage, config, Path(arguments.out))
    except GatekitError as error:
        return _complain(hub_fault(error) or error)
    except Exception as error:
        # A download of SAEs, which say a part of the configuration, may break off.
        fault = hub_fault(error)
        if fault is None:
            raise
        return _complain(fault)
    # Everything below is measured under this state of the code, whatever is committed while it runs.
    described = Path(arguments.config) if arguments.config else stage.smoke_config
    git = provenance.git_state(described)
    package = stage.config.__module__.partition(".")[0]
    try:
        digests = provenance.source_digests(described, *bases_of(described), package=package)
    except GatekitError as error:
        return _complain(error)
    prepare_environment(offline=not stage.needs_network(config))
    try:
        # Before any cell: a wrong command line leaves no summary of a failed run.
        choose_device(arguments.device)
        _make_place("--cache", cache_folder(arguments.cache, default_cache))
        if arguments.artifacts is not None:
            _make_place("--artifacts", Path(arguments.artifacts))
    except GatekitError as error:
        return _complain(error)
    code = ExitCode.PASS
    # Artifacts need a folder of their own in the shared cache, and where there may be several cells.
    several = arguments.artifacts is None or len(cells) > 1 or stage.cells is not one_cell
    for cell in cells:
        with keeping_handlers(testament.is_heard):
            ended = _run_cell(cell, [stage.kind, *argv], arguments, git, digests, several, testament)
        testament.withdraw()
        if ended > 128 and not testament.is_heard:
            pass_on(ended - 128)
        if ended > 128 or testament.is_begun_anew:
            return ended
        code = worst([code, ExitCode(ended)])
    if code is not ExitCode.PASS or arguments.policy is None:
        return int(code)
    if arguments.select is not None:
        return int(select_and_check(arguments.policy, [arguments.out, *arguments.beside], arguments.select))
    judged = dict.fromkeys(cell.path.parent for cell in cells if stage.judged(cell.name))
    return int(worst([check(arguments.policy, folder) for folder in judged]))


def _ahead(stage: Stage, config: Any, arguments: argparse.Namespace, testament: Testament) -> int:
    """List the units of a run, or make some of them, and return the exit code."""
    from runners.stage.unit_command import make_units, write_units

    summaries = stage.summaries(config)
    prepare_environment(offline=not stage.needs_network(config))
    cache = cache_folder(arguments.cache, default_cache)
    if arguments.units:
        write_units(summaries, arguments.device, cache)
        return int(ExitCode.PASS)
    try:
        with keeping_handlers(testament.is_heard), interruptible():
            return make_units(arguments.only, summaries, arguments.device, cache, testament.begin_anew)
    except Interrupted as interrupted:
        sys.stderr.write(f"{stage.kind}: {interrupted}\n")
        if not testament.is_heard:
            pass_on(interrupted.number)
        return interrupted.code


def _make_place(option: str, folder: Path) -> None:
    """Make a folder that the run writes to; one that is there and may only be read is left to whoever writes there.

    Raises:
        GatekitError: `runner.folder`: it cannot be made, or a file stands there.
    """
    try:
        make_folder(folder)
    except OSError as error:
        message = f"the folder '{folder.name}' cannot be made: {error.strerror}"
        raise GatekitError("runner.folder", message, Location(option), "give another folder") from None


def _run_cell(
    cell: _Cell,
    command: Sequence[str],
    arguments: argparse.Namespace,
    git: GitState,
    digests: Mapping[str, dict[str, str]],
    several: bool,
    testament: Testament,
) -> int:
    """Measure one cell, write its summary and return its exit code."""
    stage, path, config = cell.stage, cell.path, cell.config
    cache = cache_folder(arguments.cache, default_cache)
    started, began = utc_now(), time.monotonic()
    producer: Json = {
        "command": ["python", "-m", "runners", *map(shown_argument, command)],
        "config": cell.recorded,
        "config_sha256": summary_writing.config_digest(cell.recorded),
        "git": {"commit": git.commit, "dirty": git.dirty},
        "packages": provenance.package_versions(),
        "device": arguments.device,
        "determinism": {},
        "started": started,
        "finished": started,
    }

    def left() -> Json:
        subject, protocol = stage.planned(config)
        # That there is nothing to compare is a result too, and may change with the code.
        ended = {**producer, "sources": provenance.used_sources(digests)}
        names = {"path": str(path), "kind": stage.kind, "started": started, "began": began}
        return {**names, "producer": ended, "subject": subject, "protocol": protocol}

    def failed(said: str, shown: bool = False) -> None:
        """Leave a failed summary, and say where it is, with the reason unless that was shown already."""
        reason = without_paths(said)
        try:
            outcome = _left_behind(left(), reason)
        except GatekitError as error:
            # No summary is as blocking as a failed one; the first reason is the one to show.
            outcome = f"no summary ({error}) at {path}"
        sys.stderr.write(f"{stage.kind}: {outcome}\n" if shown else f"{stage.kind}: {reason}; {outcome}\n")

    def lost(error: BaseException) -> bool:
        said = lost_entry(error, cache)
        if said is not None:
            failed(said)
            testament.begin_anew()
        return said is not None

    try:
        with interruptible():
            device = choose_device(arguments.device)
            producer["determinism"] = fix_arithmetic(config.threads)
            producer["device"] = describe_device(device)
            testament.leave(left)
            artifacts = Path(arguments.artifacts) if arguments.artifacts else cache / "runs" / stage.kind
            artifacts = artifacts / str(producer["config_sha256"])[:16] if several else artifacts
            # What a run publishes in a cache is for whoever shares it.
            shared = nullcontext() if arguments.artifacts else permissions_of(cache)
            with noting() as used, shared:
                measured = _measured(stage, config, RunEnvironment(device, cache, artifacts), arguments.track)
            share_if_possible(used)
        producer |= run_times(started, began)
        producer["sources"] = provenance.used_sources(digests)
        inputs = [*measured.inputs, *hub_inputs(config), *provenance.code_input()]
        measured = dataclasses.replace(measured, inputs=inputs)
        digest = summary_writing.write_measured(path, stage.kind, producer, measured)
    except Interrupted as interrupted:
        failed(str(interrupted))
        return interrupted.code
    except GatekitError as error:
        if lost(error):
            return int(ExitCode.INTERNAL)
        told = hub_fault(error) or error
        code = _complain(told)
        failed(_reason(told), shown=True)
        return code
    except Exception as error:
        if lost(error):
            return int(ExitCode.INTERNAL)
        fault = machine_fault(error)
        if isinstance(fault, GatekitError):
            code = _complain(fault)
            failed(_reason(fault), shown=True)
            return code
        if fault is not None:
            failed(fault)
            return int(ExitCode.INTERNAL)
        traceback.print_exc()
        failed(f"{type(error).__name__}: {error}".split("\n")[0])
        return int(ExitCode.INTERNAL)
    sys.stderr.write(f"{stage.kind}: wrote {path} (sha256 {digest})\n")
    diverged = measured.diverged or why_diverged(stage.kind, measured.measurements)
    if diverged is not None:
        sys.stderr.write(f"{stage.kind}: the SAEs have diverged, and no gate passes on them: {diverged}\n")
    return int(ExitCode.PASS)


def _left_behind(left: Mapping[str, Any], reason: str) -> str:
    """Write the failed summary of a cell, unless an older one is worth more, and say in words where it is."""
    ended = {**left["producer"], **run_times(left["started"], left["began"])}
    subject, protocol = left["subject"], left["protocol"]
    written = summary_writing.write_failed(Path(left["path"]), left["kind"], ended, subject, protocol, reason)
    return f"{'failed summary' if written else 'older summary kept'} at {left['path']}"


def _measured(stage: Stage, config: Any, environment: RunEnvironment, service: Service | None) -> RunResult:
    """Measure one cell, and name the run of a tracking service among its artifacts where there is one."""
    if service is None:
        return stage.measure(config, environment)
    from runners.tracking import artifact_json, log_of, tracking

    folder = environment.artifacts / "tracking"
    with tracking(service, folder, stage.kind, environment.artifacts.name) as tracker:
        measured = stage.measure(config, dataclasses.replace(environment, tracker=tracker))
        uri = tracker.uri
    return dataclasses.replace(measured, artifacts=[*measured.artifacts, artifact_json(uri, log_of(folder))])


def default_cache() -> Path:
    """Return the user's cache folder for gatekit, as the XDG base directory specification has it.

    Raises:
        UsageError: nobody says where the user's folders are.
    """
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gatekit"
    except RuntimeError:
        raise UsageError("this user has no home folder", "give --cache DIR, or set HOME") from None


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message, f"see {self.prog} --help")


def _parse(stage: Stage, argv: Sequence[str]) -> argparse.Namespace:
    parser = _Parser(prog=f"gatekit run {stage.kind}", description=stage.title, allow_abbrev=False)
    parser.add_argument("--config", help="YAML file; may be left out with --smoke")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="settings",
        help="a value of the configuration, in place of the file's: sae.k=8, 'seeds=[0, 1]'; repeatable",
    )
    parser.add_argument("--out", help="folder of the summary; nothing else is written there")
    parser.add_argument("--units", action="store_true", help="measure nothing: list what can be made ahead, as JSON")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="KEY",
        help="make the unit of this key in the cache, and no summary; repeatable",
    )
    parser.add_argument("--smoke", action="store_true", help="same code and subject at the smallest useful size")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--cache", help="folder or URL of an object store that runs share (default: the user's cache)")
    parser.add_argument("--artifacts", help="folder of this run's checkpoints (default: inside the cache)")
    parser.add_argument("--track", choices=("wandb", "tensorboard"), help="send the curves of training there")
    parser.add_argument("--policy", help="judge the summaries by this policy and exit as gatekit check does")
    parser.add_argument("--select", metavar="DIR", help="with --policy: choose by its selection, and judge that alone")
    parser.add_argument(
        "--beside",
        action="append",
        default=[],
        metavar="PATH",
        help="with --select: other runners' evidence; repeatable",
    )
    # A summary names the command that made it, and this would be found out after hours.
    unnamed = next((shown for shown in map(shown_argument, argv) if _is_no_text(shown)), None)
    if unnamed is not None:
        raise UsageError(f"an argument is not UTF-8, and no summary can name it: {unnamed!a}", "give another name")
    arguments = parser.parse_args(argv)
    if arguments.units and arguments.only:
        raise UsageError("--units lists, --only makes", "give one of them")
    if arguments.out is None and not (arguments.units or arguments.only):
        raise UsageError("no folder for the summary", "give --out DIR")
    if arguments.select is not None and arguments.policy is None:
        raise UsageError("--select without --policy", "give the policy whose selection chooses")
    if arguments.beside and arguments.select is None:
        raise UsageError("--beside without --select", "give --select DIR, or leave it out")
    if arguments.config is None and not arguments.smoke:
        raise UsageError("no configuration", "give --config FILE or --smoke")
    return arguments


def _is_no_text(argument: str) -> bool:
    return any("\ud800" <= sign <= "\udfff" for sign in argument)


def _configuration(stage: Stage, arguments: argparse.Namespace) -> Any:
    settings = read_settings(arguments.settings)
    # Beside a file, the sizes are those of the smoke run as it is, and the settings are laid over the file.
    over_smoke = () if arguments.config else settings
    small = read_config(stage.smoke_config, stage.config, settings=over_smoke) if arguments.smoke else None
    config = read_stage(Path(arguments.config), stage, settings) if arguments.config else small
    prepare_environment(offline=not stage.needs_network(config))
    config = stage.resolved(config)
    if arguments.config and small is not None:
        config = stage.shrink(config, small)
    if hasattr(config, "texts"):
        from runners.subjects.unread_forms import refuse_unread_forms

        # First, because it knows what to do about a form of file that `check` only finds to be none of its own.
        refuse_unread_forms(config)
    # First, because a stage only finds that an architecture has no such field.
    check_parts(config, arguments.device)
    stage.check(config)
    check_control_positions(config)
    return config


def _reason(error: GatekitError) -> str:
    """Return an error as a summary states it: on any machine the same, so with no folder of this one."""
    place = error.location
    if place is not None:
        place = dataclasses.replace(place, path=shown_argument(place.path))
    return str(GatekitError(error.error_id, error.message, place, error.remedy))


def _complain(error: GatekitError) -> int:
    sys.stderr.write(f"{error}\n")
    location = error.location
    if location is not None and location.source_line is not None:
        sys.stderr.write(f"    {location.source_line}\n    {' ' * ((location.column or 1) - 1)}^\n")
    return int(error.exit_code)
