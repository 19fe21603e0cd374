"""Whether torch.compile pays for a training step: the same step as it is and compiled, side by side.

    python -m benchmarks.compiled                 # in the runners' environment; writes results/compiled.md

What is compiled is an architecture's loss, forward and backward, by torch's own compiler (inductor), which needs a C++
compiler for a processor and Triton for a GPU. Clipping, Adam and the counts stay as they are; Adam is a fused kernel
already. Compiled code is kept in a folder of this run, so that the time of compiling is that of a first run.
"""

from __future__ import annotations

import argparse
import logging
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.training import DENSE, OURS, Shape, Step, gatekit, gatekit_dense, processor, timed
from runners.determinism import fix_arithmetic

import torch  # isort: skip  # after benchmarks.training, which prepares the environment

from runners.saes.architecture import Batch, Objective, Parameters  # isort: skip
from runners.saes.topk import TopK  # isort: skip

RESULTS = Path(__file__).parent / "results" / "compiled.md"
SHAPES = (Shape(64, 512, 8, 256), Shape(384, 1536, 32, 4096), Shape(512, 8192, 32, 2048))
COMPILED = f"{DENSE}, compiled"
STEPS = {OURS: gatekit, DENSE: gatekit_dense}
SECONDS = 900
"""After which a measurement of one shape and step is given up."""


class NotCompiled(Exception):
    """Why a step could not be compiled, in one line."""


class CompiledTopK(TopK):
    """The same SAE; its loss is compiled when it is first computed."""

    def objective(self, parameters: Mapping[str, torch.Tensor], batch: Batch) -> Objective:
        """Return the same loss, to rounding.

        Raises:
            NotCompiled: there is no compiler, or it refuses.
        """
        try:
            return _compiled(self, parameters, batch)
        except Exception as error:
            # Whatever of torch's compiler, of Triton or of the system is missing has an error of its own.
            if isinstance(error, torch.OutOfMemoryError):
                raise
            said = [line for line in str(error).splitlines() if line.strip()]
            raise NotCompiled(said[0][:100] if said else type(error).__name__) from error


def _objective(architecture: TopK, parameters: Parameters, batch: Batch) -> Objective:
    return TopK.objective(architecture, parameters, batch)


_compiled = torch.compile(_objective, dynamic=False)


def gatekit_dense_compiled(shape: Shape, seeds: int, device: str) -> Step:
    """Return our step with dense products, its loss compiled."""
    return gatekit_dense(shape, seeds, device, CompiledTopK)


@dataclass(frozen=True)
class Beside:
    """One step compiled beside the same step as it is."""

    seconds_to_compile: float
    """Of the first two steps, less two of the steps after them."""
    milliseconds: float
    """Median of the step as it is."""
    ratio: float
    """Median over rounds of compiled / as it is."""
    processor_ratio: float
    """The same of processor time, which leaves out waiting for a core."""


def beside(name: str, shape: Shape, device: str, rounds: int) -> Beside:
    """Measure one step at one shape.

    Raises:
        NotCompiled: there is no compiler, or it refuses.
    """
    make = STEPS[name]
    plain, compiled = make(shape, 1, device), make(shape, 1, device, CompiledTopK)
    for _ in range(2):
        timed(plain, device)
    start = time.perf_counter()
    for _ in range(2):
        timed(compiled, device)
    taken = time.perf_counter() - start
    pairs = [(timed(plain, device), timed(compiled, device)) for _ in range(rounds)]
    after = statistics.median(second.wall for _, second in pairs) / 1000
    return Beside(
        max(0.0, taken - 2 * after),
        statistics.median(first.wall for first, _ in pairs),
        statistics.median(second.wall / first.wall for first, second in pairs),
        statistics.median(second.processor / max(first.processor, 1e-9) for first, second in pairs),
    )


def _row(name: str, shape: Shape, rounds: int) -> str:
    """Measure in a process and a cache of its own, and return the row."""
    asked = [sys.executable, "-m", "benchmarks.compiled", "--one", name, "--rounds", str(rounds), "--shape"]
    asked += [str(part) for part in (shape.d_in, shape.d_sae, shape.k, shape.tokens)]
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": cache}
        try:
            done = subprocess.run(asked, env=environment, capture_output=True, text=True, timeout=SECONDS)
        except subprocess.TimeoutExpired:
            return f"| {name} | not measured: more than {SECONDS} seconds | | | |"
    return done.stdout.strip() or f"| {name} | not measured: it ended with {done.returncode} | | | |"


def _measured_row(name: str, shape: Shape, device: str, rounds: int) -> str:
    try:
        found = beside(name, shape, device, rounds)
    except NotCompiled as why:
        return f"| {name} | not compiled: {why} | | | |"
    return (
        f"| {name} | {found.milliseconds:.1f} | **{found.ratio:.2f}** | {found.processor_ratio:.2f} "
        f"| {found.seconds_to_compile:.0f} s |"
    )


def page(shapes: Sequence[Shape], rounds: int) -> str:
    """Return the page."""
    lines = [
        "# A training step compiled by torch.compile",
        "",
        f"Made by `python -m benchmarks.compiled` on {datetime.now(UTC):%Y-%m-%d}: {processor()};",
        f"Python {platform.python_version()}, torch {torch.__version__}.",
        "",
        f"Whole steps of one TopK SAE, Adam included, float32, no dead latents; {rounds} rounds, in which the step as",
        "it is and the same step with its loss compiled take turns. Below 1 compiling pays. Times depend on what else",
        "the machine does; processor time leaves out waiting for a core. Compiling is the time of the first two steps.",
    ]
    for shape in shapes:
        lines += ["", f"## {shape.words()}", ""]
        lines += [
            "| step | ms as it is | compiled / as it is | in processor time | compiling |",
            "|---|---|---|---|---|",
        ]
        lines += [_row(name, shape, rounds) for name in STEPS]
    return "\n".join(lines) + "\n"


def main(argv: list[str] | None = None) -> int:
    """Write the page to `--output`, or print it for `-`."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output", default=str(RESULTS))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--one", choices=list(STEPS), help="print the row of one step; needs --shape")
    parser.add_argument("--shape", type=int, nargs=4, metavar=("D_IN", "D_SAE", "K", "TOKENS"))
    arguments = parser.parse_args(argv)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    # AuxK asks whether a latent is dead, where the compiler ends one graph and begins another, and says so at length.
    logging.getLogger("torch._dynamo").setLevel(logging.ERROR)
    fix_arithmetic(os.cpu_count() or 1)
    shapes = (Shape(*arguments.shape),) if arguments.shape else SHAPES
    if arguments.one:
        print(_measured_row(arguments.one, shapes[0], device, arguments.rounds))
        return 0
    text = page(shapes, arguments.rounds)
    if arguments.output == "-":
        print(text, end="")
    else:
        Path(arguments.output).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
