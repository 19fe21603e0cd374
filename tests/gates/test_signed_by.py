"""A policy may require signatures: distinct keys of the right roles, or the evidence is refused."""

from __future__ import annotations

import builders
import pytest
from judging import HEAD, NOW, read

from gatekit.gates.evaluate import Signer, evaluate
from gatekit.policy import parse_policy

POLICY = HEAD + "signed_by: {roles: [measure, review], threshold: 2}\ngates:\n  g: %s\n"
GATE = "{from: random_model, measure: r2, at_least: 0.5}"


def signer(key: str, *roles: str) -> Signer:
    return Signer(key, frozenset(roles))


@pytest.mark.parametrize(
    ("signers", "code"),
    [
        ([signer("a", "measure"), signer("b", "review")], 0),
        ([signer("a", "measure"), signer("b", "measure", "other")], 0),
        ([signer("a", "measure")], 4),
        ([signer("a", "measure"), signer("a", "review")], 4),
        ([signer("a", "measure"), signer("b", "other")], 4),
        ([], 4),
    ],
)
def test_distinct_keys_of_the_wanted_roles_must_have_signed(signers: list[Signer], code: int) -> None:
    summaries, _ = read({"a.json": builders.summary("random_model", {"r2": [0.80, 0.82, 0.78, 0.81, 0.79]})})
    policy = parse_policy((POLICY % GATE).encode(), "p.yaml")
    verdict = evaluate([policy], summaries, NOW, signers={summaries[0].sha256: frozenset(signers)})
    assert verdict.code == code
    # A signature over other bytes is no signature of this file.
    other = evaluate([policy], summaries, NOW, signers={"0" * 64: frozenset(signers)})
    assert other.code == 4
    assert [e.error_id for e in other.errors] == ["signature.missing"]
