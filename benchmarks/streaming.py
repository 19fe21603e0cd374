"""The memory that training takes from rows in shards, beside the same rows as one whole store.

    python -m benchmarks.streaming                # in the runners' environment; writes results/streaming.md

Each way is a process of its own. It takes the scale, the centre and the spread of all rows and then some hundred steps,
as a run does. Peak is the most resident memory that Linux counted (VmHWM) less what there was when torch was loaded;
pages of a mapped store count while they are resident, and the system may drop them. Held is what the buffer held.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

RESULTS = Path(__file__).parent / "results" / "streaming.md"
ROWS, WIDTH, SHARD = 400_000, 256, 20_000
BATCH, STEPS = 2048, 250
LATENTS, K = 512, 16
WAYS = {"whole store": 0, "shards, 8 in the buffer": 8, "shards, 2 in the buffer": 2}
BUFFER, TIMES = 8, (2, 10)
"""Shards in the buffer, and how many times as much a store holds, where it is asked what the store's size costs."""


def main(argv: list[str]) -> int:
    """Measure every way, or one of them in this process."""
    if argv:
        sys.stdout.write(json.dumps(measured(Path(argv[0]), int(argv[1]), int(argv[2]))))
        return 0
    import numpy as np

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        draws = np.random.default_rng(0)
        whole = np.lib.format.open_memmap(folder / "whole.npy", "w+", np.float16, (ROWS, WIDTH))
        for start in range(0, ROWS, SHARD):
            rows = draws.normal(size=(SHARD, WIDTH)).astype(np.float16)
            whole[start : start + SHARD] = rows
            np.save(folder / f"{start:09d}.npy", rows)
        whole.flush()
        del whole
        found = {}
        for way, buffer in WAYS.items():
            found[way] = _alone(folder, buffer, ROWS // SHARD)
        # Names of one file: how large a store is, its rows say, and not what the disk has room for.
        shards = sorted(folder.glob("0*.npy"))
        for number in range(len(shards), BUFFER * max(TIMES)):
            (folder / f"{number * SHARD:09d}.npy").hardlink_to(shards[number % len(shards)])
        grown = {times: _alone(folder, BUFFER, BUFFER * times) for times in TIMES}
    RESULTS.write_text(_page(found, grown), encoding="utf-8")
    sys.stdout.write(RESULTS.read_text(encoding="utf-8"))
    return 0


def _alone(folder: Path, buffer: int, shards: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.streaming", str(folder), str(buffer), str(shards)]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def measured(folder: Path, buffer: int, shards: int) -> dict[str, float]:
    """Train from the store, or from the first so many shards with some in the buffer; return bytes and seconds."""
    import numpy as np

    from runners.determinism import fix_arithmetic, prepare_environment

    prepare_environment(offline=True)
    from runners.progress import Silent
    from runners.saes.plan import TrainingPlan
    from runners.saes.streamed_rows import Rows, Shard, StreamedRows
    from runners.saes.topk import TopK
    from runners.saes.training import train_stack

    fix_arithmetic(2)
    parts = [Shard(path, path.stem, SHARD) for path in sorted(folder.glob("0*.npy"))[:shards]]
    streamed = StreamedRows(parts, WIDTH, max(1, buffer), "per_seed")
    rows: Rows = streamed if buffer else np.load(folder / "whole.npy", mmap_mode="c")
    plan = TrainingPlan(STEPS, BATCH, 1e-3, 0.1, 0.1, 1 / 32, 10**6, 1.0, "mean")
    before, started = _memory("VmRSS"), time.monotonic()
    train_stack(TopK(WIDTH, LATENTS, K, 0), rows, [0], plan, "cpu", Silent())
    taken = time.monotonic() - started
    return {"peak": _memory("VmHWM") - before, "held": streamed.largest_held, "seconds": taken}


def _memory(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def _page(found: dict[str, dict[str, float]], grown: dict[int, dict[str, float]]) -> str:
    lines = [
        "# Memory of training from rows in shards",
        "",
        f"Made by `python -m benchmarks.streaming` on {datetime.now(UTC):%Y-%m-%d}: {ROWS:,} rows of {WIDTH} in half",
        f"precision ({ROWS * WIDTH * 2 / 1e6:.0f} MB), shards of {SHARD:,}; {STEPS} steps of {BATCH:,} rows, {LATENTS} "
        "latents, one seed, 2 threads.",
        f"The machine's load was {os.getloadavg()[0]:.0f} at the end: with other work beside, seconds say little.",
        "",
        "| way | peak beside torch, MB | held in the buffer, MB | seconds |",
        "|---|---|---|---|",
    ]
    for way, entry in found.items():
        lines.append(f"| {way} | {entry['peak'] / 1e6:.0f} | {entry['held'] / 1e6:.0f} | {entry['seconds']:.1f} |")
    lines += [
        "",
        "What all ways share: the weights and a step, a pass over the rows in double precision, 65,536 at a time (two",
        "such pieces, 268 MB), and the order of rows, which is 8 bytes a row of the store or of the buffer. The whole",
        "store's pages are resident once they are read; how long is for the system to say.",
        "",
        f"A store of more shards, {BUFFER} in the buffer each time, and as many steps:",
        "",
        "| store | rows | MB on disk | peak beside torch, MB | held in the buffer, MB | seconds |",
        "|---|---|---|---|---|---|",
    ]
    for times, entry in grown.items():
        rows = BUFFER * times * SHARD
        told = f"| {times} x the buffer | {rows:,} | {rows * WIDTH * 2 / 1e6:.0f} | {entry['peak'] / 1e6:.0f} "
        lines.append(f"{told}| {entry['held'] / 1e6:.0f} | {entry['seconds']:.1f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
