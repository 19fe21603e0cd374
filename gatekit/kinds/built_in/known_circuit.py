"""What a known_circuit summary measures."""

from __future__ import annotations

from collections.abc import Callable

from gatekit.kinds.kind import Kind
from gatekit.kinds.measure_spec import MeasureSpec
from gatekit.kinds.rows import dead_fraction, l0, r2, row, variance_share, with_random_model
from gatekit.kinds.shared_rows import APART

EMBEDDING_R2 = (
    "Share of the variance of the transformer's embedding in the span of its key frequencies, conjugates merged and "
    "the constant left out (a perfect Fourier embedding scores 1; chance is in the protocol's settings), minus the "
    "same for the best frequencies, as many, of"
)


def _live_latents(name: str, description: str, difference_of: str | None = None) -> MeasureSpec:
    """A count over live latents."""
    return row(
        *(name, description, "fraction of latents", "higher", (0, 1), "per_seed"),
        difference_of=difference_of,
        structural=True,
        lattice="live_latents",
    )


def _frequencies(name: str, description: str, difference_of: str | None = None) -> MeasureSpec:
    """A count over the key frequencies, of which there are few: seeds may well agree."""
    return row(
        *(name, description, "fraction of key frequencies", "higher", (0, 1), "per_seed"),
        difference_of=difference_of,
        structural=True,
        lattice="key_frequencies",
    )


def _answers(name: str, description: str, difference_of: str | None = None) -> MeasureSpec:
    """A count over held-out pairs; all of them are answered right where the reconstruction is good enough."""
    return row(
        *(name, description, "fraction of pairs", "higher", (0, 1), "per_seed"),
        difference_of=difference_of,
        structural=True,
        lattice="rows",
    )


def _with_controls(family: Callable[..., MeasureSpec], name: str, description: str) -> tuple[MeasureSpec, ...]:
    """A quantity of the latents alone, and minus the same for each of the three controls."""
    controls = {
        "control": "SAEs trained the same way on the re-initialised transformer (the random model)",
        "untrained": "the same SAEs before training, on the trained transformer",
        "shuffled": "the same latents with the numbers relabelled at random, one permutation per seed",
    }
    compared = [
        family(f"{name}_above_{control}", f"{description}, minus the same for {words}.", difference_of=name)
        for control, words in controls.items()
    ]
    return with_random_model((family(name, f"{description}."), *compared), "_above_control")


KIND = Kind(
    name="known_circuit",
    description="Do SAEs on a transformer that adds modulo p find the frequencies that it is known to add with?",
    baselines=("random_model", "none", "unknown"),
    measures=(
        variance_share(
            "embedding_r2_above_control",
            f"{EMBEDDING_R2} a re-initialised transformer per seed. The candidate is one transformer's and the same "
            "for every seed: the bound speaks of this transformer against random ones, not of other trained ones.",
            compares=True,
            one_candidate=True,
        ),
        variance_share(
            "embedding_r2_above_shuffled",
            f"{EMBEDDING_R2} this embedding with the numbers relabelled at random, one permutation per seed.",
            compares=True,
            one_candidate=True,
        ),
        *_with_controls(
            variance_share,
            "latent_purity",
            "Mean over live latents of the share of each latent's variance, over all pairs (a, b), that lies on its "
            "best single frequency: cosine and sine of k a, k b and k (a + b) together",
        ),
        *_with_controls(
            _live_latents,
            "single_frequency_fraction",
            "Fraction of live latents that are single-frequency: the share of their variance on one frequency reaches "
            "the cut in the protocol's settings",
        ),
        *_with_controls(
            _frequencies,
            "key_frequencies_recovered",
            "Fraction of the transformer's key frequencies that at least one single-frequency latent stands for",
        ),
        *_with_controls(
            variance_share,
            "sum_share",
            "Mean over live latents of the share of each latent's variance, over all pairs, that is a function of "
            "a + b alone, whatever its frequencies",
        ),
        _answers(
            "answers_kept",
            "Fraction of held-out pairs that the transformer answers right with the SAE's reconstruction in place of "
            "the activations at the hook.",
        ),
        _answers(
            "answers_kept_above_untrained",
            "As answers_kept, minus the same for the same SAEs before training.",
            difference_of="answers_kept",
        ),
        r2("r2", "1 - SSE/SST about the per-dimension mean, float64, on held-out pairs."),
        l0("l0", "Mean number of active latents per held-out pair."),
        dead_fraction("dead_fraction", "Fraction of latents that are active on no pair at all."),
        *APART,
    ),
)
