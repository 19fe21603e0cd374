"""Values that are counts divided by a number: which of them no count can have."""

from __future__ import annotations

from decimal import Decimal

from gatekit.kinds import MeasureSpec

SINGLE = 4 * 2.0**-24
"""Of single precision at 1: what 1 - frac_alive may be off by where that was computed in it."""


def lattice_size(spec: MeasureSpec, d_sae: int | None) -> int | None:
    """Return what a measure's values are counts over, where a summary tells.

    `rows` does not: of the probed rows some are trained on, of the tokens some are left out. `live_latents` and
    `key_frequencies` differ by seed.
    """
    if spec.lattice == "d_sae":
        return d_sae
    return spec.lattice if isinstance(spec.lattice, int) else None


def is_off(value: float, size: int) -> bool:
    """Whether no count over `size` can have been written as this value.

    A count may have been computed in single precision, or rounded to the decimals that are written: 0.05 stands for
    0.045 to 0.055. So 2e-18 is no count over 1,024, and neither is 0.30000001; 0.3 may be one.
    """
    distance = abs(value - round(value * size) / size)
    if distance == 0.0:
        return False
    written = Decimal(repr(value)).as_tuple().exponent
    half_a_unit = 0.5 * 10.0**written if isinstance(written, int) else 0.0
    # Below half a count there is only the count 0, which everybody writes as 0.
    tolerance = max(SINGLE * max(1.0, abs(value)), half_a_unit) if abs(value) * size >= 0.5 else 0.0
    return distance > tolerance
