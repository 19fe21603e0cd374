"""What a layer_routing summary measures."""

from __future__ import annotations

from gatekit.kinds.kind import Kind
from gatekit.kinds.rows import dead_fraction, l0, r2
from gatekit.kinds.shared_rows import APART

KIND = Kind(
    name="layer_routing",
    description=(
        "Is the best architecture of each layer better than one architecture everywhere, at an equal number of "
        "parameters?"
    ),
    baselines=("matched_sae", "unknown"),
    measures=(
        r2(
            "r2_above_uniform",
            "Mean over layers of r2 with each layer's own architecture, minus the same with one architecture "
            "everywhere, per seed.",
            difference_of="r2",
            may_be_its_control=True,
        ),
        l0(
            "l0_above_uniform",
            "Mean over layers of L0 with each layer's own architecture, minus the same with one architecture "
            "everywhere, per seed: how far the two are compared at equal sparsity.",
            difference_of="l0",
            ceiling=None,
            lattice=None,
            may_be_its_control=True,
        ),
        r2("r2", "1 - SSE/SST on held-out rows, mean over layers, per seed."),
        l0("l0", "Mean number of active latents, mean over layers, per seed.", lattice=None),
        dead_fraction(
            "dead_fraction",
            "Fraction of latents active on no held-out row, mean over layers, per seed.",
            lattice=None,
        ),
        *APART,
    ),
)
