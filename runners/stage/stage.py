"""What a runner is: its configuration, and what is planned and measured from it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runners.config import from_plain, read_block, read_config, refuse_keys, value_at
from runners.determinism import prepare_environment
from runners.saes.architecture_plan import ArchitecturePlan
from runners.saes.given_plan import GIVEN, GivenSaesPlan, GivenShape
from runners.settings import Setting, read_settings
from runners.stage.planned_pieces import Planned, nothing_ahead
from runners.stage.run_environment import RunEnvironment
from runners.summary_writing import Json, RunResult


def one_cell(config: Any) -> Sequence[tuple[str, Any]]:
    """Return the configuration itself as the only cell, whose summary lies in the output folder."""
    return [("", config)]


@dataclass(frozen=True)
class Stage:
    """One runner."""

    kind: str
    """Of its summaries, and its name on the command line."""
    title: str
    config: type[Any]
    """Dataclass with at least `threads`."""
    smoke_config: Path
    shrink: Callable[[Any, Any], Any]
    """(configuration, smoke configuration) -> the configuration's subject at the smoke configuration's size."""
    check: Callable[[Any], None]
    """Raises GatekitError for values that do not go together."""
    recorded: Callable[[Any], Json]
    """The plain form without absolute paths."""
    needs_network: Callable[[Any], bool]
    planned: Callable[[Any], tuple[Json, Json]]
    """Subject and protocol as far as they are known before measuring."""
    measure: Callable[[Any, RunEnvironment], RunResult]
    """Imports torch; called once the environment is prepared."""
    cells: Callable[[Any], Sequence[tuple[str, Any]]] = one_cell
    """configuration -> (folder name, configuration) of every summary: a sweep writes one for each of its subjects."""
    parts: Callable[[Any], Sequence[tuple[str, Stage, Any]]] | None = None
    """configuration -> (folder name, stage, configuration) of every summary, for a runner that runs several stages,
    itself among them or not."""
    judged: Callable[[str], bool] = lambda _: True
    """folder name -> whether `--policy` judges this summary; those that only serve a search claim nothing."""
    resolved: Callable[[Any], Any] = lambda config: config
    """configuration as read -> the same with what other files than its own say; called once the environment is
    prepared, and before `check`."""
    pieces: Callable[[Any], Sequence[Planned]] = nothing_ahead
    """configuration of a summary -> what other processes can make ahead of it in the cache."""

    def configurations(
        self, path: str | Path, settings: Sequence[str] = (), left_by: Mapping[str, Any] | None = None
    ) -> list[tuple[str, str, Json]]:
        """Return (folder name, kind, recorded configuration) of every summary that a configuration file would give.

        It is what the summaries' producer will state, which a registration announces before anything is measured.

        Args:
            path: of the file.
            settings: `KEY=VALUE`, as `--set` takes it.
            left_by: recorded configuration of the run that is to leave the SAEs that are measured; they are not there
                yet, so their seeds and shape are its own. None where they are trained here, or lie there.

        Raises:
            GatekitError: the file or a setting is refused.
        """
        given = read_settings(settings)
        config = read_stage(Path(path), self, given) if left_by is None else _to_be(Path(path), self, given, left_by)
        config = self.resolved(config)
        self.check(config)
        return [(name, part.kind, part.recorded(cell)) for name, part, cell in self.summaries(config)]

    def summaries(self, config: Any) -> Sequence[tuple[str, Stage, Any]]:
        """Return (folder name, stage, configuration) of every summary to be."""
        if self.parts is not None:
            return self.parts(config)
        return [(name, self, cell) for name, cell in self.cells(config)]


def read_stage(path: Path, stage: Stage, settings: Sequence[Setting] = ()) -> Any:
    """Return a configuration of a stage; of SAEs that it names, their files say what it leaves out.

    Args:
        path: of the file.
        stage: whose configuration it is.
        settings: laid over the file.

    Raises:
        GatekitError: as `runners.config.read_config` and `runners.arms.given_saes.said_by_files`.
    """
    said: Mapping[str, Any] = {}
    if _takes_files(path, stage, settings):
        plan = read_block(path, GIVEN, GivenSaesPlan, settings)
        if plan is not None:
            _refuse_what_files_say(path, settings)
            # Before torch is imported, which no other configuration needs to be read.
            fetched = plan.hub is not None or value_at(path, "subject", "model", "source", settings=settings) == "hub"
            prepare_environment(offline=not fetched)
            from runners.arms.given_saes import said_by_files

            said = said_by_files(plan)
    return read_config(path, stage.config, said, settings)


def _takes_files(path: Path, stage: Stage, settings: Sequence[Setting]) -> bool:
    """Say whether a stage measures SAEs from files.

    Raises:
        GatekitError: it does not, and the configuration names some.
    """
    if any(member.name == GIVEN for member in dataclasses.fields(stage.config)):
        return True
    other = "is for runners that measure SAEs from files (docs/runners.md)"
    refuse_keys(path, (GIVEN,), f"{other}; {stage.kind} measures SAEs that it trains", settings)
    return False


def _refuse_what_files_say(path: Path, settings: Sequence[Setting]) -> None:
    why = f"stands beside '{GIVEN}', whose files say it; leave it out"
    refuse_keys(path, ("seeds", "sae", "training"), why, settings)


def _to_be(path: Path, stage: Stage, settings: Sequence[Setting], left_by: Mapping[str, Any]) -> Any:
    """Return the configuration of a stage that will measure the SAEs that another run leaves."""
    sae = from_plain(left_by["sae"], ArchitecturePlan)
    named = ", ".join(f"{seed}: seed_{seed}" for seed in left_by["seeds"])
    settings = (Setting(GIVEN, f"{{seeds: {{{named}}}}}"), *settings)
    if _takes_files(path, stage, settings):
        _refuse_what_files_say(path, settings)
    said = {"seeds": tuple(left_by["seeds"]), "sae": GivenShape(sae.label, sae.width, sae.active), "training": None}
    return read_config(path, stage.config, said, settings)
