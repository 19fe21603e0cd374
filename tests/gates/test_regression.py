"""not_worse_than bounds the difference to the base branch's evidence; without a base it never passes."""

from __future__ import annotations

from typing import Any

import builders
import pytest
from judging import HEAD, NOW, read
from scipy import stats

from gatekit.errors import GatekitError
from gatekit.gates import threshold
from gatekit.gates.evaluate import evaluate
from gatekit.gates.every_seed import EXCLUDED
from gatekit.gates.verdict import Verdict
from gatekit.policy import lint, parse_policy

R2 = [0.80, 0.82, 0.78, 0.81, 0.79]
WORSE = [0.79, 0.80, 0.77, 0.80, 0.77]
GATE = "g: {from: random_model, measure: r2, not_worse_than: {base: %r}}"


def judged(gate: str, head: dict, base: dict | None, *, stops: bool = False) -> Verdict:
    bases = None if base is None else {"base.json": base}
    return judged_against(gate, head, bases, stops=stops)


def judged_against(gate: str, head: dict, base: dict[str, dict] | None, *, stops: bool = False) -> Verdict:
    purpose = "purpose: stop\n" if stops else ""
    policy = parse_policy((HEAD + purpose + "gates:\n  " + gate + "\n").encode(), "p.yaml")
    summaries, errors = read({"head.json": head})
    others = None if base is None else read(base)[0]
    return evaluate([policy], summaries, NOW, errors, base=others)


def result(verdict: Verdict):
    return verdict.policies[0].gates[0].result


def r2(values, **changes):
    return builders.summary("random_model", {"r2": values}, **changes)


def test_matching_seeds_are_paired() -> None:
    bound = float(stats.ttest_rel(WORSE, R2, alternative="greater").confidence_interval(0.95).low)
    for margin, outcome in ((-bound + 1e-9, "pass"), (-bound - 1e-9, "fail")):
        found = result(judged(GATE % margin, r2(WORSE), r2(R2)))
        assert found.outcome == outcome
        assert found.measured.lower == pytest.approx(bound, abs=1e-12)
    assert found.base_evidence.path == "base.json"


def test_other_seeds_are_two_groups() -> None:
    other = r2(R2, seeds=(10, 11, 12, 13, 14))
    welch = stats.ttest_ind(WORSE, R2, equal_var=False, alternative="greater").confidence_interval(0.95)
    found = result(judged(GATE % 0.1, r2(WORSE), other))
    assert found.measured.lower == pytest.approx(float(welch.low), abs=1e-12)


def test_lower_is_better_bounds_the_increase() -> None:
    head = builders.summary("random_model", {"dead_fraction": [0.11, 0.13, 0.09, 0.12, 0.11]})
    base = builders.summary("random_model", {"dead_fraction": [0.10, 0.12, 0.08, 0.11, 0.09]})
    gate = "g: {from: random_model, measure: dead_fraction, not_worse_than: {base: %r}}"
    high = stats.ttest_rel([0.11, 0.13, 0.09, 0.12, 0.11], [0.10, 0.12, 0.08, 0.11, 0.09], alternative="less")
    bound = float(high.confidence_interval(0.95).high)
    assert result(judged(gate % (bound + 1e-9), head, base)).outcome == "pass"
    assert result(judged(gate % (bound - 1e-9), head, base)).outcome == "fail"


def test_without_a_base_it_is_inconclusive() -> None:
    other_protocol = r2(R2, protocol_changes={"rows": 999})
    unmeasured = builders.summary("random_model", {"l0": [32.0] * 5})
    failed = builders.summary("random_model", {}, status="failed", reason="no")
    for base in (None, other_protocol, unmeasured, failed):
        verdict = judged(GATE % 0.5, r2(R2), base)
        assert (result(verdict).outcome, result(verdict).why, verdict.code) == ("inconclusive", "no_base", 3)


@pytest.mark.parametrize(
    "other",
    [
        builders.subject(d_sae=8192),
        builders.subject(architecture="jumprelu", k=None),
        builders.subject(k=16),
        builders.subject(hook="blocks.4.hook_resid_post"),
    ],
    ids=["size", "architecture", "k", "hook"],
)
def test_the_base_is_of_the_same_model_hook_architecture_and_size(other: dict[str, Any]) -> None:
    verdict = judged(GATE % 0.05, r2(R2), r2(R2[::-1], of=other))
    assert result(verdict).why == "no_base"
    assert "of one subject of this model, hook, architecture and size" in result(verdict).reason


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"d_sae": 8192}, "d_sae 4096, the base has 8192"),
        ({"d_model": 768}, "d_model 512, the base has 768"),
        ({"architecture": "batch_topk"}, "architecture topk, the base has batch_topk"),
        ({"k": 16}, "k 32, the base has 16"),
        ({"hook": "blocks.4.hook_resid_post"}, "hook blocks.3.hook_resid_post, the base has blocks.4.hook_resid_post"),
    ],
    ids=["d_sae", "d_model", "architecture", "k", "hook"],
)
def test_the_field_in_which_the_base_differs_is_named_with_both_values(
    changes: dict[str, Any], difference: str
) -> None:
    verdict = judged(GATE % 0.05, r2(R2), r2(R2[::-1], of=builders.subject(**changes)))
    assert result(verdict).reason.endswith(f"by the same protocol: {difference}")


def test_all_fields_in_which_the_base_differs_are_named() -> None:
    other = builders.subject(architecture="jumprelu", k=None)
    verdict = judged(GATE % 0.05, r2(R2), r2(R2[::-1], of=other))
    assert result(verdict).reason.endswith(": architecture topk, the base has jumprelu, and k 32, the base has none")


def test_another_model_in_the_base_is_named_with_the_digest_of_its_weights() -> None:
    verdict = judged(GATE % 0.05, r2(R2), r2(R2[::-1], of=builders.subject(model="gpt2")))
    own, other = builders.digest("pythia-70m")[:12], builders.digest("gpt2")[:12]
    assert result(verdict).reason.endswith(f": model pythia-70m [{own}], the base has gpt2 [{other}]")


def test_of_several_subjects_in_the_base_the_one_that_differs_least_is_named() -> None:
    far = r2(R2, of=builders.subject(hook="blocks.4.hook_resid_post", k=16, d_sae=8192))
    close = r2(R2, of=builders.subject(k=64))
    policy = parse_policy((HEAD + "gates:\n  " + GATE % 0.05 + "\n").encode(), "p.yaml")
    summaries, errors = read({"head.json": r2(R2)})
    others, _ = read({"far.json": far, "close.json": close})
    verdict = evaluate([policy], summaries, NOW, errors, base=others)
    assert result(verdict).reason.endswith(": k 32, the closest in the base has 64")


def test_a_base_that_was_measured_by_another_protocol_is_not_said_to_differ_in_its_subject() -> None:
    other = r2(R2, of=builders.subject(k=16), protocol_changes={"rows": 999})
    reason = result(judged(GATE % 0.05, r2(R2), other)).reason
    assert reason.endswith("measured by the same protocol: rows 1000, the base has 999")


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"name": "other"}, "protocol random_model/1, the base has other"),
        ({"ks": [1]}, "ks none, the base has [1]"),
        ({"settings": {"steps": 40}}, "setting steps not stated, the base has 40"),
    ],
)
def test_each_field_of_the_protocol_that_differs_is_named_with_both_values(
    changes: dict[str, Any], difference: str
) -> None:
    reason = result(judged(GATE % 0.05, r2(R2), r2(R2, protocol_changes=changes))).reason
    assert difference in reason


def on_dataset(name: str, digit: str) -> dict[str, Any]:
    document = r2(R2)
    document["protocol"]["datasets"] = [{"name": name, "sha256": digit * 64, "rows": 10}]
    return document


def test_other_datasets_are_named() -> None:
    reason = result(judged(GATE % 0.05, r2(R2), on_dataset("d", "0"))).reason
    assert reason.endswith("datasets 0, the base has 1 with d among them")
    assert result(judged(GATE % 0.05, on_dataset("e", "1"), on_dataset("d", "0"))).reason.endswith(
        "dataset e, the base has d"
    )


def test_datasets_of_other_contents_under_the_same_names_are_named() -> None:
    documents = [on_dataset("d", digit) for digit in "01"]
    reason = result(judged(GATE % 0.05, *documents)).reason
    assert reason.endswith("contents of the datasets these, the base has others under the same names")


def test_many_fields_that_differ_are_counted_after_the_fifth() -> None:
    settings = {f"setting_{number}": number for number in range(7)}
    reason = result(judged(GATE % 0.05, r2(R2), r2(R2, protocol_changes={"settings": settings}))).reason
    assert reason.endswith("and 2 fields more")


COMMON = GATE.replace("%r}", "%r, seeds: common}, min_seeds: 3")


def test_on_common_seeds_a_pilot_is_paired_with_what_has_more() -> None:
    bound = float(stats.ttest_rel(WORSE[:3], R2[:3], alternative="greater").confidence_interval(0.95).low)
    for margin, outcome in ((-bound + 1e-9, "pass"), (-bound - 1e-9, "fail")):
        found = result(judged(COMMON % margin, r2(WORSE[:3], seeds=(0, 1, 2)), r2(R2), stops=True))
        assert found.outcome == outcome
        assert found.measured.lower == pytest.approx(bound, abs=1e-12)
        assert "paired on the 3 seeds that both measured, of 3 here and 5 in the base" in found.notes


def test_without_it_they_stay_two_groups() -> None:
    welch = stats.ttest_ind(WORSE[:3], R2, equal_var=False, alternative="greater").confidence_interval(0.95)
    gate = GATE.replace("%r}", "%r}, min_seeds: 3")
    found = result(judged(gate % 0.1, r2(WORSE[:3], seeds=(0, 1, 2)), r2(R2)))
    assert found.measured.lower == pytest.approx(float(welch.low), abs=1e-12)


def crossed(values: list[float], seeds: tuple[int, ...]) -> dict[str, Any]:
    return builders.summary("saebench", {"auc": values}, seeds=seeds)


def test_a_crossed_design_has_a_bound_on_common_seeds_and_none_on_others() -> None:
    head = crossed(builders.around(0.8, 0.02, 9), (0, 1, 2))
    base = crossed(builders.around(0.81, 0.03, 15), (0, 1, 2, 3, 4))
    gate = "g: {from: saebench, measure: auc, not_worse_than: {base: 0.5%s}, min_seeds: 3}"
    assert result(judged(gate % "", head, base)).why == "no_base"
    found = result(judged(gate % ", seeds: common", head, base, stops=True))
    assert (found.outcome, found.measured.n_observations) == ("pass", 9)


def test_pairs_count_where_both_of_their_seeds_are_common() -> None:
    gate = "g: {from: random_model, measure: pw_mcc, not_worse_than: {base: 0.5, seeds: common}, min_seeds: 3}"
    head = builders.summary("random_model", {"pw_mcc": [0.5, 0.52, 0.54]}, seeds=(1, 2, 9))
    base = builders.summary("random_model", {"pw_mcc": builders.around(0.5, 0.02, 10)})
    assert result(judged(gate, head, base, stops=True)).reason == "2 seeds; the policy needs 3"
    three = builders.summary("random_model", {"pw_mcc": [0.5, 0.52, 0.54]}, seeds=(1, 2, 3))
    assert result(judged(gate, three, base, stops=True)).measured.n_observations == 3


def test_without_a_seed_in_common_there_is_nothing_to_pair() -> None:
    found = result(judged(COMMON % 0.5, r2(R2[:3], seeds=(7, 8, 9)), r2(R2), stops=True))
    assert (found.why, "no seed in common" in found.reason) == ("no_base", True)


def test_a_stop_policy_pairs_on_common_seeds_unless_it_says_otherwise() -> None:
    text = HEAD + "purpose: stop\ngates:\n  g: {from: random_model, measure: r2, not_worse_than: {base: 0.1%s}}\n"
    assert parse_policy((text % "").encode(), "p.yaml").gates[0].rule.common_seeds
    assert not parse_policy((text % ", seeds: all").encode(), "p.yaml").gates[0].rule.common_seeds


def test_outside_stop_policies_the_head_cannot_choose_its_seeds_of_the_base() -> None:
    text = HEAD + "gates:\n  g: {from: random_model, measure: r2, not_worse_than: {base: 0.1, seeds: %s}}\n"
    assert not parse_policy((text % "all").encode(), "p.yaml").gates[0].rule.common_seeds
    with pytest.raises(GatekitError, match="only in a policy of purpose: stop") as refused:
        parse_policy((text % "common").encode(), "p.yaml")
    line = refused.value.location.line
    assert (text % "common").splitlines()[line - 1].startswith("  g:")
    assert text.splitlines()[line - 1][: refused.value.location.column - 1].endswith("seeds: ")


def test_what_was_compared_on_a_part_of_the_seeds_says_nothing_of_training() -> None:
    collapsed = r2([*R2, 0.05, 0.06, 0.05, 0.07, 0.06], seeds=tuple(range(10)))
    of_some = judged(GATE % 0.1, collapsed, r2(WORSE), stops=True).policies[0]
    assert (of_some.gates[0].result.outcome, [n for n in of_some.notes if EXCLUDED in n]) == ("pass", [])
    of_all = judged(GATE % 0.1, r2(R2), r2(WORSE), stops=True).policies[0]
    assert [n for n in of_all.notes if EXCLUDED in n] == [f"5 {EXCLUDED} 45%"]


ACROSS = GATE.replace("%r}", "%r, across_subjects: true}")


def test_across_subjects_another_shape_is_compared_and_named() -> None:
    other = r2(R2, of=builders.subject(architecture="batch_topk", k=16))
    found = result(judged(ACROSS % 0.05, r2(WORSE), other))
    assert found.outcome == "pass"
    assert "compared across subjects: architecture topk against batch_topk, k 32 against 16" in found.notes


def test_across_subjects_the_protocol_must_still_be_the_same() -> None:
    other = r2(R2, of=builders.subject(k=16), protocol_changes={"rows": 999})
    found = result(judged(ACROSS % 0.05, r2(WORSE), other))
    assert (found.why, found.reason.endswith(": rows 1000, the base has 999")) == ("no_base", True)


def test_across_subjects_several_in_the_base_are_named_and_none_is_chosen() -> None:
    policy = parse_policy((HEAD + "gates:\n  " + ACROSS % 0.05 + "\n").encode(), "p.yaml")
    summaries, errors = read({"head.json": r2(R2)})
    others, _ = read({"a.json": r2(R2, of=builders.subject(k=16)), "b.json": r2(R2, of=builders.subject(k=64))})
    found = result(evaluate([policy], summaries, NOW, errors, base=others))
    assert found.why == "no_base"
    assert "it has 2 (" in found.reason and "k=16" in found.reason and "k=64" in found.reason


STRONG = [value + 0.1 for value in R2]


@pytest.mark.parametrize(
    ("gate", "fields"), [(ACROSS, {"k": 16}), (GATE, {"checkpoints": builders.subject(model="x")["checkpoints"]})]
)
def test_the_heads_protocol_does_not_choose_its_opponent_among_the_bases_subjects(gate, fields) -> None:
    weak = r2(WORSE, of=builders.subject(**fields))
    strong = r2(STRONG, of=builders.subject(checkpoints=builders.subject(model="y")["checkpoints"]))
    strong["protocol"]["rows"] = 4096
    found = result(judged_against(gate % 0.05, r2(R2), {"weak.json": weak, "strong.json": strong}))
    assert (found.why, ": it has 2 (" in found.reason) == ("no_base", True)
    # One subject measured by two protocols leaves nothing to choose.
    again = r2(WORSE, of=builders.subject(**fields), protocol_changes={"rows": 4096})
    assert result(judged_against(gate % 0.05, r2(R2), {"weak.json": weak, "again.json": again})).outcome == "pass"


def test_a_protocol_that_the_policy_names_says_which_subject_is_the_opponent() -> None:
    weak = r2(WORSE, of=builders.subject(k=16))
    strong = r2(STRONG, of=builders.subject(k=64), protocol_changes={"name": "other/1"})
    bases = {"weak.json": weak, "strong.json": strong}
    assert result(judged_against(ACROSS % 0.05, r2(R2), bases)).why == "no_base"
    named = (ACROSS % 0.05).replace("not_worse", "protocol: random_model/1, not_worse")
    assert result(judged_against(named, r2(R2), bases)).outcome == "pass"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("{base: 0.1, seeds: some}", "unknown seeds 'some'"),
        ("{base: 0.1, across_subjects: maybe}", "across_subjects must be true or false"),
        ("{base: 0.1, across: true}", "unknown key 'across'"),
    ],
)
def test_what_it_does_not_know_is_refused(value: str, said: str) -> None:
    text = f"{HEAD}gates:\n  g: {{from: random_model, measure: r2, not_worse_than: {value}}}\n"
    with pytest.raises(GatekitError, match=said):
        parse_policy(text.encode(), "p.yaml")


def test_reported_numbers_have_no_difference() -> None:
    reported = builders.summary("random_model", {"r2": builders.reported(0.8, lower=0.7, confidence=0.99, n_seeds=5)})
    gate = (GATE % 0.5).replace("{base: 0.5}", "{base: 0.5}, allow_reported: true")
    assert result(judged(gate, reported, r2(R2))).why == "no_base"
    assert result(judged(gate, r2(R2), reported)).why == "no_base"


def test_too_few_seeds_in_the_base_are_too_few() -> None:
    verdict = judged(GATE % 0.5, r2(R2), r2(R2[:3], seeds=(10, 11, 12)))
    assert result(verdict).why == "too_few_seeds"


def test_a_margin_as_wide_as_the_range_is_refused() -> None:
    text = HEAD + "gates:\n  g: {from: random_model, measure: dead_fraction, not_worse_than: {base: 1.0}}\n"
    assert [e.error_id for e in lint(parse_policy(text.encode(), "p.yaml"), NOW)] == ["policy.cannot_fail"]


@pytest.mark.parametrize("base", [R2, None])
def test_many_gates_on_one_measure_look_through_the_base_once(monkeypatch, base) -> None:
    looked = []
    for name in ("find_base", "why_no_base"):
        real = getattr(threshold, name)
        monkeypatch.setattr(threshold, name, lambda *asked, name=name, real=real: looked.append(name) or real(*asked))
    gates = "\n  ".join((GATE % (0.1 + index / 100)).replace("g:", f"g{index}:") for index in range(40))
    document = r2(R2) if base else builders.summary("random_model", {"l0": [32.0] * 5})
    verdict = judged(gates, r2(WORSE), document)
    assert len(verdict.policies[0].gates) == 40
    assert {gate.result.outcome for gate in verdict.policies[0].gates} == {"pass" if base else "inconclusive"}
    assert looked == (["find_base"] if base else ["find_base", "why_no_base"])
