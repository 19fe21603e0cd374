"""Which words absorption is measured on and how: the part of a configuration that it has for its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from runners.config import Bounds
from runners.places import refuse_first
from runners.summary_writing import Json

BATCH_TEXTS, SPARSE_BATCH, EPOCHS, LEARNING_RATE, L1 = 64, 4096, 50, 1e-2, 0.01
"""SAEBench's own."""
EXAMPLES = 10
"""Other words with their letters, before the word that is asked for: SAEBench's own number."""
LEAST_LATENTS = 10
"""SAEBench looks at so many latents of a word."""


@dataclass(frozen=True)
class AbsorptionPlan:
    """The first-letter task of SAEBench; what is left out is as SAEBench 0.6 has it."""

    seed: Annotated[int, Bounds(0, 4294967295)]
    """Of examples, split and probes; the same for every SAE. SAEBench sets none."""
    words: str | None = None
    """File of words, one a line; null takes every token of the model's vocabulary that is letters alone."""
    most_words: Annotated[int, Bounds(52, 10_000_000)] | None = None
    """At most this many, as many of each letter, drawn by the seed; null takes all, as SAEBench does."""
    template: str = "{word} has the first letter:"
    most_latents: Annotated[int, Bounds(1, 1000)] = 10
    """Of a sparse probe."""
    f1_jump: Annotated[float, Bounds(0.0, 1.0)] = 0.03
    """What one latent more must add to F1 to count as a split of the letter's latent."""
    least_probe_f1: Annotated[float, Bounds(0.0, 1.0)] = 0.6
    """A letter counts if the dense probe of the model's activations has more."""
    least_letters: Annotated[int, Bounds(1, 26)] = 20
    """Fewer letters that count are no measurement."""


def check_absorption(plan: AbsorptionPlan, d_sae: int) -> None:
    """Refuse values that do not go together, as far as that shows without the words.

    Raises:
        GatekitError: `config.together`.
    """
    refuse_first(
        plan,
        ("template", "'template' has {word} once, and text behind it", not _has_word(plan.template)),
        ("most_latents", f"a probe of {plan.most_latents} latents exceeds d_sae={d_sae}", plan.most_latents > d_sae),
        ("", f"SAEBench looks at {LEAST_LATENTS} latents of a word; d_sae={d_sae}", d_sae < LEAST_LATENTS),
    )


def absorption_settings(plan: AbsorptionPlan) -> Json:
    """Return what a protocol's settings say of words and probes."""
    return {
        "words": "of a file" if plan.words is not None else "the model's vocabulary",
        "most_words": plan.most_words,
        "probe_seed": plan.seed,
        "template": plan.template,
        "examples": EXAMPLES,
        "most_latents": plan.most_latents,
        "f1_jump": plan.f1_jump,
        "least_probe_f1": plan.least_probe_f1,
        "probes": f"SAEBench's, {EPOCHS} epochs, learning rate {LEARNING_RATE:g}, L1 of the sparse ones {L1:g}",
    }


def _has_word(template: str) -> bool:
    head, found, tail = template.partition("{word}")
    return bool(found) and bool(tail.strip()) and not {"{", "}"} & set(head + tail)
