"""A registration that cannot be read says where and names the nearest valid word; the schema accepts the same files."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import jsonschema
import pytest
from registration.announcements import DIGEST, REGISTRATION, registration

from gatekit.errors import GatekitError, UsageError
from gatekit.evidence.schemas import schema
from gatekit.registration.reading import KEYS, MEASUREMENT_KEYS, conflicts, parse_registration, read_registrations
from gatekit.registration.writing import Announced, registration_text


def refusal(text: str) -> GatekitError:
    with pytest.raises(GatekitError) as caught:
        registration(text)
    return caught.value


def test_a_registration_is_read_with_its_positions() -> None:
    found = registration()
    assert (found.id, found.claim, found.spending, found.looks) == ("agreement", "agree", "equal", (5, 10))
    assert found.seeds == tuple(range(10))
    assert found.seeds_of_look(1) == (0, 1, 2, 3, 4)
    assert [(m.kind, m.config, m.protocol) for m in found.measurements] == [
        ("random_model", DIGEST, None),
        ("ood", None, "shifted/1"),
    ]
    assert str(found.location) == "registrations/a.yaml:2:5"
    assert str(found.measurements[1].location) == "registrations/a.yaml:7:5"


def test_looks_left_out_are_one_after_all_seeds_and_spending_is_obrien_flemings() -> None:
    found = registration(REGISTRATION.replace("looks: [5, 10]\nspending: equal\n", ""))
    assert (found.looks, found.spending) == ((10,), "obrien_fleming")


@pytest.mark.parametrize(
    ("old", "new", "error_id", "place", "said"),
    [
        ("looks:", "loks:", "registration.unknown_key", "10:1", "did you mean 'looks'?"),
        ("spending: equal", "spending: equel", "registration.value", "11:11", "did you mean 'equal'?"),
        ("claim: agree\n", "", "registration.missing_key", "1:1", "no 'claim'"),
        ("kind: random_model", "kind: random_modle", "registration.value", "5:11", "did you mean 'random_model'?"),
        ("looks: [5, 10]", "looks: [10, 5]", "registration.value", "10:13", "must increase"),
        ("looks: [5, 10]", "looks: [5, 9]", "registration.value", "10:12", "10 seeds are registered"),
        ("looks: [5, 10]", "looks: [1, 10]", "registration.value", "10:9", "outside 2"),
        ("[0, 1, 2,", "[0, 1, 1,", "registration.duplicate", "9:15", "seed 1 is listed twice"),
        ("[0, 1, 2,", "[-1, 1, 2,", "registration.value", "9:9", "outside 0"),
        ("[0, 1, 2,", "[zero, 1, 2,", "registration.type", "9:9", "must be an integer"),
        (f"config_without_seeds: {DIGEST}", "config_without_seeds: abc", "registration.value", "6:27", "must match"),
        (
            "    protocol: shifted/1",
            f"    protocol: shifted/1\n    config_without_seeds: {DIGEST}",
            "registration.one_way",
            "7:5",
            "gatekit register",
        ),
        ("    protocol: shifted/1", "    candidate: a", "registration.one_way", "7:5", "gatekit register"),
        (
            "    protocol: shifted/1",
            "    protocol: shifted/1\n    candidate: a",
            "registration.value",
            "9:16",
            "unknown candidate",
        ),
        ("kind: ood", "kind: random_model", "registration.several", "7:5", "the better one could be shown"),
        ("registration/1", "registration/2", "registration.newer_schema", "1:9", "install a newer gatekit"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(old: str, new: str, error_id: str, place: str, said: str) -> None:
    assert old in REGISTRATION
    error = refusal(REGISTRATION.replace(old, new, 1))
    assert error.error_id == error_id
    assert str(error.location) == f"registrations/a.yaml:{place}"
    assert said in str(error)
    assert error.exit_code == 4


def test_one_seed_and_measurement_is_registered_once() -> None:
    other = REGISTRATION.replace("id: agreement", "id: again")
    (error,) = conflicts([registration(), registration(other, "registrations/b.yaml")])
    assert error.error_id == "registration.overlap"
    assert "also registered by registrations/a.yaml" in str(error)


def test_new_seeds_of_the_same_measurement_are_another_registration() -> None:
    other = REGISTRATION.replace("id: agreement", "id: again").replace(
        "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]", "[10, 11, 12, 13, 14, 15, 16, 17, 18, 19]"
    )
    assert conflicts([registration(), registration(other, "registrations/b.yaml")]) == []


def test_two_of_one_id_are_refused() -> None:
    other = REGISTRATION.replace(DIGEST, "cd" * 32).replace("shifted/1", "shifted/2")
    (error,) = conflicts([registration(), registration(other, "registrations/b.yaml")])
    assert (error.error_id, str(error.location)) == ("registration.duplicate_id", "registrations/b.yaml:2:5")


def test_a_folder_is_read_without_hidden_files_and_folders_below(tmp_path: Path) -> None:
    folder = tmp_path / "registrations"
    (folder / "old").mkdir(parents=True)
    for name in ("a.yaml", ".b.yaml", "old/c.yaml"):
        (folder / name).write_text(REGISTRATION)
    found, errors = read_registrations(str(folder))
    assert ([Path(one.path).name for one in found], errors) == (["a.yaml"], [])
    assert read_registrations(str(tmp_path / "none")) == ((), [])
    with pytest.raises(UsageError):
        read_registrations(str(folder / "a.yaml"))


MEASUREMENT = {"kind": "random_model", "config_without_seeds": DIGEST}
GOOD = {
    "schema": "gatekit.registration/1",
    "id": "a",
    "claim": "b",
    "measurements": [MEASUREMENT],
    "seeds": [0, 1, 2, 3, 4],
}


def with_measurement(**changes: object) -> dict:
    value = copy.deepcopy(GOOD)
    value["measurements"][0] = {k: v for k, v in {**MEASUREMENT, **changes}.items() if v is not ...}
    return value


CASES = [
    (GOOD, True),
    ({**GOOD, "extra": 1}, False),
    ({**GOOD, "measurements": []}, False),
    ({**GOOD, "measurements": [MEASUREMENT, MEASUREMENT]}, False),
    ({**GOOD, "seeds": [0]}, False),
    ({**GOOD, "seeds": [0, 0]}, False),
    ({**GOOD, "seeds": [0, 4294967296]}, False),
    ({**GOOD, "looks": []}, False),
    ({**GOOD, "looks": [2, 5]}, True),
    ({**GOOD, "looks": [1, 5]}, False),
    ({**GOOD, "spending": "pocock"}, False),
    ({**GOOD, "candidates": ["topk", "k=4"]}, True),
    ({**GOOD, "candidates": ["topk", "topk"]}, False),
    ({**GOOD, "candidates": ["-"]}, False),
    ({**GOOD, "candidates": []}, False),
    ({**GOOD, "description": ""}, False),
    ({**GOOD, "id": "A"}, False),
    ({**GOOD, "claim": "a_b"}, False),
    (with_measurement(protocol="p"), False),
    (with_measurement(config_without_seeds=...), False),
    (with_measurement(config_without_seeds=..., protocol="p"), True),
    (with_measurement(config_without_seeds="AB" * 32), False),
    (with_measurement(kind=...), False),
]


@pytest.mark.parametrize(("value", "good"), CASES)
def test_schema_and_loader_agree(value: dict, good: bool) -> None:
    accepted = True
    try:
        parse_registration(json.dumps(value).encode(), "registrations/a.yaml")
    except GatekitError:
        accepted = False
    assert (jsonschema.Draft202012Validator(schema("registration")).is_valid(value), accepted) == (good, good)


def test_keys_of_schema_and_loader_are_the_same() -> None:
    published = schema("registration")
    assert set(published["properties"]) == set(KEYS)
    assert set(published["$defs"]["measurement"]["properties"]) == set(MEASUREMENT_KEYS)


def test_what_is_written_is_read_back_whatever_a_protocol_is_called() -> None:
    name = 'it\'s "5 # \\ shots": [yes]'
    measured = [
        Announced("ood", None, name, "no", "a\nb"),
        Announced("random_model", DIGEST, None, None, "demo.yaml"),
    ]
    found = registration(registration_text("a", "b", measured, [3, 1, 2], [2, 3], "equal", ["no", "1.0"]))
    assert [(m.kind, m.config, m.protocol, m.candidate) for m in found.measurements] == [
        ("ood", None, name, "no"),
        ("random_model", DIGEST, None, None),
    ]
    assert (found.seeds, found.looks, found.candidates) == ((3, 1, 2), (2, 3), ("no", "1.0"))
