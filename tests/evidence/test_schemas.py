"""The schemas are valid, closed and bounded, and two independent validators read them alike."""

from __future__ import annotations

import copy
import json
from typing import Any

import builders
import jsonschema
import pytest
import referencing
from hypothesis import given, settings
from hypothesis import strategies as st

from gatekit.errors import GatekitError
from gatekit.evidence.schemas import INCLUDED, schema, schema_names, schema_text, validator
from gatekit.kinds import BUILT_IN, INSTALLED

RESOURCES = [(f"{name}.schema.json", referencing.Resource.from_contents(schema(name))) for name in INCLUDED]


def oracle(name: str) -> jsonschema.Draft202012Validator:
    """The reference implementation, with our own schemas only."""
    return jsonschema.Draft202012Validator(schema(name), registry=referencing.Registry().with_resources(RESOURCES))


def subschemas(node: Any, path: str = ""):
    """Every object of a schema, with its path."""
    if isinstance(node, dict):
        yield path, node
        for key, child in node.items():
            if key not in ("const", "enum"):
                yield from subschemas(child, f"{path}/{key}")
    elif isinstance(node, list):
        for index, child in enumerate(node):
            yield from subschemas(child, f"{path}/{index}")


@pytest.mark.parametrize("name", schema_names())
def test_a_schema_follows_the_meta_schema(name: str) -> None:
    document = schema(name)
    assert document["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(document)


@pytest.mark.parametrize("name", schema_names())
def test_every_object_is_closed_and_every_value_bounded(name: str) -> None:
    for path, node in subschemas(schema(name)):
        if path.endswith(("/properties", "/$defs")):
            continue
        kind = node.get("type")
        if kind == "object":
            assert "additionalProperties" in node, f"{name}{path} is open"
            if node["additionalProperties"] is not False:
                assert "propertyNames" in node, f"{name}{path} takes any key"
        if kind == "array":
            assert "maxItems" in node, f"{name}{path} is endless"
        if kind == "string":
            assert "pattern" in node or "maxLength" in node, f"{name}{path} is endless"
        if kind in ("number", "integer"):
            low = "minimum" in node or "exclusiveMinimum" in node
            high = "maximum" in node or "exclusiveMaximum" in node
            assert (low and high) or "description" in node, f"{name}{path} is unbounded and unexplained"


@pytest.mark.parametrize("name", schema_names())
def test_references_stay_in_the_folder(name: str) -> None:
    for path, node in subschemas(schema(name)):
        target = node.get("$ref", "#/")
        folder = tuple(f"{included}.schema.json" for included in INCLUDED)
        assert target.startswith(("#/$defs/", "#/", *folder)), f"{name}{path}: {target}"


KEYWORDS = {
    *("$schema", "$ref", "$defs", "title", "description", "type", "const", "enum", "properties", "required"),
    *("additionalProperties", "propertyNames", "minProperties", "maxProperties", "items", "prefixItems", "minItems"),
    *("maxItems", "uniqueItems", "minLength", "maxLength", "pattern", "minimum", "maximum", "exclusiveMinimum"),
    *("exclusiveMaximum", "if", "then", "else", "allOf", "anyOf", "oneOf", "not", "$comment"),
    "dependentRequired",
}


@pytest.mark.parametrize("name", schema_names())
def test_no_keyword_is_misspelt(name: str) -> None:
    for path, node in subschemas(schema(name)):
        if not path.endswith(("/properties", "/$defs", "/dependentRequired")):
            assert set(node) <= KEYWORDS, f"{name}{path}: {set(node) - KEYWORDS}"


def test_a_remote_reference_is_refused() -> None:
    import jsonschema_rs

    from gatekit.evidence import schemas

    for target in ("http://127.0.0.1:9/x.json", "file:///etc/passwd", "other.json"):
        with pytest.raises(Exception, match=r"may not refer|not present in a registry"):
            jsonschema_rs.Draft202012Validator({"$ref": target}, retriever=schemas._refuse_remote).is_valid(1)


def test_an_unknown_schema_names_the_nearest() -> None:
    with pytest.raises(GatekitError, match="no schema 'random-model'") as caught:
        schema_text("random-model")
    assert caught.value.remedy == "did you mean 'random_model'?"


@pytest.mark.parametrize("kind", BUILT_IN)
def test_every_measure_is_a_closed_contract(kind: str) -> None:
    for measure in INSTALLED.measures(kind).values():
        assert measure.description
        assert measure.unit
        assert measure.low < measure.high


DOCUMENTS = list(builders.release_evidence().values())


def places(node: Any, path: tuple[Any, ...] = ()):
    yield path
    if isinstance(node, dict):
        for key, child in node.items():
            yield from places(child, (*path, key))
    elif isinstance(node, list):
        for index, child in enumerate(node[:3]):
            yield from places(child, (*path, index))


@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_two_validators_agree_on_mutated_summaries(data: st.DataObject) -> None:
    document = copy.deepcopy(data.draw(st.sampled_from(DOCUMENTS)))
    path = data.draw(st.sampled_from([p for p in places(document) if p]))
    junk = st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.floats(allow_nan=False), st.text(max_size=5))
    node = document
    for step in path[:-1]:
        node = node[step]
    if data.draw(st.booleans()):
        lists, mappings = st.lists(junk, max_size=2), st.dictionaries(st.text(max_size=3), junk)
        node[path[-1]] = data.draw(st.one_of(junk, lists, mappings))
    else:
        del node[path[-1]]
    value = json.loads(json.dumps(document))
    kind = document.get("kind")
    name = kind if isinstance(kind, str) and kind in BUILT_IN else "summary"
    assert validator(name).is_valid(value) == oracle(name).is_valid(value)
