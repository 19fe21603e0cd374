"""Measures that are ratios of means: computed from what was observed, never read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import builders
import pytest

from gatekit.evidence.observations import ObservationError, Observations
from gatekit.evidence.reading import read_summary
from gatekit.evidence.summary import Summary
from gatekit.kinds import INSTALLED

CELLS = 15


def read(folder: Path, measures: dict[str, Any]) -> Summary:
    path = folder / "ood.json"
    path.write_text(json.dumps(builders.summary("ood", measures)))
    return read_summary(str(path))


def test_the_relative_drop_is_computed_from_drops_and_in_distribution_aucs(tmp_path: Path) -> None:
    drops, inside = builders.around(0.04, 0.02, CELLS), builders.around(0.85, 0.02, CELLS)
    found = read(tmp_path, {"auc_drop": drops, "id_auc": inside}).measurements["relative_drop"]
    assert found.estimate == pytest.approx((sum(drops) / CELLS) / (sum(inside) / CELLS - 0.5))
    assert found.candidate == tuple(drops)


def test_ratios_of_single_observations_in_a_file_are_not_taken_for_it(tmp_path: Path) -> None:
    old = {"auc_drop": [0.04] * CELLS, "id_auc": [0.9] * CELLS, "relative_drop": [0.01] * CELLS}
    assert read(tmp_path, old).measurements["relative_drop"].estimate == pytest.approx(0.1)
    del old["id_auc"]
    assert "relative_drop" not in read(tmp_path, old).measurements


def test_where_there_is_no_advantage_on_average_there_is_no_relative_drop(tmp_path: Path) -> None:
    found = read(tmp_path, {"auc_drop": [0.04] * CELLS, "id_auc": [0.5] * CELLS})
    assert "relative_drop" not in found.measurements


def test_nobody_can_give_observations_of_a_ratio() -> None:
    with pytest.raises(ObservationError, match="ratio of means") as refused:
        Observations(INSTALLED.measures("ood")["relative_drop"], None, None).add({"seed": 0, "dataset": "a"}, 0.1)
    assert refused.value.remedy == "give auc_drop and id_auc instead"
