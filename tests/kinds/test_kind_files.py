"""`kinds/*.yaml`: what a file says, what it leaves out, and what is refused with its place."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from gatekit.errors import GatekitError
from gatekit.evidence import read_summary
from gatekit.evidence.kind_files import own_kinds, parse_kind, read_kinds
from gatekit.evidence.schemas import schema
from gatekit.evidence.strict_yaml import parse_yaml
from gatekit.kinds import BASELINES, INSTALLED
from kinds.steering import KIND, folder, summary

ONE = "schema: gatekit.kind/1\nmeasures:\n  success: {direction: higher, range: [0, 1]}\n"


def kind_of(text: str, name: str = "kinds/steering.yaml"):
    return parse_kind(text.encode(), name)


def test_ten_lines_are_a_kind() -> None:
    kind = kind_of(KIND)
    assert (kind.name, kind.baselines) == ("steering", ("none",))
    (success,) = kind.measures
    assert (success.name, success.direction, success.range, success.design) == ("success", "higher", (0, 1), "per_seed")
    assert success.description == "Share of prompts whose continuation a judge calls steered."


def test_what_is_left_out_has_a_plain_meaning() -> None:
    kind = kind_of(ONE)
    (success,) = kind.measures
    assert (success.unit, success.compares, success.structural, success.lattice) == ("1", False, False, None)
    assert kind.baselines == ("none", "unknown")


def test_a_difference_compares_and_its_kind_may_have_any_baseline() -> None:
    kind = kind_of(ONE + "  success_delta: {direction: higher, range: [0, 1], difference_of: success}\n")
    assert kind.by_name["success_delta"].compares
    assert kind.baselines == BASELINES


def test_everything_that_a_row_of_ours_says_a_file_can_say() -> None:
    row = "{direction: lower, range: [0, 100], unit: latents, design: per_seed, compares: false, structural: true, "
    kind = kind_of(f"schema: gatekit.kind/1\nmeasures:\n  l0: {row}lattice: rows, ceiling: d_sae}}\n")
    (l0,) = kind.measures
    assert (l0.unit, l0.structural, l0.lattice, l0.ceiling) == ("latents", True, "rows", "d_sae")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ONE.replace("higher", "up"), "kinds/steering.yaml:3:13: direction 'up' is not one of 'higher', 'lower'"),
        (ONE.replace("[0, 1]", "[1, 0]"), "kinds/steering.yaml:3:32: success.range: [1, 0] is no range"),
        (ONE.replace("[0, 1]", "[0, .inf]"), "kinds/steering.yaml:3:"),
        (ONE.replace("range", "rnage"), "kinds/steering.yaml:3:3: \"range\" is a required property; 'rnage' is there"),
        (ONE.replace(", range: [0, 1]", ""), 'kinds/steering.yaml:3:3: "range" is a required property'),
        (ONE.replace("success", "Success"), "kinds/steering.yaml:3:3: "),
        (ONE.replace("/1", "/2"), "kinds/steering.yaml:1:9: gatekit.kind/2 is newer"),
        ("schema: gatekit.kind/1\n", 'kinds/steering.yaml:1:1: "measures" is a required property'),
        (ONE + "baselines: [nothing]\n", "kinds/steering.yaml:4:13: 'nothing' is not one of"),
        (ONE.replace("[0, 1]", "[0, 1], difference_of: x"), "success.difference_of: 'x' is no other measure"),
        (ONE.replace("[0, 1]", "[0, 1], difference_of: success"), "'success' is no other measure of this kind"),
        (ONE + "  success: {direction: lower, range: [0, 1]}\n", "kinds/steering.yaml:4:3: the key 'success' occurs"),
        ("- 1\n", "kinds/steering.yaml:1:1: "),
        ("schema: [\n", "kinds/steering.yaml:"),
    ],
)
def test_a_fault_is_one_line_with_its_place(text: str, said: str) -> None:
    with pytest.raises(GatekitError) as caught:
        kind_of(text)
    assert said in str(caught.value)
    assert str(caught.value).startswith("kinds/steering.yaml:")
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("cebench.yaml", "the name 'cebench' is gatekit's own, and one name means one thing"),
        ("Steering.yaml", "'Steering' is no name"),
        ("steering.yml", "a kind is a file NAME.yaml"),
    ],
)
def test_a_name_that_cannot_be_had_is_refused(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "kinds").mkdir()
    (tmp_path / "kinds" / name).write_text(ONE)
    kinds, errors = read_kinds(str(tmp_path / "kinds"))
    assert [said in str(error) for error in errors] == [True]
    assert dict(kinds.own) == {}
    with pytest.raises(GatekitError, match="name"):
        own_kinds(str(tmp_path / "kinds"))


def test_the_published_schema_and_the_reader_agree() -> None:
    check = jsonschema.Draft202012Validator(schema("kind"))
    assert check.is_valid(parse_yaml(KIND.encode(), "k.yaml").plain())
    assert not check.is_valid({"schema": "gatekit.kind/1"})
    assert not check.is_valid({"schema": "gatekit.kind/1", "measures": {"a": {"direction": "up", "range": [0, 1]}}})


def test_evidence_of_ones_own_kind_is_read_as_strictly_as_ours(tmp_path: Path) -> None:
    place = folder(tmp_path)
    kinds = own_kinds(str(place / "kinds"))
    read = read_summary(str(place / "evidence" / "a.json"), kinds)
    assert (read.kind, read.measurements["success"].estimate) == ("steering", pytest.approx(0.706))
    for change, said in (
        ({"unit": "percent"}, "/measurements/success/unit"),
        ({"range": [0, 2]}, "/measurements/success/range"),
        ({"direction": "lower"}, "/measurements/success/direction"),
        ({"design": "per_seed_row"}, "/measurements/success/design"),
    ):
        (place / "evidence" / "a.json").write_text(json.dumps(summary(changes=change)))
        with pytest.raises(GatekitError, match=said):
            read_summary(str(place / "evidence" / "a.json"), kinds)
    for document, said in (
        (summary(measure="sucess"), "did you mean 'success'"),
        (summary([0.7, 0.6, 0.5, 0.4, 1.5]), r"1\.5 is outside \[0, 1\]"),
    ):
        (place / "evidence" / "a.json").write_text(json.dumps(document))
        with pytest.raises(GatekitError, match=said):
            read_summary(str(place / "evidence" / "a.json"), kinds)


def test_evidence_of_a_kind_that_nobody_defines_is_refused(tmp_path: Path) -> None:
    place = folder(tmp_path)
    with pytest.raises(GatekitError, match="there is no kind 'steering', so nothing says what its measurements mean"):
        read_summary(str(place / "evidence" / "a.json"), INSTALLED)


def test_values_above_the_ceiling_of_ones_own_measure_are_impossible(tmp_path: Path) -> None:
    text = "schema: gatekit.kind/1\nmeasures:\n  success: {direction: higher, range: [0, 1e9], ceiling: d_sae}\n"
    place = folder(tmp_path, text, evidence=summary([1.0, 2.0, 3.0, 4.0, 4097.0], changes={"range": [0, 1e9]}))
    with pytest.raises(GatekitError, match=r"success 4097\.0 exceeds d_sae=4096"):
        read_summary(str(place / "evidence" / "a.json"), own_kinds(str(place / "kinds")))
