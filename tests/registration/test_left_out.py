"""Seeds of the base's evidence that nothing shows any more: in `gatekit check` those that are shown pay for them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import builders
import pytest
from acceptance.console_script import gatekit
from registration.histories import NOW, POLICY, evidence, write

SHOWN = POLICY.replace("registered: required\n", "")
EVERY_SEED = SHOWN.replace("at_least: 0.5", "every_seed: {at_least: 0.5}")
VALUES = [0.80, 0.81, 0.82, 0.79, 0.80, 0.81, 0.83, 0.80, 0.79, 0.81]


def of(seeds: Sequence[int], **config: Any) -> dict[str, Any]:
    return evidence(seeds, [VALUES[seed % 10] for seed in seeds], **config)


def checked(
    tmp_path: Path, base: Mapping[str, Any], head: Mapping[str, Any], policy: str = SHOWN
) -> tuple[dict[str, Any], str]:
    """Return what became of the one rule, and all that the terminal showed."""
    (tmp_path / "policies").mkdir(exist_ok=True)
    (tmp_path / "policies" / "small.yaml").write_text(policy)
    write(tmp_path, {f"../base/{name}": document for name, document in base.items()})
    write(tmp_path, head)
    arguments = ("--verbose", "--now", NOW, "--base-evidence", "base", "--output", "json=report.json")
    done = gatekit("check", *arguments, cwd=tmp_path)
    report = json.loads((tmp_path / "report.json").read_text())
    return report["policies"][0]["gates"][0]["result"], " ".join((done.stdout + done.stderr).split())


def test_other_seeds_in_the_place_of_the_bases_pay_for_every_choice_among_all(tmp_path: Path) -> None:
    rule, said = checked(tmp_path, {"a.json": of(range(5))}, {"a.json": of(range(5, 10))})
    assert rule["measured"]["confidence"] == pytest.approx(1 - 0.05 / (6 * 252))
    assert "seeds 0, 1, 2, 3, 4 of the base's evidence are left out" in said
    assert "5 of 10 seeds can be chosen in 252 ways, at any of 6 looks: bounded at 0.999967" in said


def test_the_best_five_of_the_bases_ten_pay_for_every_choice_of_five(tmp_path: Path) -> None:
    rule, _ = checked(tmp_path, {"a.json": of(range(10))}, {"a.json": of([1, 2, 5, 6, 9])})
    assert rule["measured"]["confidence"] == pytest.approx(1 - 0.05 / (6 * 252))


def test_seeds_that_are_added_while_one_is_left_out_pay_for_both(tmp_path: Path) -> None:
    rule, said = checked(tmp_path, {"a.json": of(range(5))}, {"a.json": of(range(1, 7))})
    assert rule["measured"]["confidence"] == pytest.approx(1 - 0.05 / (3 * 7))
    assert "seed 0 of the base's evidence is left out; 6 of 7 seeds can be chosen in 7 ways, at any of 3 looks" in said


@pytest.mark.parametrize("seeds", [range(5), range(4, 9)])
def test_what_is_still_shown_together_is_not_left_out(tmp_path: Path, seeds: Sequence[int]) -> None:
    policy = SHOWN.replace("defaults:", "evidence: [evidence/b.json]\ndefaults:")
    both = {"a.json": of(range(5)), "b.json": of(seeds, started="2026-03-02T07:00:00Z")}
    rule, _ = checked(tmp_path, {"a.json": of(range(5))}, both, policy)
    assert rule["measured"]["confidence"] == pytest.approx(0.95)


def test_the_bases_ten_seeds_in_two_files_are_left_out_of_each(tmp_path: Path) -> None:
    policy = SHOWN.replace("defaults:", "evidence: [evidence/b.json]\ndefaults:")
    halves = {"a.json": of([0, 3, 4, 7, 8]), "b.json": of([1, 2, 5, 6, 9])}
    rule, _ = checked(tmp_path, {"a.json": of(range(10))}, halves, policy)
    assert rule["measured"]["confidence"] == pytest.approx(1 - 0.05 / (6 * 252))


def test_another_configuration_is_another_candidate(tmp_path: Path) -> None:
    rule, _ = checked(tmp_path, {"a.json": of(range(5))}, {"a.json": of(range(5, 10), sae={"k": 31})})
    assert rule["measured"]["confidence"] == pytest.approx(0.95)


def test_saes_from_other_files_are_measured_in_the_same_way(tmp_path: Path) -> None:
    base, head = (of(seeds, saes={"files": name}) for seeds, name in ((range(5), "a"), (range(5, 10), "b")))
    rule, _ = checked(tmp_path, {"a.json": base}, {"a.json": head})
    assert rule["measured"]["confidence"] == pytest.approx(1 - 0.05 / (6 * 252))


def again(document: dict[str, Any], *seeds: int, code: str | None = None) -> dict[str, Any]:
    """The same seeds' numbers, some of them of other SAEs, and of other code where that is said."""
    for one in document["subject"]["checkpoints"]:
        if one["seed"] in seeds:
            one["sha256"] = builders.digest(f"again {one['seed']}")
    if code is not None:
        document["producer"]["sources"] = [{"path": "measure.txt", "sha256": builders.digest(code), "by": "bytes"}]
    document["producer"]["started"] = "2026-03-02T07:00:00Z"
    return document


def test_saes_that_were_trained_again_under_the_same_numbers_pay_as_other_seeds_do(tmp_path: Path) -> None:
    rule, said = checked(tmp_path, {"a.json": of(range(5))}, {"a.json": again(of(range(5)), *range(5))})
    assert rule["measured"]["confidence"] == pytest.approx(1 - 0.05 / (6 * 252))
    assert "5 other SAEs of seeds 0, 1, 2, 3, 4 of the base's evidence are left out" in said


def test_one_that_was_trained_again_pays_for_six_choices(tmp_path: Path) -> None:
    rule, said = checked(tmp_path, {"a.json": of(range(5))}, {"a.json": again(of(range(5)), 3)})
    assert rule["measured"]["confidence"] == pytest.approx(1 - 0.05 / (2 * 6))
    assert "1 other SAE of seed 3 of the base's evidence is left out" in said


def test_a_seed_that_is_left_out_and_one_that_was_trained_again_are_two(tmp_path: Path) -> None:
    rule, said = checked(tmp_path, {"a.json": of(range(6))}, {"a.json": again(of(range(5)), 3)})
    assert rule["measured"]["confidence"] == pytest.approx(1 - 0.05 / (3 * 21))
    assert "seed 5 and 1 other SAE of seed 3 of the base's evidence are left out" in said


def test_saes_of_other_code_are_another_candidate(tmp_path: Path) -> None:
    base = again(of(range(5)), code="another")
    rule, _ = checked(tmp_path, {"a.json": base}, {"a.json": again(of(range(5)), *range(5))})
    assert rule["measured"]["confidence"] == pytest.approx(0.95)


def test_saes_of_old_that_are_shown_beside_the_new_ones_are_not_left_out(tmp_path: Path) -> None:
    policy = SHOWN.replace("defaults:", "evidence: [evidence/b.json]\ndefaults:")
    both = {"a.json": of(range(5)), "b.json": again(of(range(5)), *range(5))}
    rule, _ = checked(tmp_path, {"a.json": of(range(5))}, both, policy)
    assert rule["measured"]["confidence"] == pytest.approx(0.95)


def test_what_is_compared_with_the_base_may_have_been_trained_again(tmp_path: Path) -> None:
    policy = SHOWN.replace("at_least: 0.5", "not_worse_than: {base: 0.1}")
    rule, _ = checked(tmp_path, {"a.json": of(range(5))}, {"a.json": again(of(range(5)), *range(5))}, policy)
    assert rule["measured"]["confidence"] == pytest.approx(0.95)


def test_every_seed_is_not_asked_where_one_was_trained_again(tmp_path: Path) -> None:
    rule, _ = checked(tmp_path, {"a.json": of(range(5))}, {"a.json": again(of(range(5)), 4)}, EVERY_SEED)
    assert (rule["outcome"], rule["why"]) == ("inconclusive", "missing")


def test_every_seed_is_not_asked_of_those_that_are_left(tmp_path: Path) -> None:
    rule, _ = checked(tmp_path, {"a.json": of(range(6))}, {"a.json": of(range(5))}, EVERY_SEED)
    assert (rule["outcome"], rule["why"]) == ("inconclusive", "missing")
    assert rule["reason"] == "every seed is asked for, and seed 5 of the base's evidence is left out"


def test_no_bound_pays_for_more_choices_than_a_billion(tmp_path: Path) -> None:
    many = [0.8 + seed / 1000 for seed in range(100)]
    base, head = evidence(range(100), many), evidence(range(50), many[:50])
    rule, _ = checked(tmp_path, {"a.json": base}, {"a.json": head})
    assert (rule["outcome"], rule["why"]) == ("inconclusive", "no_bound")
    assert "seeds 50, 51, 52, 53, 54, 55, 56, 57 and 42 more of the base's evidence are left out" in rule["reason"]


def test_what_is_compared_with_the_base_may_have_other_seeds(tmp_path: Path) -> None:
    policy = SHOWN.replace("at_least: 0.5", "not_worse_than: {base: 0.1}")
    rule, _ = checked(tmp_path, {"a.json": of(range(5))}, {"a.json": of(range(5, 10))}, policy)
    assert rule["measured"]["confidence"] == pytest.approx(0.95)
