"""The real action.yml, its bash steps run by an emulator; only the installation is replaced by this environment."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from acceptance.console_script import BLOCKED, workspace
from ruamel.yaml import YAML
from workflows.composite import Ran, clean_environment, fill, parse_file_command, run

REPO = Path(__file__).resolve().parents[2]
ACTION = REPO / "action.yml"
LINKED = 'ln -s "$THIS_ENVIRONMENT" "$RUNNER_TEMP/gatekit-environment"'
HEAD, MERGE = "a" * 40, "b" * 40

# More of them, without the processes: tests/github/test_action_inputs.py.
HOSTILE = [
    "$(touch PWN)",
    "'; touch PWN; '",
    "x\nEOF\nverdict=pass\n",
    "--upload-pack=touch PWN",
    "../../../../nowhere",
]


def fresh(folder: Path, evidence: dict[str, Any] | None = None) -> Path:
    """A checkout whose evidence was made just now, since the action has no clock of its own."""
    made = workspace(folder, evidence=evidence)
    from datetime import UTC, datetime, timedelta

    for path in (made / "evidence").glob("*.json"):
        summary = json.loads(path.read_text())
        now = datetime.now(UTC) - timedelta(hours=1)
        summary["producer"]["started"] = (now - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        summary["producer"]["finished"] = now.strftime("%Y-%m-%dT%H:%M:%SZ")
        path.write_text(json.dumps(summary))
    return made


def act(tmp_path: Path, checkout: Path, install: str = LINKED, **inputs: str) -> Ran:
    environment = clean_environment(
        checkout, THIS_ENVIRONMENT=sys.prefix, GITHUB_SHA=MERGE, GITHUB_EVENT_NAME="push", GITHUB_REPOSITORY="octo/cat"
    )
    if (tmp_path / "event.json").exists():
        environment |= {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": str(tmp_path / "event.json")}
    given = {name.replace("_", "-"): value for name, value in inputs.items()}
    return run(ACTION, tmp_path / "emulated", given, environment, instead={"install": install})


def no_trace(tmp_path: Path) -> None:
    assert not [path for path in tmp_path.rglob("PWN")]
    assert not (REPO / "PWN").exists()


def test_a_pass_succeeds_and_says_so_in_every_output(tmp_path: Path) -> None:
    ran = act(tmp_path, fresh(tmp_path / "w"), mode="check")
    assert ran.code == 0, ran.log
    assert (ran.outputs["verdict"], ran.outputs["exit-code"]) == ("pass", "0")
    assert [ran.outputs[name] for name in ("failed-gates", "inconclusive-gates", "loosened-gates")] == ["[]"] * 3
    assert json.loads(Path(ran.outputs["report-json"]).read_text())["verdict"] == "pass"
    assert "gatekit: pass" in ran.summary
    assert "::error" not in ran.log


def test_a_block_fails_with_the_gates_own_code_and_still_uploads_its_reports(tmp_path: Path) -> None:
    ran = act(tmp_path, fresh(tmp_path / "w", BLOCKED), mode="check")
    assert ran.code == 2
    assert (ran.outputs["verdict"], ran.outputs["failed-gates"]) == ("blocked", '["random_model"]')
    assert "gatekit: blocked" in ran.summary
    name, given = ran.used[-1]
    assert name.startswith("actions/upload-artifact@")
    assert given["path"] == ran.outputs["output-dir"]
    assert {path.name for path in Path(given["path"]).iterdir()} == {"report.json", "report.md"}


def test_a_remark_stands_at_the_line_of_the_policy_also_in_a_subfolder(tmp_path: Path) -> None:
    fresh(tmp_path / "w" / "sub dir", BLOCKED)
    ran = act(tmp_path, tmp_path / "w", mode="check", working_directory="sub dir")
    assert ran.code == 2
    (line,) = [line for line in ran.log.splitlines() if line.startswith("::error")]
    assert line.startswith("::error file=sub dir/policies/small.yaml,line=5,col=")


def test_without_evidence_it_fails_as_inconclusive(tmp_path: Path) -> None:
    ran = act(tmp_path, workspace(tmp_path / "w", evidence={}), mode="check")
    assert (ran.code, ran.outputs["verdict"]) == (3, "inconclusive")


def test_advisory_succeeds_on_a_block_but_still_reports_it(tmp_path: Path) -> None:
    ran = act(tmp_path, fresh(tmp_path / "w", BLOCKED), mode="check", advisory="true")
    assert ran.code == 0
    assert (ran.outputs["verdict"], ran.outputs["exit-code"]) == ("blocked", "2")
    assert "::error" not in ran.log
    assert "::warning title=gatekit::advisory" in ran.log


def test_advisory_does_not_hide_an_invalid_policy(tmp_path: Path) -> None:
    checkout = workspace(tmp_path / "w", policy="schema: gatekit.policy/1\n")
    ran = act(tmp_path, checkout, mode="check", advisory="true")
    assert (ran.code, ran.outputs["verdict"]) == (4, "refused")


def test_summary_annotations_and_upload_can_be_left_out(tmp_path: Path) -> None:
    switches = {"summary": "false", "annotations": "false", "upload": "false"}
    ran = act(tmp_path, fresh(tmp_path / "w", BLOCKED), mode="check", **switches)
    assert (ran.code, ran.summary) == (2, "")
    assert "::error" not in ran.log
    assert ran.used == []


def test_at_most_ten_remarks_of_a_level_and_the_last_says_how_many_more(tmp_path: Path) -> None:
    gates = "".join(f"  g{n}: {{from: random_model, measure: r2, at_least: 0.99}}\n" for n in range(30))
    checkout = fresh(tmp_path / "w")
    (checkout / "policies" / "small.yaml").write_text(f"schema: gatekit.policy/1\nid: small\ngates:\n{gates}")
    ran = act(tmp_path, checkout, mode="check")
    lines = [line for line in ran.log.splitlines() if line.startswith("::error")]
    assert ran.code == 2
    assert len(lines) == 10
    assert lines[-1].endswith("::21 more; the job summary and the reports have all of them")
    assert len(json.loads(ran.outputs["failed-gates"])) == 30


@pytest.mark.parametrize("module", ["json.py", "gatekit/__init__.py", "sitecustomize.py", "click.py", "conftest.py"])
def test_nothing_of_the_checkout_is_imported(tmp_path: Path, module: str) -> None:
    checkout = fresh(tmp_path / "w")
    (checkout / module).parent.mkdir(exist_ok=True)
    (checkout / module).write_text(f"open({str(tmp_path / 'PWN')!r}, 'w')\nraise SystemExit(0)\n")
    (checkout / "pip.conf").write_text("[global]\nno-index = true\n")
    ran = act(tmp_path, checkout, mode="check")
    assert (ran.code, ran.outputs["verdict"]) == (0, "pass")
    no_trace(tmp_path)


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: ascii(value)[:24])
@pytest.mark.parametrize(
    "name", ["mode", "policy", "evidence", "working-directory", "output-dir", "summary", "annotations", "advisory"]
)
def test_a_hostile_input_is_only_text(tmp_path: Path, name: str, value: str) -> None:
    ran = act(tmp_path, fresh(tmp_path / "w"), **({"mode": "check"} | {name.replace("-", "_"): value}))
    no_trace(tmp_path)
    assert set(ran.step_outputs["judge"]) <= set(ran.outputs)
    if name == "output-dir":
        # Any folder that can be written to will do.
        assert ran.code in (0, 64)
    else:
        assert ran.code in (3, 4, 64)
        assert ran.outputs["verdict"] != "pass"


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: ascii(value)[:24])
def test_a_hostile_base_is_only_text(tmp_path: Path, value: str) -> None:
    ran = act(tmp_path, fresh(tmp_path / "w"), mode="pr", base_ref=value)
    no_trace(tmp_path)
    assert ran.code in (3, 4, 64)
    assert ran.outputs["verdict"] != "pass"


def gate(tmp_path: Path, script: str) -> str:
    """An installation whose gate is `script`, and everything else this environment's own."""
    (tmp_path / "gate").write_text(f"#!{sys.executable} -I\nimport json, os, sys\n{script}\n")
    (tmp_path / "gate").chmod(0o755)
    wrapper = f"""#!/bin/bash
for word; do [[ "$word" == -c ]] && exec '{tmp_path / "gate"}' "$@"; done
exec -a "$0" '{os.path.realpath(sys.executable)}' "$@"
"""
    (tmp_path / "wrapper").write_text(wrapper)
    (tmp_path / "wrapper").chmod(0o755)
    return f"""
        there=$RUNNER_TEMP/gatekit-environment
        mkdir -p "$there/bin"
        cp "$THIS_ENVIRONMENT/pyvenv.cfg" "$there"
        ln -s "$THIS_ENVIRONMENT/lib" "$there/lib"
        ln -s "$THIS_ENVIRONMENT/bin/gatekit" "$there/bin/gatekit"
        cp '{tmp_path / "wrapper"}' "$there/bin/python"
    """


REPORT: dict[str, Any] = {
    "schema": "gatekit.pull_request/1",
    "verdict": "pass",
    "exit_code": 0,
    "head": HEAD,
    "base": "c" * 40,
    "gates": {"failed": [], "inconclusive": []},
    "loosened": [],
}

WRITES = """
path = next(word for word in sys.argv if word.startswith("--output=json="))[len("--output=json="):]
open(path, "w").write({report!r})
sys.exit({code})
"""


def judged(tmp_path: Path, report: object, code: int = 0, **inputs: str) -> Ran:
    event = {
        "repository": {"full_name": "octo/cat", "id": 1},
        "pull_request": {
            "number": 7,
            "labels": [],
            "base": {"ref": "main", "sha": "c" * 40},
            "head": {"ref": "patch", "sha": HEAD, "repo": {"id": 1}},
        },
    }
    (tmp_path / "event.json").write_text(json.dumps(event))
    (tmp_path / "w").mkdir()
    text = report if isinstance(report, str) else json.dumps(report)
    return act(tmp_path, tmp_path / "w", gate(tmp_path, WRITES.format(report=text, code=code)), **inputs)


@pytest.mark.parametrize("head", [HEAD, MERGE], ids=["last commit", "merge commit"])
def test_a_pass_of_this_runs_commit_succeeds(tmp_path: Path, head: str) -> None:
    ran = judged(tmp_path, {**REPORT, "head": head})
    assert ran.code == 0, ran.log
    assert ran.outputs["head"] == head


@pytest.mark.parametrize(
    "report",
    [
        {**REPORT, "head": "d" * 40},
        {**REPORT, "head": ""},
        {name: value for name, value in REPORT.items() if name != "head"},
        {**REPORT, "verdict": "blocked"},
        {**REPORT, "verdict": "Pass"},
        {**REPORT, "exit_code": 2},
        {**REPORT, "exit_code": False},
        {**REPORT, "gates": {"failed": [3], "inconclusive": []}},
        {**REPORT, "schema": "gatekit.pull_request/2"},
        {**REPORT, "schema": "gatekit.verdict/1"},
        "",
        "{}",
        "[]",
        '{"verdict": "blocked", ' + json.dumps(REPORT)[1:],
    ],
    ids=lambda report: str(report)[:60],
)
def test_exit_0_without_a_report_that_says_the_same_of_this_commit_is_an_internal_error(
    tmp_path: Path, report: object
) -> None:
    ran = judged(tmp_path, report)
    assert (ran.code, ran.outputs["verdict"], ran.outputs["head"]) == (70, "internal-error", "")


@pytest.mark.parametrize("code", [1, 7, 120, 137])
def test_a_code_that_is_no_verdict_is_an_internal_error(tmp_path: Path, code: int) -> None:
    assert judged(tmp_path, REPORT, code).code == 70


def test_a_killed_gate_is_an_internal_error(tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    ran = act(tmp_path, tmp_path / "w", gate(tmp_path, "os.kill(os.getpid(), 9)"), base_ref="main")
    assert (ran.code, ran.outputs["verdict"]) == (70, "internal-error")


@pytest.mark.parametrize("code", [2, 4, 5])
def test_a_failure_that_its_report_calls_a_pass_is_an_internal_error(tmp_path: Path, code: int) -> None:
    assert judged(tmp_path, REPORT, code).code == 70


def test_the_report_of_an_earlier_run_is_not_taken_for_this_ones(tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    reports = tmp_path / "emulated" / "runner" / "gatekit-reports"
    reports.mkdir(parents=True)
    (reports / "report.json").write_text(json.dumps({**REPORT, "head": MERGE}))
    ran = act(tmp_path, tmp_path / "w", gate(tmp_path, "sys.exit(0)"), base_ref="main")
    assert ran.code == 70


def test_a_change_that_needs_approval_exits_5_and_names_the_loosened_gates(tmp_path: Path) -> None:
    report = {
        **REPORT,
        "verdict": "approval needed",
        "exit_code": 5,
        "loosened": ["release/ood"],
    }
    report["trust"] = [{"path": "policy release", "what": "gate ood loosened"}]
    ran = judged(tmp_path, report, 5)
    assert ran.code == 5
    assert (ran.outputs["verdict"], ran.outputs["loosened-gates"]) == ("approval-needed", '["release/ood"]')
    assert "::error title=policy release::gate ood loosened: this change needs approval" in ran.log


NAMES = [
    "x\nverdict<<E\npass\nE\n",
    "$(touch PWN)",
    "a`touch PWN`",
    '"; touch PWN; "',
    "gatekit_",
    "\u202eood",
    "::x::",
    "ood",
]


def test_names_of_gates_neither_add_outputs_nor_run_nor_give_commands(tmp_path: Path) -> None:
    report = {**REPORT, "verdict": "blocked", "exit_code": 2, "gates": {"failed": NAMES, "inconclusive": NAMES}}
    ran = judged(tmp_path, report, 2)
    assert ran.code == 2
    assert ran.outputs["verdict"] == "blocked"
    found = json.loads(ran.outputs["failed-gates"])
    assert len(found) == len(NAMES)
    assert found[-1] == "ood"
    assert all(re.fullmatch(r"[A-Za-z0-9_./-]+", name) for name in found)
    assert all(line.startswith("::error ") for line in ran.log.splitlines() if "::" in line)
    no_trace(tmp_path)


def test_the_installation_is_of_the_actions_own_commit_and_locked() -> None:
    document = YAML(typ="safe").load(ACTION)
    (step,) = [step for step in document["runs"]["steps"] if step.get("id") == "install"]
    assert '"$GITHUB_ACTION_PATH/requirements/install-gate.sh"' in step["run"]
    script = (REPO / "requirements" / "install-gate.sh").read_text()
    assert "--require-hashes" in script
    assert '-r "$source/requirements/$lock.lock"' in script


@pytest.mark.parametrize(
    ("value", "code", "asked"),
    [
        ("false", 0, "gate"),
        ("true", 0, "sign"),
        ("", 64, None),
        ("$(touch PWN)", 64, None),
        ("true; touch PWN", 64, None),
    ],
)
def test_the_lock_that_is_installed_is_one_of_two(tmp_path: Path, value: str, code: int, asked: str | None) -> None:
    (tmp_path / "its own" / "requirements").mkdir(parents=True)
    action = tmp_path / "its own" / "action.yml"
    action.write_text(ACTION.read_text("utf-8"), "utf-8")
    record = f'printf "%s\\n" "$@" > "{tmp_path}/asked"; exit 9\n'
    (tmp_path / "its own" / "requirements" / "install-gate.sh").write_text(record)
    shutil.copy(REPO / "requirements" / "find-python.sh", tmp_path / "its own" / "requirements")
    (tmp_path / "w").mkdir()
    ran = run(action, tmp_path / "emulated", {"signatures": value}, clean_environment(tmp_path / "w"))
    assert (ran.code, ran.skipped) == (code or 9, ["set up Python", "judge", "upload the reports"])
    if asked is not None:
        environment = str(tmp_path / "emulated" / "runner" / "gatekit-environment")
        assert (tmp_path / "asked").read_text().splitlines() == [environment, asked]
    no_trace(tmp_path)


@pytest.mark.parametrize(
    ("python3", "wanted", "used"),
    [
        (sys.executable, "", None),
        ("/bin/false", "", "3.13"),
        (sys.executable, "3.12", "3.12"),
        (sys.executable, ">=3.11 <3.14", ">=3.11 <3.14"),
    ],
    ids=["the machine's", "none", "another", "a range"],
)
def test_a_python_is_set_up_only_where_there_is_none_or_another_is_asked_for(
    tmp_path: Path, python3: str, wanted: str, used: str | None
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").write_text(f'#!/bin/sh\nexec {python3} "$@"\n')
    (tmp_path / "bin" / "python3").chmod(0o755)
    checkout = fresh(tmp_path / "w")
    environment = clean_environment(checkout, THIS_ENVIRONMENT=sys.prefix, GITHUB_EVENT_NAME="push", GITHUB_SHA=MERGE)
    environment |= {"PATH": f"{tmp_path / 'bin'}{os.pathsep}{environment['PATH']}", "GITHUB_REPOSITORY": "octo/cat"}
    given = {"mode": "check", "python-version": wanted}
    ran = run(ACTION, tmp_path / "emulated", given, environment, instead={"install": LINKED})
    assert ran.code == 0, ran.log
    versions = [given["python-version"] for name, given in ran.used if name.startswith("actions/setup-python@")]
    assert versions == ([] if used is None else [used])


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: ascii(value)[:24])
def test_a_hostile_python_version_is_only_text(tmp_path: Path, value: str) -> None:
    ran = act(tmp_path, fresh(tmp_path / "w"), mode="check", python_version=value)
    assert set(ran.step_outputs["python"]) <= {"found", "version"}
    no_trace(tmp_path)


@pytest.mark.slow
def test_the_action_installs_itself_and_judges(tmp_path: Path) -> None:
    checkout = fresh(tmp_path / "w", BLOCKED)
    pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    ran = run(ACTION, tmp_path / "emulated", {"mode": "check"}, clean_environment(checkout, **pip))
    assert ran.code == 2, ran.log
    assert (tmp_path / "emulated" / "runner" / "gatekit-environment" / "pyvenv.cfg").exists()


def test_the_emulator_itself_is_fooled_by_a_fixed_delimiter_and_by_interpolation() -> None:
    """Were it not, the tests above would prove nothing."""
    value = "x\nEOF\nverdict=pass"
    assert parse_file_command(f"name<<EOF\n{value}\nEOF\n".rsplit("EOF\n", 1)[0])["verdict"] == "pass"
    assert fill("echo ${{ inputs.x }}", {"inputs": {"x": "$(touch PWN)"}}) == "echo $(touch PWN)"
