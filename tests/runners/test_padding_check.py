"""Given token ids with padding before their tokens are refused before anything is measured."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tiny_stage import SAES, arguments, stage_of

from runners.stage import padding_check
from runners.stage.lifecycle import run_stage
from runners.subjects.language_model import TokenizedText

pytestmark = [pytest.mark.runners, pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("corpus_read_once")]

TEXTS = [f"The cat number {i} sat on the mat and looked at the {i} dogs." for i in range(120)]
PROBES = "texts: {source: sae-probes, seed: 0, train_tokens: 600, held_out_tokens: 200}"


def run_on(rows: Any, folder: Path, *more: str) -> int:
    np.save(folder / "ids.npy", np.array(rows))
    keys = ", ".join([f"paths: ['{folder}/ids.npy']", "seed: 0", "train_tokens: 600", "held_out_tokens: 200", *more])
    text = SAES.replace(PROBES, f"texts: {{source: files, {keys}}}")
    return run_stage(stage_of("ablation"), arguments(folder, text + "chance: {gaussian_draws: 1}\n"))


@pytest.mark.parametrize("packing", ["packing: text", "packing: context"])
def test_a_run_on_ids_that_are_padded_at_the_left_is_refused_in_one_line(
    packing: str, minilm: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    tokenizer = minilm.tokenizer
    padded = [
        (ids := tokenizer(text)["input_ids"], [tokenizer.pad_token_id] * (30 - len(ids)) + ids)[1] for text in TEXTS
    ]
    assert run_on(padded, tmp_path, packing) == 4
    said = capsys.readouterr().err.splitlines()
    line = next(line for line in said if "texts.padding" in line and line.startswith(str(tmp_path)))
    assert "held-out rows have padding (token 0) before their own tokens, where the model would read it" in line
    assert "leave the padding out when the ids are written, or put it at the end" in line
    assert json.loads((tmp_path / "out" / "ablation.json").read_text())["status"] == "failed"


def _model(pad: int | None, eos: int | None, bos: int | None, unk: int | None = None) -> Any:
    ids = {"pad_token_id": pad, "eos_token_id": eos, "bos_token_id": bos, "unk_token_id": unk}
    return SimpleNamespace(tokenizer=SimpleNamespace(**ids))


@pytest.mark.parametrize(
    ("model", "ids", "padded"),
    [
        (_model(0, 2, 1), (1, 5, 6, 2), False),
        (_model(0, 2, 1), (0, 1, 5, 6), True),
        (_model(0, 2, 1), (1, 0, 5, 6), True),
        (_model(0, 2, 1), (1, 5, 0, 6), True),
        (_model(0, 2, 1), (1, 5, 6, 0), False),
        (_model(2, 2, 2), (2, 5, 6), False),
        (_model(2, 2, 2), (2, 2, 5, 6), True),
        (_model(2, 2, 2), (5, 2, 2, 6), False),
        (_model(2, 2, 1), (1, 2, 2, 6), True),
        (_model(2, 2, 1), (1, 2, 6), False),
        (_model(3, 2, 1, unk=3), (1, 5, 3, 6), False),
        (_model(3, 2, 1, unk=3), (3, 3, 1, 6), True),
        (_model(None, 2, 1), (0, 0, 6), False),
    ],
)
def test_what_is_padding_depends_on_what_else_the_token_stands_for(model: Any, ids: tuple[int, ...], padded: bool):
    special = {model.tokenizer.pad_token_id, model.tokenizer.eos_token_id, model.tokenizer.bos_token_id}
    text = TokenizedText("", ids, tuple(at for at, one in enumerate(ids) if one not in special))
    assert padding_check._is_padded(model, text) is padded


def test_only_token_ids_are_looked_at():
    from runners.subjects.plan import TextPlan

    texts = TextPlan("files", 0, 60, 30, paths=("a.jsonl",))
    assert not padding_check.gives_token_ids(SimpleNamespace(texts=texts))
    assert padding_check.gives_token_ids(SimpleNamespace(texts=replace(texts, holds="token_ids")))
    assert padding_check.gives_token_ids(SimpleNamespace(texts=replace(texts, paths=("a.npy",))))
    assert not padding_check.gives_token_ids(SimpleNamespace())
