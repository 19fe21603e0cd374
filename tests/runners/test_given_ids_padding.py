"""Padding around given token ids is cut off and counted; between a row's own tokens it is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tiny_stage import SAES, arguments, small_register, stage_of

from gatekit.errors import GatekitError
from runners.arms import activations
from runners.stage.lifecycle import run_stage
from runners.subjects.given_ids_padding import Padding, padding_of, without_padding
from runners.subjects.own_texts import read_own_texts
from runners.subjects.plan import TextPlan

pytestmark = [pytest.mark.runners, pytest.mark.filterwarnings("ignore")]

TEXTS = [f"The cat number {i} sat on the mat and looked at the {i} dogs." for i in range(120)]
PROBES = "texts: {source: sae-probes, seed: 0, train_tokens: 600, held_out_tokens: 200}"
PLAN = TextPlan("files", 0, 60, 30)


@pytest.fixture(autouse=True)
def _few_evaluations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = small_register(tmp_path / "data", ["a text that no other is"])
    monkeypatch.setattr(activations, "sae_probes_folder", lambda: folder)


def decode(ids: tuple[int, ...], _: Any) -> str:
    return " ".join(map(str, ids))


def of(pad: int | None, eos: int | None, bos: int | None, unk: int | None = None, with_bos: bool = True) -> Padding:
    tokenizer = SimpleNamespace(pad_token_id=pad, eos_token_id=eos, bos_token_id=bos, unk_token_id=unk)
    return padding_of(tokenizer, with_bos=with_bos)


@pytest.mark.parametrize(
    ("padding", "ids", "own"),
    [
        (of(0, 2, 1), (1, 5, 6, 2), (1, 5, 6, 2)),
        (of(0, 2, 1), (0, 0, 1, 5, 6, 2), (1, 5, 6, 2)),
        (of(0, 2, 1), (1, 5, 6, 2, 0), (1, 5, 6, 2)),
        (of(0, 2, 1), (0, 1, 5, 0, 0), (1, 5)),
        (of(0, 2, 1), (0, 0), ()),
        # The token that texts end with: one of it may be theirs.
        (of(2, 2, 1), (1, 5, 2, 2, 2), (1, 5, 2)),
        (of(2, 2, 1), (2, 2, 1, 5, 2), (1, 5, 2)),
        (of(2, 2, 1), (2, 1, 5), (2, 1, 5)),
        (of(2, 2, 1), (1, 5, 2, 2, 6), (1, 5, 2, 2, 6)),
        # As GPT-2, whose texts begin and end with one token.
        (of(2, 2, 2), (2, 2, 2, 5, 6), (2, 5, 6)),
        (of(2, 2, 2), (2, 5, 6), (2, 5, 6)),
        # As Qwen2, whose texts begin with nothing; TransformerLens takes the same token for a beginning.
        (of(2, 2, 2, with_bos=False), (2, 2, 2, 5, 6, 2), (5, 6, 2)),
        (of(2, 2, 2), (5, 6, 2, 2), (5, 6, 2)),
        # As Llama's first tokenisers are often set up, where one may be an unknown word.
        (of(3, 2, 1, unk=3), (3, 3, 1, 5, 3, 6), (1, 5, 3, 6)),
        (of(3, 2, 1, unk=3), (3, 1, 5), (3, 1, 5)),
        (of(None, 2, 1), (0, 0, 6, 0), (0, 0, 6, 0)),
    ],
)
def test_what_is_padding_depends_on_what_else_the_token_stands_for(
    padding: Padding, ids: tuple[int, ...], own: tuple[int, ...]
):
    found = without_padding(ids, padding)
    assert found.ids == own
    assert found.in_front + len(own) + found.behind == len(ids)


@pytest.mark.parametrize("padding", [of(2, 2, 2), of(0, 2, 1), of(None, 2, 1)])
def test_a_mask_says_exactly_what_is_padding(padding: Padding):
    found = without_padding((2, 2, 2, 5, 6, 2, 2), padding, (0, 0, 1, 1, 1, 1, 0))
    assert (found.ids, found.in_front, found.behind) == ((2, 5, 6, 2), 2, 1)
    assert without_padding((2, 2), padding, (0, 0)).ids == ()


@pytest.mark.parametrize(
    ("ids", "mask"), [((1, 0, 5), None), ((1, 5, 0, 0, 6, 0), None), ((1, 7, 5, 6), (1, 0, 1, 1)), ((0, 1, 0, 5), None)]
)
def test_padding_between_a_rows_own_tokens_is_refused(ids: tuple[int, ...], mask: tuple[int, ...] | None):
    with pytest.raises(GatekitError, match=r"token [23] of \d is padding \([07]\) between the row's own tokens"):
        without_padding(ids, of(0, 2, 1), mask)


def test_rows_with_a_mask_are_cut_by_it_and_a_wrong_one_is_refused_at_its_line(tmp_path: Path):
    path = tmp_path / "a.jsonl"
    rows = [{"enc": {"input_ids": [9, 9, 5, 6, 9], "attention_mask": [0, 0, 1, 1, 1]}}, {"enc": {"input_ids": [9, 8]}}]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    plan = replace(PLAN, paths=(str(path),), holds="token_ids", column="enc.input_ids")
    found = read_own_texts(plan, 8, set(), decode, padding=of(9, 9, 9))
    assert {text.content for text in found.texts} == {(5, 6, 9), (9, 8)}
    rows[1]["enc"]["attention_mask"] = [1]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    with pytest.raises(GatekitError, match=r"a\.jsonl:2:1: column 'enc\.attention_mask' holds no list of 2 numbers"):
        read_own_texts(plan, 8, set(), decode, padding=of(9, 9, 9))


def test_a_long_row_is_cut_into_rows_where_its_own_tokens_begin(tmp_path: Path):
    np.save(tmp_path / "a.npy", np.array([[0, 0, 0, 5, 6, 7, 8, 9]]))
    found = read_own_texts(replace(PLAN, paths=(str(tmp_path / "a.npy"),)), 4, set(), decode, padding=of(0, 2, 1))
    assert {text.content for text in found.texts} == {(5, 6, 7, 8), (9,)}
    assert found.padded is not None
    assert (len(found.padded.in_front), len(found.padded.behind)) == (1, 0)


def _run_on(rows: Any, folder: Path, packing: str, out: str) -> dict[str, Any]:
    path = folder / f"{out}.npy"
    np.save(path, np.array(rows))
    keys = f"paths: ['{path}'], seed: 0, train_tokens: 600, held_out_tokens: 200, packing: {packing}"
    text = SAES.replace(PROBES, f"texts: {{source: files, {keys}}}")
    code = run_stage(stage_of("ablation"), arguments(folder, text + "chance: {gaussian_draws: 1}\n", out=out))
    found: dict[str, Any] = json.loads((folder / out / "ablation.json").read_text())
    return {**found, "exit": code}


@pytest.mark.parametrize("packing", ["text", "context"])
def test_a_run_on_ids_that_are_padded_at_the_left_measures_what_one_padded_at_the_right_does(
    packing: str, minilm: Any, tmp_path: Path
):
    rows = [minilm.tokenizer(text)["input_ids"] for text in TEXTS]
    fill = [[minilm.tokenizer.pad_token_id] * (30 - len(ids)) for ids in rows]
    left = _run_on([[*more, *ids] for more, ids in zip(fill, rows, strict=True)], tmp_path, packing, "left")
    right = _run_on([[*ids, *more] for more, ids in zip(fill, rows, strict=True)], tmp_path, packing, "right")
    assert (left["exit"], right["exit"]) == (0, 0)
    assert left["measurements"] == right["measurements"]
    counted = [
        {entry["name"]: entry["rows"] for entry in found["producer"]["inputs"] if "padding" in entry["name"]}
        for found in (left, right)
    ]
    read = next(e["rows"] for e in left["producer"]["inputs"] if e["name"] == "texts:read-and-in-no-evaluation-dataset")
    names = [f"texts:padding-cut-off-{where}" for where in ("in-front", "behind")]
    assert counted == [dict(zip(names, each, strict=True)) for each in ((read, 0), (0, read))]


def test_a_run_on_ids_with_padding_inside_is_refused_at_the_row(
    minilm: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    rows = [minilm.tokenizer(text)["input_ids"][:12] for text in TEXTS]
    rows[2][5] = minilm.tokenizer.pad_token_id
    assert _run_on(rows, tmp_path, "text", "inside")["exit"] == 4
    said = next(line for line in capsys.readouterr().err.splitlines() if "texts.padding" in line)
    assert "inside.npy: row 3: token 6 of 12 is padding (0) between the row's own tokens; leave the padding out" in said
