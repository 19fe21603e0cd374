"""How long one optimizer step of a TopK SAE takes, beside SAELens, sparsify and dictionary_learning in the same run.

    python -m benchmarks.training                 # in the runners' environment; writes results/training.md

SAELens is part of that environment. The other two are not:

    pip install --no-deps --target DIR eai-sparsify==1.3.3 dictionary_learning==0.1.0 natsort schedulefree
    PYTHONPATH=DIR python -m benchmarks.training

(dictionary_learning also imports nnsight, for reading models, which is not measured: where nnsight is missing, a module
without content stands in for it.) Every contender takes whole steps as its own trainer does: loss, gradients, what it
does to gradients and decoder rows, Adam, counting dead latents. Float32, TopK with the squared error, no dead latent.
Rounds go through all contenders in turn, and each is divided by the encoder's product alone, x W_enc into memory that
is there already, taken before and after in the same round: what else runs on the machine slows both. The median of
the ratios over the rounds is the result; the ratio of processor times beside it leaves out waiting for a core.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import statistics
import sys
import time
import types
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from runners.determinism import describe_device, fix_arithmetic, prepare_environment

# As every runner does: OpenMP reads how its threads are to wait when torch is imported, and not again.
prepare_environment(offline=True)

import torch  # noqa: E402

from runners.saes import topk  # noqa: E402
from runners.saes.architecture import Architecture  # noqa: E402
from runners.saes.plan import TrainingPlan  # noqa: E402
from runners.saes.seed_group import SeedGroup, TrainingData  # noqa: E402
from runners.saes.topk import TopK  # noqa: E402

RESULTS = Path(__file__).parent / "results" / "training.md"
STEPS_PLANNED = 10**6
NEVER_DEAD = 10**12
OURS = "gatekit"
DENSE = "gatekit, dense products"


@dataclass(frozen=True)
class Shape:
    """What is trained."""

    d_in: int
    d_sae: int
    k: int
    tokens: int

    def words(self) -> str:
        """Return the shape as a heading."""
        return f"d_in {self.d_in}, {self.d_sae:,} latents, k {self.k}, batches of {self.tokens:,}"


CPU_SHAPES = (Shape(384, 1536, 32, 4096), Shape(512, 8192, 32, 2048))
CUDA_SHAPES = (*CPU_SHAPES, Shape(768, 24_576, 64, 2048))
Step = Callable[[], object]


def gatekit(shape: Shape, seeds: int, device: str, of: Callable[[int, int, int, int], Architecture] = TopK) -> Step:
    """Return our step: stacked on CUDA, one seed after another on the CPU, as `train_stack` does.

    Args:
        shape: of the SAE and its batches.
        seeds: that are trained.
        device: to train on.
        of: makes the SAE of d_in, d_sae, k and AuxK's k; another class computes the same otherwise.
    """
    rows = torch.randn((4 * shape.tokens, shape.d_in), generator=torch.Generator().manual_seed(0)).half()
    plan = TrainingPlan(STEPS_PLANNED, shape.tokens, 1e-4, 0.0, 0.0, 1 / 32, NEVER_DEAD, 1.0, "mean")
    data = TrainingData(rows.to(device), None, 1.0, 1.0, float(shape.d_in))
    architecture = of(shape.d_in, shape.d_sae, shape.k, shape.d_in // 2)
    numbers = tuple(range(seeds))
    grouped = [numbers] if device.startswith("cuda") else [(seed,) for seed in numbers]
    b_dec = torch.zeros(shape.d_in)
    groups = [SeedGroup(architecture, data, b_dec, each, plan, device) for each in grouped]
    return lambda: [group.step() for group in groups]


def gatekit_dense(
    shape: Shape, seeds: int, device: str, of: Callable[[int, int, int, int], Architecture] = TopK
) -> Step:
    """Return our step as it is without the sparse structure; arguments as of `gatekit`."""
    step = gatekit(shape, seeds, device, of)

    def dense() -> None:
        chosen, topk.keeps_few = topk.keeps_few, lambda *_: False
        try:
            step()
        finally:
            topk.keeps_few = chosen

    return dense


def sae_lens(shape: Shape, seeds: int, device: str) -> Step:
    """Return SAELens's trainer's step, for each seed."""
    from sae_lens import TopKTrainingSAE, TopKTrainingSAEConfig
    from sae_lens.config import LoggingConfig, SAETrainerConfig
    from sae_lens.training.sae_trainer import SAETrainer

    x = _batch(shape, device)
    trainers = []
    for _ in range(seeds):
        sae = TopKTrainingSAE(
            TopKTrainingSAEConfig(
                d_in=shape.d_in,
                d_sae=shape.d_sae,
                k=shape.k,
                aux_loss_coefficient=1 / 32,
                rescale_acts_by_decoder_norm=False,
                device=device,
            )
        )
        config = SAETrainerConfig(
            total_training_samples=STEPS_PLANNED * shape.tokens,
            train_batch_size_samples=shape.tokens,
            lr_end=3e-4,
            dead_feature_window=STEPS_PLANNED,
            device=device,
            logger=LoggingConfig(log_to_wandb=False),
        )
        trainers.append(SAETrainer(cfg=config, sae=sae, data_provider=iter(())))

    def step() -> None:
        for trainer in trainers:
            trainer.step(x)
            trainer.n_training_steps += 1

    return step


def sparsify(shape: Shape, seeds: int, device: str) -> Step:
    """Return the step of sparsify's trainer, for each seed.

    Its loop also runs the language model, so what it does to a coder is written out here.
    """
    with contextlib.redirect_stdout(sys.stderr):
        from sparsify.config import SparseCoderConfig
        from sparsify.sparse_coder import SparseCoder

    x = _batch(shape, device)
    config = SparseCoderConfig(num_latents=shape.d_sae, k=shape.k)
    coders = [SparseCoder(shape.d_in, config, device=device) for _ in range(seeds)]
    optimizers = [torch.optim.Adam(coder.parameters(), lr=1e-4) for coder in coders]
    idle = [torch.zeros(shape.d_sae, dtype=torch.long, device=device) for _ in coders]

    def step() -> None:
        for coder, optimizer, tokens in zip(coders, optimizers, idle, strict=True):
            coder.set_decoder_norm_to_unit_norm()
            total_variance = (x - x.mean(0)).pow(2).sum()
            output = coder(x, x, dead_mask=tokens > NEVER_DEAD, total_variance=total_variance)
            fired = torch.zeros(shape.d_sae, dtype=torch.bool, device=device)
            fired[output.latent_indices.flatten()] = True
            (output.fvu + output.auxk_loss / 32).backward()
            coder.remove_gradient_parallel_to_decoder_directions()
            optimizer.step()
            optimizer.zero_grad()
            tokens += shape.tokens
            tokens[fired] = 0

    return step


def dictionary_learning(shape: Shape, seeds: int, device: str) -> Step:
    """Return the update of dictionary_learning's trainer, for each seed."""
    if "nnsight" not in sys.modules and find_spec("nnsight") is None:
        stand_in = types.ModuleType("nnsight")
        stand_in.LanguageModel = object  # type: ignore[attr-defined]
        sys.modules["nnsight"] = stand_in
    from dictionary_learning.trainers.top_k import TopKTrainer

    x = _batch(shape, device)
    trainers = [
        TopKTrainer(
            steps=STEPS_PLANNED,
            activation_dim=shape.d_in,
            dict_size=shape.d_sae,
            k=shape.k,
            layer=0,
            lm_name="-",
            device=device,
        )
        for _ in range(seeds)
    ]
    done = [0]

    def step() -> None:
        # Its first step also looks for the geometric median: not part of a usual one.
        done[0] += 1
        for trainer in trainers:
            trainer.update(done[0], x)

    return step


CONTENDERS: dict[str, Callable[[Shape, int, str], Step]] = {
    OURS: gatekit,
    DENSE: gatekit_dense,
    "sparsify": sparsify,
    "dictionary_learning": dictionary_learning,
    "SAELens": sae_lens,
}
PACKAGES = {"sparsify": "eai-sparsify", "dictionary_learning": "dictionary_learning", "SAELens": "sae-lens"}


def encoder_product(shape: Shape, seeds: int, device: str) -> Step:
    """Return x W_enc alone, for each seed."""
    x = _batch(shape, device)
    weights = torch.randn((seeds, shape.d_in, shape.d_sae), device=device)
    pre_activations = torch.empty((shape.tokens, shape.d_sae), device=device)
    return lambda: [torch.mm(x, weight, out=pre_activations) for weight in weights]


def _batch(shape: Shape, device: str) -> torch.Tensor:
    return torch.randn((shape.tokens, shape.d_in), generator=torch.Generator().manual_seed(1)).to(device)


@dataclass(frozen=True)
class Taken:
    """Milliseconds of one call."""

    wall: float
    processor: float
    """Of all threads together; says nothing about CUDA."""


@dataclass(frozen=True)
class Timing:
    """One contender's steps, a round each, and the products before and after each."""

    steps: list[Taken]
    products: list[tuple[Taken, Taken]]

    def ratio(self, clock: str = "wall") -> float:
        """Return the median over rounds of step / mean product."""
        return statistics.median(
            getattr(step, clock) / ((getattr(before, clock) + getattr(after, clock)) / 2)
            for step, (before, after) in zip(self.steps, self.products, strict=True)
        )

    def walls(self) -> list[float]:
        """Return the steps' times in increasing order."""
        return sorted(step.wall for step in self.steps)


def timed(step: Step, device: str) -> Taken:
    """Return how long a call takes."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    start, processor = time.perf_counter(), time.process_time()
    step()
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return Taken(1000 * (time.perf_counter() - start), 1000 * (time.process_time() - processor))


def measure(shape: Shape, seeds: int, device: str, rounds: int) -> tuple[dict[str, Timing], dict[str, str]]:
    """Return each contender's timing, and why others have none."""
    contenders: dict[str, Step] = {}
    absent: dict[str, str] = {}
    for name, make in CONTENDERS.items():
        try:
            contenders[name] = make(shape, seeds, device)
        except ImportError as error:
            absent[name] = f"not installed: no module named {error.name}"
    product = encoder_product(shape, seeds, device)
    # The first step of each makes Adam's moments.
    for step in (product, *contenders.values()):
        step()
    timings = {name: Timing([], []) for name in contenders}
    for _ in range(rounds):
        for name, step in contenders.items():
            before, taken, after = timed(product, device), timed(step, device), timed(product, device)
            timings[name].steps.append(taken)
            timings[name].products.append((before, after))
    return timings, absent


def table(timings: Mapping[str, Timing], absent: Mapping[str, str], seeds: int) -> list[str]:
    """Return the rows of one table, fastest first."""
    ours = timings[OURS].ratio()
    lines = [
        f"| {'one seed' if seeds == 1 else f'{seeds} seeds'} | ms, median | ms, fastest | / encoder product "
        "| the same in processor time | ours / this |",
        "|---|---|---|---|---|---|",
    ]
    for name, timing in sorted(timings.items(), key=lambda item: item[1].ratio()):
        walls = timing.walls()
        lines.append(
            f"| {name} | {statistics.median(walls):.1f} | {walls[0]:.1f} | **{timing.ratio():.2f}** "
            f"| {timing.ratio('processor'):.2f} | {ours / timing.ratio():.2f} |"
        )
    return [*lines, *(f"| {name} | {why} | | | | |" for name, why in absent.items())]


def versions() -> str:
    """Return the versions of torch and of the peers that are installed."""
    words = [f"torch {torch.__version__}"]
    for name, package in PACKAGES.items():
        with contextlib.suppress(PackageNotFoundError):
            words.append(f"{name} {version(package)}")
    return ", ".join(words)


def processor() -> str:
    """Return the device's name."""
    if torch.cuda.is_available():
        return describe_device("cuda")
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    model = names[0].partition(":")[2].strip() if names else platform.machine()
    return f"{model}, {os.cpu_count()} cores, {torch.backends.cpu.get_cpu_capability()}"


def report(device: str, threads: int, rounds: int, stacks: Sequence[int]) -> str:
    """Return the page."""
    lines = [
        "# One optimizer step of a TopK SAE",
        "",
        f"Made by `python -m benchmarks.training` on {datetime.now(UTC):%Y-%m-%d}: {processor()}; {threads} threads;",
        f"Python {platform.python_version()}, {versions()}.",
        "",
        f"{rounds} rounds through all contenders; whole steps, Adam included; float32; no dead latents. The encoder",
        "product is x W_enc alone, into memory that is there already, before and after each step. The median ratio is",
        "the result; times depend on what else the machine does.",
        "",
        "Aims: below the fastest peer at every shape; on a CPU at most 1.5 encoder products at 8,192 latents.",
    ]
    for shape in CUDA_SHAPES if device.startswith("cuda") else CPU_SHAPES:
        lines += ["", f"## {shape.words()}"]
        for seeds in stacks:
            timings, absent = measure(shape, seeds, device, rounds if seeds == 1 else max(2, rounds // 4))
            products = [one.wall for timing in timings.values() for pair in timing.products for one in pair]
            words = f"Encoder product: {statistics.median(products):.1f} ms, fastest {min(products):.1f} ms."
            lines += ["", *table(timings, absent, seeds), "", words]
    return "\n".join([*lines, "", *_remarks(device)]) + "\n"


def _remarks(device: str) -> list[str]:
    shared = [
        "## What is compared",
        "",
        "* SAELens and dictionary_learning take the gradient through all latents; sparsify gathers for the encoder's",
        "  gradient, and without Triton decodes densely. All three use torch's Adam as their trainers set it up.",
        "* `gatekit, dense products` is the same loss through autograd, as it was before and as architectures other",
        "  than TopK and the transcoder still are.",
        "* Float32 tensors over 32 MiB lie in huge pages for every contender (`runners.determinism`), which helps",
        "  those most that make many of them.",
        "* Five seeds are five steps for every contender on a CPU; only CUDA gains from stacking them.",
    ]
    return (
        shared
        if device.startswith("cuda")
        else [*shared, "", "No CUDA device took part: nothing here says how fast training is on one."]
    )


def main(argv: list[str] | None = None) -> int:
    """Write the page to `--output`, or print it for `-`."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output", default=str(RESULTS))
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 5], help="seeds trained together, a table each")
    arguments = parser.parse_args(argv)
    fix_arithmetic(arguments.threads)
    # Peers scatter and index where torch has no deterministic form.
    torch.use_deterministic_algorithms(False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        device = "cuda" if torch.cuda.is_available() else "cpu"
        page = report(device, arguments.threads, arguments.rounds, arguments.seeds)
    if arguments.output == "-":
        print(page, end="")
    else:
        Path(arguments.output).write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
