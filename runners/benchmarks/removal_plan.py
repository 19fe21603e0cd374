"""What SCR and TPP ablate and on which texts: the part of a configuration that both have for their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from runners.config import Bounds
from runners.places import first_repeat, refuse_first
from runners.subjects.attributed_plan import AttributedTextsPlan, Removal, faults
from runners.summary_writing import Json

EPOCHS, LEARNING_RATE, L1_PENALTY, TRAIN_BATCH, TEST_BATCH, SAE_BATCH = 20, 1e-3, 1e-3, 16, 500, 125
"""SAEBench's own: the size of a training batch decides how much of a correlation a probe learns."""

PADDING = {
    "saebench": "as SAEBench 0.6 has it: latents that are active on padding are ablated there too",
    "ignored": "left out of the ablation",
}


@dataclass(frozen=True)
class RemovalPlan:
    """Datasets, rows and ablated latents."""

    datasets: tuple[AttributedTextsPlan, ...]
    latents: Annotated[int, Bounds(1, 1_000_000)]
    """How many of an attribute's latents are ablated; SAEBench shows 10 and 20."""
    train_rows: Annotated[int, Bounds(8, 1_000_000)]
    """Of each probe, as SAEBench counts them: a quarter of them from each combination of two attributes' values."""
    test_rows: Annotated[int, Bounds(8, 1_000_000)]
    max_tokens: Annotated[int, Bounds(3, 1_000_000)]
    """Of each text, special tokens included."""
    seed: Annotated[int, Bounds(0, 4294967295)]
    """Of rows and probes; the same for every SAE."""
    padding: Literal["saebench", "ignored"] = "saebench"
    """What becomes of padding in the ablation: SAEBench sets it to zero and encodes it all the same."""


def check_removal(plan: RemovalPlan, kind: Removal, d_sae: int) -> None:
    """Refuse values that do not go together, as far as that shows without the texts.

    Raises:
        GatekitError: `config.together`.
    """
    repeat = first_repeat([each.name for each in plan.datasets])
    refuse_first(
        plan,
        ("latents", f"{plan.latents} latents are ablated of d_sae={d_sae}", plan.latents > d_sae),
        (f"datasets[{repeat or 0}].name", "two datasets have this name", repeat is not None),
        *(fault for at, each in enumerate(plan.datasets) for fault in faults(f"datasets[{at}]", each, kind)),
    )


def removal_settings(plan: RemovalPlan) -> Json:
    """Return what a protocol's settings say of probes and ablation."""
    return {
        "train_rows": plan.train_rows,
        "probe_max_tokens": plan.max_tokens,
        "probe_seed": plan.seed,
        "probes": f"SAEBench's, {EPOCHS} epochs in batches of {TRAIN_BATCH}, learning rate {LEARNING_RATE:g}, L1 "
        f"{L1_PENALTY:g}, of the epochs the best on the test rows",
        "padding": PADDING[plan.padding],
        "pooling": "mean of the tokens that the tokeniser did not add",
    }
