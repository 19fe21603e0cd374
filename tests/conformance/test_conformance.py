"""Every case of the suite, through the installed console script; see README.md for what a case is."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import repositories
from conformance.cases import Case, Content, Files, Link, Program, Submodule, find_cases, lay_out
from conformance.process import MEGABYTES, SECONDS, Done, run

CASES = find_cases()
JUDGING = ("check", "pr")
"""Commands that give a verdict, and so a report for machines."""
TIMED = (*JUDGING, "verify", "explain", "lint", "claims", "policy")
REPORT = "report.json"
Outcome = tuple[Done, dict[str, Any] | None, set[str]]
Outcomes = Mapping[str, "Future[Outcome]"]


def prepared(case: Case, folder: Path) -> Path:
    """Build what the case is about and return the folder in which the command runs."""
    work = folder / "work"
    if not case.is_pull_request:
        work.mkdir()
        lay_out(case.files(), work)
        return work
    base, head, main = case.sides()
    builder = repositories.Builder(work)
    past: list[Files] = [{}, *case.past()]
    for before, after in pairwise(past):
        start = builder.commit("main", entries(before, after))
    tip = builder.commit(case.branch, entries(base, head), parents=[start])
    if main is not None:
        start = builder.commit("main", entries(base, main))
    if "event" in case.said:
        merge = builder.merge("refs/pull/7/merge", start, tip)
        builder.branch("refs/remotes/origin/main", start)
        (folder / "event.json").write_text(json.dumps(event(case, start, tip)), encoding="utf-8")
        (folder / "merge").write_text(merge, encoding="utf-8")
    checkout = bool(case.said.get("checkout"))
    builder.save(case.branch if checkout else "main", checkout)
    for step in case.said.get("git", ()):
        tamper(builder, step, base, {"BASE": start, "HEAD": tip})
    builder.save(case.branch if checkout else "main")
    return work


def tamper(builder: repositories.Builder, step: Mapping[str, str], base: Files, commits: Mapping[str, str]) -> None:
    """Change the git folder itself: {"file": PATH, "text": ...}, or as `git replace` {"replace": FILE, "by": ...}."""
    if "file" in step:
        place = builder.root / step["file"]
        place.parent.mkdir(parents=True, exist_ok=True)
        text = step["text"]
        for name, oid in commits.items():
            text = text.replace(f"@{name}@", oid)
        with place.open("a", encoding="utf-8") as file:
            file.write(text)
        return
    content = base[step["replace"]]
    assert isinstance(content, bytes)
    builder.branch(f"refs/replace/{builder.add('blob', content)}", builder.add("blob", step["by"].encode()))


def entries(before: Files, after: Files) -> dict[str, repositories.Content]:
    """What changes from one set of files to the other, as the repository builder takes it."""
    changed: dict[str, repositories.Content] = {name: None for name in before if name not in after}
    return changed | {name: entry(content) for name, content in after.items() if before.get(name) != content}


def entry(content: Content) -> repositories.Content:
    if isinstance(content, bytes):
        return content
    if isinstance(content, Link):
        return repositories.Symlink(content.target)
    if isinstance(content, Program):
        return repositories.Executable(content.data)
    assert isinstance(content, Submodule), "a repository holds no such file"
    return repositories.Submodule()


def event(case: Case, base: str, head: str) -> dict[str, Any]:
    """The event file that GitHub would write, with the case's `event` over it."""
    repository = {"id": 1, "full_name": "octo-org/octo-repo"}
    labels = [{"name": name.replace("@HEAD@", head[:16])} for name in case.said.get("labels", ())]
    sides = {"base": {"ref": "main", "sha": base}, "head": {"ref": case.branch, "sha": head, "repo": {"id": 1}}}
    group = {"base_ref": "refs/heads/main", "base_sha": base, "head_ref": "refs/heads/queue", "head_sha": head}
    written = {
        "repository": repository,
        "pull_request": {"number": 7, "labels": labels, **sides},
        "merge_group": group,
    }
    return written | case.said["event"].get("file", {})


def environment(case: Case, folder: Path) -> dict[str, str]:
    added: dict[str, str] = dict(case.said.get("environment", {}))
    if "event" in case.said:
        added |= {"GITHUB_EVENT_NAME": case.said["event"].get("name", "pull_request"), "GITHUB_ACTIONS": "true"}
        added |= {"GITHUB_EVENT_PATH": str(folder / "event.json"), "GITHUB_SHA": (folder / "merge").read_text()}
    return added


def performed(case: Case, folder: Path) -> Outcome:
    """Run the case; return what the process did, its report where it wrote one, and the files that it left."""
    work = prepared(case, folder)
    arguments = case.command
    if arguments[0] in TIMED and case.now is not None:
        arguments += ["--now", case.now]
    if arguments[0] in JUDGING:
        arguments += ["--output", f"json={folder / REPORT}"]
    before = paths(folder)
    done = run(
        arguments,
        work / case.said.get("folder", "."),
        environment(case, folder),
        case.said.get("seconds", SECONDS),
        case.said.get("megabytes", MEGABYTES),
    )
    left = paths(folder) - before
    report = folder / REPORT
    return done, json.loads(report.read_bytes()) if report.exists() else None, left - {REPORT}


def paths(folder: Path) -> set[str]:
    return {os.path.relpath(os.path.join(root, name), folder) for root, _, names in os.walk(folder) for name in names}


@pytest.fixture(scope="session")
def outcomes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcomes]:
    """The selected cases, already running in the background: processes on every core, in the order of the tests."""
    params = (getattr(getattr(item, "callspec", None), "params", {}).get("case") for item in request.session.items)
    # Other tests have cases of their own.
    chosen = {case.name for case in params if isinstance(case, Case)}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield {
            case.name: pool.submit(performed, case, tmp_path_factory.mktemp("case"))
            for case in CASES
            if case.name in chosen
        }
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=case.name, marks=[pytest.mark.slow] if case.said.get("slow") else []) for case in CASES],
)
def test_case(case: Case, outcomes: Outcomes) -> None:
    done, report, left = outcomes[case.name].result()
    expected = case.said["exit"]
    assert done.code == expected, done.text
    assert done.commands() == [], "a line of the output is a workflow command"
    assert left == set(case.said.get("creates", ())), "files that the case does not name were written"
    written = done.text + (json.dumps(report, ensure_ascii=False) if report else "")
    for phrase in case.said.get("says", ()):
        assert phrase in written, f"nowhere says {phrase!r}:\n{done.text}"
    for phrase in case.said.get("never_says", ()):
        assert phrase not in written, f"says {phrase!r}:\n{done.text}"
    if report is not None:
        assert_report_agrees(report, expected)


def assert_report_agrees(report: Mapping[str, Any], code: int) -> None:
    """The report says what the exit code says; a pass names what was measured, or says that nothing was claimed."""
    assert report["exit_code"] == code
    if report["code"] != 0:
        return
    assert report["errors"] == []
    if report["schema"] == "gatekit.verdict/1":
        gates = [gate for policy in report["policies"] for gate in policy["gates"] if gate["enforced"]]
        assert gates and all(gate["outcome"] == "pass" for gate in gates)
        assert all(measured(gate["result"]) for gate in gates)
    else:
        assert report["blocking"] == [] and report["judged"] is not None
        assert all(gate["outcome"] == "pass" for gate in report["claim_gates"] if gate["blocking"])
        assert not report["trust"] or report["approved_by"] == report["approval"]


def measured(result: Mapping[str, Any]) -> bool:
    """Whether an outcome stands on numbers of a named file."""
    if result["type"] == "threshold":
        return result["measured"] is not None and len(result["evidence"]["sha256"]) == 64
    return any(measured(child) for child in result["children"] if child["outcome"] == "pass")


def test_the_suite_is_large_and_every_case_says_what_it_is_about() -> None:
    assert len(CASES) >= 100
    for case in CASES:
        assert len(case.said["about"]) > 10, case.name
        assert case.folder.name.endswith("_pass") == (case.said["exit"] == 0), case.name
        assert case.folder.name.endswith(("_pass", "_fail")), case.name
