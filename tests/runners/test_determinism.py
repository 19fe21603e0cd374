"""A device is named by all that decides how its sums are rounded."""

from __future__ import annotations

import platform

import pytest
import torch
from threadpoolctl import threadpool_info

from runners import determinism
from runners.benchmarks.saebench_cache import surrounding_key

pytestmark = pytest.mark.runners


def test_a_cpu_is_named_with_its_instructions_and_the_kernels_of_every_openblas() -> None:
    words = determinism.describe_device("cpu")
    assert words.startswith(f"cpu: {platform.machine()}, {torch.backends.cpu.get_cpu_capability()}")
    kernels = {each["architecture"] for each in threadpool_info() if each["internal_api"] == "openblas"}
    assert kernels and all(str(kernel) in words for kernel in kernels)


def test_what_other_kernels_computed_is_not_found_in_the_cache_of_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    here = surrounding_key("cpu", ["runners.benchmarks.probing"])
    monkeypatch.setattr(determinism, "_blas_kernels", lambda: ["Haswell"])
    elsewhere = surrounding_key("cpu", ["runners.benchmarks.probing"])
    assert here["device"] != elsewhere["device"]
    assert {**here, "device": None} == {**elsewhere, "device": None}
