"""Evidence that gives one model two names is judged by no gate."""

from __future__ import annotations

import builders
import pytest
from judging import outcomes, verdict, why

POLICY = "a: {from: random_model, measure: r2, at_least: 0.5}\nb: {from: saebench, measure: auc, at_least: 0.5}"


def evidence(name: str) -> dict:
    """Two summaries of one subject; the second names its model so."""
    found = {
        "a.json": builders.summary("random_model", {"r2": builders.around(0.8, 0.01, 5)}),
        "b.json": builders.summary("saebench", {"auc": builders.around(0.8, 0.01, 15)}),
    }
    found["b.json"]["subject"]["model"]["name"] = name
    return found


@pytest.mark.parametrize("name", ["pythia-70m", "EleutherAI/pythia-70m", "models/pythia-70m", "Pythia_70M"])
def test_a_folder_case_and_punctuation_are_no_other_name(name: str) -> None:
    assert verdict(POLICY, evidence(name)).code == 0


@pytest.mark.parametrize("name", ["gpt2", "pythia-160m", "pythia-70m-deduped", "pythia-70m/final"])
def test_another_name_is_inconclusive_for_every_gate_and_both_files_are_named(name: str) -> None:
    judged = verdict(POLICY, evidence(name))
    assert judged.code == 3
    assert outcomes(judged) == {"a": "inconclusive", "b": "inconclusive"}
    assert why(judged, "a") == "implausible"
    reason = judged.policies[0].gates[0].result.reason
    assert "a.json" in reason and "b.json" in reason and f"'{name}'" in reason


def test_it_counts_also_where_a_policy_takes_several_subjects() -> None:
    policy = f"one_subject: false\ngates:\n  {POLICY.replace(chr(10), chr(10) + '  ')}\n"
    found = evidence("gpt2")
    found["b.json"]["subject"]["k"] = 16
    assert verdict(policy, found).code == 3


def test_a_kind_that_no_gate_reads_is_not_compared() -> None:
    assert verdict(POLICY.splitlines()[0], evidence("gpt2")).code == 0
