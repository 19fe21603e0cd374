"""A summary that contradicts itself, or leaves something out, is refused with file and JSON pointer."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import builders
import numpy as np
import pytest

from gatekit.errors import GatekitError
from gatekit.evidence import read_summary, write_summary

Json = dict[str, Any]
PAIRS = [0.1 * i for i in range(10)]


def good() -> Json:
    r2 = [0.8, 0.81, 0.82, 0.83, 0.84]
    control = [value - 0.1 for value in PAIRS]
    observations = {"r2": r2, "pw_mcc": PAIRS, "pw_mcc_above_control": (PAIRS, control), "l0": [32.0] * 5}
    return builders.summary("random_model", observations)


def column(document: Json, name: str = "r2") -> Json:
    return document["measurements"][name]["columns"]


def setting(path: str, value: Any) -> Callable[[Json], None]:
    """Set one place, written as a JSON pointer."""

    def change(document: Json) -> None:
        *way, last = path.split("/")[1:]
        node: Any = document
        for step in way:
            node = node[int(step)] if isinstance(node, list) else node[step]
        if isinstance(node, list):
            node[int(last)] = value
        else:
            node[last] = value

    return change


def drop(path: str) -> Callable[[Json], None]:
    def change(document: Json) -> None:
        *way, last = path.split("/")[1:]
        node: Any = document
        for step in way:
            node = node[int(step)] if isinstance(node, list) else node[step]
        del node[int(last) if isinstance(node, list) else last]

    return change


def drop_row(document: Json) -> None:
    for values in column(document).values():
        del values[0]


def repeat_seed(document: Json) -> None:
    column(document)["seed"][1] = 0


def repeat_pair(document: Json) -> None:
    columns = column(document, "pw_mcc_above_control")
    columns["seed_a"][1], columns["seed_b"][1] = 1, 0


def self_pair(document: Json) -> None:
    column(document, "pw_mcc_above_control")["seed_b"][0] = 0


CASES = {
    "schema.additionalproperties": [(setting("/extra", 1), ""), (setting("/subject/extra", 1), "/subject")],
    "schema.type": [
        (setting("/measurements/r2/columns/candidate/1", True), "/measurements/r2/columns/candidate/1"),
        (setting("/measurements/r2/columns/candidate/1", "0.8"), "/measurements/r2/columns/candidate/1"),
        (setting("/measurements/r2/columns/candidate/1", None), "/measurements/r2/columns/candidate/1"),
        (setting("/subject/d_sae", "4096"), "/subject/d_sae"),
    ],
    "schema.required": [
        (drop("/status"), ""),
        (drop("/producer/finished"), "/producer"),
        (drop("/measurements/pw_mcc_above_control/columns/baseline"), "/measurements/pw_mcc_above_control/columns"),
        (drop("/protocol/selection"), "/protocol"),
    ],
    "schema.maxproperties": [(setting("/status", "failed"), "/measurements")],
    "schema.enum": [(setting("/status", "fine"), "/status")],
    "schema.anyof": [(setting("/kind", "Accuracy"), "/kind")],
    "summary.kind": [(setting("/kind", "accuracy"), "/kind")],
    "schema.constant": [
        (setting("/measurements/r2/unit", "percent"), "/measurements/r2/unit"),
        (setting("/measurements/r2/direction", "lower"), "/measurements/r2/direction"),
        (setting("/measurements/r2/range", [0, 100]), "/measurements/r2/range"),
    ],
    "schema.pattern": [
        (setting("/subject/model/name", "x\n::set-output name=verdict::pass"), "/subject/model/name"),
        (setting("/subject/checkpoints/0/sha256", "0" * 64 + "\n"), "/subject/checkpoints/0/sha256"),
        (setting("/producer/finished", "2026-03-01 12:00"), "/producer/finished"),
        (setting("/producer/finished", "2026-03-01T12:00:00+01:00"), "/producer/finished"),
    ],
    "schema.minproperties": [(setting("/measurements", {}), "/measurements")],
    "summary.column_length": [(drop("/measurements/r2/columns/candidate/4"), "/measurements/r2/columns")],
    "summary.out_of_range": [
        (setting("/measurements/r2/columns/candidate/3", 1.5), "/measurements/r2/columns/candidate/3"),
        (
            setting("/measurements/pw_mcc_above_control/columns/baseline/2", -1.01),
            "/measurements/pw_mcc_above_control/columns/baseline/2",
        ),
    ],
    "summary.duplicate_key": [
        (repeat_seed, "/measurements/r2/columns/seed/1"),
        (repeat_pair, "/measurements/pw_mcc_above_control/columns/seed_a/1"),
    ],
    "summary.self_pair": [(self_pair, "/measurements/pw_mcc_above_control/columns/seed_a/0")],
    "summary.incomplete": [
        (drop_row, "/measurements/r2/columns"),
        (setting("/measurements/r2/columns/seed/4", 9), "/measurements/r2/columns"),
    ],
    "summary.seeds": [
        (drop("/protocol/seeds/4"), "/protocol/seeds"),
        (drop("/subject/checkpoints/4"), "/protocol/seeds"),
    ],
    "summary.duplicate_seed": [(setting("/protocol/seeds/1", 0), "/protocol/seeds")],
    "summary.checkpoint_order": [(setting("/subject/checkpoints/1/seed", 0), "/subject/checkpoints")],
    "summary.subject_shape": [(setting("/subject/k", 5000), "/subject/k")],
    "summary.unidentified": [(setting("/subject/model/digest", None), "/subject/model/digest")],
    "summary.time": [(setting("/producer/started", "2026-02-30T00:00:00Z"), "/producer/started")],
    "summary.time_order": [(setting("/producer/started", "2026-03-01T12:00:01Z"), "/producer/finished")],
    "summary.config_digest": [(setting("/producer/config/steps", 1001), "/producer/config_sha256")],
    "summary.aggregate_mismatch": [
        (setting("/measurements/r2/aggregates", {"estimate": 0.83}), "/measurements/r2/aggregates/estimate"),
        (
            setting("/measurements/r2/aggregates", {"estimate": 0.82, "n_seeds": 4}),
            "/measurements/r2/aggregates/n_seeds",
        ),
    ],
    "summary.impossible": [
        (setting("/measurements/l0/columns/candidate/2", 4097.0), "/measurements/l0/columns/candidate/2")
    ],
    "summary.disagreement": [
        (
            setting("/measurements/pw_mcc/columns/candidate/4", 0.41),
            "/measurements/pw_mcc_above_control/columns/candidate/4",
        )
    ],
    "summary.not_a_summary": [(drop("/schema"), ""), (setting("/schema", "gatekit.summary/0"), "")],
    "summary.newer_schema": [(setting("/schema", "gatekit.summary/2"), "/schema")],
}


def test_the_document_that_the_cases_change_is_accepted(tmp_path: Path) -> None:
    builders.write(tmp_path, {"a.json": good()})
    summary = read_summary(str(tmp_path / "a.json"))
    assert summary.measurements["r2"].estimate == pytest.approx(0.82)
    assert summary.measurements["pw_mcc_above_control"].seeds == (0, 1, 2, 3, 4)


@pytest.mark.parametrize(
    ("error_id", "change", "pointer"),
    [(error_id, *case) for error_id, cases in CASES.items() for case in cases],
    ids=[f"{error_id}-{case[1]}" for error_id, cases in CASES.items() for case in cases],
)
def test_each_fault_has_its_own_error_with_file_and_pointer(
    tmp_path: Path, error_id: str, change: Callable[[Json], None], pointer: str
) -> None:
    document = copy.deepcopy(good())
    change(document)
    builders.write(tmp_path, {"a.json": document})
    with pytest.raises(GatekitError) as caught:
        read_summary(str(tmp_path / "a.json"))
    error = caught.value
    assert (error.error_id, error.location.pointer, error.exit_code) == (error_id, pointer, 4)
    assert "\n" not in error.message


def test_a_right_aggregate_is_accepted(tmp_path: Path) -> None:
    document = good()
    document["measurements"]["r2"]["aggregates"] = {"estimate": 0.82, "n_seeds": 5}
    builders.write(tmp_path, {"a.json": document})
    assert read_summary(str(tmp_path / "a.json")).kind == "random_model"


@pytest.mark.parametrize("missing", ["seed", "dataset"])
def test_a_crossed_design_must_be_complete(tmp_path: Path, missing: str) -> None:
    document = builders.summary("saebench", {"auc_delta": ([0.9] * 15, [0.8] * 15)})
    columns = column(document, "auc_delta")
    keep = [i for i in range(15) if columns[missing][i] != columns[missing][0]]
    document["measurements"]["auc_delta"]["columns"] = {k: [v[i] for i in keep] for k, v in columns.items()}
    builders.write(tmp_path, {"a.json": document})
    with pytest.raises(GatekitError) as caught:
        read_summary(str(tmp_path / "a.json"))
    assert caught.value.error_id == "summary.incomplete"


def test_reported_numbers_must_make_sense(tmp_path: Path) -> None:
    cases = [
        (builders.reported(0.5, lower=0.6, confidence=0.95), "reported_order", "lower"),
        (builders.reported(0.5, upper=0.4, confidence=0.95), "reported_order", "upper"),
        (builders.reported(0.5, lower=0.4), "reported_confidence", "confidence"),
        (builders.reported(1.5), "out_of_range", "estimate"),
    ]
    for reported, error_id, key in cases:
        builders.write(tmp_path, {"a.json": builders.summary("random_model", {"r2": reported})})
        with pytest.raises(GatekitError) as caught:
            read_summary(str(tmp_path / "a.json"))
        assert caught.value.error_id == f"summary.{error_id}"
        assert caught.value.location.pointer == f"/measurements/r2/reported/{key}"


def test_an_unknown_key_names_the_nearest(tmp_path: Path) -> None:
    document = good()
    document["statsu"] = document.pop("status")
    document["status"] = "ok"
    builders.write(tmp_path, {"a.json": document})
    with pytest.raises(GatekitError, match="'statsu' was unexpected") as caught:
        read_summary(str(tmp_path / "a.json"))
    assert caught.value.remedy == "did you mean 'status'?"


def rename(path: str, new: str) -> Callable[[Json], None]:
    def change(document: Json) -> None:
        *way, last = path.split("/")[1:]
        node: Any = document
        for step in way:
            node = node[step]
        node[new] = node.pop(last)

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            rename("/measurements", "measurments"),
            "\"measurements\" is a required property; 'measurments' is there: did you mean 'measurements'?",
        ),
        (rename("/subject/architecture", "architecure"), "did you mean 'architecture'?"),
        (
            setting("/kind", "randommodel"),
            "there is no kind 'randommodel', so nothing says what its measurements mean; did you mean 'random_model'?",
        ),
        (
            setting("/subject/k", "32"),
            "k '32' does not fit: Active latents per token where the architecture fixes them",
        ),
        (
            setting("/producer/git/commit", "main"),
            "commit 'main' does not fit: The commit's 40 or 64 hexadecimal digits",
        ),
        (
            setting("/producer/finished", "now"),
            "finished 'now' does not fit: UTC, RFC 3339, to the second: 2026-02-16T",
        ),
        (setting("/subject/architecture", "TopK"), "architecture 'TopK' does not fit: At most 64 lower-case letters"),
        (setting("/status", "failed"), "measurements {... 2 entries} has more than 0 entries"),
        (
            setting("/protocol/baseline/subject", {"a": 1}),
            "subject {... 1 entry} does not fit: The baseline's own subject",
        ),
        (setting("/subject/hook", {"name": "x" * 500}), "hook {... 1 entry} is not of type 'string'"),
        (setting("/reason", "because"), "'reason' is not allowed here"),
    ],
)
def test_a_schema_fault_is_said_in_words_and_quotes_no_object(
    tmp_path: Path, change: Callable[[Json], None], said: str
) -> None:
    document = builders.summary("random_model", {"r2": [0.8] * 5, "l0": [32.0] * 5})
    change(document)
    builders.write(tmp_path, {"a.json": document})
    with pytest.raises(GatekitError) as caught:
        read_summary(str(tmp_path / "a.json"))
    assert said in str(caught.value)
    assert "anyOf" not in str(caught.value) and '{"' not in str(caught.value)


def test_a_wrong_digest_of_the_configuration_is_told_with_the_right_one(tmp_path: Path) -> None:
    document = good()
    # RFC 8785 sorts the keys and writes no white space; these are its bytes, written by hand.
    document["producer"]["config"] = {"b": [1, "x"], "a": None}
    builders.write(tmp_path, {"a.json": document})
    right = hashlib.sha256(b'{"a":null,"b":[1,"x"]}').hexdigest()
    with pytest.raises(GatekitError, match=f"which is {right} "):
        read_summary(str(tmp_path / "a.json"))


def test_equal_documents_are_written_as_equal_bytes(tmp_path: Path) -> None:
    document = good()
    first = write_summary(document, str(tmp_path / "a.json"))
    second = write_summary(dict(reversed(document.items())), str(tmp_path / "b.json"))
    assert first == second
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert json.loads((tmp_path / "a.json").read_text()) == document


def test_a_summary_that_the_gate_would_refuse_is_not_written(tmp_path: Path) -> None:
    builders.write(tmp_path, {"a.json": good()})
    before = (tmp_path / "a.json").read_bytes()
    bad = good()
    drop_row(bad)
    with pytest.raises(GatekitError):
        write_summary(bad, str(tmp_path / "a.json"))
    assert (tmp_path / "a.json").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_what_measuring_code_has_in_its_hands_is_written_as_the_numbers_that_it_holds(tmp_path: Path) -> None:
    document = good()
    values = np.array([0.8, 0.81, 0.82, 0.83, 0.84], dtype=np.float32)
    column(document)["candidate"] = values
    column(document)["seed"] = [np.int64(seed) for seed in column(document)["seed"]]
    document["protocol"]["rows"] = np.int32(100)
    document["measurements"]["r2"].pop("aggregates", None)
    write_summary(document, str(tmp_path / "a.json"))
    written = json.loads((tmp_path / "a.json").read_text())
    # A float32 is the double of the same value.
    assert column(written)["candidate"] == [float(value) for value in values]
    assert written["protocol"]["rows"] == 100


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (float("nan"), "nan is not a finite number"),
        (np.float32("inf"), "inf is not a finite number"),
        (np.float64("nan"), "nan is not a finite number"),
        ({1.0}, "set is nothing that JSON can hold"),
        (1j, "complex is nothing that JSON can hold"),
        (np.datetime64("2026-03-01"), "datetime64 is nothing that JSON can hold"),
        ({3: 0.5}, "the key 3 is not text"),
    ],
)
def test_what_json_cannot_hold_is_refused_at_its_place_and_nothing_is_written(
    tmp_path: Path, value: Any, said: str
) -> None:
    document = good()
    column(document)["candidate"][1] = value
    with pytest.raises(GatekitError) as caught:
        write_summary(document, str(tmp_path / "a.json"))
    assert str(caught.value).startswith(f"{tmp_path}/a.json#/measurements/r2/columns/candidate/1: {said}")
    assert list(tmp_path.iterdir()) == []


def test_a_document_that_holds_itself_is_refused(tmp_path: Path) -> None:
    document = good()
    document["producer"]["config"]["again"] = document
    with pytest.raises(GatekitError, match="more than 32 objects and lists"):
        write_summary(document, str(tmp_path / "a.json"))


def test_all_parts_that_are_missing_are_named_at_once_those_inside_missing_parts_too(tmp_path: Path) -> None:
    document = good()
    del document["subject"], document["protocol"]["rows"], document["producer"]["git"]["commit"]
    builders.write(tmp_path, {"a.json": document})
    with pytest.raises(GatekitError) as caught:
        read_summary(str(tmp_path / "a.json"))
    said = caught.value.message.removeprefix("missing ").split(", ")
    assert set(said) == {
        *("subject.model.name", "subject.model.digest", "subject.hook", "subject.d_model", "subject.architecture"),
        *("subject.d_sae", "subject.k", "subject.checkpoints", "protocol.rows", "producer.git.commit"),
    }
