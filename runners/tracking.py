"""Curves of training in Weights & Biases or TensorBoard, for those who watch: off unless a tracker is passed.

Nothing that decides anything reads them. A summary names them as artifacts: the run's id stands in the entry's `uri`,
its log file in the digest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from gatekit.errors import GatekitError, Location
from runners.digests import file_sha256

Service = Literal["wandb", "tensorboard"]
STEPS_BETWEEN = 50
"""Reading the numbers waits for the device."""


class Tracker(Protocol):
    """Takes the numbers of one run."""

    def log(self, series: str, step: int, values: Mapping[str, float]) -> None:
        """Add one point to each curve of `series`, such as a seed."""

    @property
    def uri(self) -> str:
        """Where the run is: the service and the run's id."""


@dataclass(frozen=True)
class _WandbTracker:
    run: Any

    def log(self, series: str, step: int, values: Mapping[str, float]) -> None:
        # Its own step only ever rises, and here every series starts at 0.
        named = {f"{series}/{name}": value for name, value in values.items()}
        self.run.log({**named, f"{series}/step": step})

    @property
    def uri(self) -> str:
        return f"wandb:{self.run.project}/{self.run.id}"


@dataclass(frozen=True)
class _TensorBoardTracker:
    writer: Any
    name: str

    def log(self, series: str, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self.writer.add_scalar(f"{series}/{name}", value, step)

    @property
    def uri(self) -> str:
        return f"tensorboard:{self.name}"


@dataclass(frozen=True)
class ArmTracker:
    """A run's tracker for one arm of it: arms train the same seeds, and their curves must not run together."""

    tracker: Tracker
    arm: str

    def log(self, series: str, step: int, values: Mapping[str, float]) -> None:
        """Add one point to each curve of the arm's series."""
        self.tracker.log(f"{self.arm}/{series}", step, values)

    @property
    def uri(self) -> str:
        """Where the run is."""
        return self.tracker.uri


@contextmanager
def tracking(service: Service, folder: Path, project: str, name: str) -> Iterator[Tracker]:
    """Open one run and close it after the block.

    Args:
        service: whose run. W&B uploads only where its own settings say so (WANDB_MODE).
        folder: for the log files.
        project: the run's group, such as the stage.
        name: of the run.

    Raises:
        GatekitError: `tracking.missing`: the service's package is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if service == "wandb":
        wandb = _imported("wandb", "wandb")
        run = wandb.init(project=project, name=name, dir=str(folder), reinit="finish_previous")
        try:
            yield _WandbTracker(run)
        finally:
            run.finish()
            # Another process writes the log; only when it has ended is the file whole.
            wandb.teardown()
        return
    writer = _imported("torch.utils.tensorboard", "tensorboard").SummaryWriter(str(folder / name))
    try:
        yield _TensorBoardTracker(writer, f"{project}/{name}")
    finally:
        writer.close()


def artifact_json(uri: str, log: Path) -> dict[str, str | int]:
    """Return a summary's artifact entry for a run that is closed: its id, and the digest of its log file."""
    service, _, rest = uri.partition(":")
    return {
        "name": f"{service}:{rest}",
        "sha256": file_sha256(log),
        "bytes": log.stat().st_size,
        "uri": uri,
    }


def log_of(folder: Path) -> Path:
    """Return the log file of a run that is closed: the newest that its service wrote into the folder.

    Raises:
        GatekitError: `tracking.no_log`: the service was told to write nothing (WANDB_MODE=disabled).
    """
    logs = [path for pattern in ("*.wandb", "events.out.tfevents*") for path in folder.rglob(pattern)]
    if not logs:
        raise GatekitError("tracking.no_log", "the tracked run left no log file", Location(str(folder)))
    return max(logs, key=lambda path: (path.stat().st_mtime_ns, path.name))


def _imported(module: str, package: str) -> Any:
    from importlib import import_module

    try:
        return import_module(module)
    except ImportError:
        raise GatekitError(
            "tracking.missing", f"{package} is not installed", None, f"pip install {package}, or track nothing"
        ) from None
