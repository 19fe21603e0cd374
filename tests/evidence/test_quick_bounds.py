"""A schema with quick bounds accepts what the schema itself does, of which another validator says what that is."""

from __future__ import annotations

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from gatekit.evidence.quick_bounds import with_quick_bounds
from gatekit.evidence.schemas import DOCUMENTS, schema

BOUNDS = (
    st.none() | st.integers(-5, 5) | st.floats(-5, 5) | st.sampled_from([1e300, -1e300, 2**62, 2**62 + 1, -(10**30)])
)
NUMBERS = st.integers(-6, 6) | st.floats(-6, 6) | st.sampled_from([1e300, -1e300, 1.01e300, 2**62, 2**62 + 1, 10**30])


@given(low=BOUNDS, high=BOUNDS, of_integers=st.booleans(), value=NUMBERS | st.booleans() | st.text() | st.none())
def test_every_number_is_accepted_or_refused_as_by_the_bounds_themselves(low, high, of_integers, value) -> None:
    given_bounds = {key: bound for key, bound in (("minimum", low), ("maximum", high)) if bound is not None}
    bounded = {
        "type": ["integer" if of_integers else "number", "null"],
        "allOf": [{"not": {"const": 3}}],
        **given_bounds,
    }
    quick = jsonschema_rs.Draft202012Validator(with_quick_bounds(bounded))
    assert quick.is_valid(value) == Draft202012Validator(bounded).is_valid(value)


def test_what_a_constant_or_a_property_is_called_is_no_bound() -> None:
    named = {"const": {"minimum": 0.5}, "properties": {"minimum": {"type": "string"}}}
    assert with_quick_bounds(named) == named


@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_published_schema_is_changed(name: str) -> None:
    before = repr(schema(name))
    with_quick_bounds(schema(name))
    assert repr(schema(name)) == before


def test_the_numbers_of_every_observation_are_asked_a_quick_bound_first() -> None:
    finite = with_quick_bounds(schema("summary")["$defs"]["finite"])
    assert "minimum" not in finite and finite["allOf"][0]["if"] == {"minimum": -(2**62), "maximum": 2**62}
