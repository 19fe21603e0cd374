"""A second process changes how long something takes and nothing else: whatever becomes of it, the results are there."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import builders
import pytest

SEVERAL_CORES = "import os; os.sched_getaffinity = lambda _: {0, 1}\n"
"""Whatever the machine has."""


def alone(code: str, *arguments: str) -> Any:
    """What Python prints as JSON in a process of its own, since a test's own has threads."""
    given = [sys.executable, "-c", SEVERAL_CORES + textwrap.dedent(code), *arguments]
    return json.loads(subprocess.run(given, stdout=subprocess.PIPE, check=True, timeout=100).stdout)


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="one process elsewhere")


def test_it_hands_over_the_steps_of_its_share_and_leaves_the_others() -> None:
    assert alone("""
        import json
        from gatekit.second_process import working_ahead
        here = os.getpid()
        step = lambda number: b"%d %d" % (number, os.getpid() != here)
        with working_ahead(8, (2, 3), step) as taken:
            print(json.dumps([(got := taken(number)) and got.decode() for number in range(8)]))
    """) == ["0 1", "1 1", None, "3 1", "4 1", None, "6 1", "7 1"]


def test_a_step_that_fails_there_or_gives_too_much_is_left_to_the_caller() -> None:
    assert alone("""
        import json
        from gatekit.second_process import LARGEST_HANDED, working_ahead
        def step(number):
            if number == 1:
                raise ValueError
            return b"x" * LARGEST_HANDED + b"x" * (number == 2) if number != 3 else None
        with working_ahead(5, (1, 1), step) as taken:
            print(json.dumps([len(taken(number) or b"") for number in range(5)]))
    """) == [1 << 20, 0, 0, 0, 1 << 20]


@pytest.mark.parametrize("end", ["os.kill(os.getpid(), 9)", "os._exit(0)", "sys.exit(0)", "raise KeyboardInterrupt"])
def test_where_it_dies_the_caller_does_the_rest(end: str) -> None:
    assert alone(f"""
        import json, sys
        from gatekit.second_process import working_ahead
        def step(number):
            if number == 50_000:
                {end}
            return b"%d" % number
        with working_ahead(60_000, (1, 1), step) as taken:
            got = [taken(number) for number in range(60_000)]
        there = [one for one in got if one is not None]
        print(json.dumps([there == [b"%d" % number for number in range(len(there))], 40_000 < len(there) <= 50_000]))
    """) == [True, True]


def test_it_is_gone_when_the_caller_leaves_early() -> None:
    assert (
        alone("""
        import json
        from gatekit.second_process import working_ahead
        try:
            with working_ahead(10**9, (1, 1), lambda number: b"x" * 1000) as taken:
                taken(0)
                raise ValueError
        except ValueError:
            pass
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            print(json.dumps("gone"))
    """)
        == "gone"
    )


@pytest.mark.parametrize(
    "where",
    ["threading.Thread(target=threading.Event().wait, daemon=True).start()", "os.sched_getaffinity = lambda _: {0}"],
)
def test_beside_a_thread_and_on_one_core_there_is_none(where: str) -> None:
    assert (
        alone(f"""
        import json, threading
        from gatekit.second_process import working_ahead
        {where}
        with working_ahead(3, (1, 1), lambda number: b"x") as taken:
            print(json.dumps([taken(number) for number in range(3)]))
    """)
        == [None] * 3
    )


READ = """
    import json, sys
    from gatekit.evidence import find_summaries, reading
    forks, real = [], os.fork
    os.fork = lambda: forks.append(1) or real()
    reading.FEWEST_READ_AHEAD = int(sys.argv[2])
    summaries, errors = reading.read_summaries(find_summaries([sys.argv[1]]))
    print(json.dumps([len(forks), list(map(repr, summaries)), list(map(str, errors))]))
"""


def test_summaries_and_errors_are_those_of_one_process_in_the_same_order(tmp_path: Path) -> None:
    values = {f"{index:03}.json": [0.8 + index / 1e4] * 5 for index in range(30)}
    documents = {name: builders.summary("random_model", {"r2": column}) for name, column in values.items()}
    documents["003.json"]["measurements"]["r2"]["columns"]["candidate"][0] = 2.0
    documents["007.json"]["kind"] = "no_such_kind"
    builders.write(tmp_path, documents)
    (tmp_path / "005.json").write_text("{")
    (tmp_path / "011.json").write_text("[" * 99 + "]" * 99)
    one = alone(READ, str(tmp_path), "1000")
    two = alone(READ, str(tmp_path), "1")
    assert (one[0], two[0]) == (0, 1)
    assert one[1:] == two[1:]
    # Two that are no JSON stand beside 30 of one subject, of which two are refused and 25 others contradict the first.
    assert (len(one[1]), len(one[2])) == (26, 4 + 25)
