"""What is probed and how: the part of a configuration that sparse probing has for its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from runners.config import ABSENT_WHERE_NONE, Bounds
from runners.places import refuse_first
from runners.subjects.own_set_faults import own_set_faults
from runners.subjects.plan import OwnLabelledPlan
from runners.summary_writing import Json

ALL = "all"


@dataclass(frozen=True)
class ProbingPlan:
    """Datasets, rows, pooling and probes."""

    datasets: tuple[str, ...]
    """Names that sae-probes registers and names of one's own datasets; or `all` alone, which is all of both."""
    split: Literal["distinct", "sae-probes"]
    """`distinct`: every text once, so that training and test share none; `sae-probes`: the rows of its files and its
    own split, comparable with published numbers, in which texts that a file repeats stand on both sides."""
    rows: Annotated[int, Bounds(8, 1_000_000)] | None
    """At most this many of a dataset, as many of either class; null where the split is that of sae-probes."""
    test_fraction: Annotated[float, Bounds(0.05, 0.95)] | None
    """Of the rows of each class; null where the split is that of sae-probes."""
    max_tokens: Annotated[int, Bounds(3, 1_000_000)]
    """Of each text, special tokens included."""
    pooling: Literal["last", "mean"]
    """Latents of the last token of a text, or the mean of the latents of all its tokens."""
    ks: Annotated[tuple[int, ...], Bounds(1, 1_000_000)]
    """Probe sizes; which of them is reported is decided by validation inside the training rows."""
    penalty: Literal["l1", "l2"]
    """Of the sparse probes; dense ones have l2, as sae-probes' own baseline."""
    seed: Annotated[int, Bounds(0, 4294967295)]
    """Of rows, split and probes; the same for every SAE, so that they are compared on the same rows."""
    own: tuple[OwnLabelledPlan, ...] | None = field(default=None, metadata=ABSENT_WHERE_NONE)
    """Where one's own datasets lie."""

    @property
    def own_by_name(self) -> dict[str, OwnLabelledPlan]:
        """One's own datasets."""
        return {each.name: each for each in self.own or ()}


@dataclass(frozen=True)
class CorePlan:
    """How much of the held-out text SAEBench's `core` reads, in each of its two passes."""

    batches: Annotated[int, Bounds(1, 1_000_000)]
    batch_texts: Annotated[int, Bounds(1, 1_000_000)]
    """Rows of `context` tokens in a batch."""
    context: Annotated[int, Bounds(2, 1_000_000)]
    """Tokens of a row; texts stand end to end, so that there is no padding."""


def check_probing(plan: ProbingPlan, d_sae: int) -> None:
    """Refuse values that do not go together, as far as that shows without the datasets.

    Raises:
        GatekitError: `config.together`.
    """
    ours = plan.split == "distinct"
    missing = ours and None in (plan.rows, plan.test_fraction)
    surplus = not ours and (plan.rows, plan.test_fraction) != (None, None)
    unused = next((at for at, each in enumerate(plan.own or ()) if each.name not in (*plan.datasets, *_all(plan))), 0)
    sets = plan.own or ()
    refuse_first(
        plan,
        ("datasets", "'datasets' names one twice", len(set(plan.datasets)) < len(plan.datasets)),
        ("datasets", "'all' stands alone", ALL in plan.datasets and len(plan.datasets) > 1),
        (
            f"own[{unused}]",
            "the dataset is not named in 'datasets'",
            bool(sets) and sets[unused].name not in (*plan.datasets, *_all(plan)),
        ),
        ("own", "the split 'sae-probes' is of the registered datasets alone", bool(sets) and not ours),
        *own_set_faults("own", sets),
        ("ks", "'ks' must be different and in increasing order", list(plan.ks) != sorted(set(plan.ks))),
        ("ks", f"a probe of {max(plan.ks)} latents exceeds d_sae={d_sae}", max(plan.ks) > d_sae),
        (
            "rows" if plan.rows is None else "test_fraction",
            "the split 'distinct' needs 'rows' and 'test_fraction'",
            missing,
        ),
        (
            "test_fraction" if plan.rows is None else "rows",
            "the split 'sae-probes' takes all rows: 'rows' and 'test_fraction' must be null",
            surplus,
        ),
        (
            "pooling",
            "the split 'sae-probes' probes the last token: 'pooling' must be last",
            not ours and plan.pooling != "last",
        ),
    )


def _all(plan: ProbingPlan) -> tuple[str, ...]:
    return tuple(plan.own_by_name) if plan.datasets == (ALL,) else ()


def probing_settings(plan: ProbingPlan) -> Json:
    """Return what a protocol's settings say of the probes."""
    return {
        "split": plan.split,
        "test_fraction": plan.test_fraction,
        "probe_max_tokens": plan.max_tokens,
        "pooling": f"{plan.pooling} of the tokens that the tokeniser did not add",
        "probe_penalty": plan.penalty,
        "probe_seed": plan.seed,
        "dense_penalty": "l2",
        "latents_by": "largest difference of class means, each latent divided by its mean where active (sae-probes)",
        "strength_by": "validation AUC inside the training rows, ten values (sae-probes)",
        "k_by": "validation AUC inside the training rows, the smaller k where equal",
        "f1": "weighted by class",
    }


def core_settings(plan: CorePlan | None, refused: str | None) -> Json:
    """Return what a protocol's settings say of SAEBench's core, whether it was measured or why not."""
    if plan is None or refused is not None:
        return {"core": f"not measured: {refused or 'not asked for'}"}
    return {
        "core": "SAEBench's own functions on held-out texts end to end, special tokens not replaced",
        "core_batches": plan.batches,
        "core_batch_texts": plan.batch_texts,
        "core_context": plan.context,
    }
