"""The real action.yml on real repositories with the events that GitHub would send."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import repositories
from workflows.composite import Ran, clean_environment, run
from workflows.invariants import REPO

from tests.pull_request.change import BASE, POLICY, README, random_model, with_status

LINKED = 'ln -s "$THIS_ENVIRONMENT" "$RUNNER_TEMP/gatekit-environment"'
# The action has no clock of its own, and the evidence of these repositories is old.
LASTING = POLICY.replace(", max_age: 30d", "")
LOOSE = {"policies/demo.yaml": LASTING.replace("at_least: 0.1", "at_least: 0.0")}


def act(
    tmp_path: Path,
    change: Mapping[str, repositories.Content],
    labels: Sequence[str] = (),
    event: str = "pull_request",
    shallow: bool = False,
    **inputs: str,
) -> tuple[Ran, str]:
    """Run the action on a change as GitHub checks it out; also return the commit that it checks out."""
    builder = repositories.Builder(tmp_path / "w")
    base = builder.commit("refs/remotes/origin/main", {**BASE, "policies/demo.yaml": LASTING})
    head = builder.commit("refs/remotes/pull/7/head", dict(change), parents=[base])
    merge = builder.merge("refs/remotes/pull/7/merge", base, head)
    builder.save(head="refs/remotes/pull/7/merge")
    if shallow:
        (tmp_path / "w" / ".git" / "shallow").write_text(f"{base}\n")
    repository = {"full_name": "octo/cat", "id": 1}
    payloads: dict[str, Any] = {
        "pull_request": {
            "pull_request": {
                "number": 7,
                "labels": [{"name": name.format(head)} for name in labels],
                "base": {"ref": "main", "sha": base},
                "head": {"ref": "patch", "sha": head, "repo": {"id": 1}},
            }
        },
        "merge_group": {
            "merge_group": {
                "base_ref": "refs/heads/main",
                "base_sha": base,
                "head_ref": "refs/heads/q",
                "head_sha": merge,
            }
        },
        "push": {},
    }
    (tmp_path / "event.json").write_text(json.dumps({"repository": repository, **payloads[event]}))
    environment = clean_environment(
        tmp_path / "w",
        THIS_ENVIRONMENT=sys.prefix,
        GITHUB_SHA=merge,
        GITHUB_EVENT_NAME=event,
        GITHUB_EVENT_PATH=str(tmp_path / "event.json"),
        GITHUB_REPOSITORY="octo/cat",
    )
    given = {name.replace("_", "-"): value for name, value in inputs.items()}
    return run(REPO / "action.yml", tmp_path / "emulated", given, environment, instead={"install": LINKED}), merge


@pytest.mark.parametrize("event", ["pull_request", "merge_group"])
def test_a_change_that_asserts_nothing_new_passes_as_the_merge_that_github_tests(tmp_path: Path, event: str) -> None:
    ran, merge = act(tmp_path, {"docs/notes.md": "More.\n"}, event=event)
    assert ran.code == 0, ran.log
    assert (ran.outputs["verdict"], ran.outputs["head"]) == ("pass", merge)
    assert "gatekit" in ran.summary


def test_a_push_is_judged_against_the_base_that_the_caller_names(tmp_path: Path) -> None:
    ran, merge = act(tmp_path, {"docs/notes.md": "More.\n"}, event="push", base_ref="refs/remotes/origin/main")
    assert (ran.code, ran.outputs["head"]) == (0, merge), ran.log


def test_a_number_that_was_edited_by_hand_is_blocked_at_its_line(tmp_path: Path) -> None:
    ran, _ = act(tmp_path, {"README.md": README.replace("+0.2100", "+0.9000")})
    assert (ran.code, ran.outputs["verdict"]) == (2, "blocked")
    assert "::error file=README.md,line=5," in ran.log


def test_failing_evidence_of_a_claim_names_the_gate(tmp_path: Path) -> None:
    ran, _ = act(tmp_path, {"evidence/minilm/random_model.json": random_model(above=0.01)})
    assert ran.code == 2
    assert json.loads(ran.outputs["failed-gates"]) == ["demo/random_model"]


def test_a_claim_without_evidence_is_inconclusive(tmp_path: Path) -> None:
    ran, _ = act(tmp_path, {"claims.yaml": with_status("ood", "supported")})
    assert ran.code == 3
    assert json.loads(ran.outputs["inconclusive-gates"]) == ["demo/ood"]


def test_a_loosened_policy_needs_the_label(tmp_path: Path) -> None:
    ran, _ = act(tmp_path, LOOSE)
    assert (ran.code, ran.outputs["verdict"]) == (5, "approval-needed")
    assert json.loads(ran.outputs["loosened-gates"]) == ["demo/random_model"]
    assert "this change needs approval" in ran.log


@pytest.mark.parametrize(
    ("labels", "inputs", "code"),
    [
        (["gatekit-approved-{0:.16}"], {}, 0),
        (["gatekit-approved"], {}, 5),
        (["Gatekit-Approved-{0:.16}"], {}, 5),
        (["maintainers-ok-{0:.16}"], {"approval_label": "maintainers-ok"}, 0),
        (["gatekit-approved-{0:.16}"], {"approval_label": "maintainers-ok"}, 5),
    ],
)
def test_only_the_named_label_approves(tmp_path: Path, labels: list[str], inputs: dict[str, str], code: int) -> None:
    assert act(tmp_path, LOOSE, labels, **inputs)[0].code == code


def test_a_merge_group_has_no_labels_so_a_loosened_policy_cannot_pass_it(tmp_path: Path) -> None:
    assert act(tmp_path, LOOSE, ["gatekit-approved-{0}"], event="merge_group")[0].code == 5


def test_advisory_does_not_let_a_loosened_policy_through(tmp_path: Path) -> None:
    assert act(tmp_path, LOOSE, advisory="true")[0].code == 5


def test_a_shallow_checkout_is_inconclusive_and_says_what_to_do(tmp_path: Path) -> None:
    ran, _ = act(tmp_path, {"docs/notes.md": "More.\n"}, shallow=True)
    assert (ran.code, ran.outputs["verdict"], ran.outputs["report-json"]) == (3, "inconclusive", "")
    assert "fetch-depth: 0" in ran.log
    assert "inconclusive" in ran.summary


def test_what_the_work_tree_holds_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "w" / "policies").mkdir(parents=True)
    (tmp_path / "w" / "policies" / "demo.yaml").write_text("not a policy")
    ran, _ = act(tmp_path, {"docs/notes.md": "More.\n"})
    assert ran.code == 0, ran.log
