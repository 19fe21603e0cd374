"""The published schema and the loader accept and refuse the same policies, so that an editor never misleads."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import get_args

import jsonschema
import pytest

from gatekit.errors import GatekitError
from gatekit.evidence.schemas import schema
from gatekit.evidence.strict_yaml import parse_yaml
from gatekit.kinds import BUILT_IN
from gatekit.policy import loading, model, parse_policy
from gatekit.policy.limits import Form
from gatekit.policy.publishing import with_operators

POLICIES_FOLDER = Path(__file__).parents[2] / "policies"
POLICIES = sorted(POLICIES_FOLDER.rglob("*.yaml"))

RULE = {"from": "random_model", "measure": "r2", "at_least": 0.5}
GOOD = {"schema": "gatekit.policy/1", "id": "p", "gates": {"g": RULE}}


def accepted_by_schema(value) -> bool:
    return jsonschema.Draft202012Validator(schema("policy")).is_valid(value)


def accepted_by_loader(value) -> bool:
    try:
        parse_policy(json.dumps(value).encode(), "p.yaml")
    except GatekitError:
        return False
    return True


def with_rule(**changes) -> dict:
    value = copy.deepcopy(GOOD)
    value["gates"]["g"].update(changes)
    value["gates"]["g"] = {k: v for k, v in value["gates"]["g"].items() if v is not ...}
    return value


CASES = [
    (GOOD, True),
    ({**GOOD, "description": "words"}, True),
    ({**GOOD, "extra": 1}, False),
    ({**GOOD, "schema": "gatekit.policy/2"}, False),
    ({**GOOD, "gates": {}}, False),
    ({**GOOD, "id": "P"}, False),
    ({**GOOD, "defaults": {"confidence": 0.9, "min_seeds": 3, "max_age": "30d", "allow_reported": True}}, True),
    ({**GOOD, "defaults": {"level": "warn"}}, False),
    ({**GOOD, "subject": {}}, False),
    ({**GOOD, "subject": {"d_sae": 0}}, False),
    ({**GOOD, "subject": {"digest": "0123456789ab"}}, True),
    ({**GOOD, "evidence": "evidence/minilm/topk/"}, True),
    ({**GOOD, "evidence": "evidence"}, True),
    ({**GOOD, "evidence": ["evidence/a", "evidence/b/c.json"]}, True),
    ({**GOOD, "evidence": []}, False),
    ({**GOOD, "evidence": ["evidence/a", "evidence/a"]}, False),
    ({**GOOD, "evidence": "runs/a"}, False),
    ({**GOOD, "evidence": "evidences"}, False),
    ({**GOOD, "evidence": "/evidence/a"}, False),
    ({**GOOD, "evidence": "evidence/../a"}, False),
    ({**GOOD, "evidence": "evidence//a"}, False),
    ({**GOOD, "evidence": "evidence/.hidden"}, False),
    ({**GOOD, "evidence": "evidence\\a"}, False),
    ({**GOOD, "evidence": {"folder": "evidence/a"}}, False),
    ({**GOOD, "evidence": 3}, False),
    ({**GOOD, "waivers": [{"gate": "g", "owner": "a", "reason": "b", "expires": "2027-01-01"}]}, True),
    ({**GOOD, "waivers": [{"gate": "g", "owner": "a", "reason": "b"}]}, False),
    ({**GOOD, "signed_by": {"roles": ["measure"], "threshold": 2}}, True),
    ({**GOOD, "signed_by": {"roles": []}}, False),
    ({**GOOD, "signed_by": {"roles": ["measure"], "threshold": 0}}, False),
    (with_rule(at_most=0.9), False),
    (with_rule(at_least=...), False),
    (with_rule(at_least=True), False),
    (with_rule(at_least="0.5"), False),
    (with_rule(at_least=..., between=[0.1, 0.2]), True),
    (with_rule(at_least=..., between=[0.1]), False),
    (with_rule(at_least=..., not_worse_than={"base": 0.02}), True),
    (with_rule(not_worse_than={"base": 0.02}), False),
    (with_rule(at_least=..., not_worse_than={"base": -0.02}), False),
    (with_rule(at_least=..., not_worse_than={}), False),
    (with_rule(bound="point"), True),
    (with_rule(bound="points"), False),
    (with_rule(level="warn", required=False, description="why"), True),
    (with_rule(level="off"), False),
    (with_rule(confidence=0.5), False),
    (with_rule(min_seeds=0), False),
    (with_rule(max_age="30 days"), False),
    (with_rule(generalize_over=["seed", "seed"]), False),
    (with_rule(generalize_over=["seed"]), True),
    (with_rule(**{"from": "Nothing"}), False),
    (with_rule(measure="r3"), False),
    (with_rule(measure="interpretability"), False),
    (with_rule(**{"from": "cebench", "measure": "interpretability"}), True),
    ({**GOOD, "gates": {"g": {"all_of": [RULE, {"any_of": [RULE]}]}}}, True),
    ({**GOOD, "gates": {"g": {"all_of": [RULE], "min_seeds": 3}}}, False),
    ({**GOOD, "gates": {"g": {"all_of": [RULE], "any_of": [RULE]}}}, False),
    ({**GOOD, "gates": {"g": {"all_of": []}}}, False),
    ({**GOOD, "gates": {"g": {"all_of": [{**RULE, "level": "warn"}]}}}, False),
]


@pytest.mark.parametrize(("value", "good"), CASES)
def test_schema_and_loader_agree(value: dict, good: bool) -> None:
    assert (accepted_by_schema(value), accepted_by_loader(value)) == (good, good)


def test_an_editor_accepts_a_kind_of_ones_own_and_the_loader_asks_for_its_table() -> None:
    value = with_rule(**{"from": "nothing"})
    assert (accepted_by_schema(value), accepted_by_loader(value)) == (True, False)


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.name)
def test_shipped_policies_follow_the_schema_and_carry_the_editor_line(path: Path) -> None:
    document = parse_yaml(path.read_bytes(), path.name)
    jsonschema.Draft202012Validator(schema("policy")).validate(document.plain())
    up = "../" * len(path.relative_to(POLICIES_FOLDER).parts)
    assert path.read_text().splitlines()[0] == f"# yaml-language-server: $schema={up}schemas/policy.schema.json"


def test_keys_and_words_of_schema_and_loader_are_the_same() -> None:
    published = schema("policy")
    assert set(published["properties"]) == set(loading.POLICY_KEYS)
    rule = set(published["$defs"]["rule"]["properties"])
    assert rule == {*loading.THRESHOLD_KEYS, *loading.COMBINATIONS}
    assert set(published["$defs"]["gate"]["properties"]) == rule | set(loading.GATE_KEYS)
    assert set(published["properties"]["subject"]["properties"]) == set(loading.SUBJECT_KEYS)
    assert set(published["properties"]["defaults"]["properties"]) == set(loading.SETTING_KEYS)
    assert published["$defs"]["rule"]["properties"]["from"]["anyOf"][0]["enum"] == sorted(BUILT_IN)
    assert str(model.DEFAULT_CONFIDENCE) in published["$defs"]["confidence"]["description"]
    assert str(model.DEFAULT_MIN_SEEDS) in published["$defs"]["min_seeds"]["description"]


def test_the_published_operators_are_those_of_the_table() -> None:
    file = Path(__file__).parents[2] / "schemas" / "policy.schema.json"
    published = json.loads(file.read_text(encoding="utf-8"))
    assert with_operators(published) == published, "run `make schemas`"
    verdicts = schema("verdict")["$defs"]["threshold"]["properties"]["operator"]["enum"]
    assert verdicts == list(get_args(Form))
