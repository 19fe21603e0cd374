"""A machine for the journeys, and the table of their seconds, which is printed at the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from act.journey import HERE, SECONDS, Journey, cached


@pytest.fixture(scope="session")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tool cache with the wheel set for this Python."""
    return cached(tmp_path_factory, HERE)


@pytest.fixture
def journey(tmp_path: Path, tools: Path, request: pytest.FixtureRequest) -> Iterator[Journey]:
    """One journey, called as its test."""
    yield Journey(tmp_path / "journey", tools, request.node.name.removeprefix("test_").replace("_", " "))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the seconds of every journey."""
    if not SECONDS:
        return
    terminalreporter.section("journeys through act")
    lines = ["| journey | exit code | whole job | installing | judging |", "|---|---|---|---|---|"]
    for name, ran in SECONDS:
        code = ", ".join(map(str, ran.codes)) or "0"
        took = [f"{seconds:.1f} s" for seconds in (ran.seconds, ran.took("install"), ran.took("judge"))]
        lines.append(f"| {name} | {code} | {' | '.join(took)} |")
    terminalreporter.write_line("\n".join(lines))
