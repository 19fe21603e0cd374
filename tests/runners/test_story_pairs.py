from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest

from gatekit.errors import GatekitError
from runners.digests import text_sha256
from runners.subjects.story_pairs import fetch_pairs, labelled_pairs, read_pairs

pytestmark = pytest.mark.runners

ROWS = [
    {"story1": "a dog ran", "story2": "a cat ran", "subject": "animal"},
    {"story1": " it rained ", "story2": "it snowed", "subject": "weather", "extra": 1},
    {"story1": "he sang", "story2": "she sang", "subject": "singer"},
]


def jsonl(folder: Path, rows: Sequence[object] = ROWS, name: str = "pairs.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_the_first_rows_of_a_file_are_taken_in_its_order(tmp_path):
    found = read_pairs(jsonl(tmp_path), 2)
    assert [(pair.story1, pair.story2, pair.subject) for pair in found.pairs] == [
        ("a dog ran", "a cat ran", "animal"),
        ("it rained", "it snowed", "weather"),
    ]
    assert found.name == "pairs.jsonl"


def test_parquet_and_jsonl_are_the_same_pairs_by_digest(tmp_path):
    path = tmp_path / "pairs.parquet"
    pd.DataFrame(ROWS)[["subject", "story2", "story1"]].to_parquet(path)
    assert read_pairs(path, 3).sha256 == read_pairs(jsonl(tmp_path), 3).sha256


def test_all_first_stories_come_before_all_second_ones(tmp_path):
    stories = read_pairs(jsonl(tmp_path), 2).stories
    assert stories.texts == ("a dog ran", "it rained", "a cat ran", "it snowed")
    assert stories.labels == (0, 0, 1, 1)


def test_the_digest_changes_with_order_and_with_which_story_is_first(tmp_path):
    turned = [{**ROWS[0], "story1": "a cat ran", "story2": "a dog ran"}, ROWS[1]]
    files = [jsonl(tmp_path, rows, f"{i}.jsonl") for i, rows in enumerate((ROWS[:2], ROWS[1::-1], turned))]
    assert len({read_pairs(path, 2).sha256 for path in files}) == 3


def test_a_subject_may_have_another_column(tmp_path):
    path = jsonl(tmp_path, [{"story1": "x", "story2": "y", "subject_title": "z"}])
    assert read_pairs(path, 1, "subject_title").pairs[0].subject == "z"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"story1": "x", "subject": "z"}, "story1, story2, subject must be texts"),
        ({"story1": "x", "story2": "  ", "subject": "z"}, "must be texts that are not empty"),
        ({"story1": "x", "story2": 3, "subject": "z"}, "must be texts"),
        ({"story1": "x", "story2": "x ", "subject": "z"}, "the two stories are the same"),
        ([1], "no JSON object"),
    ],
)
def test_a_faulty_row_is_refused_at_its_line(tmp_path, row, message):
    with pytest.raises(GatekitError, match=message) as caught:
        read_pairs(jsonl(tmp_path, [ROWS[0], row]), 2)
    assert caught.value.location is not None
    assert caught.value.location.line == 2


def test_a_line_that_is_no_json_is_refused(tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_text("{'story1': 1}\n")
    with pytest.raises(GatekitError, match="no JSON"):
        read_pairs(path, 1)


def test_fewer_rows_than_asked_for_are_refused_and_not_made_do_with(tmp_path):
    with pytest.raises(GatekitError, match="3 pairs, 4 are asked for"):
        read_pairs(jsonl(tmp_path), 4)


def test_a_parquet_file_without_a_column_is_refused(tmp_path):
    pd.DataFrame(ROWS)[["story1", "story2"]].to_parquet(tmp_path / "p.parquet")
    with pytest.raises(GatekitError, match="no column 'subject'"):
        read_pairs(tmp_path / "p.parquet", 1)


@pytest.mark.parametrize(("name", "message"), [("none.jsonl", "no such file"), ("pairs.csv", "jsonl and .parquet")])
def test_another_kind_of_file_or_none_is_refused(tmp_path, name, message):
    (tmp_path / "pairs.csv").write_text("story1,story2,subject\n")
    with pytest.raises(GatekitError, match=message):
        read_pairs(tmp_path / name, 1)


def test_pairs_from_the_hub_are_the_files_of_the_split_in_order(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    jsonl(tmp_path / "data", ROWS[2:], "train-00001.jsonl")
    jsonl(tmp_path / "data", ROWS[:2], "train-00000.jsonl")
    jsonl(tmp_path / "data", ROWS[:1], "test-00000.jsonl")
    asked = {}

    def download(name: str, **options: object) -> str:
        asked.update({"name": name, **options})
        return str(tmp_path)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    found = fetch_pairs("owner/stories", "v4", "train", 3)
    assert [pair.subject for pair in found.pairs] == ["animal", "weather", "singer"]
    assert (asked["name"], asked["repo_type"], asked["revision"]) == ("owner/stories", "dataset", "v4")
    with pytest.raises(GatekitError, match="for the split 'dev'"):
        fetch_pairs("owner/stories", "v4", "dev", 3)


def test_a_hub_that_cannot_be_reached_is_one_line_and_no_traceback():
    # The tests' environment forbids the hub.
    with pytest.raises(GatekitError, match="'owner/stories' cannot be fetched") as caught:
        fetch_pairs("owner/stories", None, "train", 3)
    assert caught.value.error_id == "pairs.hub"


@pytest.fixture
def data(tmp_path) -> Path:
    """Two registered datasets that share the texts s0 to s4."""
    (tmp_path / "cleaned_data").mkdir()
    for name, letter in (("1_x", "x"), ("2_y", "y")):
        shared, own = [f"s{i}" for i in range(5)], [f"{letter}{i}" for i in range(20)]
        frame = pd.DataFrame({"prompt": shared + own, "target": [1] * 5 + [i % 2 for i in range(20)]})
        frame.to_csv(tmp_path / "cleaned_data" / f"{name}.csv.zst", index=False, compression="zstd")
    register = pd.DataFrame(
        {"Data type": ["Binary Classification"] * 2, "Dataset save name": ["a/1_x.csv", "a/2_y.csv"]}
    )
    register.to_csv(tmp_path / "probing_datasets_MASTER.csv.zst", index=False, compression="zstd")
    return tmp_path


def label(text: str) -> int:
    return 1 if text.startswith("s") else int(text[1:]) % 2


def test_a_made_pair_is_of_one_dataset_and_opposite_labels(data):
    found = labelled_pairs(data, 14, 0)
    for pair in found.pairs:
        assert (label(pair.story1), label(pair.story2)) == (0, 1)
        assert {text[0] for text in (pair.story1, pair.story2)} <= {pair.subject[-1], "s"}
    assert [pair.subject for pair in found.pairs[:4]] == ["1_x", "2_y", "1_x", "2_y"]


def test_no_text_stands_in_two_pairs_though_two_datasets_have_it(data):
    digests = [digest for pair in labelled_pairs(data, 20, 0).pairs for digest in pair.digests]
    assert len(set(digests)) == len(digests) == 40


def test_more_pairs_are_the_same_pairs_and_more(data):
    assert labelled_pairs(data, 15, 0).pairs[:6] == labelled_pairs(data, 6, 0).pairs
    assert labelled_pairs(data, 6, 1).sha256 != labelled_pairs(data, 6, 0).sha256


def test_datasets_may_be_named(data):
    assert {pair.subject for pair in labelled_pairs(data, 5, 0, ["2_y"]).pairs} == {"2_y"}
    with pytest.raises(GatekitError, match="dataset '2_z'"):
        labelled_pairs(data, 5, 0, ["2_z"])


def test_too_few_pairs_are_refused(data):
    # Ten texts of label 0 in either dataset.
    with pytest.raises(GatekitError, match="20 pairs, 21 are asked for"):
        labelled_pairs(data, 21, 0)


def test_text_digests_are_those_of_the_corpus(data):
    pair = labelled_pairs(data, 1, 0).pairs[0]
    assert pair.digests == (text_sha256(pair.story1), text_sha256(pair.story2))
