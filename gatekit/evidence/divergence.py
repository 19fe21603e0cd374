"""Whether the SAEs that a summary measured have diverged: worse than a constant, or with no latent that is ever active.

Such numbers are whole and honest, and say nothing of what a trained SAE does: an SAE that is never active is as sparse
as can be. They are kept, and no gate passes on them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gatekit.kinds import Kind
from gatekit.kinds.measure_spec import Divergence

Sign = tuple[Callable[[float], bool], Callable[[str, float], str]]

SIGNS: Mapping[Divergence, Sign] = {
    "below_mean": (
        lambda value: value < 0.0,
        lambda name, value: f"{name} {value:.4g}, worse than the mean of the activations",
    ),
    "all_dead": (lambda value: value == 1.0, lambda _, __: "all latents dead"),
}
"""Whether a value of one seed means divergence, and the value in words."""

MOST_NAMED = 3


def why_diverged(kind: Kind, measurements: Mapping[str, Any]) -> str | None:
    """Return which seeds diverged and by what sign, as one line; None where no observation shows it.

    Args:
        kind: of the summary; its table says which measures show divergence.
        measurements: of a summary, in their schema-valid JSON form. Only a candidate's own values count: a control may
            be as bad as it likes.
    """
    shown: dict[tuple[str, Divergence], dict[int, float]] = {}
    for spec in kind.showing_divergence:
        measured = measurements.get(spec.name, {})
        columns = measured.get("columns")
        if spec.divergence is None or columns is None or measured["design"] != "per_seed":
            continue
        # What a difference is a difference of says the same of the same values; it is told once.
        own = kind.by_name.get(spec.difference_of or spec.name)
        values = shown.setdefault((spec.name if own is None else own.name, spec.divergence), {})
        for seed, value in zip(columns["seed"], columns["candidate"], strict=False):
            try:
                values[int(seed)] = float(value)
            except (TypeError, ValueError):
                continue  # no number, of a summary that is being written and will be refused with its pointer
    return in_words(shown)


def in_words(values: Mapping[tuple[str, Divergence], Mapping[int, float]]) -> str | None:
    """Return which seeds diverged, as one line; None where none did.

    Args:
        values: (name of a measure, how it shows divergence) -> seed -> value.
    """
    found: dict[int, list[str]] = {}
    for (name, by), of_seeds in values.items():
        means_divergence, told = SIGNS[by]
        for seed, number in of_seeds.items():
            if means_divergence(number):
                found.setdefault(seed, []).append(told(name, number))
    if not found:
        return None
    named = [f"seed {seed}: {', '.join(signs)}" for seed, signs in sorted(found.items())[:MOST_NAMED]]
    more = f"; and {len(found) - MOST_NAMED} more seeds" if len(found) > MOST_NAMED else ""
    return "; ".join(named) + more
