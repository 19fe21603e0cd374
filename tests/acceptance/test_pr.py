"""`gatekit pr` as a process: flags, events of GitHub, reports and exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import builders
import pytest
import repositories
from acceptance.console_script import gatekit

from tests.pull_request.change import FILE, POLICY, README, random_model, repository

LOOSE = {"policies/demo.yaml": POLICY.replace("at_least: 0.1", "at_least: 0.0")}
EDITED = {"README.md": README.replace("+0.2100", "+0.9000")}
NO_EVENT = {"GITHUB_EVENT_NAME": "", "GITHUB_EVENT_PATH": "", "GITHUB_SHA": ""}
REPOSITORY = {"id": 7, "full_name": "octo-org/octo-repo"}


def pr(*arguments: str, cwd: Path, env: dict[str, str] | None = None) -> Any:
    return gatekit("pr", f"--now={builders.NOW}", *arguments, cwd=cwd, env=env or NO_EVENT)


def event(folder: Path, name: str, payload: dict[str, Any], sha: str = "") -> dict[str, str]:
    """The variables of a run; the event file lies outside the repository."""
    path = folder.parent / f"{folder.name}-event.json"
    path.write_text(json.dumps({"repository": REPOSITORY, **payload}), encoding="utf-8")
    return {"GITHUB_EVENT_NAME": name, "GITHUB_EVENT_PATH": str(path), "GITHUB_SHA": sha}


def pull_request(builder: repositories.Builder, labels: tuple[str, ...] = (), merge: str = "") -> dict[str, str]:
    refs = builder.refs
    return event(
        builder.root,
        "pull_request",
        {
            "pull_request": {
                "number": 3,
                "labels": [{"name": label.format(refs["refs/heads/feature"])} for label in labels],
                "user": {"login": "ada"},
                "base": {"ref": "main", "sha": refs["refs/heads/main"]},
                "head": {"ref": "feature", "sha": refs["refs/heads/feature"], "repo": REPOSITORY},
            }
        },
        merge,
    )


@pytest.mark.parametrize(
    ("change", "code", "last"),
    [
        ({"docs/notes.md": "More.\n"}, 0, "verdict: pass (exit 0): no claim asserts more than before"),
        (EDITED, 2, "verdict: blocked (exit 2): 1 number is not what the evidence says"),
        ({FILE: None}, 3, "verdict: inconclusive (exit 3): "),
        ({"evidence/x.json": "{"}, 4, "verdict: refused (exit 4): 1 error"),
        (LOOSE, 5, "verdict: approval needed (exit 5): 1 change to what judges is not approved"),
    ],
    ids=["pass", "blocked", "inconclusive", "refused", "approval"],
)
def test_the_exit_code_is_the_verdict_and_the_last_line_says_it(
    tmp_path: Path, change: dict[str, Any], code: int, last: str
) -> None:
    repository(tmp_path, change)
    done = pr("--base=main", "--head=feature", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (code, "")
    assert done.stdout.splitlines()[-1].startswith(last)


def test_the_head_is_the_current_branch_where_it_is_not_named(tmp_path: Path) -> None:
    repository(tmp_path, EDITED).save(head="feature")
    assert pr("--base=main", cwd=tmp_path).returncode == 2


def test_the_work_tree_has_no_say(tmp_path: Path) -> None:
    repository(tmp_path, EDITED).save(head="feature", checkout=True)
    (tmp_path / "README.md").write_text(README)
    (tmp_path / "policies" / "demo.yaml").write_text("nonsense")
    assert pr("--base=main", cwd=tmp_path).returncode == 2


def test_another_folder_is_judged_from_outside(tmp_path: Path) -> None:
    repository(tmp_path / "clone", EDITED)
    (tmp_path / "elsewhere").mkdir()
    done = pr("--base=main", "--head=feature", "--repo=../clone", cwd=tmp_path / "elsewhere")
    assert done.returncode == 2


def test_every_report_is_written_and_no_format_changes_the_exit_code(tmp_path: Path) -> None:
    repository(tmp_path / "clone", EDITED)
    outputs = [f"--output={form}={tmp_path / form}" for form in ("json", "markdown", "terminal")]
    done = pr("--base=main", "--head=feature", *outputs, cwd=tmp_path / "clone")
    assert done.returncode == 2
    assert json.loads((tmp_path / "json").read_text())["exit_code"] == 2
    assert (tmp_path / "markdown").read_text().startswith("## gatekit: blocked: ")
    assert (tmp_path / "terminal").read_text() == done.stdout


def test_stdout_is_the_format_that_asks_for_it(tmp_path: Path) -> None:
    repository(tmp_path, EDITED)
    done = pr("--base=main", "--head=feature", "--output=json=-", cwd=tmp_path)
    assert json.loads(done.stdout)["verdict"] == "blocked"


class TestEvents:
    def test_a_pull_request_says_what_base_and_head_are(self, tmp_path: Path) -> None:
        builder = repository(tmp_path, EDITED)
        assert pr(cwd=tmp_path, env=pull_request(builder)).returncode == 2

    def test_its_label_approves(self, tmp_path: Path) -> None:
        builder = repository(tmp_path, LOOSE)
        assert pr(cwd=tmp_path, env=pull_request(builder)).returncode == 5
        assert pr(cwd=tmp_path, env=pull_request(builder, labels=("bug", "gatekit-approved-{0:.7}"))).returncode == 0

    def test_a_label_that_names_no_commit_or_another_approves_nothing(self, tmp_path: Path) -> None:
        builder = repository(tmp_path, LOOSE)
        head = builder.refs["refs/heads/feature"]
        for label in ("gatekit-approved", "gatekit-approved-{0:.6}", "gatekit-approved-0{0:.7}", "gatekit-approved-"):
            done = pr(cwd=tmp_path, env=pull_request(builder, labels=(label,)))
            assert done.returncode == 5
            assert f"it needs the label 'gatekit-approved-{head[:16]}'" in " ".join(done.stdout.split())

    def test_an_approval_ends_with_the_next_commit(self, tmp_path: Path) -> None:
        builder = repository(tmp_path, LOOSE)
        label = f"gatekit-approved-{builder.refs['refs/heads/feature'][:12]}"
        assert pr(cwd=tmp_path, env=pull_request(builder, labels=(label,))).returncode == 0
        gutted = {"policies/demo.yaml": LOOSE["policies/demo.yaml"].replace("at_least: 0.0", "at_least: -1.0")}
        builder.commit("refs/heads/feature", gutted, parents=[builder.refs["refs/heads/feature"]])
        builder.save()
        done = pr(cwd=tmp_path, env=pull_request(builder, labels=(label,)))
        assert done.returncode == 5
        assert f"The label {label} is for another commit." in " ".join(done.stdout.split())

    def test_a_label_of_another_name_approves_where_it_was_chosen(self, tmp_path: Path) -> None:
        builder = repository(tmp_path, LOOSE)
        labeled = pull_request(builder, labels=("policy-ok-{0:.9}",))
        assert pr(cwd=tmp_path, env=labeled).returncode == 5
        assert pr("--approval-label=policy-ok", cwd=tmp_path, env=labeled).returncode == 0

    def test_the_merge_commit_that_github_tests_is_judged_and_named(self, tmp_path: Path) -> None:
        builder = repository(tmp_path, EDITED)
        merge = builder.merge(
            "refs/remotes/pull/3/merge", builder.refs["refs/heads/main"], builder.refs["refs/heads/feature"]
        )
        builder.save()
        done = pr("--output=json=-", cwd=tmp_path, env=pull_request(builder, merge=merge))
        assert (done.returncode, json.loads(done.stdout)["head"]) == (2, merge)

    def test_a_merge_group_is_judged_without_labels(self, tmp_path: Path) -> None:
        builder = repository(tmp_path, LOOSE)
        group = {
            "base_ref": "refs/heads/main",
            "base_sha": builder.refs["refs/heads/main"],
            "head_ref": "refs/heads/gh-readonly-queue/main/pr-3",
            "head_sha": builder.refs["refs/heads/feature"],
        }
        env = event(tmp_path, "merge_group", {"merge_group": group})
        assert pr(cwd=tmp_path, env=env).returncode == 5

    def test_flags_win_over_the_event(self, tmp_path: Path) -> None:
        builder = repository(tmp_path, EDITED)
        builder.commit("other", {"docs/notes.md": "More.\n"}, parents=[builder.refs["refs/heads/main"]])
        builder.save()
        env = pull_request(builder)
        assert pr("--base=main", "--head=other", cwd=tmp_path, env=env).returncode == 0

    def test_an_event_that_has_no_base_is_a_usage_error_unless_flags_name_one(self, tmp_path: Path) -> None:
        repository(tmp_path, EDITED)
        env = event(tmp_path, "push", {})
        done = pr(cwd=tmp_path, env=env)
        assert (done.returncode, done.stdout) == (64, "")
        assert pr("--base=main", "--head=feature", cwd=tmp_path, env=env).returncode == 2

    def test_an_event_that_github_did_not_write_is_refused(self, tmp_path: Path) -> None:
        repository(tmp_path, EDITED)
        env = event(tmp_path, "pull_request", {"pull_request": {"number": 3}})
        done = pr(cwd=tmp_path, env=env)
        assert (done.returncode, done.stdout) == (4, "")
        assert "event.field" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        ((), 64, "give --base"),
        (("--base=nowhere",), 3, "fetch-depth: 0"),
        (("--base=main", "--head=main"), 3, "there is no change to judge"),
        (("--base=feature", "--head=main"), 3, "swapped"),
        (("--base=main", "--repo=/dev/null/nowhere"), 64, "not in a git repository"),
        (("--base=main", "--output=json"), 64, "FORMAT=PATH"),
        (("--base=main", "--output=junit=x"), 64, "`gatekit check` writes junit"),
        (("--base=main", "--output=jsn=x"), 64, "did you mean 'json'?"),
        (("--base=--upload-pack=touch PWN",), 64, "cannot be the name of a commit"),
        (("--base=main", "--now=yesterday"), 64, "not a UTC time"),
        (("--base=main", "extra"), 64, "extra"),
    ],
)
def test_what_cannot_be_judged_is_an_error_with_a_remedy_and_no_report(
    tmp_path: Path, arguments: tuple[str, ...], code: int, told: str
) -> None:
    repository(tmp_path, EDITED).save(head="feature")
    done = gatekit("pr", *arguments, cwd=tmp_path, env=NO_EVENT)
    assert (done.returncode, done.stdout) == (code, "")
    assert told in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "PWN").exists()


def test_a_shallow_clone_is_inconclusive(tmp_path: Path) -> None:
    builder = repository(tmp_path / "full", EDITED)
    repositories.git(tmp_path, "clone", "-q", "--depth=1", "--branch=feature", f"file://{builder.root}", "shallow")
    done = pr("--base=origin/feature", cwd=tmp_path / "shallow")
    assert done.returncode == 3
    assert "shallow" in done.stderr


def test_a_report_that_cannot_be_written_is_no_verdict(tmp_path: Path) -> None:
    repository(tmp_path, {"docs/notes.md": "More.\n"})
    done = pr("--base=main", "--head=feature", "--output=json=missing/folder/report.json", cwd=tmp_path)
    assert done.returncode not in (0, 1, 2)
    assert "verdict: " not in done.stdout


def test_code_of_the_change_is_not_imported(tmp_path: Path) -> None:
    trap = "import pathlib; pathlib.Path('PWN').touch(); raise SystemExit(0)\n"
    files = dict.fromkeys(("gatekit/__init__.py", "json.py", "click.py", "sitecustomize.py", "conftest.py"), trap)
    repository(tmp_path, {**EDITED, **files}).save(head="feature", checkout=True)
    assert pr("--base=main", cwd=tmp_path).returncode == 2
    assert not (tmp_path / "PWN").exists()


def test_evidence_of_a_hundred_files_is_judged(tmp_path: Path) -> None:
    many = {
        f"evidence/more/{number}.json": random_model(of=builders.subject(model=f"model-{number}"))
        for number in range(100)
    }
    repository(tmp_path, many)
    done = pr("--base=main", "--head=feature", cwd=tmp_path)
    assert done.returncode == 0
    assert "and 75 more" in done.stdout
