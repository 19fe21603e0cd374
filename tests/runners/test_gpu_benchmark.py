"""The script for a GPU, at toy size on a CPU, so that it works on the day there is a GPU."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks import compiled
from benchmarks.gpu import floor, measure
from benchmarks.training import Shape
from runners.saes.architecture import Batch
from runners.saes.topk import TopK

ROOT = Path(__file__).parents[2]
ALONE = """
import importlib.machinery, sys

# What torch brings with it, and our own tree.
THERE = {"sympy", "mpmath", "networkx", "jinja2", "markupsafe", "filelock", "fsspec", "typing_extensions"}
THERE |= {"torch", "functorch", "torchgen", "numpy", "safetensors", "gatekit", "runners", "benchmarks"}

class Bare(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        top = name.partition(".")[0]
        if top in THERE or top in sys.stdlib_module_names or top.startswith("_"):
            return super().find_spec(name, path, target)

sys.meta_path = [each for each in sys.meta_path if each.__module__ == "_frozen_importlib"] + [Bare]
from benchmarks.gpu.measure import main
sys.exit(main(["--toy", "--device", "cpu", "--rounds", "1", "--output", sys.argv[1]]))
"""
TOY = ["--toy", "--device", "cpu", "--rounds", "1", "--output", "-"]


def test_it_needs_nothing_but_torch_numpy_and_safetensors(tmp_path):
    page = tmp_path / "gpu.md"
    done = subprocess.run([sys.executable, "-c", ALONE, str(page)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    text = page.read_text()
    assert "Two runs of one training: the same bits" in text
    assert text.count("| SAELens | not installed: no module named sae_lens | | |") == 2
    assert text.count("| gatekit | ") == 2
    assert "No peer to compare with was measured." in text


def test_when_the_time_is_over_nothing_new_starts_and_the_page_says_so(capsys):
    assert measure.main([*TOY, "--seconds", "10", "--spent", "11"]) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| gatekit |")]
    assert rows == ["| gatekit | not measured: the time was over | | |"] * 2


def test_two_runs_of_different_bits_exit_1(capsys, monkeypatch):
    digests = iter(("a" * 64, "b" * 64))
    monkeypatch.setattr(measure, "trained_sha256", lambda device: next(digests))
    assert measure.main([*TOY, "--seconds", "0"]) == 1
    assert "DIFFERENT BITS, sha256 aaaaaaaaaaaaaaaa and bbbbbbbbbbbbbbbb" in capsys.readouterr().out


def test_a_step_that_does_not_fit_is_a_row_that_says_so(monkeypatch):
    def too_large(shape, seeds, device):
        raise measure.torch.OutOfMemoryError

    asked = measure.Asked("cpu", measure.TOY_SHAPES, 1, 64, float("inf"))
    assert measure.step_time(too_large, measure.TOY_SHAPES[0], 1, asked) == "does not fit into the memory of the device"


def test_where_nothing_can_be_compiled_a_row_says_why():
    def uncompiled(shape, seeds, device):
        def step():
            raise compiled.NotCompiled("No working C++ compiler found")

        return step

    asked = measure.Asked("cpu", measure.TOY_SHAPES, 1, 64, float("inf"))
    said = measure.step_time(uncompiled, measure.TOY_SHAPES[0], 1, asked)
    assert said == "not compiled: No working C++ compiler found"


def test_what_a_compiler_says_that_is_missing_is_one_line(monkeypatch):
    def missing(architecture, parameters, batch):
        raise RuntimeError("\nno Triton\nof this version")

    monkeypatch.setattr(compiled, "_compiled", missing)
    with pytest.raises(compiled.NotCompiled, match=r"^no Triton$"):
        compiled.gatekit_dense_compiled(measure.TOY_SHAPES[0], 1, "cpu")()


def test_the_rows_of_compiled_steps_come_last_and_one_of_each_shape(monkeypatch):
    monkeypatch.setattr(measure, "step_time", lambda make, shape, seeds, asked: f"{make.__name__} of {seeds}")
    asked = measure.Asked("cuda", measure.LAB_SHAPES, 1, 64, float("inf"))
    rows = measure.compiled_section(floor.Rates(1.0, 1.0), asked)[-6:]
    assert [row.split("|")[2].strip() for row in rows] == ["gatekit_dense of 1", "gatekit_dense_compiled of 1"] * 3


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="inductor needs a C++ compiler")
def test_a_compiled_step_learns_what_the_step_as_it_is_learns(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    found = compiled.beside(measure.DENSE, measure.TOY_SHAPES[0], "cpu", 2)
    assert found.seconds_to_compile > 0 and found.ratio > 0
    x = torch.randn((32, 16), generator=torch.Generator().manual_seed(0))
    batch = Batch(x, x, torch.zeros(64, dtype=torch.bool), 1 / 32, 0.5)
    plain, quick = TopK(16, 64, 9, 8), compiled.CompiledTopK(16, 64, 9, 8)
    parameters = plain.initial(torch.Generator().manual_seed(1), torch.zeros(16))
    expected = plain.objective(parameters, batch).error
    torch.testing.assert_close(quick.objective(parameters, batch).error, expected, rtol=1e-5, atol=0)


def test_the_floor_is_arithmetic_and_then_traffic():
    # 10 tokens, 3 inputs, 5 latents, 2 kept. Products: 2 * 10 * 3 * 5 = 300; kept: 4 * 2 * 10 * 2 * 3 = 480.
    # Weights: 2 * 3 * 5 = 30, moved eight times; pre-activations 10 * 5, twice; four bytes each: 1360.
    least = floor.Floor.of(Shape(3, 5, 2, 10))
    assert (least.flops, least.bytes) == (780, 1360)
    assert least.milliseconds(floor.Rates(flops=780, bandwidth=680)) == pytest.approx(3000)
