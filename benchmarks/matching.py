"""Time and memory of PW-MCC over all pairs of five decoders, beside the products and the assignments that it needs.

    python -m benchmarks.matching                       # in the runners' environment; writes results/matching.md
    python -m benchmarks.matching --latents 4096        # one size, in seconds

`products` are the float32 cosines of every pair, `Hungarian` is scipy's `linear_sum_assignment` on one float64 matrix
of costs that is already there; both are timed on `--hungarian-pairs` of the ten pairs, ours on all of them. Every case
runs in a process of its own, so that its peak is its own.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import resource
import sys
import time
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from runners.metrics.consistency import compare

RESULTS = Path(__file__).parent / "results" / "matching.md"
SEEDS = 5


@dataclass(frozen=True)
class Case:
    """Five decoders that share a part of every latent."""

    d_model: int
    latents: int
    shared: float
    """Cosine of a latent with its partner in another decoder, about; 0 for unrelated decoders."""
    pairs: int
    """Of the ten pairs, how many ours is timed on."""
    hungarian_pairs: int


@dataclass(frozen=True)
class Timing:
    """Seconds per pair, and what was found."""

    products: float
    hungarian: float | None
    ours: float
    peak_mib: float
    """Of the whole process after ours, with all decoders; before the Hungarian algorithm runs."""
    score: float
    difference: float | None
    """Largest |PW-MCC by ours - by the Hungarian algorithm|."""
    shortfall: float

    @property
    def ratio(self) -> float | None:
        """Ours over products and Hungarian algorithm."""
        return None if self.hungarian is None else self.ours / (self.products + self.hungarian)


def decoders(case: Case) -> list[np.ndarray]:
    """Return SEEDS decoders (latents, d_model) float32, each in an order of its own."""
    draws = np.random.default_rng(0)
    common = draws.standard_normal((case.latents, case.d_model), dtype=np.float32)
    weight = np.float32(np.sqrt(case.shared))
    found = []
    for _ in range(SEEDS):
        own = draws.standard_normal((case.latents, case.d_model), dtype=np.float32)
        found.append((weight * common + np.float32(np.sqrt(1 - case.shared)) * own)[draws.permutation(case.latents)])
    return found


def timed(case: Case) -> Timing:
    """Run one case."""
    from scipy.optimize import linear_sum_assignment

    stack = decoders(case)
    pairs = list(combinations(range(SEEDS), 2))[: case.pairs]
    start = time.perf_counter()
    scores, shortfall = [], 0.0
    for a, b in pairs:
        matching = compare(stack[a], stack[b], case.d_model).agreement().matching
        scores.append(matching.mean)
        shortfall = max(shortfall, matching.shortfall)
    ours = (time.perf_counter() - start) / len(pairs)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    units = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in stack]
    products, hungarian, differences = [], [], []
    for place, (a, b) in enumerate(pairs[: max(1, case.hungarian_pairs)]):
        start = time.perf_counter()
        if case.hungarian_pairs:
            similarity = units[a] @ units[b].T
        else:
            for first in range(0, case.latents, 512):
                units[a][first : first + 512] @ units[b].T
        products.append(time.perf_counter() - start)
        if case.hungarian_pairs:
            costs = np.negative(similarity, dtype=np.float64)
            start = time.perf_counter()
            rows, columns = linear_sum_assignment(costs)
            hungarian.append(time.perf_counter() - start)
            differences.append(abs(scores[place] + costs[rows, columns].mean()))
    return Timing(
        float(np.mean(products)),
        float(np.mean(hungarian)) if hungarian else None,
        ours,
        peak,
        float(np.mean(scores)),
        max(differences, default=None),
        shortfall,
    )


def row(case: Case, timing: Timing) -> str:
    """Return one line of the table."""
    alone, ratio, difference = "not run", "", ""
    if timing.hungarian is not None and timing.ratio is not None and timing.difference is not None:
        alone = f"{timing.hungarian:.2f} ({case.hungarian_pairs} pairs)"
        ratio, difference = f"**{timing.ratio:.2f}**", f"{timing.difference:.0e}"
    shortfall = "proved best" if timing.shortfall == 0 else f"at most {timing.shortfall:.1e} short"
    return (
        f"| {case.d_model} x {case.latents} | {case.shared} | {timing.products:.2f} | {alone} | "
        f"{timing.ours:.2f} ({case.pairs} pairs) | {ratio} | {timing.peak_mib:.0f} | {timing.score:.4f} | "
        f"{difference} | {shortfall} |"
    )


def main(arguments: list[str] | None = None) -> int:
    """Run all cases and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--latents", type=int, nargs="+", default=[2048, 4096, 8192, 16384])
    parser.add_argument("--d-model", type=int, default=512)
    parser.add_argument("--hungarian-pairs", type=int, default=2)
    parser.add_argument("--beyond", type=int, nargs="*", default=[32768], help="sizes timed on one pair, ours only")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    cases = [
        Case(options.d_model, latents, shared, 10, options.hungarian_pairs)
        for latents in options.latents
        for shared in (0.0, 0.5)
    ]
    cases += [Case(options.d_model, latents, 0.0, 1, 0) for latents in options.beyond]
    lines = [
        "# Matching latents of two decoders",
        "",
        "Made by `python -m benchmarks.matching` "
        f"({platform.machine()}, {len(os.sched_getaffinity(0))} cores, Python "
        f"{platform.python_version()}, numpy {np.__version__}).",
        "Seconds per pair of decoders, taken in one run with everything else on the machine; the ratio is the result.",
        "Ours normalises rows, computes the cosines, matches, and computes MMCS as well. Up to 2048 latents it is the",
        "Hungarian algorithm itself.",
        "",
        "| d x latents | shared | products | Hungarian | ours | ours / (products + Hungarian) | peak MiB | PW-MCC |"
        " difference | ours is |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    context = multiprocessing.get_context("spawn")
    for case in cases:
        with context.Pool(1) as pool:
            line = row(case, pool.apply(timed, (case,)))
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
        lines.append(line)
    lines += [
        "",
        f"Mean load of the machine over the last 15 minutes of the run: {os.getloadavg()[2]:.1f}.",
        "",
        "Aim: a ratio of at most 1.3 at 512 x 16384. Below, decoders that share much are matched by the Hungarian",
        "algorithm in less time than ours takes to look at all pairs twice, normalise, and compute MMCS.",
    ]
    options.output.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
