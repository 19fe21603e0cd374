"""A configuration says how it was chosen among others, and on what."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from gatekit.errors import GatekitError
from runners.config import read_config
from runners.stage.selection import SelectionDataset, SelectionPlan, selection_json
from runners.stages.known_circuit.plan import KnownCircuitConfig

DEFAULT = Path(__file__).parents[2] / "runners" / "configs" / "known_circuit" / "default.yaml"
CHOSEN_ON = {"name": "validation", "sha256": "ab" * 32, "rows": 113}


def written(folder: Path, **selection: object) -> Path:
    config = yaml.safe_load(DEFAULT.read_text())
    config["selection"] = {"candidates": 4, "seeds": [100, 101], **selection}
    path = folder / "c.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def test_the_datasets_of_a_choice_stand_in_the_protocol(tmp_path: Path) -> None:
    config = read_config(written(tmp_path, datasets=[CHOSEN_ON]), KnownCircuitConfig)
    assert selection_json(config.selection) == {"candidates": 4, "seeds": [100, 101], "datasets": [CHOSEN_ON]}


def test_a_choice_that_does_not_say_them_is_as_it_was(tmp_path: Path) -> None:
    config = read_config(written(tmp_path), KnownCircuitConfig)
    assert selection_json(config.selection) == {"candidates": 4, "seeds": [100, 101]}


def test_a_dataset_without_its_digest_is_refused_with_its_place(tmp_path: Path) -> None:
    path = written(tmp_path, datasets=[{"name": "validation", "rows": 113}])
    with pytest.raises(GatekitError, match="sha256"):
        read_config(path, KnownCircuitConfig)


def test_it_is_plain_data() -> None:
    plan = SelectionPlan(2, (5,), (SelectionDataset("a", "0" * 64, 0),))
    assert selection_json(plan)["datasets"] == [{"name": "a", "sha256": "0" * 64, "rows": 0}]
