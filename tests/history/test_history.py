"""Verdicts along a branch, from git objects alone."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import repositories
from acceptance.console_script import gatekit

from gatekit import __version__
from gatekit.evidence.schemas import validator
from gatekit.gates.verdict import Outcome
from gatekit.history.judging import History, read_history
from gatekit.history.series import Series, series_of
from gatekit.pull_request import side
from gatekit.repo import Repository
from gatekit.report import HISTORY_FORMATS, render_history
from tests.history.branches import MEASURED_CODE, branch
from tests.pull_request.change import FILE, POLICY, random_model

TEXTS = ["\x1b[31m", "::error::x", "</text><script>alert(1)</script>", "##[error]", "a\u202eb"]


def history(folder: Path, name: str = "main", **options: Any) -> History:
    with Repository.open(folder) as repository:
        return read_history(repository, name, **options)


def one(found: History, gate: str) -> Series:
    [series] = series_of(found, [gate])
    return series


def told(found: History) -> list[tuple[str, str]]:
    return [(commit.subject, commit.verdict.word if commit.verdict else "-") for commit in found.commits]


def test_each_commit_that_changed_policies_or_evidence_is_judged_by_its_own_policy(tmp_path: Path) -> None:
    branch(tmp_path)
    found = history(tmp_path)
    # The second policy has a gate more, which nothing measures.
    assert told(found) == [
        ("better", "inconclusive"),
        ("tighter", "blocked"),
        ("worse", "blocked"),
        ("begin", "pass"),
    ]
    series = one(found, "random_model")
    assert [point.rule.outcome for point in series.points] == [
        Outcome.PASS,
        Outcome.FAIL,
        Outcome.FAIL,
        Outcome.PASS,
    ]
    assert [point.rule.effect.low for point in series.points] == [0.2, 0.2, 0.1, 0.1]
    estimates = [point.rule.measured.estimate for point in series.points if point.rule.measured]
    assert estimates == pytest.approx([0.25, 0.05, 0.05, 0.21])


def test_a_verdict_is_what_check_says_in_a_checkout_of_that_commit(tmp_path: Path) -> None:
    branch(tmp_path / "r")
    for commit in history(tmp_path / "r").commits:
        repositories.git(tmp_path / "r", "worktree", "add", "-q", "--detach", str(tmp_path / commit.oid), commit.oid)
        now = f"{commit.time:%Y-%m-%dT%H:%M:%SZ}"
        done = gatekit("check", "--now", now, "--output", "json=-", cwd=tmp_path / commit.oid)
        said = json.loads(done.stdout)
        assert commit.verdict is not None
        outcomes = {gate["name"]: gate["outcome"] for policy in said["policies"] for gate in policy["gates"]}
        assert outcomes == {gate.name: gate.outcome for policy in commit.verdict.policies for gate in policy.gates}
        assert said["code"] == commit.verdict.code


def test_the_newest_come_first_up_to_the_limit_and_older_ones_are_announced(tmp_path: Path) -> None:
    branch(tmp_path)
    found = history(tmp_path, limit=2)
    assert ([subject for subject, _ in told(found)], found.more) == (["better", "tighter"], True)
    assert not history(tmp_path, limit=4).more


def test_a_tag_stands_at_the_commit_whose_state_it_released(tmp_path: Path) -> None:
    branch(tmp_path)
    # v1.1 is of a commit that changed only notes.
    assert [commit.tags for commit in history(tmp_path).commits] == [("v2",), (), ("v1.1", "v1"), ()]


def test_releases_are_the_tagged_commits(tmp_path: Path) -> None:
    branch(tmp_path)
    found = history(tmp_path, releases=True)
    assert [(commit.subject, commit.tags) for commit in found.commits] == [
        ("better", ("v2",)),
        ("notes", ("v1.1",)),
        ("worse", ("v1",)),
    ]


def test_a_merge_counts_once_by_what_it_brought_to_the_branch(tmp_path: Path) -> None:
    builder = branch(tmp_path)
    tip = builder.refs["refs/heads/main"]
    side_branch = builder.commit("feature", {FILE: random_model(above=0.3)}, parents=[tip], message="on the side")
    builder.commit("feature", {FILE: random_model(above=0.31)}, message="on the side again")
    builder.merge("refs/heads/main", tip, builder.refs["refs/heads/feature"])
    builder.save()
    found = history(tmp_path, limit=2)
    assert side_branch not in [commit.oid for commit in found.commits]
    assert [point.rule.measured.estimate for point in one(found, "random_model").points if point.rule.measured] == (
        pytest.approx([0.31, 0.25])
    )


def test_not_worse_than_compares_with_the_commit_before(tmp_path: Path) -> None:
    policy = POLICY.replace("at_least: 0.1}", "not_worse_than: {base: 0.01}}")
    builder = repositories.Builder(tmp_path)
    for above in (0.2, 0.3, 0.1):
        builder.commit("main", {"policies/p.yaml": policy, FILE: random_model(above=above)} | MEASURED)
    builder.save()
    outcomes = [point.rule.outcome for point in one(history(tmp_path), "random_model").points]
    assert outcomes == [Outcome.FAIL, Outcome.PASS, Outcome.INCONCLUSIVE]
    # The one before the oldest that is shown is compared with, though it is not shown.
    outcomes = [point.rule.outcome for point in one(history(tmp_path, limit=2), "random_model").points]
    assert outcomes == [Outcome.FAIL, Outcome.PASS]


MEASURED = {"runners/measure.py": "def measure():\n    return 1\n"}


def test_evidence_that_was_stale_at_a_commit_is_stale_in_its_row(tmp_path: Path) -> None:
    builder = branch(tmp_path)
    builder.commit("main", dict(MEASURED_CODE) | {"evidence/README.md": "x"}, message="code")
    builder.save()
    point = one(history(tmp_path), "random_model").points[0]
    assert (point.commit.subject, point.rule.outcome) == ("code", Outcome.INCONCLUSIVE)
    assert "stale" in point.rule.reason or point.rule.why == "stale"


def test_a_commit_that_cannot_be_read_is_refused_in_its_row_and_the_others_stand(tmp_path: Path) -> None:
    builder = branch(tmp_path)
    builder.commit("main", {"evidence/broken.json": "{"}, message="broken")
    builder.commit("main", {"evidence/broken.json": None}, message="mended")
    builder.save()
    found = history(tmp_path, limit=3)
    assert [word for _, word in told(found)] == ["inconclusive", "refused", "inconclusive"]


def test_each_summary_is_parsed_once_however_many_commits_have_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    builder = branch(tmp_path)
    for number in range(5):
        builder.commit("main", {"policies/demo.yaml": POLICY + f"# {number}\n"})
    builder.save()
    parsed = []
    real = side.parse_summary
    monkeypatch.setattr(side, "parse_summary", lambda data, *rest: (parsed.append(data), real(data, *rest))[1])
    assert len(history(tmp_path).commits) == 9
    assert len(parsed) == len(set(parsed)) == 3


def test_a_shallow_clone_says_how_far_it_can_see(tmp_path: Path) -> None:
    builder = branch(tmp_path / "whole")
    clone = tmp_path / "clone"
    source = f"file://{builder.root}"
    repositories.git(tmp_path, "clone", "-q", "--depth=2", "--branch=main", source, str(clone))
    found = history(clone)
    assert [subject for subject, _ in told(found)] == ["better", "tighter"]
    assert found.cut == found.commits[-1].oid
    text = " ".join(render_history("terminal", found, series_of(found)).split())
    assert f"this clone is shallow and ends at {found.cut[:12]}" in text
    assert "is shallow" in render_history("svg", found, series_of(found))
    assert history(tmp_path / "whole").cut is None


def test_a_clone_without_old_contents_shows_what_it_can(tmp_path: Path) -> None:
    builder = branch(tmp_path / "whole")
    repositories.git(tmp_path / "whole", "config", "uploadpack.allowFilter", "true")
    source = f"file://{builder.root}"
    clone = tmp_path / "clone"
    repositories.git(tmp_path, "clone", "-q", "--filter=blob:none", "--branch=main", source, str(clone))
    found = history(clone)
    assert told(found)[0] == ("better", "inconclusive")
    assert [word for _, word in told(found)[1:]] == ["-"] * 3
    assert all(commit.problem and "repo.missing_object" in commit.problem for commit in found.commits[1:])


def test_a_sparse_checkout_has_the_same_history(tmp_path: Path) -> None:
    branch(tmp_path)
    whole = told(history(tmp_path))
    repositories.git(tmp_path, "sparse-checkout", "set", "docs")
    assert told(history(tmp_path)) == whole


def test_the_history_of_a_project_below_the_top_is_its_own(tmp_path: Path) -> None:
    builder = branch(tmp_path, "packages/my sae/")
    builder.commit("main", {"packages/other/policies/p.yaml": POLICY}, message="other")
    builder.save()
    found = history(tmp_path, root="packages/my sae")
    assert [subject for subject, _ in told(found)] == ["better", "tighter", "worse", "begin"]
    (tmp_path / "packages" / "my sae").mkdir(parents=True)
    done = gatekit("history", "main", "--root", "packages/my sae", cwd=tmp_path)
    assert done.returncode == 0 and "of project packages/my sae: 4 commits" in " ".join(done.stdout.split())


@pytest.mark.parametrize("format", HISTORY_FORMATS)
def test_every_format_reads_as_recorded(tmp_path: Path, format: str, file_regression: Any) -> None:
    branch(tmp_path)
    found = history(tmp_path)
    version = f'"version": "{__version__}"'
    text = render_history(format, found, series_of(found)).replace(version, '"version": "0.1.0"')
    file_regression.check(text, extension={"terminal": ".txt"}.get(format, f".{format}"))


def test_the_json_follows_its_schema(tmp_path: Path) -> None:
    branch(tmp_path)
    found = history(tmp_path)
    assert validator("history").is_valid(json.loads(render_history("json", found, series_of(found))))


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
@pytest.mark.parametrize("format", HISTORY_FORMATS)
def test_no_text_of_others_is_more_than_text(tmp_path: Path, format: str, text: str) -> None:
    builder = repositories.Builder(tmp_path)
    builder.commit("main", {"policies/demo.yaml": POLICY, FILE: random_model()} | MEASURED, message=text)
    builder.commit("main", {f"evidence/{text.replace('/', '')}.json": "{"}, message=text)
    builder.save()
    found = history(tmp_path)
    written = render_history(format, found, series_of(found))
    assert "\x1b" not in written and "\u202e" not in written and "##[" not in written
    assert not re.search(r"^\s*::\w", written, re.MULTILINE)
    if format == "svg":
        tags = {element.tag.rpartition("}")[2] for element in ET.fromstring(written).iter()}
        assert tags <= {"svg", "title", "style", "rect", "text", "g", "line", "path", "circle"}


def test_the_picture_loads_nothing_and_follows_light_and_dark(tmp_path: Path) -> None:
    branch(tmp_path)
    found = history(tmp_path)
    picture = render_history("svg", found, series_of(found))
    assert "prefers-color-scheme: dark" in picture
    assert not re.search(r"href|url\(|@import|<script|onload", picture)
    marks = ET.fromstring(picture).findall(".//{http://www.w3.org/2000/svg}g")
    assert len(marks) == 8
    # A threshold of one side has one limit, and one bound with its tick.
    assert all(len(mark.findall("{http://www.w3.org/2000/svg}line")) == 3 for mark in marks)


def test_no_two_texts_of_the_picture_share_a_line_and_each_fits_between_its_edges(tmp_path: Path) -> None:
    wide = POLICY.replace("at_least: 0.1}", "between: [-0.123456, 0.654321]}", 1)
    wide = wide.replace("  random_model:", f"  {'a_long_name_of_a_gate_' * 2}:", 1)
    builder = repositories.Builder(tmp_path)
    builder.commit("main", {"policies/demo.yaml": wide, FILE: random_model()} | MEASURED)
    builder.save()
    found = history(tmp_path)
    texts = ET.fromstring(render_history("svg", found, series_of(found))).findall("{http://www.w3.org/2000/svg}text")
    lines = [float(text.get("y") or 0) for text in texts]
    assert len(texts) >= 6 and len(set(lines)) == len(lines)
    assert min(b - a for a, b in itertools.pairwise(sorted(lines))) >= 14  # their letters are 12 high
    # Chromium draws such text at 6.6 a letter on average, bold at 7.2 and that of the notes at 5.2.
    wide_of = {"600": 7.2, None: 6.6}
    for text in texts:
        letter = 5.2 if text.get("font-size") else wide_of[text.get("font-weight")]
        assert float(text.get("x") or 0) + len(text.text or "") * letter <= 624, text.text


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return gatekit("history", *arguments, cwd=cwd)


def test_the_command_shows_one_gate_and_writes_files(tmp_path: Path) -> None:
    branch(tmp_path / "r")
    done = run("main", "--gate", "alive", "--output", "svg=../h.svg", "--output", "json=../h.json", cwd=tmp_path / "r")
    assert done.returncode == 0
    assert "demo/alive: " in done.stdout and "demo/random_model: " not in done.stdout
    assert (tmp_path / "h.svg").read_text().startswith("<svg")
    assert [series["gate"] for series in json.loads((tmp_path / "h.json").read_text())["series"]] == ["alive"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nowhere"], 3, "repo.missing_ref"),
        (["main", "--gate", "alife"], 64, "did you mean 'alive'?"),
        (["main", "--limit", "0"], 64, "--limit"),
        (["main", "--output", "html=x"], 64, "known: terminal, json, svg"),
        (["main", "--root", "docs"], 3, ""),
    ],
)
def test_what_cannot_be_shown_is_one_line(tmp_path: Path, arguments: list[str], code: int, said: str) -> None:
    branch(tmp_path)
    (tmp_path / "docs").mkdir(exist_ok=True)
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == code, done.stdout + done.stderr
    assert said in done.stderr and "Traceback" not in done.stderr
