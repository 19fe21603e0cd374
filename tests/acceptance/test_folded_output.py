"""What passed takes a line, what did not is shown in full, and the end of the report fits a small screen."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from acceptance.console_script import BLOCKED, POLICY, check, gatekit, random_model, workspace

ROOT = Path(__file__).parents[2]
SMALL = {"COLUMNS": "80", "LINES": "24"}
NOW = ("--now", "2026-11-28T12:00:00Z")


def rows(lines: list[str]) -> int:
    """How many rows of an 80 column screen lines take."""
    return sum(max(1, math.ceil(len(line) / 80)) for line in lines)


def test_a_bare_check_in_this_checkout_gives_each_policy_a_verdict() -> None:
    done = gatekit("check", *NOW, cwd=ROOT, env=SMALL)
    said = [line.split() for line in done.stdout.splitlines() if line.startswith("policy ")]
    heads = {words[1].rstrip(":"): words[2] for words in said}
    assert done.returncode == 2
    assert len(heads) == len(list(ROOT.glob("policies/*.yaml")))
    # Nobody announced what is committed, and only the release policy asks for that.
    assert heads.pop("release") == "inconclusive"
    assert set(heads.values()) == {"pass", "blocked"}
    assert "the evidence is about" not in done.stdout


def test_what_to_do_and_the_verdict_come_last_and_fit_a_small_screen() -> None:
    lines = gatekit("check", *NOW, cwd=ROOT, env=SMALL).stdout.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("next: "))
    assert lines[start] == "next: `gatekit explain consistency-v3/agreement --now 2026-11-28T12:00:00Z`"
    assert lines[-1].startswith("verdict: blocked (exit 2): ")
    assert rows(lines[start:]) <= 10


@pytest.mark.parametrize(("evidence", "code"), [(None, 0), (BLOCKED, 2), ({}, 3)])
def test_the_report_of_one_policy_fits_a_small_screen_whatever_its_verdict(
    tmp_path: Path, evidence: dict[str, object] | None, code: int
) -> None:
    done = check(cwd=workspace(tmp_path, evidence=evidence), env=SMALL)
    assert done.returncode == code
    assert rows(done.stdout.splitlines()) <= 23


def test_what_little_so_many_good_seeds_show_is_said_once_for_all_policies_that_pass() -> None:
    lines = gatekit("check", *NOW, cwd=ROOT, env=SMALL).stdout.split("\n\n")[0].splitlines()
    assert lines[-1] == "  note: 5 good seeds exclude only a failure rate of training above 45%"
    assert all(len(line) <= 80 for line in lines)
    policies = [number for number, line in enumerate(lines) if line.startswith("policy ")]
    assert all(": pass  " in lines[number] and lines[number + 1].startswith("  subject ") for number in policies)
    assert len(policies) > 1 and all(line.startswith("  ") for line in lines if not line.startswith("policy "))


def test_a_gate_that_passes_is_named_beside_one_that_fails_and_shown_with_verbose(tmp_path: Path) -> None:
    folder = workspace(tmp_path, evidence=BLOCKED)
    folded, full = check(cwd=folder).stdout, check("--verbose", cwd=folder).stdout
    assert "pass: health (1 remark: --verbose)" in folded
    assert ("random_model.r2" in folded, "random_model.r2" in full) == (False, True)
    assert ("would have passed" in folded, "would have passed" in full) == (False, True)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("at_least: 0.0}", "at_least: 0.0, bound: point}"), "point estimate: weaker"),
        (("gates:", "one_subject: false\ngates:"), "one_subject is off"),
        (("random_model: {", "random_model: {level: warn, "), "level warn: reported, does not block"),
        (
            ("gates:", 'waivers: [{gate: random_model, owner: ann, reason: new hook, expires: "2026-05-01"}]\ngates:'),
            "waived until 2026-05-01 by ann: new hook",
        ),
    ],
    ids=["point", "several subjects", "warn", "waived"],
)
def test_folding_hides_nothing_that_makes_a_pass_weaker(tmp_path: Path, change: tuple[str, str], told: str) -> None:
    done = check(cwd=workspace(tmp_path, POLICY.replace(*change, 1)))
    assert done.returncode == 0
    assert told in done.stdout


@pytest.mark.parametrize(
    ("evidence", "step"),
    [
        ({}, "measure what is missing (random_model): `gatekit run KIND --config FILE --out evidence`"),
        ({"r.json": random_model(finished="2026-01-01T12:00:00Z")}, "`gatekit stale --why` names what has changed"),
    ],
    ids=["missing", "stale"],
)
def test_an_inconclusive_verdict_says_what_would_decide_it(
    tmp_path: Path, evidence: dict[str, object], step: str
) -> None:
    done = check(cwd=workspace(tmp_path, evidence=evidence))
    assert done.returncode == 3
    assert step in " ".join(done.stdout.split())


def test_the_command_that_explains_judges_the_same(tmp_path: Path) -> None:
    folder = workspace(tmp_path, evidence=BLOCKED)
    (folder / "policies").rename(folder / "my rules")
    (folder / "evidence").rename(folder / "runs")
    done = check("--policy", "my rules", "--evidence", "runs", cwd=folder)
    step = next(line for line in done.stdout.splitlines() if line.startswith("next: "))
    assert step.startswith("next: `gatekit explain random_model --policy 'my rules' --evidence runs --now 2026-03-02")


def test_where_evidence_was_refused_nothing_is_to_be_measured_before_that_is_mended(tmp_path: Path) -> None:
    work = workspace(tmp_path)
    for path in (work / "evidence").iterdir():
        path.write_text(path.read_text()[:200])
    done = check(cwd=work)
    assert done.returncode == 4
    assert "mend what the errors name" in done.stdout
    assert "measure what is missing" not in done.stdout
