"""Of thousands of candidates a second process judges some: that changes the time, and no byte of the result."""

from __future__ import annotations

import sys
from pathlib import Path

import builders
import pytest
from candidates import pools
from test_second_process import alone

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="one process elsewhere")


JUDGED = """
    import json, sys
    sys.modules["matplotlib"] = None
    from gatekit.candidates import selecting
    from gatekit.cli.process import run
    forks, real = [], os.fork
    os.fork = lambda: forks.append(1) or real()
    selecting.FEWEST_JUDGED_AHEAD, selecting._AT_ONCE = int(sys.argv[2]), 3
    os.chdir(sys.argv[1])
    report, out = sys.stdout, open(os.devnull, "w")
    sys.stdout = out
    code = run(["select", "--policy", "p.yaml", "--now", sys.argv[3], "--out", "out", "--replace", "evidence"])
    sys.stdout = report
    files = {name: open(f"out/{name}").read() for name in os.listdir("out") if name.endswith((".json", ".md"))}
    print(json.dumps([len(forks), code, files]))
"""


def test_a_selection_is_that_of_one_process_to_the_byte(tmp_path: Path) -> None:
    values = {f"topk-{place}": {"auc": 0.85 + place / 100, "r2": 0.9 - place / 50} for place in range(10)}
    builders.write(tmp_path / "evidence", pools.evidence(**values))
    (tmp_path / "p.yaml").write_text(pools.POLICY)
    one, two = (alone(JUDGED, str(tmp_path), fewest, builders.NOW) for fewest in ("1000", "1"))
    assert (one[0], two[0], one[1]) == (0, 1, 0)
    assert one[1:] == two[1:]
    assert {"selection.json", "pareto.md", "candidate.json", "selection.md"} == set(one[2])
