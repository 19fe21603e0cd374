"""The script for a GPU, at toy size on a CPU, so that it works on the day there is a GPU."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.gpu import floor, measure
from benchmarks.training import Shape

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


def test_the_floor_is_arithmetic_and_then_traffic():
    # 10 tokens, 3 inputs, 5 latents, 2 kept. Products: 2 * 10 * 3 * 5 = 300; kept: 4 * 2 * 10 * 2 * 3 = 480.
    # Weights: 2 * 3 * 5 = 30, moved eight times; pre-activations 10 * 5, twice; four bytes each: 1360.
    least = floor.Floor.of(Shape(3, 5, 2, 10))
    assert (least.flops, least.bytes) == (780, 1360)
    assert least.milliseconds(floor.Rates(flops=780, bandwidth=680)) == pytest.approx(3000)
