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


def test_two_sets_of_vector_instructions_are_two_classes_of_device():
    import os
    import subprocess
    import sys

    code = "from runners.determinism import *; print(device_class('cpu')); print(describe_device('cpu'))"
    found = {}
    for instructions in ("default", "avx2"):
        environment = {**os.environ, "ATEN_CPU_CAPABILITY": instructions}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        found[instructions], described = done.stdout.splitlines()
        assert described.startswith(found[instructions])
    if platform.machine() == "x86_64":
        assert found["default"] != found["avx2"]


def test_a_variable_that_chooses_other_kernels_is_of_the_class_of_device(monkeypatch):
    plain = determinism.device_class("cpu")
    monkeypatch.setenv("MKL_CBWR", "COMPATIBLE")
    assert determinism.device_class("cpu") == f"{plain}, MKL_CBWR=COMPATIBLE"


def test_the_class_of_a_gpu_is_its_model_and_compute_capability(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "NVIDIA H100 80GB HBM3")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (9, 0))
    assert determinism.device_class("cuda") == "cuda: NVIDIA H100 80GB HBM3, compute capability 9.0"
