"""Whether the SAEs that a summary measured have diverged: worse than a constant, or with no latent that is ever active.

Such numbers are whole and honest, and say nothing of what a trained SAE does: an SAE that is never active is as sparse
as can be. They are kept, and no gate passes on them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

SIGNS: Mapping[str, tuple[Callable[[float], bool], Callable[[float], str]]] = {
    "r2": (lambda value: value < 0.0, lambda value: f"r2 {value:.4g}, worse than the mean of the activations"),
    "dead_fraction": (lambda value: value == 1.0, lambda _: "all latents dead"),
}
"""Measure with one value per seed -> (whether a value means divergence, the value in words)."""

MOST_NAMED = 3


def why_diverged(measurements: Mapping[str, Any]) -> str | None:
    """Return which seeds diverged and by what sign, as one line; None where no observation shows it.

    Args:
        measurements: of a summary, in their schema-valid JSON form. Only a candidate's own values count: a control may
            be as bad as it likes.
    """
    found: dict[int, list[str]] = {}
    for name, (means_divergence, in_words) in SIGNS.items():
        measured = measurements.get(name, {})
        columns = measured.get("columns")
        if columns is None or measured["design"] != "per_seed":
            continue
        for seed, value in zip(columns["seed"], columns["candidate"], strict=False):
            try:
                number = float(value)
            except (TypeError, ValueError):
                continue  # no number, of a summary that is being written and will be refused with its pointer
            if means_divergence(number):
                found.setdefault(int(seed), []).append(in_words(number))
    if not found:
        return None
    named = [f"seed {seed}: {', '.join(signs)}" for seed, signs in sorted(found.items())[:MOST_NAMED]]
    more = f"; and {len(found) - MOST_NAMED} more seeds" if len(found) > MOST_NAMED else ""
    return "; ".join(named) + more
