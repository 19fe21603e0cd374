"""Training on a GPU: the same bits twice, and each step beside its peers, its memory and its floor.

    benchmarks/gpu/run.sh                         # on the device; writes benchmarks/results/gpu.md
    python -m benchmarks.gpu.measure --toy --device cpu --output -

One contender after another, alone in memory: at the largest shape five seeds with gradients and Adam's moments take
24 GB. A step that does not fit is a row that says so. Nothing new starts when the time is over, and the page names what
was left out.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from benchmarks.compiled import COMPILED, NotCompiled, gatekit_dense_compiled
from benchmarks.training import (
    DENSE,
    OURS,
    Shape,
    Step,
    dictionary_learning,
    gatekit,
    gatekit_dense,
    processor,
    sae_lens,
    sparsify,
    versions,
)
from runners.determinism import choose_device, fix_arithmetic

import torch  # isort: skip  # after benchmarks.training, which prepares the environment

from benchmarks.gpu.floor import Floor, Rates, measure_rates, wait_for  # isort: skip
from runners.saes.in_parts.topk import TopKInParts  # isort: skip
from runners.saes.plan import TrainingPlan  # isort: skip
from runners.saes.seed_group import SeedGroup, TrainingData  # isort: skip
from runners.saes.topk import TopK  # isort: skip

RESULTS = Path(__file__).parents[1] / "results" / "gpu.md"
LAB_SHAPES = (Shape(512, 8192, 32, 2048), Shape(768, 24_576, 64, 2048), Shape(2304, 65_536, 64, 2048))
TOY_SHAPES = (Shape(16, 64, 4, 32),)
STACK = 5
PARTS = 4
IN_PARTS = f"gatekit, in {PARTS} parts"
PEERS = {"sparsify": sparsify, "dictionary_learning": dictionary_learning, "SAELens": sae_lens}


def gatekit_in_parts(shape: Shape, seeds: int, device: str) -> Step:
    """Return our step on all GPUs that there are, part by part."""
    return gatekit(shape, seeds, device, partial(TopKInParts, parts=PARTS))


CONTENDERS: dict[str, Callable[[Shape, int, str], Step]] = {
    OURS: gatekit,
    DENSE: gatekit_dense,
    IN_PARTS: gatekit_in_parts,
    **PEERS,
}


@dataclass(frozen=True)
class StepTime:
    """Steps of one contender at one shape."""

    milliseconds: float
    """Median of a step of all seeds."""
    peak_bytes: int | None
    """Of device memory, weights and moments included; None on a CPU."""


@dataclass(frozen=True)
class Asked:
    """What is to be measured."""

    device: str
    shapes: Sequence[Shape]
    rounds: int
    rate_size: int
    deadline: float
    """In `time.monotonic`'s seconds."""


def step_time(make: Callable[[Shape, int, str], Step], shape: Shape, seeds: int, asked: Asked) -> StepTime | str:
    """Return how long a step takes, or why that is not known."""
    if time.monotonic() > asked.deadline:
        return "not measured: the time was over"
    cuda = asked.device.startswith("cuda")
    if cuda:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    try:
        step = make(shape, seeds, asked.device)
        # The first step makes Adam's moments, the second meets warm caches.
        step()
        step()
        taken = [_milliseconds(step, asked.device) for _ in range(asked.rounds)]
        return StepTime(statistics.median(taken), torch.cuda.max_memory_allocated() if cuda else None)
    except ImportError as error:
        return f"not installed: no module named {error.name}"
    except NotCompiled as why:
        return f"not compiled: {why}"
    except torch.OutOfMemoryError:
        return "does not fit into the memory of the device"
    finally:
        step = None  # type: ignore[assignment]
        gc.collect()


def _milliseconds(step: Step, device: str) -> float:
    wait_for(device)
    start = time.perf_counter()
    step()
    wait_for(device)
    return 1000 * (time.perf_counter() - start)


def trained_sha256(device: str) -> str:
    """Train two small SAEs in one stack, 30 steps, and return the digest of all their parameters."""
    rows = torch.randn((512, 32), generator=torch.Generator().manual_seed(3)).half().to(device)
    plan = TrainingPlan(30, 64, 1e-3, 0.1, 0.2, 1 / 32, 1000, 1.0, "mean")
    # Not `train_stack`, which also reads and writes snapshots and for that imports more than a bare machine has.
    group = SeedGroup(
        TopK(32, 256, 8, 16), TrainingData(rows, None, 1.0, 1.0, 32.0), torch.zeros(32), (0, 1), plan, device
    )
    for _ in range(plan.steps):
        group.step()
    digest = hashlib.sha256()
    parameters = group.parameters()
    for name in sorted(parameters):
        digest.update(parameters[name].cpu().numpy().tobytes())
    return digest.hexdigest()


def shape_section(shape: Shape, rates: Rates, asked: Asked) -> list[str]:
    """Return the tables of one shape."""
    floor = Floor.of(shape).milliseconds(rates)
    lines = ["", f"## {shape.words()}", "", f"Floor of one seed's step: {floor:.3f} ms."]
    for seeds in (1, STACK):
        times = {name: step_time(make, shape, seeds, asked) for name, make in CONTENDERS.items()}
        head = "one seed" if seeds == 1 else f"{seeds} seeds"
        lines += ["", f"| {head} | ms a step | / floor | peak memory |", "|---|---|---|---|"]
        lines += [_row(name, each, floor * seeds) for name, each in times.items()]
        lines += ["", _against_peers(times, seeds)]
    return lines


def compiled_section(rates: Rates, asked: Asked) -> list[str]:
    """Return the table of steps that torch.compile has compiled; last, because compiling takes long.

    On a processor `benchmarks.compiled` measures it, and nothing is compiled here.
    """
    lines = ["", f"## {DENSE}: as they are and compiled by torch.compile", ""]
    if not asked.device.startswith("cuda"):
        return [*lines, "Not compiled on a processor here: benchmarks/results/compiled.md."]
    lines += ["| one seed | ms a step | / floor | peak memory |", "|---|---|---|---|"]
    for shape in asked.shapes:
        floor = Floor.of(shape).milliseconds(rates)
        for name, make in ((DENSE, gatekit_dense), (COMPILED, gatekit_dense_compiled)):
            lines.append(_row(f"{name}: {shape.words()}", step_time(make, shape, 1, asked), floor))
    return lines


def _row(name: str, taken: StepTime | str, floor: float) -> str:
    if isinstance(taken, str):
        return f"| {name} | {taken} | | |"
    memory = "-" if taken.peak_bytes is None else f"{taken.peak_bytes / 2**30:.2f} GiB"
    return f"| {name} | {taken.milliseconds:.2f} | **{taken.milliseconds / floor:.2f}** | {memory} |"


def _against_peers(times: dict[str, StepTime | str], seeds: int) -> str:
    ours = times[OURS]
    peers = {name: each for name, each in times.items() if name in PEERS and isinstance(each, StepTime)}
    if isinstance(ours, str) or not peers:
        return "No peer to compare with was measured."
    fastest = min(peers, key=lambda name: peers[name].milliseconds)
    ratio = ours.milliseconds / peers[fastest].milliseconds
    return f"{OURS} over the fastest peer ({fastest}, {seeds} {'run' if seeds == 1 else 'runs'}): **{ratio:.2f}**."


def page(asked: Asked, tests: str) -> tuple[str, bool]:
    """Return the page, and whether two runs had the same bits."""
    start = time.monotonic()
    first, again = trained_sha256(asked.device), trained_sha256(asked.device)
    rates = measure_rates(asked.device, asked.rate_size)
    same = first == again
    lines = [
        "# Training on a GPU",
        "",
        f"Made by `benchmarks/gpu/run.sh` on {datetime.now(UTC):%Y-%m-%d}: {processor()};",
        f"Python {platform.python_version()}, {versions()}.",
        "",
        f"* Tests marked gpu: {tests}.",
        f"* Two runs of one training: {'the same bits' if same else 'DIFFERENT BITS'}, sha256 {first[:16]}"
        f"{'' if same else f' and {again[:16]}'}.",
        f"* Matrix rate {rates.flops / 1e12:.2f} TFLOP/s (float32, no TF32), bandwidth {rates.bandwidth / 1e9:.1f}"
        " GB/s:",
        f"  measured in this run on matrices of {asked.rate_size:,} x {asked.rate_size:,}.",
        "",
        f"Whole steps, Adam included, float32, median of {asked.rounds}. The floor is the encoder's product and the",
        "four of the kept latents at the matrix rate, then the traffic of Adam and of the pre-activations at the",
        "bandwidth.",
        f"Aims: {STACK} stacked seeds at most 0.4 of {STACK} runs of the fastest peer; a step at most 1.5 floors.",
    ]
    for shape in asked.shapes:
        lines += shape_section(shape, rates, asked)
    lines += compiled_section(rates, asked)
    lines += ["", f"Measured in {time.monotonic() - start:.0f} seconds."]
    return "\n".join(lines) + "\n", same


def main(argv: list[str] | None = None) -> int:
    """Write the page to `--output`, or print it for `-`; 1 when two runs differed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output", default=str(RESULTS))
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--toy", action="store_true", help="one tiny shape, to try the script itself")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=int, default=450, help="start nothing new after that many, tests included")
    parser.add_argument("--spent", type=int, default=0, help="seconds that the tests took")
    parser.add_argument("--tests", default="not run", help="what the tests marked gpu gave")
    arguments = parser.parse_args(argv)
    device = choose_device(arguments.device)
    fix_arithmetic(torch.get_num_threads())
    asked = Asked(
        device,
        TOY_SHAPES if arguments.toy else LAB_SHAPES,
        arguments.rounds,
        256 if arguments.toy else 8192,
        time.monotonic() + arguments.seconds - arguments.spent,
    )
    text, same = page(asked, arguments.tests)
    if arguments.output == "-":
        sys.stdout.write(text)
    else:
        Path(arguments.output).write_text(text, encoding="utf-8")
    return 0 if same else 1


if __name__ == "__main__":
    raise SystemExit(main())
