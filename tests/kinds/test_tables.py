"""The tables say what the published schemas say, and hang together."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from gatekit.kinds import BASELINES, BUILT_IN, INSTALLED, Kind
from gatekit.kinds.publishing import published

SCHEMAS = Path(__file__).parents[2] / "schemas"
KINDS = [INSTALLED.named(name) for name in BUILT_IN]


@pytest.mark.parametrize("name", sorted(published(SCHEMAS)))
def test_the_published_schema_is_the_one_that_make_schemas_writes(name: str) -> None:
    assert (SCHEMAS / name).read_text(encoding="utf-8") == published(SCHEMAS)[name]


def test_every_module_of_a_built_in_kind_is_listed() -> None:
    modules = Path(__file__).parents[2].joinpath("gatekit", "kinds", "built_in").glob("[a-z]*.py")
    assert sorted(module.stem for module in modules) == list(BUILT_IN)


@pytest.mark.parametrize("kind", KINDS, ids=BUILT_IN)
def test_a_name_is_there_once_and_is_an_identifier(kind: Kind) -> None:
    names = [spec.name for spec in kind.measures]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch("[a-z][a-z0-9_]{0,63}", name) for name in (kind.name, *names))
    assert set(kind.baselines) <= set(BASELINES)


@pytest.mark.parametrize("kind", KINDS, ids=BUILT_IN)
def test_what_is_a_difference_compares_with_a_measure_alone_of_the_same_contract(kind: Kind) -> None:
    for spec in kind.measures:
        if spec.difference_of is not None:
            alone = kind.by_name[spec.difference_of]
            assert spec.compares
            assert not alone.compares
            assert (alone.unit, alone.design) == (spec.unit, spec.design)


@pytest.mark.parametrize("kind", KINDS, ids=BUILT_IN)
def test_what_the_name_promises_the_row_keeps(kind: Kind) -> None:
    for spec in kind.measures:
        for name in (spec.name.removesuffix("_delta"), spec.name.partition("_above_")[0]):
            if name != spec.name and name in kind.by_name:
                assert spec.difference_of == name


def test_the_files_count_only_what_is_in_a_table() -> None:
    listed = json.loads((SCHEMAS / "summary.schema.json").read_text())["properties"]["kind"]["anyOf"][0]["enum"]
    assert listed == list(BUILT_IN)
