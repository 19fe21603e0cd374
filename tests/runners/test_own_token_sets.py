"""One's own texts as rows of tokens, and a whole run on them."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_stage import SAES, arguments, small_register, stage_of

from gatekit.errors import GatekitError
from gatekit.evidence.reading import read_summary
from runners.arms import activations
from runners.digests import text_sha256
from runners.stage.lifecycle import run_stage
from runners.subjects.drawn_own_texts import draw_own_texts
from runners.subjects.own_texts import OwnText
from runners.subjects.own_token_sets import decoder_of, draw_own_tokens
from runners.subjects.plan import TextPlan

pytestmark = [pytest.mark.runners, pytest.mark.filterwarnings("ignore")]

TEXTS = [f"The cat number {i} sat on the mat and looked at the {i} dogs." for i in range(120)]
PLAN = TextPlan("files", 0, 60, 30, paths=("a.jsonl",))
PACKED = replace(PLAN, packing="context")


def given(texts: list[str]) -> list[OwnText]:
    return [OwnText(text_sha256(text), text, text) for text in texts]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def test_one_text_a_row_is_cut_and_special_tokens_are_no_rows(minilm):
    drawn = draw_own_tokens(minilm, given(TEXTS), 12, PLAN)
    first = drawn.held_out.texts[0]
    expected = minilm.tokenizer(TEXTS[0], truncation=True, max_length=12)["input_ids"]
    assert list(first.ids) == expected
    assert first.kept == tuple(range(1, 11))
    assert (drawn.held_out.rows, drawn.training.rows) == (30, 60)


def test_packed_rows_are_full_and_begin_and_end_as_the_tokeniser_does(minilm):
    drawn = draw_own_tokens(minilm, given(TEXTS), 16, PACKED)
    cls, sep = minilm.tokenizer.cls_token_id, minilm.tokenizer.sep_token_id
    for row in (*drawn.held_out.texts, *drawn.training.texts):
        assert len(row.ids) == 16
        assert (row.ids[0], row.ids[-1]) == (cls, sep)
        assert row.kept == tuple(range(1, 15))


def test_packed_rows_hold_the_tokens_of_the_texts_one_after_another(minilm):
    drawn = draw_own_tokens(minilm, given(TEXTS), 16, PACKED)
    body = [one for row in drawn.held_out.texts for one in row.ids[1:-1]]
    whole = minilm.tokenizer(" ".join(TEXTS[:5]), add_special_tokens=False)["input_ids"]
    assert body == whole[: len(body)]


def test_the_separator_stands_between_documents_and_is_no_row(minilm):
    drawn = draw_own_tokens(minilm, given(["one two", "three four", *TEXTS]), 24, replace(PACKED, separator="[SEP]"))
    row = drawn.held_out.texts[0]
    sep = minilm.tokenizer.sep_token_id
    words = minilm.tokenizer.convert_ids_to_tokens(row.ids)
    assert words[:7] == ["[CLS]", "one", "two", "[SEP]", "three", "four", "[SEP]"]
    assert not any(row.ids[place] == sep for place in row.kept)


def test_a_separator_that_is_written_as_a_token_is_one_of_the_tokenisers(minilm):
    with pytest.raises(GatekitError, match=r"'<\|endoftext\|>' is no token of the model's tokeniser") as said:
        draw_own_tokens(minilm, given(TEXTS), 24, replace(PACKED, separator="<|endoftext|>"))
    assert "its own: [UNK], [SEP], [PAD], [CLS], [MASK];" in str(said.value)
    drawn = draw_own_tokens(minilm, given(["one", "two", *TEXTS]), 24, replace(PACKED, separator="\n * \n"))
    assert minilm.tokenizer.convert_ids_to_tokens(drawn.held_out.texts[0].ids)[:4] == ["[CLS]", "one", "*", "two"]


def test_no_text_is_both_trained_on_and_held_out_though_rows_are_packed(minilm):
    drawn = draw_own_tokens(minilm, given(TEXTS), 16, PACKED)
    assert drawn.held_out_texts and drawn.trained_on
    assert not set(drawn.held_out_texts) & set(drawn.trained_on)
    assert [*drawn.held_out_texts, *drawn.trained_on] == [
        text_sha256(text) for text in TEXTS[: len(drawn.held_out_texts) + len(drawn.trained_on)]
    ]


def test_a_long_document_fills_row_after_row(minilm):
    long = " ".join(TEXTS)
    drawn = draw_own_tokens(minilm, given([long, long + " more"]), 16, PACKED)
    ids = minilm.tokenizer(long, add_special_tokens=False)["input_ids"]
    assert [one for row in drawn.held_out.texts for one in row.ids[1:-1]] == ids[: 14 * len(drawn.held_out.texts)]
    assert drawn.held_out_texts == (text_sha256(long),)


def test_rows_of_token_ids_are_used_as_they_are(minilm):
    rows = [tuple(minilm.tokenizer(text)["input_ids"]) for text in TEXTS]
    texts = [OwnText(str(place), row, "") for place, row in enumerate(rows)]
    drawn = draw_own_tokens(minilm, texts, 64, PLAN)
    assert drawn.held_out.texts[0].ids == rows[0]
    assert drawn.held_out.texts[0].kept == tuple(range(1, len(rows[0]) - 1))


def test_padding_at_the_end_of_given_rows_is_no_token(minilm, tmp_path, evaluations):
    rows = [minilm.tokenizer(text, padding="max_length", max_length=30)["input_ids"] for text in TEXTS]
    np.save(tmp_path / "ids.npy", np.array(rows))
    drawn = draw_own_texts(minilm, replace(PLAN, paths=(str(tmp_path / "ids.npy"),)), 64, evaluations).tokens
    padding = minilm.tokenizer.pad_token_id
    assert {row.ids for row in drawn.held_out.texts} <= {tuple(one for one in row if one != padding) for row in rows}


def test_packed_token_ids_do_not_repeat_what_the_tokeniser_adds(minilm):
    rows = [tuple(minilm.tokenizer(text)["input_ids"]) for text in TEXTS]
    texts = [OwnText(str(place), row, "") for place, row in enumerate(rows)]
    row = draw_own_tokens(minilm, texts, 16, PACKED).held_out.texts[0]
    assert row.ids[:2] == rows[0][:2]
    assert row.ids.count(minilm.tokenizer.cls_token_id) == 1


def test_token_ids_that_the_model_does_not_have_are_refused(minilm):
    with pytest.raises(GatekitError, match="token 99999999 is none of the model's 30522"):
        decoder_of(minilm)((5, 99999999), None)


def test_too_few_tokens_and_a_row_without_room_are_refused(minilm):
    with pytest.raises(GatekitError, match="tokens left for the training set, 60 are asked for"):
        draw_own_tokens(minilm, given(TEXTS[:4]), 12, PLAN)
    with pytest.raises(GatekitError, match="a row of 2 tokens has no room beside the 2"):
        draw_own_tokens(minilm, given(TEXTS), 2, PACKED)


def test_more_is_read_where_tokens_are_longer_than_expected(minilm, tmp_path, evaluations, monkeypatch):
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    plan = replace(PLAN, paths=(str(path),), train_tokens=400, held_out_tokens=100)
    expected = draw_own_texts(minilm, plan, 16, evaluations).tokens
    # One character a token is far too few at first.
    monkeypatch.setattr("runners.subjects.drawn_own_texts.CHARACTERS_PER_TOKEN", 1)
    found = draw_own_texts(minilm, plan, 16, evaluations)
    assert (found.tokens.training.rows, found.tokens.held_out.rows) == (400, 100)
    assert expected.training.rows == 400
    with pytest.raises(
        GatekitError, match="9999 are asked for; there are 119 texts; none stands on both sides, and what is"
    ):
        draw_own_texts(minilm, replace(plan, train_tokens=9999), 16, evaluations)


COPIED = "a long sentence of more than thirteen words which stands word for word in an evaluation dataset too"


@pytest.fixture
def evaluations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A register of one dataset, in the place of sae-probes'."""
    folder = small_register(tmp_path / "data", [TEXTS[0], f"before: {COPIED}"])
    monkeypatch.setattr(activations, "sae_probes_folder", lambda: folder)
    return folder


def test_a_run_on_texts_of_ones_own_says_which_they_are(tmp_path, evaluations):
    assert evaluations
    path = tmp_path / "my texts.jsonl"
    texts = [TEXTS[0], *(f"{text} {COPIED}" for text in TEXTS[1:])]
    path.write_text("".join(json.dumps({"body": text, "lang": "en"}) + "\n" for text in [*texts[:2], *texts[1:]]))
    mine = (
        f"texts: {{source: files, paths: ['{path}'], column: body, filter: [{{column: lang, equals: en}}], "
        "packing: context, seed: 0, train_tokens: 600, held_out_tokens: 200}"
    )
    text = SAES.replace("texts: {source: sae-probes, seed: 0, train_tokens: 600, held_out_tokens: 200}", mine)
    assert run_stage(stage_of("ablation"), arguments(tmp_path, text + "chance: {gaussian_draws: 1}\n")) == 0
    found: dict[str, Any] = json.loads((tmp_path / "out" / "ablation.json").read_text())
    read_summary(tmp_path / "out" / "ablation.json")
    inputs = {entry["name"]: entry for entry in found["producer"]["inputs"]}
    assert inputs["texts:file:my-texts.jsonl"]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert inputs["texts:left-out-as-in-an-evaluation-dataset"]["rows"] == 1
    assert inputs["texts:left-out-as-repeated"]["rows"] == 1
    trained_on = inputs["texts:documents-trained-on"]["rows"]
    assert trained_on < inputs["texts:read-and-in-no-evaluation-dataset"]["rows"] <= 119
    assert inputs["texts:trained-on-that-share-13-words-with-an-evaluation-dataset"]["rows"] == trained_on > 5
    assert [entry["name"] for entry in found["protocol"]["datasets"]] == [
        "my-texts.jsonl:training-texts",
        "my-texts.jsonl:held-out-texts",
    ]
    settings = found["protocol"]["settings"]
    assert (settings["text_filter"], settings["text_packing"]) == ("lang = en", "texts one after another")
    assert str(tmp_path) not in json.dumps(found["producer"]["config"])


def test_an_array_of_token_ids_is_measured_on(tmp_path, evaluations, minilm):
    assert evaluations
    rows = np.array([minilm.tokenizer(text, padding="max_length", max_length=24)["input_ids"] for text in TEXTS])
    np.save(tmp_path / "ids.npy", rows)
    mine = f"texts: {{source: files, paths: ['{tmp_path}/ids.npy'], seed: 0, train_tokens: 600, held_out_tokens: 200}}"
    text = SAES.replace("texts: {source: sae-probes, seed: 0, train_tokens: 600, held_out_tokens: 200}", mine)
    assert run_stage(stage_of("ablation"), arguments(tmp_path, text + "chance: {gaussian_draws: 1}\n")) == 0
