"""claims.yaml that cannot be read says where and names the nearest valid word; the schema accepts the same files."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import jsonschema
import pytest
from claims.registered import POLICY, REGISTRY, policy, registry

from gatekit.claims import check_references, parse_registry, read_registry
from gatekit.claims.registry import CLAIM_KEYS, REGISTRY_KEYS, RULE_KEYS
from gatekit.errors import GatekitError
from gatekit.evidence.schemas import schema


def refusal(text: str) -> GatekitError:
    with pytest.raises(GatekitError) as caught:
        registry(text)
    return caught.value


def test_a_claim_is_read_with_its_positions() -> None:
    (claim,) = registry().claims
    assert (claim.id, claim.status, claim.policy, claim.gates, claim.evidence) == (
        "agree",
        "supported",
        "small",
        ("above", "good"),
        (),
    )
    assert str(claim.location) == "claims.yaml:8:9"
    assert str(claim.status_location) == "claims.yaml:10:13"
    assert str(claim.gate_locations[1]) == "claims.yaml:12:20"


def test_a_sentence_over_several_lines_is_one_line() -> None:
    text = REGISTRY.replace("sentence: Five SAEs agree", "sentence: >-\n      Five   SAEs\n      agree")
    assert registry(text).claims[0].sentence == "Five SAEs agree more than their control, by {} on average."


def test_rules_warn_unless_they_say_otherwise() -> None:
    text = REGISTRY.replace("  unregistered_numbers: warn\n  claim_language: error\n", "")
    rules = registry(text).rules
    assert (rules.unregistered_numbers, rules.claim_language) == ("warn", "warn")


@pytest.mark.parametrize(
    ("old", "new", "error_id", "place", "said"),
    [
        ("claim_language", "claim_langage", "claims.unknown_key", "6:3", "did you mean 'claim_language'?"),
        ("status: supported", "status: suported", "claims.value", "10:13", "did you mean 'supported'?"),
        ("policy: small", "polcy: small", "claims.unknown_key", "11:5", "did you mean 'policy'?"),
        ("    policy: small\n", "", "claims.missing_key", "8:5", "a claim has no 'policy'"),
        ("gates: [above, good]", "gates: []", "claims.empty", "12:12", "at least 1 item"),
        ("gates: [above, good]", "gates: [above, above]", "claims.duplicate", "12:20", "listed twice"),
        ("id: agree", "id: Agree", "claims.value", "8:9", "must match"),
        ("gatekit.claims/1", "gatekit.claims/2", "claims.newer_schema", "2:9", "install a newer gatekit"),
        ("README.md", "../README.md", "claims.path", "4:15", "plain path"),
        ("README.md", "/README.md", "claims.path", "4:15", "plain path"),
        ("README.md", "./README.md", "claims.path", "4:15", "plain path"),
        ("README.md", "README", "claims.path", "4:15", "end it with the suffix"),
        ("README.md", "docs/*.*", "claims.path", "4:15", "end it with the suffix"),
        ("[README.md,", '["[ab].md",', "claims.path", "4:15", "not ["),
        ("unregistered_numbers: warn", "unregistered_numbers: off", "yaml.ambiguous", "5:25", "quote it"),
        ("    gates: [above, good]\n", "    gates: [above]\n    evidence: [a/../b]\n", "claims.path", "13:16", "plain"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(old: str, new: str, error_id: str, place: str, said: str) -> None:
    assert old in REGISTRY
    error = refusal(REGISTRY.replace(old, new, 1))
    assert error.error_id == error_id
    assert str(error.location) == f"claims.yaml:{place}"
    assert said in str(error)


def test_two_claims_of_one_id_are_refused_and_the_first_is_named() -> None:
    error = refusal(REGISTRY + REGISTRY.partition("claims:\n")[2])
    assert (error.error_id, str(error.location)) == ("claims.duplicate_id", "claims.yaml:13:9")
    assert "claims.yaml:8:9" in str(error)


def test_a_registry_without_claims_is_refused_because_it_would_carry_anything() -> None:
    error = refusal(REGISTRY.partition("claims:\n")[0] + "claims: []\n")
    assert error.error_id == "claims.empty"


def test_a_folder_of_evidence_may_end_in_a_slash() -> None:
    claim = registry(REGISTRY + "    evidence: [evidence/minilm/]\n").claims[0]
    assert claim.evidence == ("evidence/minilm",)
    assert claim.stands_on("evidence/minilm/a.json")
    assert not claim.stands_on("evidence/minilm2/a.json")


def test_a_policy_and_a_gate_that_are_not_there_are_named_with_the_nearest() -> None:
    text = REGISTRY.replace("[above, good]", "[abov, good]")
    (error,) = check_references(registry(text), [policy()])
    assert str(error) == (
        "claims.yaml:12:13: policy 'small' has no gate 'abov'; did you mean 'above'? [claims.unknown_gate]"
    )
    (error,) = check_references(registry(), [policy(POLICY.replace("id: small", "id: smaller"))])
    assert str(error) == (
        "claims.yaml:11:13: claim 'agree' needs policy 'small', which is not there; did you mean 'smaller'? "
        "[claims.unknown_policy]"
    )


def test_a_registry_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GatekitError, match="there is no such file"):
        read_registry(str(tmp_path / "claims.yaml"))


CLAIM = {"id": "a", "sentence": "A holds.", "status": "pending", "policy": "p", "gates": ["g"]}
GOOD = {"schema": "gatekit.claims/1", "rules": {"documents": ["README.md"]}, "claims": [CLAIM]}


def with_claim(**changes: object) -> dict:
    value = copy.deepcopy(GOOD)
    value["claims"][0] = {k: v for k, v in {**CLAIM, **changes}.items() if v is not ...}
    return value


def with_rules(**changes: object) -> dict:
    return {**GOOD, "rules": {**GOOD["rules"], **changes}}


CASES = [
    (GOOD, True),
    ({**GOOD, "extra": 1}, False),
    ({**GOOD, "claims": []}, False),
    ({k: v for k, v in GOOD.items() if k != "rules"}, False),
    (with_rules(documents=[]), False),
    (with_rules(documents=["docs/**/*.md", "p.tex"]), True),
    (with_rules(documents=["a.md", "a.md"]), False),
    (with_rules(documents=["a.ipynb", "a.rst"]), True),
    (with_rules(documents=["a"]), False),
    (with_rules(documents=["a.*"]), False),
    (with_rules(documents=["/a.md"]), False),
    (with_rules(documents=["a[b].md"]), False),
    (with_rules(documents=["a\\b.md"]), False),
    (with_rules(unregistered_numbers="off", claim_language="error"), True),
    (with_rules(claim_language="loud"), False),
    (with_rules(claim_language=True), False),
    (with_claim(evidence=["evidence/a.json"]), True),
    (with_claim(evidence=[]), False),
    (with_claim(evidence=["/etc"]), False),
    (with_claim(status="supported"), True),
    (with_claim(status="proven"), False),
    (with_claim(id="A"), False),
    (with_claim(id="a_b"), False),
    (with_claim(sentence=""), False),
    (with_claim(sentence="x" * 1001), False),
    (with_claim(sentence=...), False),
    (with_claim(policy=...), False),
    (with_claim(gates=...), False),
    (with_claim(gates=["g", "g"]), False),
    (with_claim(gates=["G"]), False),
    (with_claim(gates="g"), False),
]


@pytest.mark.parametrize(("value", "good"), CASES)
def test_schema_and_loader_agree(value: dict, good: bool) -> None:
    accepted = True
    try:
        parse_registry(json.dumps(value).encode(), "claims.yaml")
    except GatekitError:
        accepted = False
    assert (jsonschema.Draft202012Validator(schema("claims")).is_valid(value), accepted) == (good, good)


def test_keys_and_words_of_schema_and_loader_are_the_same() -> None:
    published = schema("claims")
    assert set(published["properties"]) == set(REGISTRY_KEYS)
    assert set(published["properties"]["rules"]["properties"]) == set(RULE_KEYS)
    assert set(published["$defs"]["claim"]["properties"]) == set(CLAIM_KEYS)
