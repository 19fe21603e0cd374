"""A share of latents or of trials is a count over them, as exactly as it was computed and written."""

from __future__ import annotations

import json
from pathlib import Path

import builders
import numpy as np
import pytest

from gatekit.errors import GatekitError
from gatekit.evidence.lattices import is_off
from gatekit.evidence.reading import read_summary


@pytest.mark.parametrize(("value", "size"), [(2e-18, 1024), (0.30000001, 1024), (0.4999999, 5), (0.9, 5), (1e-300, 2)])
def test_what_no_count_gives_is_off_the_lattice(value: float, size: int) -> None:
    assert is_off(value, size)


@pytest.mark.parametrize(
    ("value", "size"),
    [
        (0.0, 1024),
        (1.0, 1024),
        (307 / 1024, 1024),
        (1 / 3, 3),
        (0.333, 3),  # rounded to the decimals that are written
        (0.05, 4096),
        (1 - 999 / 1000, 1000),  # in double precision
        (float(1 - np.float32(999 / 1000)), 1000),  # in single precision
    ],
)
def test_a_count_is_on_it_however_it_was_computed_or_rounded(value: float, size: int) -> None:
    assert not is_off(value, size)


def test_a_summary_with_a_value_off_the_lattice_is_refused_at_the_value(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    document = builders.summary("random_model", {"dead_fraction": [0.0, 2e-18, 0.0, 0.0, 0.0]})
    path.write_text(json.dumps(document))
    with pytest.raises(GatekitError, match="no count over 4096") as refused:
        read_summary(str(path))
    assert refused.value.error_id == "summary.off_lattice"
    assert refused.value.location is not None
    assert refused.value.location.pointer == "/measurements/dead_fraction/columns/candidate/1"
