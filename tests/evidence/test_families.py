"""Families of datasets and rows: near copies that count as one random draw."""

from __future__ import annotations

import builders
import pytest

from gatekit.errors import GatekitError
from gatekit.evidence.checks import check_document
from gatekit.evidence.dataset_families import dataset_families, family_of, row_families
from gatekit.evidence.parsed_summary import summary_from
from gatekit.evidence.schemas import check_summary
from gatekit.evidence.summary import Summary

CELLS = builders.around(0.9, 0.01, 15)
ROWS = builders.around(4.0, 0.2, 20)


def read(document: builders.Json) -> Summary:
    kind = check_summary(document, "s.json")
    check_document(document, "s.json", kind)
    return summary_from(document, "s.json", "0" * 64, kind)


def of_datasets(families: object) -> builders.Json:
    return builders.summary("saebench", {"auc": CELLS}, protocol_changes={"families": {"datasets": families}})


def of_rows(families: object) -> builders.Json:
    observations = {"contrastive": ROWS}
    return builders.summary("cebench", observations, protocol_changes={"families": {"rows": families}})


def test_every_observation_has_the_family_of_its_dataset() -> None:
    found = read(of_datasets({"news": ["agnews", "newsgroups"], "films": ["imdb"]}))
    assert found.measurements["auc"].families == ("news", "films", "news") * 5


def test_every_observation_has_the_family_of_its_row() -> None:
    found = read(of_rows({"a": [0, 3], "b": [1, 2]}))
    assert found.measurements["contrastive"].families == ("a", "b", "b", "a") * 5


def test_evidence_without_families_has_none() -> None:
    assert read(builders.summary("saebench", {"auc": CELLS})).measurements["auc"].families is None


BOROUGHS = ["114_nyc_borough_Manhattan", "115_nyc_borough_Brooklyn", "21_headline_istrump"]


def renamed(names: list[str], families: object = None, digests: list[str] | None = None) -> builders.Json:
    """The summary of three datasets, by other names or digests."""
    document = builders.summary("saebench", {"auc": CELLS})
    old = [dataset["name"] for dataset in document["protocol"]["datasets"]]
    for index, dataset in enumerate(document["protocol"]["datasets"]):
        dataset["name"] = names[index]
        dataset["sha256"] = digests[index] if digests else dataset["sha256"]
    columns = document["measurements"]["auc"]["columns"]
    columns["dataset"] = [names[old.index(name)] for name in columns["dataset"]]
    if families is not None:
        document["protocol"]["families"] = {"datasets": families}
    return document


def test_known_near_copies_are_one_family_although_the_evidence_names_none() -> None:
    found = read(renamed(BOROUGHS)).measurements["auc"].families
    assert found is not None
    assert (found[0] == found[1], found[0] == found[2]) == (True, False)


def test_known_near_copies_are_one_family_whatever_the_evidence_calls_them() -> None:
    apart = {f"own_{index}": [name] for index, name in enumerate(BOROUGHS)}
    found = read(renamed(BOROUGHS, apart)).measurements["auc"].families
    assert found == ("own_0", "own_0", "own_2") * 5


def test_a_stated_family_of_what_is_known_as_two_stays_one() -> None:
    found = read(renamed(BOROUGHS, {"all": BOROUGHS})).measurements["auc"].families
    assert found == ("all",) * 15


def test_one_dataset_under_two_names_is_one_family_by_its_bytes() -> None:
    names, digests = ["a", "b", "c"], ["1" * 64, "2" * 64, "1" * 64]
    found = read(renamed(names, digests=digests)).measurements["auc"].families
    assert found is not None
    assert (found[0] == found[2], found[0] == found[1]) == (True, False)
    apart = read(renamed(names, {"x": ["a"], "y": ["b"], "z": ["c"]}, digests)).measurements["auc"].families
    assert apart == ("x", "y", "x") * 5


@pytest.mark.parametrize(
    ("document", "error", "pointer"),
    [
        (of_datasets({"news": ["agnews", "newsgroups"]}), "summary.no_family", "/protocol/families/datasets"),
        (
            of_datasets({"news": ["agnews", "newsgroups", "imbd"], "films": ["imdb"]}),
            "summary.unknown_family_member",
            "/protocol/families/datasets/news/2",
        ),
        (
            of_datasets({"news": ["agnews", "newsgroups"], "a/b": ["imdb", "agnews"]}),
            "summary.duplicate_family",
            "/protocol/families/datasets/a~1b/1",
        ),
        (of_rows({"a": [0, 3], "b": [1]}), "summary.no_family", "/protocol/families/rows"),
        (of_rows({"a": [0, 3], "b": [1, 2, 4]}), "summary.unknown_family_member", "/protocol/families/rows/b/2"),
    ],
)
def test_families_that_do_not_cover_every_member_once_are_refused(
    document: builders.Json, error: str, pointer: str
) -> None:
    with pytest.raises(GatekitError) as caught:
        read(document)
    assert caught.value.error_id == error
    assert caught.value.location is not None
    assert caught.value.location.pointer == pointer


@pytest.mark.parametrize("families", [{}, {"news": []}, {"news": "agnews"}, {"": ["agnews"]}])
def test_families_of_another_form_are_refused(families: object) -> None:
    with pytest.raises(GatekitError) as caught:
        read(of_datasets(families))
    assert caught.value.error_id.startswith("schema.")


def test_a_misspelt_dataset_is_answered_with_the_one_that_is_near() -> None:
    with pytest.raises(GatekitError, match="did you mean 'imdb'"):
        read(of_datasets({"news": ["agnews", "newsgroups", "imbd"], "films": ["imdb"]}))


def test_two_summaries_are_measured_alike_whatever_families_they_state() -> None:
    with_families = read(of_datasets({"news": ["agnews", "newsgroups"], "films": ["imdb"]}))
    without = read(builders.summary("saebench", {"auc": CELLS}))
    assert with_families.protocol.comparable == without.protocol.comparable
    assert with_families.protocol.digest != without.protocol.digest


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("114_nyc_borough_Manhattan", "nyc_places"),
        ("shifted:5_hist_fig_ismale", "historical_figures"),
        ("131_temp_cat_Typical-Time", "mctaco"),
        ("131_temp_cat_Typical_Time", "mctaco"),
        ("LabHC/bias_in_bios_class_set1_scr_professor_nurse", "bias_in_bios"),
        ("canrager/amazon_reviews_mcauley_1and5_tpp", "amazon_reviews"),
        ("own:letters", "letters"),
        ("letters_scr_a_b", "letters"),
        ("unheard_of", "unheard_of"),
    ],
)
def test_a_dataset_is_of_the_family_of_what_it_was_made_of(name: str, family: str) -> None:
    assert family_of(name) == family


def test_an_unknown_dataset_beside_known_ones_is_a_family_of_its_own() -> None:
    names = ["letters", "6_hist_fig_isamerican", "5_hist_fig_ismale"]
    expected = {"historical_figures": ["5_hist_fig_ismale", "6_hist_fig_isamerican"], "letters": ["letters"]}
    assert dataset_families(names) == {"families": {"datasets": expected}}


def test_what_is_stated_goes_before_the_table() -> None:
    stated = {"letters": "historical_figures"}
    found = dataset_families(["5_hist_fig_ismale", "letters"], stated)
    assert found["families"]["datasets"] == {"historical_figures": ["5_hist_fig_ismale", "letters"]}


def test_nothing_is_said_of_datasets_that_nobody_knows() -> None:
    assert dataset_families(["letters", "digits"]) == {}
    assert dataset_families([]) == {}


def test_several_pairs_of_one_unknown_dataset_are_one_family() -> None:
    found = dataset_families(["letters_scr_a_b", "letters_scr_c_d"])
    assert found["families"]["datasets"] == {"letters": ["letters_scr_a_b", "letters_scr_c_d"]}


def test_rows_are_of_the_family_of_their_subject() -> None:
    subjects = ["a cat", "5_hist_fig_ismale", "a cat", "7_hist_fig_ispolitician"]
    assert row_families(subjects) == {"families": {"rows": {"a-cat": [0, 2], "historical_figures": [1, 3]}}}


def test_subjects_in_letters_that_a_name_cannot_hold_stay_apart() -> None:
    assert len(row_families(["猫", "犬", "chat?", "chat!"])["families"]["rows"]) == 4
