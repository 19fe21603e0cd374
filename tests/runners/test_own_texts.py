"""Texts of one's own: every form of file, what is left out, and how each fault is said."""

from __future__ import annotations

import hashlib
import json
import os
import re
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gatekit.errors import GatekitError
from runners.config import plain, read_config
from runners.stage.sae_subject import without_paths
from runners.stages.ablation.plan import AblationConfig, check
from runners.subjects.documents import document_files, read_documents
from runners.subjects.own_texts import read_own_texts
from runners.subjects.plan import TextFilter, TextPlan

pytestmark = pytest.mark.runners

TEXTS = [f"Text number {i} about {word}." for i, word in enumerate(["sea", "sand", "salt", "sun", "sky", "snow"])]
SHORT = TextPlan("files", 0, 10, 5)


def digest(text: str) -> str:
    return hashlib.sha256(text.strip().encode()).hexdigest()


def json_lines(folder: Path, rows: list[Any]) -> str:
    path = folder / "corpus.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return str(path)


def contents(plan: TextPlan) -> list[Any]:
    return [document.content for document in read_documents(plan)]


def written(form: str, folder: Path) -> TextPlan:
    """The same texts in a file of a form."""
    if form == "jsonl":
        return replace(SHORT, paths=(json_lines(folder, [{"text": text} for text in TEXTS]),))
    if form == "folder":
        import datasets

        datasets.Dataset.from_dict({"text": TEXTS}).save_to_disk(str(folder / "saved"))
        return replace(SHORT, source="folder", paths=(str(folder / "saved"),))
    path = folder / f"corpus.{form}"
    if form == "parquet":
        pd.DataFrame({"text": TEXTS}).to_parquet(path)
    else:
        path.write_text("\n\n".join(TEXTS) + "\n")
    return replace(SHORT, paths=(str(path),))


@pytest.mark.parametrize("form", ["jsonl", "parquet", "txt", "folder"])
def test_every_form_gives_the_same_texts_in_order(form, tmp_path):
    assert contents(written(form, tmp_path)) == TEXTS


def test_token_ids_come_from_rows_of_an_array_or_lists_of_a_column(tmp_path):
    ids = [[5, 6, 7], [8, 9, 10]]
    np.save(tmp_path / "ids.npy", np.array(ids, dtype=np.uint16))
    assert contents(replace(SHORT, paths=(str(tmp_path / "ids.npy"),))) == [(5, 6, 7), (8, 9, 10)]
    path = json_lines(tmp_path, [{"input_ids": row} for row in ids])
    assert contents(replace(SHORT, paths=(path,), holds="token_ids")) == [(5, 6, 7), (8, 9, 10)]


def test_several_files_are_read_in_the_order_in_which_they_are_named(tmp_path):
    (tmp_path / "b.txt").write_text("first\n")
    (tmp_path / "a.txt").write_text("second\n")
    assert contents(replace(SHORT, paths=(str(tmp_path / "b.txt"), str(tmp_path / "a.txt")))) == ["first", "second"]


def test_a_plain_text_file_is_cut_at_the_separator_wherever_reading_stops(tmp_path, monkeypatch):
    monkeypatch.setattr("runners.subjects.text_forms.plain_text.CHARACTERS_PER_READ", 3)
    (tmp_path / "a.txt").write_text("one\nline<|end|>two<|end|> \n<|end|>three")
    assert contents(replace(SHORT, paths=(str(tmp_path / "a.txt"),), separator="<|end|>")) == [
        "one\nline",
        "two",
        "three",
    ]


def test_a_filter_keeps_the_rows_with_the_value_as_json_writes_it(tmp_path):
    rows = [{"text": "a", "lang": "en", "ok": True}, {"text": "b", "lang": "de", "ok": True}]
    rows += [{"text": "c", "lang": "en", "ok": False}, {"text": "d", "lang": "en", "ok": True}]
    both = (TextFilter("lang", "en"), TextFilter("ok", "true"))
    assert contents(replace(SHORT, paths=(json_lines(tmp_path, rows),), filter=both)) == ["a", "d"]


def test_one_split_of_a_folder_with_several_is_read(tmp_path):
    import datasets

    parts = {name: datasets.Dataset.from_dict({"text": [name]}) for name in ("train", "test")}
    datasets.DatasetDict(parts).save_to_disk(str(tmp_path / "saved"))
    plan = replace(SHORT, source="folder", paths=(str(tmp_path / "saved"),))
    assert contents(replace(plan, split="test")) == ["test"]
    with pytest.raises(GatekitError, match=r"'split' must say which; it has: train, test"):
        contents(plan)


def test_the_hub_is_asked_for_the_commit_and_streamed(monkeypatch):
    import datasets

    asked = {}

    def load(name: str, configuration: str | None, **options: Any) -> Any:
        asked.update(options, name=name, configuration=configuration)
        return iter([{"body": "x"}, {"body": "y"}])

    monkeypatch.setattr(datasets, "load_dataset", load)
    plan = TextPlan("hub", 0, 10, 5, name="lab/texts", revision="a" * 40, column="body")
    assert contents(plan) == ["x", "y"]
    assert asked == {
        "name": "lab/texts",
        "configuration": None,
        "revision": "a" * 40,
        "split": "train",
        "streaming": True,
    }


def test_a_hub_that_cannot_be_reached_is_one_line(monkeypatch):
    import datasets

    def load(*_: Any, **__: Any) -> Any:
        raise ConnectionError("no network\nsecond line")

    monkeypatch.setattr(datasets, "load_dataset", load)
    with pytest.raises(GatekitError, match=r"'lab/texts' cannot be fetched: no network \["):
        contents(TextPlan("hub", 0, 10, 5, name="lab/texts", revision="a" * 40))


FAULTS: dict[str, tuple[str, bytes, dict[str, Any], str]] = {
    "bad JSON": ("a.jsonl", b'{"text": "a"}\n{"text": \n', {}, r"a\.jsonl:2:\d+: not JSON: "),
    "no object": ("a.jsonl", b"[1]\n", {}, r"a\.jsonl:1:1: a line is an object, this one is a list"),
    "missing column": (
        "a.jsonl",
        b'{"text": "a"}\n{"txt": "b"}\n',
        {},
        r"a\.jsonl:2:1: no column 'text'; did",
    ),
    "no text": ("a.jsonl", b'{"text": 3}\n', {}, r"a\.jsonl:1:1: column 'text' holds a number, not text"),
    "half a character": ("a.jsonl", b'{"text": "\\ud800"}\n', {}, r"a\.jsonl:1:1: .*half of a character"),
    "bytes": ("a.jsonl", b'{"text": "\xff"}\n', {}, r"a\.jsonl:1:1: the line is not UTF-8"),
    "deep": ("a.jsonl", b"[" * 200_000 + b"\n", {}, r"a\.jsonl:1:1: not JSON that can be read"),
    "empty JSON lines": ("a.jsonl", b"\n\n", {}, r"a\.jsonl: the file is empty"),
    "empty text": ("a.txt", b" \n", {}, r"a\.txt: the file is empty"),
    "no parquet": ("a.parquet", b"PAR1", {}, r"a\.parquet: not a parquet file"),
    "no array": ("a.npy", b"\x93NUMPY", {}, r"a\.npy: not an array that numpy reads without unpickling"),
    "no header": ("a.npy", b"\x93NUMPY\x01\x00\x06\x00{'des(", {}, r"a\.npy: not an array that numpy reads"),
    "no ids": ("a.jsonl", b'{"input_ids": [1, true]}\n', {"holds": "token_ids"}, r"a\.jsonl:1:1: .* no list of whole"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_fault_of_a_file_has_its_file_and_line(case, tmp_path):
    name, content, more, message = FAULTS[case]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(GatekitError) as caught:
        contents(replace(SHORT, paths=(str(tmp_path / name),), **more))
    assert re.search(message, str(caught.value)), str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_missing_column_of_parquet_are_said(tmp_path):
    with pytest.raises(GatekitError, match=r"none\.jsonl: the file cannot be read: No such file"):
        contents(replace(SHORT, paths=(str(tmp_path / "none.jsonl"),)))
    pd.DataFrame({"body": ["a"]}).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(GatekitError, match=r"a\.parquet: no column 'text'; its columns: body"):
        contents(replace(SHORT, paths=(str(tmp_path / "a.parquet"),)))


def test_pickled_arrays_are_not_read(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(GatekitError, match="without unpickling"):
        contents(replace(SHORT, paths=(str(tmp_path / "a.npy"),)))


def decode(ids: tuple[int, ...], _: Any) -> str:
    return " ".join(map(str, ids))


def test_repeated_texts_and_those_of_an_evaluation_are_left_out_and_counted(tmp_path):
    rows = [{"text": text} for text in ("a", " a\n", "b", "c", "", "c ")]
    found = read_own_texts(replace(SHORT, paths=(json_lines(tmp_path, rows),)), 8, {digest("b")}, decode)
    assert {text.text for text in found.texts} == {"a", "c"}
    assert found.in_evaluation == (digest("b"),)
    assert found.repeated == (digest("a"), digest("c"))
    assert [text.sha256 for text in found.texts] == [digest(text.text) for text in found.texts]


def test_token_ids_are_told_apart_by_the_text_that_they_decode_to(tmp_path):
    np.save(tmp_path / "ids.npy", np.array([[1, 2], [3, 4], [1, 2]]))
    plan = replace(SHORT, paths=(str(tmp_path / "ids.npy"),))
    found = read_own_texts(plan, 8, {digest("3 4")}, decode)
    assert [text.content for text in found.texts] == [(1, 2)]
    assert (found.in_evaluation, found.repeated) == ((digest("3 4"),), (digest("1 2"),))


def test_the_order_depends_on_the_seed_and_on_each_text_alone(tmp_path):
    def order(texts: list[str], seed: int) -> list[str]:
        plan = replace(SHORT, seed=seed, paths=(json_lines(tmp_path, [{"text": text} for text in texts]),))
        return [text.text for text in read_own_texts(plan, 8, set(), decode).texts]

    assert len({tuple(order(TEXTS, seed)) for seed in range(10)}) > 5
    assert [text for text in order([*TEXTS, "more"], 3) if text != "more"] == order(TEXTS, 3)


def test_no_more_is_read_than_is_needed(tmp_path, monkeypatch):
    monkeypatch.setattr("runners.subjects.own_texts.CHARACTERS_PER_TOKEN", 2)
    rows = [{"text": f"{i:010d}"} for i in range(50)]
    # 15 tokens at 2 characters are 30: three texts of ten characters; the broken line behind them is not reached.
    path = Path(json_lines(tmp_path, rows))
    path.write_text(path.read_text() + "broken\n")
    assert len(read_own_texts(replace(SHORT, paths=(str(path),)), 100, set(), decode).texts) == 3


def test_a_filter_that_no_row_passes_and_texts_that_are_all_left_out_are_refused(tmp_path):
    plan = replace(SHORT, paths=(json_lines(tmp_path, [{"text": "a", "lang": "en"}]),))
    with pytest.raises(GatekitError, match="no row has lang = fr; rows have lang = en"):
        read_own_texts(replace(plan, filter=(TextFilter("lang", "fr"),)), 8, set(), decode)
    with pytest.raises(GatekitError, match="no text is left: 1 of 1 stand in evaluation datasets"):
        read_own_texts(plan, 8, {digest("a")}, decode)


@pytest.mark.parametrize(("packing", "sizes"), [("text", {8, 4}), ("context", {128, 20})])
def test_a_long_row_of_ids_is_cut_so_that_both_sides_have_parts_of_it(packing, sizes, tmp_path):
    np.save(tmp_path / "ids.npy", np.arange(2708) % 990)
    plan = replace(SHORT, paths=(str(tmp_path / "ids.npy"),), packing=packing, train_tokens=2000)
    found = read_own_texts(plan, 8, set(), decode)
    assert {len(text.content) for text in found.texts} == sizes


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.jsonl")
    with pytest.raises(GatekitError, match=r"a\.jsonl: no ordinary file"):
        document_files(replace(SHORT, paths=(str(tmp_path / "a.jsonl"),)))


def test_a_pattern_of_names_is_no_name(tmp_path):
    with pytest.raises(GatekitError, match="name each file: a pattern is not looked up"):
        document_files(replace(SHORT, paths=(str(tmp_path / "*.jsonl"),)))


def test_a_file_is_named_by_its_name_and_digest(tmp_path):
    (tmp_path / "a.txt").write_text("one")
    (found,) = document_files(replace(SHORT, paths=(str(tmp_path / "a.txt"),)))
    assert (found.name, found.sha256) == ("a.txt", hashlib.sha256(b"one").hexdigest())


def test_the_digest_of_a_folder_changes_with_any_of_its_files(tmp_path):
    plan = written("folder", tmp_path)
    (before,) = document_files(plan)
    (tmp_path / "saved" / "state.json").write_text("{}")
    (after,) = document_files(plan)
    assert (before.name, before.sha256 == after.sha256) == ("saved", False)


SAES = """\
threads: 1
seeds: [0, 1]
subject: {model: {source: package, name: m}, hook: h, d_model: 8, max_tokens_per_text: 8}
texts: {TEXTS, seed: 0, train_tokens: 600, held_out_tokens: 200}
sae: {architecture: topk, d_sae: 48, k: 4, auxiliary_k: 16}
training: {steps: 8, batch_tokens: 64, learning_rate: 2.0e-3, warmup_fraction: 0.1, decay_fraction: 0.2,
  auxiliary_coefficient: 0.03125, dead_after_tokens: 128, gradient_clip: 1.0, centre: mean}
chance: {gaussian_draws: 1}
"""


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str], AblationConfig]:
    def go(texts: str) -> AblationConfig:
        path = tmp_path / "c.yaml"
        path.write_text(SAES.replace("TEXTS", texts))
        return read_config(path, AblationConfig)

    return go


def test_a_configuration_on_sae_probes_texts_has_the_plain_form_that_it_had(read):
    assert plain(read("source: sae-probes"))["texts"] == {
        "source": "sae-probes",
        "seed": 0,
        "train_tokens": 600,
        "held_out_tokens": 200,
    }


def test_what_is_recorded_of_a_configuration_names_files_without_their_folders(read):
    config = read("source: files, paths: [/some/where/a.jsonl], filter: [{column: lang, equals: en}]")
    check(config)
    assert without_paths(config)["texts"]["paths"] == ["a.jsonl"]
    assert without_paths(config)["texts"]["filter"] == [{"column": "lang", "equals": "en"}]


KEYS = {
    "source: sae-probes, column: a": "'column' is for texts of your own",
    "source: files": "needs 'paths'",
    "source: files, paths: [a.doc]": "its form is told by the end of its name: .jsonl",
    "source: files, paths: [a.jsonl, b.txt]": "files of one form are read together",
    "source: files, paths: [a.txt], column: text": "'column' is for files with columns",
    "source: files, paths: [a.jsonl], split: train": "'split' is for a folder or the hub",
    "source: files, paths: [a.jsonl], separator: x": "neither is asked for",
    "source: files, paths: [a.txt], holds: token_ids": "a .txt file holds text",
    "source: folder, paths: [a, b]": "a folder is one path",
    "source: hub, name: a/b": "needs 'name' and 'revision'",
    "source: hub, name: a/b, revision: main": "'revision' is the commit in full",
    "source: folder, paths: [a], revision: main": "'revision' is for the hub",
}


@pytest.mark.parametrize("texts", KEYS)
def test_keys_that_do_not_go_together_are_refused_at_their_place(texts, read):
    with pytest.raises(GatekitError) as caught:
        check(read(texts))
    assert KEYS[texts] in str(caught.value)
    assert "c.yaml:4:" in str(caught.value)


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
