from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from gatekit.repo import Repository


@pytest.fixture
def opened() -> Iterator[Callable[[Path], Repository]]:
    """Open repositories that are closed after the test."""
    with ExitStack() as stack:
        yield lambda path: stack.enter_context(Repository.open(path))
