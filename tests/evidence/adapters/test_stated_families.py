"""`gatekit import --families`: which datasets or rows of another tool's results are near copies, from a CSV file."""

from __future__ import annotations

from pathlib import Path

import builders
import pytest

from gatekit.errors import GatekitError
from gatekit.evidence.adapters.stated_families import read_families, with_families


def stated(folder: Path, text: str):
    path = folder / "families.csv"
    path.write_text(text)
    return read_families(str(path))


def saebench():
    values = [0.1 * (index % 4) for index in range(15)]
    return builders.summary("saebench", {"auc_delta": (values, [0.0] * 15)})


def cebench():
    values = [0.1 * (index % 4) for index in range(20)]
    return builders.summary("cebench", {"interpretability_delta": (values, [0.0] * 20)})


NEWS = "dataset,family\nagnews,news\nnewsgroups,news\nimdb,reviews\n"


def test_datasets_get_the_families_of_the_file(tmp_path: Path) -> None:
    (document,) = with_families([saebench()], stated(tmp_path, NEWS))
    assert document["protocol"]["families"] == {"datasets": {"news": ["agnews", "newsgroups"], "reviews": ["imdb"]}}


def test_rows_do_too(tmp_path: Path) -> None:
    (document,) = with_families([cebench()], stated(tmp_path, "row,family\n0,cats\n1,cats\n2,dogs\n3,dogs\n"))
    assert document["protocol"]["families"] == {"rows": {"cats": [0, 1], "dogs": [2, 3]}}


def test_a_summary_without_rows_stays_as_it_is(tmp_path: Path) -> None:
    rows = stated(tmp_path, "row,family\n0,cats\n1,cats\n2,dogs\n3,dogs\n")
    other = saebench()
    assert with_families([other, cebench()], rows)[0] == other


@pytest.mark.parametrize(
    ("text", "says", "line"),
    [
        ("name,family\nagnews,news\n", "the columns are name, family", 1),
        (NEWS + "imdb,films\n", "the dataset 'imdb' is there twice", 5),
        (NEWS + "imbd,films\n", "no result has a dataset 'imbd'", 5),
        ("dataset,family\nagnews,news\nimdb,reviews\n", "'newsgroups' of the results has no family here", None),
        ("dataset,family\nagnews,\n", "lacks its family", 2),
        ("row,family\n-1,cats\n", "'-1' is no number of a row", 2),
        ("row,family\n0,cats\n", "no result has a row '0'", 2),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(tmp_path: Path, text: str, says: str, line: int | None) -> None:
    with pytest.raises(GatekitError, match=says) as refused:
        with_families([saebench()], stated(tmp_path, text))
    assert refused.value.location is not None
    assert (refused.value.error_id, refused.value.location.line) == ("adapter.families", line)
    assert refused.value.exit_code == 4


def test_known_families_are_not_replaced(tmp_path: Path) -> None:
    known = saebench()
    known["protocol"]["families"] = {"datasets": {"one": ["agnews", "imdb", "newsgroups"]}}
    with pytest.raises(GatekitError, match="are known"):
        with_families([known], stated(tmp_path, NEWS))


def test_a_file_beyond_its_limit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GatekitError, match=r"larger than|bytes"):
        stated(tmp_path, "dataset,family\n" + " " * (16 << 20))
