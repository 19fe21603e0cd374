"""What may be compared: one protocol per value, one SAE per candidate, and the seeds that decide."""

from __future__ import annotations

import copy
from typing import Any

import builders
import pytest
from candidates import pools

from gatekit.candidates.pool import on_seeds
from gatekit.exit_codes import ExitCode
from gatekit.gates.bounds import interval


def with_protocol(candidate: str, **changes: Any) -> dict[str, Any]:
    return pools.summaries(candidate, saebench=changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rows": 2000}, "2000 rows there, 1000 here"),
        ({"name": "saebench/2"}, "protocol saebench/2 there, saebench/1 here"),
        ({"settings": {"regularisation": "l1"}}, "settings regularisation"),
        ({"ks": [5]}, "other datasets or ks"),
        ({"baseline": {"kind": "public_sae", "subject": None}}, "baseline public_sae there, dense_probe here"),
    ],
)
def test_two_protocols_for_a_value_are_an_error_that_names_both_files(changes: dict[str, Any], words: str) -> None:
    documents = pools.evidence(topk={}) | with_protocol("relu", **changes)
    selected = pools.choose(documents)
    (error,) = selected.errors
    assert (error.error_id, selected.code, selected.winner) == ("candidates.two_protocols", ExitCode.REFUSED, None)
    assert str(error.location) == "evidence/topk-saebench.json#/protocol"
    assert error.message == f"saebench.auc_delta was measured otherwise than in evidence/relu-saebench.json: {words}"


def test_other_seeds_and_another_baseline_subject_are_the_same_protocol() -> None:
    control = pools.subject("control")
    documents = pools.evidence(topk={}) | pools.summaries(
        "relu", seeds=(5, 6, 7, 8, 9), saebench={"baseline": {"kind": "dense_probe", "subject": control}}
    )
    assert pools.choose(documents).errors == ()


def test_settings_that_belong_to_the_candidate_may_differ_where_the_policy_names_them() -> None:
    documents = with_protocol("topk", settings={"learning_rate": 0.1, "k": 5}) | with_protocol(
        "relu", settings={"learning_rate": 0.2, "k": 5}
    )
    assert [error.error_id for error in pools.choose(documents).errors] == ["candidates.two_protocols"]
    assert pools.choose(documents, pools.POLICY + "  may_differ: [learning_rate]\n").errors == ()


def test_a_protocol_named_by_the_policy_is_the_one_that_is_read() -> None:
    documents = with_protocol("topk") | with_protocol("relu", name="other/1")
    text = pools.POLICY.replace("weight: 2}", "weight: 2, protocol: saebench/1}")
    selected = pools.choose(documents, text)
    assert selected.errors == ()
    assert pools.one(selected, "relu").reasons == (
        "saebench.auc_delta: no saebench summary follows protocol saebench/1",
    )


def test_one_candidate_measured_twice_in_two_ways_is_refused() -> None:
    documents = pools.evidence(topk={})
    again = copy.deepcopy(documents["topk-saebench.json"])
    again["protocol"]["baseline"]["subject"] = pools.subject("control")
    selected = pools.choose(documents | {"again.json": again})
    assert [error.error_id for error in selected.errors] == ["candidates.two_protocols"]


def test_a_health_gate_is_judged_alone_so_its_protocol_may_be_each_candidates_own() -> None:
    text = pools.POLICY.replace("    - {from: random_model, measure: r2, worst: 0.5, best: 1.0}\n", "")
    documents = pools.evidence(topk={}, relu={"auc": 0.91})
    documents["relu-random_model.json"]["protocol"]["settings"] = {"auxiliary_k": 64}
    assert pools.choose(documents, text).code is ExitCode.PASS


def test_candidates_that_share_a_checkpoint_are_refused() -> None:
    documents = pools.summaries("topk") | {
        f"longer-{name}": document for name, document in pools.summaries("topk", seeds=range(10)).items()
    }
    selected = pools.choose(documents)
    assert [error.error_id for error in selected.errors] == ["candidates.shared_checkpoint"]
    assert selected.code is ExitCode.REFUSED


# Seeds that decide, and seeds that are left for the gates.

SPLIT = pools.POLICY + "  seeds: {select: [0, 1, 2, 3, 4], confirm: [5, 6, 7, 8, 9]}\n"


def ten(name: str, early: float, late: float) -> dict[str, Any]:
    """A candidate of ten seeds whose AUC is `early` on the first five and `late` on the others."""
    documents = pools.summaries(name, seeds=range(10))
    noise = [0.001 * (i % 5 - 2) for i in range(10)]
    auc = [(early if i < 5 else late) + noise[i] for i in range(10) for _ in builders.DATASETS]
    documents[f"{name}-saebench.json"]["measurements"]["auc_delta"]["columns"]["candidate"] = auc
    return documents


def test_only_the_selection_seeds_decide() -> None:
    selected = pools.choose(ten("topk", early=0.92, late=0.70) | ten("relu", early=0.90, late=0.94), SPLIT)
    assert pools.names(selected) == ["topk", "relu"]
    assert selected.seeds == (0, 1, 2, 3, 4)


def test_the_order_is_the_same_when_only_a_finalist_was_extended_to_the_other_seeds() -> None:
    short = pools.choose(pools.summaries("topk", auc=0.91) | pools.summaries("relu", auc=0.90), SPLIT)
    longer = pools.choose(ten("topk", early=0.91, late=0.70) | pools.summaries("relu", auc=0.90), SPLIT)
    assert pools.names(short) == pools.names(longer) == ["topk", "relu"]


def test_a_candidate_without_selection_seeds_is_not_ranked() -> None:
    documents = pools.evidence(topk={}) | pools.summaries("relu", seeds=(5, 6, 7, 8, 9))
    relu = pools.one(pools.choose(documents, SPLIT), "relu")
    assert relu.rank is None
    assert "0 seeds; the policy needs 5" in relu.reasons[0]


def test_another_tools_number_cannot_be_taken_apart_by_seed() -> None:
    text = SPLIT.replace("min_seeds: 5,", "min_seeds: 5, allow_reported: true,")
    documents = pools.evidence(topk={})
    documents["topk-saebench.json"] = builders.summary(
        "saebench", {"auc_delta": builders.reported(-0.05, -0.06, -0.04, 0.95, 5)}, of=pools.subject("topk")
    )
    assert pools.one(pools.choose(documents, text), "topk").rank is None


def test_some_seeds_of_a_pair_design_keep_the_pairs_among_them() -> None:
    pairs = builders.around(0.6, 0.02, 10)
    (summary,) = pools.read({"a.json": builders.summary("random_model", {"similarity_at_init": pairs})})
    part = on_seeds(summary, (0, 2, 4)).measurements["similarity_at_init"]
    assert part.keys == ((0, 2), (0, 4), (2, 4))
    assert part.candidate == (pairs[1], pairs[3], pairs[8])  # of (0, 1), (0, 2), (0, 3), (0, 4), (1, 2), ...


def test_a_bound_on_some_seeds_is_the_bound_of_those_seeds() -> None:
    values = [0.8, 0.81, 0.83, 0.79, 0.82, 0.1, 0.2, 0.3, 0.1, 0.2]
    own = pools.subject("topk", range(10))
    (summary,) = pools.read({"a.json": builders.summary("random_model", {"r2": values}, seeds=range(10), of=own)})
    found = interval(on_seeds(summary, range(5)).measurements["r2"], 0.95, ("seed",))
    assert found.lower == pytest.approx(pools.student_lower(values[:5]), abs=1e-12)


def test_an_unpaired_control_keeps_the_same_seeds() -> None:
    control = pools.subject("control", range(10))
    document = builders.summary(
        "random_model", {"r2": [0.8] * 10}, seeds=range(10), of=pools.subject("topk", range(10))
    )
    control["model"] = control["model"] | {"digest": builders.digest("another model")}
    document["protocol"]["baseline"]["subject"] = control
    pairs = [(a, b) for a in range(10) for b in range(a + 1, 10)]
    columns = {"seed_a": [a for a, _ in pairs], "seed_b": [b for _, b in pairs]}
    compared = builders.measurement("random_model", "pw_mcc_above_control", [0.6] * 45, None, range(10))
    document["measurements"]["pw_mcc_above_control"] = compared | {"baseline_columns": columns | {"value": [0.4] * 45}}
    (summary,) = pools.read({"a.json": document})
    part = on_seeds(summary, range(4)).measurements["pw_mcc_above_control"]
    assert part.baseline_keys == part.keys == ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))
