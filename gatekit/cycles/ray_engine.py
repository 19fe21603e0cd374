"""Tasks on a Ray cluster: the same commands on any of its machines, over one shared folder and one cache.

Ray is told what a command needs and starts it; nothing goes through it but the command and how it ended. A machine that
is lost takes its commands with it: they end with 70, which the cycle tries again elsewhere.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from gatekit.cycles.endings import how_ended
from gatekit.cycles.engine import Ended, Job
from gatekit.cycles.plan import Needs
from gatekit.cycles.processes import die_with_parent
from gatekit.cycles.resources import killed_for_memory
from gatekit.errors import GatekitError, UsageError
from gatekit.exit_codes import ExitCode

INSTALL = "pip install 'gatekit-sae[cluster]'"
LOST = "it could not be run to its end there"
STARTS = 3
"""Attempts to start a cluster here: Ray 2.60 gives each half a minute, and at a load of 30 on two cores that was too
short."""


@dataclass
class RayCluster:
    """A cluster that is there, or one that Ray starts on this machine for as long as the driver lives."""

    slots: int
    """Commands at a time, on all machines together."""
    address: str | None
    """As `ray.init` takes it: "auto", "ray://HOST:PORT"; None starts a cluster here."""
    _ray: Any = field(init=False)
    _run: Any = field(init=False)
    _running: dict[str, tuple[Job, Any, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Connect.

        Raises:
            UsageError: Ray is not installed, or what was given is no address.
            GatekitError: `cycle.cluster`, exit code 70: no cluster there, or none that starts here.
        """
        try:
            import ray
        except ModuleNotFoundError:
            raise UsageError("a cluster needs ray, which is not installed", INSTALL) from None
        self._ray = ray
        try:
            _ask(self.address)
            _connect(ray, self.address)
        except UsageError:
            raise
        except Exception as error:  # Ray raises no narrower class where one of its processes does not start in time
            what = "Ray did not start here" if self.address is None else f"no Ray cluster at '{self.address}'"
            message = f"{what}: {' '.join(str(error).split())[:200]}"
            raise GatekitError("cycle.cluster", message, exit_code=ExitCode.INTERNAL) from None
        # Our ledger counts the attempts, so Ray makes none of its own.
        self._run = ray.remote(max_retries=0, max_calls=1)(run_command)

    def has_room(self, needs: Needs) -> bool:
        """Whether fewer commands run than may; Ray itself lets a command wait until a machine can take it."""
        del needs
        return len(self._running) < self.slots

    def could_ever(self, needs: Needs) -> bool:
        """Whether the cluster has as many GPUs at all, on its machines of now."""
        return float(self._ray.cluster_resources().get("GPU", 0)) >= needs.gpus

    def start(self, job: Job) -> None:
        """Hand a command over."""
        job.log.parent.mkdir(parents=True, exist_ok=True)
        limit = None if job.needs.wall is None else job.needs.wall.total_seconds()
        options: dict[str, Any] = {"num_cpus": 1, "num_gpus": job.needs.gpus}
        if job.needs.memory:
            options["memory"] = job.needs.memory
        reference = self._run.options(**options).remote(
            job.argv, str(job.log.absolute()), os.getcwd(), {**_passed_on(), **job.environment}, limit
        )
        self._running[job.name] = (job, reference, time.monotonic())

    def wait(self, seconds: float) -> Sequence[Ended]:
        """Return what has ended."""
        if not self._running:
            time.sleep(seconds)
            return ()
        references = {reference: name for name, (_, reference, _) in self._running.items()}
        ready, _ = self._ray.wait(list(references), num_returns=1, timeout=seconds)
        # What is ready is there or lost: with a limit, a command that ended well would count as lost on a busy machine.
        return [self._ended(references[reference], None) for reference in ready]

    def stop(self) -> Sequence[Ended]:
        """End all commands, and leave the cluster."""
        for _, reference, _ in self._running.values():
            self._ray.cancel(reference, force=True)
        ended = [self._ended(name, 30) for name in list(self._running)]
        self._ray.shutdown()
        return ended

    def _ended(self, name: str, patience: float | None) -> Ended:
        job, reference, since = self._running.pop(name)
        try:
            code, seconds, late, starved = self._ray.get(reference, timeout=patience)
        except (self._ray.exceptions.RayError, TimeoutError) as error:
            with open(job.log, "a", encoding="utf-8") as log:
                log.write(f"gatekit: {LOST}: {type(error).__name__}: {' '.join(str(error).split())[:1000]}\n")
            # A worker that Ray itself ended for want of memory would end so again.
            lost = not isinstance(error, self._ray.exceptions.OutOfMemoryError)
            return Ended(name, ExitCode.INTERNAL, time.monotonic() - since, LOST, lost=lost)
        return how_ended(job, code, seconds, late, starved)


def run_command(
    argv: Sequence[str], log: str, folder: str, environment: dict[str, str], limit: float | None
) -> tuple[int, float, bool, bool]:
    """Run a command on the machine that Ray chose.

    Returns its exit code, its seconds, whether it took too long, and whether the kernel killed anything there for want
    of memory meanwhile.

    Args:
        argv: the command.
        log: takes what it writes.
        folder: to run it in, on a filesystem that all machines share.
        environment: variables beside the machine's own; which GPUs it may use, Ray has set.
        limit: seconds after which it is killed; None for no limit.
    """
    started = time.monotonic()
    before: Callable[[], None] | None = die_with_parent()
    late, killed = False, killed_for_memory()
    with open(log, "ab") as file:
        process = subprocess.Popen(
            argv,
            cwd=folder,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            preexec_fn=before,
        )
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            process.kill()
            code, late = process.wait(), True
    return (128 - code if code < 0 else code), time.monotonic() - started, late, killed_for_memory() != killed


def _connect(ray: Any, address: str | None) -> None:
    """Connect to a cluster, or start one here; one that did not start in Ray's own time is started again."""
    # A cluster that lives as long as its driver needs no page; `gatekit cycle status` shows the cycle.
    here = {"include_dashboard": False} if address is None else {}
    for left in reversed(range(STARTS if address is None else 1)):
        try:
            ray.init(address=address, log_to_driver=False, logging_level="ERROR", **here)
            return
        except Exception:
            ray.shutdown()
            if not left:
                raise


def _ask(address: str | None) -> None:
    """Connect to a cluster's address and leave again: Ray itself would try for minutes.

    Raises:
        OSError: nobody answers.
        UsageError: it is no address.
    """
    if address in (None, "auto"):
        return
    host, _, port = str(address).removeprefix("ray://").rpartition(":")
    if not host or not re.fullmatch("[0-9]{1,5}", port, re.ASCII):
        raise UsageError(f"--cluster '{address}' is no address", "write local, auto, HOST:PORT or ray://HOST:PORT")
    with socket.create_connection((host, int(port)), timeout=10):
        pass


def _passed_on() -> dict[str, str]:
    """Return what steers runners here, and must steer them there."""
    names = ("PYTHONPATH", "HF_HOME", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE", "WANDB_MODE")
    return {name: os.environ[name] for name in names if name in os.environ}
