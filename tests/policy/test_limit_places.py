"""Every number of a threshold is found where it stands in the file, however that is written."""

from __future__ import annotations

import pytest

from gatekit.evidence.strict_yaml import parse_yaml
from gatekit.policy import parse_policy
from gatekit.policy.limit_places import limit_places
from gatekit.policy.model import thresholds

HEAD = "schema: gatekit.policy/1\nid: p\ngates:\n"


def found(gates: str) -> list[tuple[int, int, str, int]]:
    data = (HEAD + gates).encode()
    document = parse_yaml(data, "p.yaml")
    places = []
    for gate in parse_policy(data, "p.yaml").gates:
        for rule in thresholds(gate.rule):
            for place in limit_places(document, [rule])[0] or ():
                assert place.location.line is not None
                assert place.location.column is not None
                line = (HEAD + gates).split("\n")[place.location.line - 1]
                assert line[place.location.column - 1 :].startswith(place.raw)
                places.append((place.location.line, place.location.column, place.raw, place.sign))
    return places


@pytest.mark.parametrize(
    ("gate", "expected"),
    [
        ("  g: {from: random_model, measure: r2, at_least: 0.50}\n", [(4, 50, "0.50", 1)]),
        ("  g:\n    from: random_model\n    measure: r2\n    at_least: -1e-1 # low\n", [(7, 15, "-1e-1", 1)]),
        ("  g: {from: random_model, measure: l0, between: [16, 64]}\n", [(4, 50, "16", 1), (4, 54, "64", 1)]),
        (
            "  g:\n    from: random_model\n    measure: l0\n    between:\n      - 16\n      - 64.0\n",
            [(8, 9, "16", 1), (9, 9, "64.0", 1)],
        ),
        ("  g: {from: random_model, measure: r2, every_seed: {at_least: 0.5}}\n", [(4, 63, "0.5", 1)]),
        (
            "  g: {from: random_model, measure: r2, every_seed: {between: [0.5, 0.9]}}\n",
            [(4, 63, "0.5", 1), (4, 68, "0.9", 1)],
        ),
        ("  g: {from: random_model, measure: r2, not_worse_than: {base: 0.02}}\n", [(4, 63, "0.02", -1)]),
        ("  g: {from: random_model, measure: dead_fraction, not_worse_than: {base: 0}}\n", [(4, 74, "0", 1)]),
        (
            "  g:\n    from: random_model\n    measure: r2\n    not_worse_than:\n      base: 0.02\n",
            [(8, 13, "0.02", -1)],
        ),
        (
            "  g: {any_of: [{from: random_model, measure: r2, at_least: 0.5}, "
            "{from: random_model, measure: r2, at_least: 0.5}]}\n",
            [(4, 60, "0.5", 1), (4, 110, "0.5", 1)],
        ),
    ],
)
def test_a_number_is_found(gate: str, expected: list[tuple[int, int, str, int]]) -> None:
    assert found(gate) == expected


def test_a_file_that_is_no_longer_what_was_read_has_no_places() -> None:
    data = (HEAD + "  g: {from: random_model, measure: r2, at_least: 0.5}\n").encode()
    rule = next(thresholds(parse_policy(data, "p.yaml").gates[0].rule))
    for other in (data.replace(b"0.5", b"0.6"), data.replace(b"  g:", b"  gate:"), data.replace(b"0.5", b'"0.5"')):
        assert limit_places(parse_yaml(other, "p.yaml"), [rule]) == [None]
