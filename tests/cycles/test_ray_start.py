"""A Ray that does not start is one line; Ray itself need not be installed to see it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from gatekit.cycles.engine import Job
from gatekit.cycles.plan import Needs
from gatekit.cycles.ray_engine import STARTS, RayCluster
from gatekit.errors import GatekitError, UsageError

BUSY = "The current node timed out during startup.\nIt is overloaded."
"""As Ray 2.60 says it on a machine that is too busy to start its processes in half a minute."""


class FakeRay(ModuleType):
    """Fails to start so many times; `value` is what every command gives back."""

    def __init__(self, fails: int) -> None:
        super().__init__("ray")
        self.fails, self.starts, self.patience = fails, 0, list[float | None]()
        self.exceptions = ModuleType("ray.exceptions")
        self.exceptions.RayError = RuntimeError  # type: ignore[attr-defined]

    def init(self, **_options: object) -> None:
        self.starts += 1
        if self.starts <= self.fails:
            raise Exception(BUSY)

    def shutdown(self) -> None:
        pass

    def remote(self, **_options: object) -> object:
        return lambda function: Remote()

    def wait(self, references: list[object], **_options: object) -> tuple[list[object], list[object]]:
        return references[:1], references[1:]

    def get(self, _reference: object, timeout: float | None) -> tuple[int, float, bool, bool]:
        self.patience.append(timeout)
        return 0, 1.0, False, False


class Remote:
    def options(self, **_options: object) -> Remote:
        return self

    def remote(self, *_arguments: object) -> str:
        return "reference"


def test_a_cluster_that_does_not_start_here_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", FakeRay(fails=STARTS))
    with pytest.raises(GatekitError) as refused:
        RayCluster(1, None)
    assert refused.value.exit_code == 70
    said = "Ray did not start here: The current node timed out during startup. It is overloaded."
    assert refused.value.message == said


@pytest.mark.parametrize("address", ["nonsense", "head:", ":6379", "ray://head", "head:port"])
def test_what_is_no_address_is_refused_before_anything_is_asked(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    ray = FakeRay(fails=0)
    monkeypatch.setitem(sys.modules, "ray", ray)
    with pytest.raises(UsageError, match=f"--cluster '{address}' is no address") as refused:
        RayCluster(1, address)
    assert refused.value.remedy == "write local, auto, HOST:PORT or ray://HOST:PORT"
    assert ray.starts == 0


def test_a_cluster_that_did_not_start_in_time_on_a_busy_machine_is_started_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ray = FakeRay(fails=STARTS - 1)
    monkeypatch.setitem(sys.modules, "ray", ray)
    RayCluster(1, None)
    assert ray.starts == STARTS


def test_what_has_ended_is_taken_however_long_it_takes_to_fetch(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ray = FakeRay(fails=0)
    monkeypatch.setitem(sys.modules, "ray", ray)
    engine = RayCluster(1, None)
    engine.start(Job("a", ("true",), Needs(), tmp_path / "log"))
    (ended,) = engine.wait(0.1)
    assert (ended.name, ended.code, ray.patience) == ("a", 0, [None])
