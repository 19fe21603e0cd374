"""Forms of files that texts are read from: the same texts out of each, and one line for each fault."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gatekit.errors import GatekitError
from runners.subjects.documents import document_files, read_documents
from runners.subjects.own_labelled import read_own_labelled
from runners.subjects.plan import OwnLabelledPlan, TextFilter, TextPlan
from runners.subjects.text_forms import json_values, unpacking
from runners.subjects.text_forms.registry import SUFFIXES, suffix_of

pytestmark = [pytest.mark.runners, pytest.mark.filterwarnings("ignore")]

PLAN = TextPlan("files", 0, 10, 5)
TEXTS = ["one, two", 'three "four"', "five\nsix\tseven", "eight"]
RECORDS = [
    {"text": text, "meta": {"lang": lang, "text": text.upper()}} for text, lang in zip(TEXTS, "eedd", strict=True)
]


def contents(plan: TextPlan) -> list[Any]:
    return [document.content for document in read_documents(plan)]


def of(path: Path, **more: Any) -> TextPlan:
    return replace(PLAN, paths=(str(path),), **more)


def zstd(content: bytes) -> bytes:
    import pyarrow

    return bytes(pyarrow.compress(content, "zstd", asbytes=True))


def arrow(path: Path, as_stream: bool) -> None:
    import pyarrow

    table = pyarrow.Table.from_pylist(RECORDS)
    new = pyarrow.ipc.new_stream if as_stream else pyarrow.ipc.new_file
    with new(str(path), table.schema) as writer:
        writer.write_table(table, max_chunksize=3)


LINES = "".join(f"{json.dumps(record)}\n" for record in RECORDS)
FILES: dict[str, bytes] = {
    "array.json": json.dumps(RECORDS).encode(),
    "indented.json": json.dumps(RECORDS, indent=2).encode(),
    "with a mark.json": b"\xef\xbb\xbf" + json.dumps(RECORDS).encode(),
    "object.json": json.dumps({"version": 1, "tags": ["a"], "data": RECORDS}).encode(),
    "indented-object.json": json.dumps({"data": RECORDS}, indent=1).encode(),
    "lines.json": LINES.encode(),
    "lines.json.gz": gzip.compress(LINES.encode()),
    "lines.jsonl.gz": gzip.compress(LINES.encode()),
    "two members.jsonl.gz": gzip.compress(LINES[:100].encode()) + gzip.compress(LINES[100:].encode()),
    "lines.jsonl.zst": zstd(LINES.encode()),
    "two frames.jsonl.zst": zstd(LINES[:100].encode()) + zstd(LINES[100:].encode()),
    "array.json.zst": zstd(json.dumps(RECORDS).encode()),
    "table.csv": pd.DataFrame(RECORDS).to_csv(index=False).encode(),
    "table.tsv": pd.DataFrame(RECORDS).to_csv(index=False, sep="\t").encode(),
    "table.csv.gz": gzip.compress(pd.DataFrame(RECORDS).to_csv(index=False).encode()),
}


@pytest.mark.parametrize("name", [*FILES, "stream.arrow", "file.arrow"])
def test_every_form_gives_the_same_texts_in_order(name: str, tmp_path: Path):
    path = tmp_path / name
    if name.endswith("arrow"):
        arrow(path, name.startswith("stream"))
    else:
        path.write_bytes(FILES[name])
    assert contents(of(path)) == TEXTS


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
def test_packed_plain_text_is_cut_as_plain_text_is(pack: Any, tmp_path: Path):
    path = tmp_path / f"a.txt.{'zst' if pack is zstd else 'gz'}"
    path.write_bytes(pack("one\ntwo\r\n\nthr\u00e9e".encode()))
    assert contents(of(path)) == ["one", "two", "thr\u00e9e"]


def test_a_shard_of_a_folder_that_datasets_saved_is_read_by_itself(tmp_path: Path):
    import datasets

    datasets.Dataset.from_list(RECORDS).save_to_disk(str(tmp_path / "saved"))
    assert contents(of(tmp_path / "saved" / "data-00000-of-00001.arrow")) == TEXTS


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_records_are_the_same_wherever_reading_stops(size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(json_values, "_CHARACTERS_PER_READ", size)
    for name in ("array.json", "indented.json", "object.json", "indented-object.json", "lines.json"):
        (tmp_path / name).write_bytes(FILES[name])
        assert contents(of(tmp_path / name)) == TEXTS


@pytest.mark.parametrize("form", ["jsonl", "json", "parquet", "arrow", "folder"])
def test_a_column_within_another_is_named_from_the_outer_one_inwards(form: str, tmp_path: Path):
    import datasets

    path = tmp_path / f"a.{form}"
    match form:
        case "jsonl":
            path.write_text(LINES)
        case "json":
            path.write_text(json.dumps(RECORDS))
        case "parquet":
            datasets.Dataset.from_list(RECORDS).to_parquet(path)
        case "arrow":
            arrow(path, as_stream=True)
        case _:
            datasets.Dataset.from_list(RECORDS).save_to_disk(str(path))
    plan = replace(of(path), source="folder" if form == "folder" else "files")
    filtered = replace(plan, column="meta.text", filter=(TextFilter("meta.lang", "e"),))
    assert contents(filtered) == [text.upper() for text in TEXTS[:2]]
    with pytest.raises(GatekitError, match=r"no column 'meta\.body'"):
        contents(replace(plan, column="meta.body"))


def test_a_dot_in_the_name_of_a_column_is_no_path(tmp_path: Path):
    (tmp_path / "a.jsonl").write_text('{"data.text": "one", "data": {"text": "two"}}\n')
    assert contents(of(tmp_path / "a.jsonl", column="data.text")) == ["one"]


def test_labelled_texts_are_read_from_the_same_forms(tmp_path: Path):
    rows = [{"x": {"text": f"text {i}"}, "label": i % 2} for i in range(8)]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    found = read_own_labelled(OwnLabelledPlan("a", str(tmp_path / "a.json"), text="x.text"), None, 0)
    assert sorted(zip(found.texts, found.labels, strict=True)) == [(f"text {i}", i % 2) for i in range(8)]


FAULTS: dict[str, tuple[str, bytes, str]] = {
    "no records": ("a.json", b"[1, 2]", r"a\.json:1:1: a record is an object, this one is a number"),
    "a text": ("a.json", b'"text"', r"a\.json:1:1: neither an array of objects nor an object"),
    "broken record": ("a.json", b'[{"text": "a"},\n{"text": }]', r"a\.json:2:1: not JSON: Expecting value"),
    "no end": ("a.json", b'[{"text": "a"}\n', r"a\.json:2:1: the array of records does not end"),
    "no comma": ("a.json", b'[{"text": "a"}\n{"text": "b"}]', r"a\.json:2:1: no comma between two records"),
    "more behind": ("a.json", b'[{"text": "a"}]\n[]', r"a\.json:2:1: something stands behind the array"),
    "comma at the end": ("a.json", b'[{"text": "a"},]', r"a\.json:1:1: "),
    "several arrays": (
        "a.json",
        b'{"train": [{"text": "a"}],\n "test": [{"text": "b"}]}',
        r"a\.json:1:1: an object with several arrays of records: train, test; jq '\.train' writes one",
    ),
    "no column of the object": ("a.json", b'{"data": [{"body": "a"}]}', r"a\.json:1:1: data: no column 'text'"),
    "empty array": ("a.json", b"[]", r"a\.json: the file is empty"),
    "empty": ("a.json", b" \n", r"a\.json: the file is empty"),
    "deep": ("a.json", b'[{"a": ' + b"[" * 200_000, r"a\.json:1:1: not JSON"),
    "no JSON after lines": ("a.json", b'{"text": "a"}\n{"text": \n', r"a\.json:2:\d+: not JSON"),
    "other characters": (
        "a.json",
        b'[{"text": "a"},\n{"text": "\xff"}]',
        r"a\.json:2:11: the file is not UTF-8: byte 0xff",
    ),
    "other characters, CSV": ("a.csv", b"text\na\ncaf\xe9\n", r"a\.csv:3:4: the file is not UTF-8: byte 0xe9"),
    "other characters, packed": ("a.txt.gz", gzip.compress(b"a\ncaf\xe9"), r"a\.txt\.gz:2:4: the file is not UTF-8"),
    "not packed": (
        "a.jsonl.gz",
        b'{"text": "a"}\n',
        r"a\.jsonl\.gz: cannot be unpacked after 0 bytes of what it holds",
    ),
    "cut off": ("a.jsonl.zst", zstd(LINES.encode())[:-4], r"a\.jsonl\.zst: cannot be unpacked after [0-9,]+ bytes"),
    "cut off, gzip": ("a.txt.gz", gzip.compress(b"one\n" * 9)[:-12], r"a\.txt\.gz: cannot be unpacked after"),
    "bad line": ("a.jsonl.gz", gzip.compress(b'{"text": "a"}\n{\n'), r"a\.jsonl\.gz:2:\d+: not JSON: "),
    "no Arrow": ("a.arrow", b"ARROW1\0\0", r"a\.arrow: not a file of Arrow's"),
    "ragged": ("a.tsv", b"text\tn\na\n", r"a\.tsv:2:1: 1 values, and the header has 2 columns"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_fault_is_one_line_with_file_and_line(case: str, tmp_path: Path):
    name, content, message = FAULTS[case]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(GatekitError, match=message) as caught:
        contents(of(tmp_path / name))
    assert "\n" not in str(caught.value)


def test_a_record_without_an_end_is_not_read_on_and_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(json_values, "LONGEST_ROW", 1000)
    monkeypatch.setattr(json_values, "_CHARACTERS_PER_READ", 100)
    (tmp_path / "a.json").write_text('[{"text": "' + "a" * 100_000)
    with pytest.raises(GatekitError, match=r"a\.json:1:1: no JSON value ends within 1,000 characters"):
        contents(of(tmp_path / "a.json"))


@pytest.mark.parametrize(
    ("suffix", "pack"), [("txt.gz", gzip.compress), ("jsonl.zst", zstd), ("csv.gz", gzip.compress)]
)
def test_a_file_that_holds_hundreds_of_times_its_size_is_refused_in_one_line(
    suffix: str, pack: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(unpacking, "ALWAYS", 1000)
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(pack((b"text\n" if suffix == "csv.gz" else b"") + b"\n" * 10_000_000))
    with pytest.raises(GatekitError, match="100 times its size, which text does not") as caught:
        contents(of(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["torch", "numpy", "pandas", "arrow"])
def test_a_folder_is_the_same_whatever_format_it_was_saved_with(kind: str, tmp_path: Path):
    import datasets

    stored = datasets.Dataset.from_dict({"input_ids": [[5, 6, 7]], "n": [1]})
    stored.save_to_disk(str(tmp_path / "plain" / "saved"))
    stored.with_format(kind, columns=["n"]).save_to_disk(str(tmp_path / kind / "saved"))
    plans = [replace(of(tmp_path / part / "saved"), source="folder", holds="token_ids") for part in ("plain", kind)]
    assert [contents(plan) for plan in plans] == [[(5, 6, 7)], [(5, 6, 7)]]
    assert document_files(plans[0]) == document_files(plans[1])


def test_other_rows_are_another_folder(tmp_path: Path):
    import datasets

    for name in ("one", "two"):
        datasets.Dataset.from_dict({"text": [name]}).save_to_disk(str(tmp_path / name / "saved"))
    (one,), (two,) = (document_files(replace(of(tmp_path / n / "saved"), source="folder")) for n in ("one", "two"))
    assert one.sha256 != two.sha256


def test_one_configuration_of_a_dataset_is_streamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import datasets

    hub = tmp_path / "hub"
    hub.mkdir()
    for name in ("en", "de"):
        (hub / f"{name}.jsonl").write_text(json.dumps({"text": f"text of {name}"}) + "\n")
    entries = "".join(f"- config_name: {name}\n  data_files: {name}.jsonl\n" for name in ("en", "de"))
    (hub / "README.md").write_text(f"---\nconfigs:\n{entries}---\n")
    real, asked = datasets.load_dataset, {}

    def load(name: str, *arguments: Any, revision: str, **options: Any) -> Any:
        asked.update(name=name, revision=revision)
        return real(str(hub), *arguments, **options)

    monkeypatch.setattr(datasets, "load_dataset", load)
    monkeypatch.chdir(tmp_path)
    plan = TextPlan("hub", 0, 10, 5, name="lab/texts", revision="a" * 40, configuration="de")
    assert contents(plan) == ["text of de"]
    assert asked == {"name": "lab/texts", "revision": "a" * 40}
    (named,), (other,) = (document_files(replace(plan, configuration=each)) for each in ("de", "en"))
    assert named.sha256 != other.sha256


def test_a_folder_of_the_datasets_name_is_not_read_in_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "lab" / "texts").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GatekitError, match="there is a folder 'lab/texts' here, which would be read in place of"):
        contents(TextPlan("hub", 0, 10, 5, name="lab/texts", revision="a" * 40))


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        *((f"a{suffix}", suffix) for suffix in SUFFIXES),
        *(("A.JSONL.GZ", ".jsonl"), ("v1.2.txt.zst", ".txt"), ("a.parquet.gz", None), ("a.gz", None), ("jsonl", None)),
    ],
)
def test_the_end_of_a_name_tells_the_form(name: str, suffix: str | None):
    assert suffix_of(f"some/folder.csv/{name}") == suffix


READ_ONE = """
import sys
from pathlib import Path
from runners.subjects.documents import read_documents
from runners.subjects.plan import TextPlan
list(read_documents(TextPlan("files", 0, 10, 5, paths=("a.jsonl",))))
print(*sorted(name.rpartition(".")[2] for name in sys.modules if name.startswith("runners.subjects.text_forms.")))
"""


def test_readers_of_other_forms_are_not_imported(tmp_path: Path):
    (tmp_path / "a.jsonl").write_text(LINES)
    root = Path(__file__).resolve().parents[2]
    environment = {"PYTHONPATH": str(root), "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", READ_ONE], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["json_lines", "registry", "unpacking"]
