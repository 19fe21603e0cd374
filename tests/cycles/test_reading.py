"""A plan is read strictly: what is wrong in it has its own line and column."""

from __future__ import annotations

import pytest
from cycles.branched import BRANCHED
from cycles.workplace import CYCLE

from gatekit.cycles.graph import graph_of
from gatekit.cycles.reading import parse_cycle
from gatekit.errors import GatekitError
from gatekit.evidence.schemas import check
from gatekit.evidence.strict_yaml import parse_yaml

PLAN = """\
schema: gatekit.cycle/1
id: small
description: Two stages
seeds: {pilot: [0, 1, 2], full: [0, 1, 2, 3, 4]}
stages:
  one:
    run: consistency
    config: a.yaml
    phases: [pilot, full]
    vary: {sae.k: [4, 8], alignment.weight: [0.1, 0.2]}
  two:
    run: [saebench, cebench]
    config: b.yaml
    after: [one]
    branches_of: one
    phases: {pilot: {rows: 10}, full: {}}
    stop:
      - {policy: policies/stop.yaml, base: evidence/old}
"""


def test_every_combination_of_varied_values_is_a_branch_and_its_seeds_are_those_of_the_phase() -> None:
    graph = graph_of(parse_cycle(PLAN.encode(), "cycles/small.yaml"))
    assert [name for name in graph.tasks if name.startswith("pilot/one/")] == [
        "pilot/one/k=4+weight=0.1/consistency",
        "pilot/one/k=4+weight=0.2/consistency",
        "pilot/one/k=8+weight=0.1/consistency",
        "pilot/one/k=8+weight=0.2/consistency",
    ]
    task = graph.tasks["pilot/two/k=8+weight=0.2/cebench"]
    assert dict(task.settings) == {"sae.k": "8", "alignment.weight": "0.2", "rows": "10", "seeds": "[0, 1, 2]"}
    assert dict(graph.tasks["full/two/k=8+weight=0.2/cebench"].settings)["seeds"] == "[0, 1, 2, 3, 4]"


def test_the_full_phase_of_a_branch_waits_for_the_decision_on_it_in_every_stage_that_shares_it() -> None:
    graph = graph_of(parse_cycle(PLAN.encode(), "cycles/small.yaml"))
    assert "decide/one/k=4+weight=0.1" in graph.tasks["full/one/k=4+weight=0.1/consistency"].after
    decision = graph.decisions["decide/one/k=4+weight=0.1"]
    assert set(decision.after) == {
        "pilot/one/k=4+weight=0.1/consistency",
        "pilot/two/k=4+weight=0.1/saebench",
        "pilot/two/k=4+weight=0.1/cebench",
    }


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("schema: gatekit.cycle/1", "schema: gatekit.cycle/2", 1, "is newer than this gatekit"),
        ("id: small", "id: Small", 2, "id 'Small' must match"),
        ("description: Two stages\n", "", 1, "the cycle has no 'description'"),
        ("pilot: [0, 1, 2]", "pilot: [1, 2, 3]", 4, "are not the first of the 5 full ones"),
        ("pilot: [0, 1, 2]", "pilot: [0]", 4, "seeds.pilot must have at least 2 items"),
        ("full: [0, 1, 2, 3, 4]", "full: [0, 1, 2, 3, 3]", 4, "seed 3 is listed twice"),
        ("seeds: {pilot: [0, 1, 2], ", "seeds: {", 9, "the cycle has no pilot seeds"),
        ("    config: a.yaml\n", "", 7, "stage 'one' has no 'config'"),
        ("config: a.yaml", "config: ../a.yaml", 8, "is no plain path below the repository's root"),
        ("config: a.yaml", "config: /a.yaml", 8, "is no plain path below the repository's root"),
        ("phases: [pilot, full]", "phases: [pilot, pilot]", 9, "phase 'pilot' is listed twice"),
        ("phases: [pilot, full]", "phases: [trial]", 9, "unknown phase 'trial'"),
        ("sae.k: [4, 8]", "sae.k: [4, 4]", 10, "vary sae.k lists a value twice"),
        ("sae.k: [4, 8]", "sae.k: [4]", 10, "vary sae.k must have at least 2 items"),
        ("sae.k: [4, 8]", "seeds: [4, 8]", 10, "a stage's seeds are those of the cycle's phases"),
        ("after: [one]", "after: [onw]", 14, "after names no stage 'onw'"),
        ("after: [one]", "after: [two]", 14, "cannot start after itself"),
        ("branches_of: one", "branches_of: three", 15, "is no stage that stands before 'two'"),
        ("{pilot: {rows: 10}, full: {}}", "{pilot: {seeds: [1]}, full: {}}", 16, "a stage's seeds are those"),
        ("{policy: policies/stop.yaml, base: evidence/old}", "{}", 18, "a stop rule is one of"),
        ("base: evidence/old", "keep_best: 0", 18, "keep_best 0 is outside 1 to 1000"),
        ("policy: policies/stop.yaml, base: evidence/old", "pareto: p.yaml", 18, "a pareto rule has no 'base'"),
        (
            "policy: policies/stop.yaml, base: evidence/old",
            "failed_runs: {more_than: 20}",
            18,
            "more_than 20 is no share",
        ),
        ("phases: {pilot: {rows: 10}, full: {}}", "phases: [full]", 18, "this stage has no pilot phase"),
        ("after: [one]", "needs: {memory: 4GB}", 14, "memory must be a size such as"),
        ("after: [one]", "needs: {wall: 4}", 14, "wall must be a time such as"),
        ("after: [one]", "budget: {}", 14, "a budget limits at least one of"),
        ("after: [one]", "budget: {device_hours: 0}", 14, "device_hours 0 must be above 0"),
        ("after: [one]", "budget: {device_hours: 35h}", 14, "device_hours has a unit, and is hours"),
        ("pilot: [0, 1, 2]", "pilot: [0, 1, 7]", 4, "the first of the 5 full ones: 7 is none of them"),
        ("after: [one]", "vary: {x: [1, 2]}", 12, "takes its branches from one of"),
    ],
)
def test_what_is_wrong_has_its_line_and_its_words(old: str, new: str, line: int, words: str) -> None:
    assert old in PLAN
    with pytest.raises(GatekitError) as caught:
        graph_of(parse_cycle(PLAN.replace(old, new, 1).encode(), "cycles/small.yaml"))
    error = caught.value
    assert words in error.message
    assert error.location is not None
    assert (error.location.path, error.location.line) == ("cycles/small.yaml", line)
    assert error.error_id.startswith("cycle.")
    assert error.exit_code == 4


def test_stages_that_wait_for_each_other_are_refused_with_their_names() -> None:
    circle = PLAN.replace("    config: a.yaml", "    config: a.yaml\n    after: [two]").replace(
        "    branches_of: one\n", ""
    )
    with pytest.raises(GatekitError, match="wait for each other") as caught:
        graph_of(parse_cycle(circle.encode(), "cycles/small.yaml"))
    assert caught.value.error_id == "cycle.order"
    assert "full/one" in caught.value.message or "pilot/one" in caught.value.message


def test_the_published_schema_takes_the_plans_that_are_read() -> None:
    for plan in (PLAN, CYCLE, BRANCHED.replace("RULE", "{failed_runs: {more_than: 0.2, of_at_least: 2}}")):
        check("cycle", parse_yaml(plan.encode(), "plan.yaml").plain(), "plan.yaml")
    with pytest.raises(GatekitError):
        check("cycle", parse_yaml(PLAN.replace("run: consistency", "ran: x").encode(), "p").plain(), "plan.yaml")


def test_other_bytes_of_the_same_file_are_another_plan() -> None:
    first = parse_cycle(PLAN.encode(), "cycles/small.yaml")
    other = parse_cycle(PLAN.replace("Two stages", "Both stages").encode(), "cycles/small.yaml")
    assert (first.description, other.description) == ("Two stages", "Both stages")
    assert parse_cycle(PLAN.encode(), "cycles/other.yaml").path == "cycles/other.yaml"


def test_a_rule_waits_for_all_that_is_measured_of_its_base() -> None:
    outside = "  of_one:\n    run: saebench\n    config: b.yaml\n    saes_of: one\n    phases: [pilot]\n"
    text = PLAN.replace("  two:\n", f"{outside}  three: {{run: ood, config: b.yaml, phases: [pilot, full]}}\n  two:\n")
    text = text.replace("    branches_of: one\n", "").replace("base: evidence/old", "base: one")
    graph = graph_of(parse_cycle(text.encode(), "cycles/small.yaml"))
    waits = graph.decisions["decide/two/all"].after
    assert {name.split("/")[1] for name in waits} == {"one", "of_one", "two"}
