"""A control's own model is held to its positions, as the model itself is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gatekit.errors import GatekitError
from runners.stage.control_positions import check_control_positions
from runners.stage.stage import read_stage
from runners.stages.random_model import STAGE

pytestmark = [pytest.mark.runners, pytest.mark.filterwarnings("ignore")]

ONE = "random_model: {{model: {{source: folder, name: {name}}}, saes: {{seeds: {{0: a, 1: b}}}}}}"
SEVERAL = (
    "random_model: {{models: {{7: {{model: {{source: folder, name: {name}}}, saes: {{seeds: {{0: a, 1: b}}}}}}}}}}"
)


@pytest.fixture
def check(tmp_path, monkeypatch) -> Callable[[str, int], None]:
    """Check a configuration whose control is a model of 40 positions."""

    def checking(control: str, tokens: int) -> None:
        model = tmp_path / "twin"
        model.mkdir()
        (model / "config.json").write_text(json.dumps({"model_type": "llama", "max_position_embeddings": 40}))
        said = {"seeds": (0, 1), "sae": None, "training": None}
        monkeypatch.setattr("runners.arms.given_saes.said_by_files", lambda _: {**said, "texts": {"train_tokens": 0}})
        path = tmp_path / "c.yaml"
        path.write_text(
            "threads: 1\n"
            f"subject: {{model: {{source: package, name: p}}, hook: h, d_model: 8, max_tokens_per_text: {tokens}}}\n"
            "texts: {source: sae-probes, seed: 0, held_out_tokens: 200}\n"
            "saes: {seeds: {0: a, 1: b}}\n"
            f"controls: {{gaussian_draws: 1, matched_cosine: 0.7, {control.format(name=model)}}}\n"
        )
        check_control_positions(read_stage(Path(path), STAGE))

    return checking


@pytest.mark.parametrize("control", [ONE, SEVERAL], ids=["one", "several"])
def test_more_tokens_than_a_control_s_model_has_positions_are_refused_at_its_place(check, control):
    with pytest.raises(GatekitError) as refused:
        check(control, 64)
    assert "c.yaml:5:" in str(refused.value)
    assert "64 tokens are more than the 40 positions of twin; its config.json says max_position" in str(refused.value)
    assert "'subject.max_tokens_per_text' stands at c.yaml:2:" in str(refused.value)


def test_as_many_tokens_as_it_has_positions_are_none_too_many(check):
    check(ONE, 40)
