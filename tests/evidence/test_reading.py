"""Evidence is found under files, folders and patterns; what is not evidence there is an error, not a gap."""

from __future__ import annotations

import math
import os
import tracemalloc
from pathlib import Path

import builders
import pytest

from gatekit.errors import GatekitError, UsageError
from gatekit.evidence import find_summaries, read_summaries
from gatekit.evidence.strict_json import read_regular_file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    builders.write(tmp_path / "a" / "deep", {"one.json": builders.summary("random_model", {"r2": [0.8] * 5})})
    builders.write(tmp_path / "b", {"two.json": builders.summary("ood", {"auc_drop": [0.1] * 15})})
    (tmp_path / "b" / "README.md").write_text("not evidence")
    (tmp_path / "b" / ".hidden.json").write_text("{")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "x.json").write_text("{")
    return tmp_path


def names(paths: list[str]) -> list[str]:
    return [Path(path).name for path in paths]


def test_a_folder_is_searched_at_any_depth_without_hidden_files(folder: Path) -> None:
    assert names(find_summaries([str(folder)])) == ["one.json", "two.json"]


def test_files_folders_and_patterns_name_a_file_once(folder: Path) -> None:
    paths = [str(folder / "b" / "two.json"), str(folder), str(folder / "*" / "*.json")]
    assert names(find_summaries(paths)) == ["one.json", "two.json"]
    assert names(find_summaries([str(folder / "**" / "*.json")])) == ["one.json", "two.json"]


@pytest.mark.parametrize(
    "given", [".", "./", "./b", "b//", "b/.", "./b/./two.json", "b//two.json", "b/../b", "*/t*.json"]
)
def test_a_file_is_named_as_pathlib_names_it_however_its_folder_is(
    folder: Path, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    found = find_summaries([given])
    assert found == [Path(path).as_posix() for path in found]
    assert names(found)[-1] == "two.json"


def test_a_small_file_takes_no_memory_for_the_largest_that_is_read(folder: Path) -> None:
    tracemalloc.start()
    read_regular_file(folder / "b" / "two.json", "json", 1 << 30)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 20


def test_a_file_that_grows_while_it_is_read_is_read_to_its_end(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, more = folder / "b" / "two.json", b"x" * 200_000
    whole, real = path.read_bytes() + more, os.fstat

    def grown(descriptor: int) -> os.stat_result:
        status = real(descriptor)
        with path.open("ab") as file:
            file.write(more)
        return status

    monkeypatch.setattr(os, "fstat", grown)
    assert read_regular_file(path, "json", 1 << 20) == whole


def test_minus_zero_stays_minus_zero_in_a_column_of_equal_numbers(tmp_path: Path) -> None:
    document = builders.summary("random_model", {"pw_mcc": [0.0, -0.0] * 5, "r2": [0.8] * 5})
    builders.write(tmp_path, {"one.json": document})
    (summary,), _ = read_summaries(find_summaries([str(tmp_path)]))
    signs = [math.copysign(1.0, value) for value in summary.measurements["pw_mcc"].candidate]
    assert (signs, summary.measurements["r2"].candidate) == ([1.0, -1.0] * 5, (0.8,) * 5)


def test_a_path_that_does_not_exist_is_a_usage_error(folder: Path) -> None:
    for path in ("evidnce", "*.jsn"):
        with pytest.raises(UsageError) as caught:
            find_summaries([str(folder / path)])
        assert caught.value.exit_code == 64


def test_json_that_is_no_summary_is_an_error(folder: Path) -> None:
    (folder / "b" / "notes.json").write_text("{}")
    summaries, errors = read_summaries(find_summaries([str(folder)]))
    assert (len(summaries), [e.error_id for e in errors]) == (2, ["summary.not_a_summary"])


def test_a_link_is_not_followed(folder: Path) -> None:
    os.symlink(folder / "b" / "two.json", folder / "a" / "link.json")
    _, errors = read_summaries(find_summaries([str(folder)]))
    assert len(errors) == 1
    assert "link.json" in str(errors[0])


def test_one_bad_file_does_not_hide_the_others(folder: Path) -> None:
    (folder / "bad.json").write_text('{"a": NaN}')
    summaries, errors = read_summaries(find_summaries([str(folder)]))
    assert (len(summaries), [type(e) for e in errors]) == (2, [GatekitError])


def test_what_was_refused_is_not_held_until_all_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"schema": "gatekit.summary/1"}')
    (tmp_path / "b.json").write_text("{")
    _, errors = read_summaries([str(tmp_path / "a.json"), str(tmp_path / "b.json")])
    # The frames of a traceback hold the document that was read in them.
    assert [(e.__traceback__, e.__context__, e.__cause__) for e in errors] == [(None, None, None)] * 2
