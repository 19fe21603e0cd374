"""What training in parts of a batch costs and saves: peak memory and time of a step, whole and in parts.

    python -m benchmarks.parts                    # in the runners' environment; writes results/parts.md

Memory is what a process held at most over what it held before the SAE was made, each in a process of its own: weights,
gradients, Adam's moments and all that a step computes with. Time is that of whole steps, Adam included, which take
turns in one process; ratios are medians over the rounds. On one processor parts are computed one after another: nothing
here says what several devices gain.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from benchmarks.training import DENSE, OURS, Shape, Step, gatekit, gatekit_dense, processor, timed
from runners.determinism import fix_arithmetic

import torch  # isort: skip  # after benchmarks.training, which prepares the environment

from runners.saes.architecture import Architecture  # isort: skip
from runners.saes.in_parts.relu import ReLUInParts  # isort: skip
from runners.saes.in_parts.topk import TopKInParts  # isort: skip
from runners.saes.relu import ReLU  # isort: skip
from runners.saes.topk import TopK  # isort: skip

RESULTS = Path(__file__).parent / "results" / "parts.md"
SHAPE = Shape(64, 16_384, 32, 8192)
PARTS = (1, 4, 16)
RELU = "gatekit, ReLU"
L1 = 0.1


def step(name: str, parts: int, shape: Shape) -> Step:
    """Return the step of one of `STEPS`, in so many parts; whole where that is one."""
    return STEPS[name](parts, shape)


def _topk(make: Callable[..., Step], parts: int, shape: Shape) -> Step:
    return make(shape, 1, "cpu", TopK if parts == 1 else partial(TopKInParts, parts=parts))


def _relu(parts: int, shape: Shape) -> Step:
    def of(d_in: int, d_sae: int, _k: int, _auxiliary_k: int) -> Architecture:
        return ReLU(d_in, d_sae, L1) if parts == 1 else ReLUInParts(d_in, d_sae, L1, parts=parts)

    return gatekit(shape, 1, "cpu", of)


STEPS: dict[str, Callable[[int, Shape], Step]] = {
    OURS: partial(_topk, gatekit),
    DENSE: partial(_topk, gatekit_dense),
    RELU: _relu,
}


def peak_bytes(name: str, parts: int, shape: Shape) -> int:
    """Return what this process comes to hold at most in two steps, over what it holds now (Linux)."""
    # Forgets what was held at most while libraries were imported.
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = _held("VmRSS")
    taken = step(name, parts, shape)
    taken()
    taken()
    return _held("VmHWM") - before


def _held(field: str) -> int:
    """Return a line of /proc/self/status that is given in kB, in bytes."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


def _peak_in_a_process(name: str, parts: int, shape: Shape) -> int:
    sizes = [str(each) for each in (shape.d_in, shape.d_sae, shape.k, shape.tokens)]
    asked = [sys.executable, "-m", "benchmarks.parts", "--one", name, str(parts), "--shape", *sizes]
    return int(subprocess.run(asked, capture_output=True, text=True, check=True).stdout)


def rows(name: str, shape: Shape, rounds: int) -> list[str]:
    """Measure one step whole and in parts, and return the table's rows."""
    steps = {parts: step(name, parts, shape) for parts in PARTS}
    for each in steps.values():
        # The first makes Adam's moments.
        timed(each, "cpu")
    taken = [{parts: timed(each, "cpu") for parts, each in steps.items()} for _ in range(rounds)]
    del steps
    lines = []
    for parts in PARTS:
        ratios = [
            statistics.median(getattr(one[parts], clock) / getattr(one[1], clock) for one in taken)
            for clock in ("wall", "processor")
        ]
        peak = _peak_in_a_process(name, parts, shape) / 2**30
        milliseconds = statistics.median(one[parts].wall for one in taken)
        lines.append(
            f"| {name} | {'whole' if parts == 1 else parts} | **{peak:.2f} GiB** | {milliseconds:.0f} "
            f"| {ratios[0]:.2f} | {ratios[1]:.2f} |"
        )
    return lines


def page(shape: Shape, rounds: int) -> str:
    """Return the page."""
    latents = 4 * shape.tokens * shape.d_sae / 2**30
    return "\n".join(
        [
            "# A training step in parts of its batch",
            "",
            f"Made by `python -m benchmarks.parts` on {datetime.now(UTC):%Y-%m-%d}: {processor()};",
            f"Python {platform.python_version()}, torch {torch.__version__}.",
            "",
            f"{shape.words()}, float32, one seed, no dead latents.",
            "Peak memory is over what the process held before the SAE was made, rows included; one tensor of a batch's",
            f"latents has {latents:.2f} GiB. Ratios of time are to the step of the whole batch, medians of {rounds}",
            "rounds in turns; times depend on what else the machine does.",
            "",
            "| step | parts | peak memory | ms | / whole | in processor time |",
            "|---|---|---|---|---|---|",
            *(row for name in STEPS for row in rows(name, shape, rounds)),
            "",
            f"`{OURS}` is the sparse step of a processor, which holds no batch's latents, whole or in parts. `{DENSE}`",
            "is what a GPU computes. No GPU took part, and so nothing here says what several of them gain.",
            "",
        ]
    )


def main(argv: list[str] | None = None) -> int:
    """Write the page to `--output`, or print it for `-`."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output", default=str(RESULTS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--one", nargs=2, metavar=("STEP", "PARTS"), help="print the peak memory of one, in bytes")
    parser.add_argument("--shape", type=int, nargs=4, metavar=("D_IN", "D_SAE", "K", "TOKENS"))
    arguments = parser.parse_args(argv)
    fix_arithmetic(os.cpu_count() or 1)
    shape = Shape(*arguments.shape) if arguments.shape else SHAPE
    if arguments.one:
        print(peak_bytes(arguments.one[0], int(arguments.one[1]), shape))
        return 0
    text = page(shape, arguments.rounds)
    if arguments.output == "-":
        print(text, end="")
    else:
        Path(arguments.output).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
