"""What holds for all tests: those that need a CUDA device are skipped where there is none."""

from __future__ import annotations

import pytest

from gatekit import plugins


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests marked `gpu` without a CUDA device; torch is imported only where there is such a test."""
    need_device = [item for item in items if item.get_closest_marker("gpu") is not None]
    if need_device and not _has_device():
        for item in need_device:
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device, and there is none here"))


@pytest.fixture(autouse=True)
def _plugins_are_looked_up_anew() -> None:
    """A test may put others in the place of what is installed; what an earlier test found is none of its own."""
    plugins._registered.cache_clear()


def _has_device() -> bool:
    try:
        import torch
    except ImportError:
        return False
    return torch.cuda.is_available()
