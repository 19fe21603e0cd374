"""A Ray that does not start is one line; Ray itself need not be installed to see it."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from gatekit.cycles.ray_engine import RayCluster
from gatekit.errors import GatekitError


def test_a_cluster_that_does_not_start_here_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def init(**_options: object) -> None:
        # As Ray 2.60 says it on a machine that is too busy to start its processes in time.
        raise Exception("The current node timed out during startup.\nIt is overloaded.")

    ray = ModuleType("ray")
    ray.init = init  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ray", ray)
    with pytest.raises(GatekitError) as refused:
        RayCluster(1, None)
    assert refused.value.exit_code == 70
    said = "Ray did not start here: The current node timed out during startup. It is overloaded."
    assert refused.value.message == said
