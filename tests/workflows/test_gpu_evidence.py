"""The scripts of gpu-evidence.yml, run as the runner does: stand-ins for what only GitHub or the GPU machine has."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import builders
import pytest
import repositories
from acceptance.console_script import gatekit
from cycles.workplace import CYCLE, TESTS, workplace
from workflows.composite import clean_environment, parse_file_command
from workflows.invariants import FOLDER, parse

JOBS: dict[str, Any] = parse((FOLDER / "gpu-evidence.yml").read_text("utf-8"))["jobs"]
NONCE = "00ff" * 8
OUTPUTS = ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")


def step(job: str, name: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    (script,) = [step["run"] for step in JOBS[job]["steps"] if step["name"] == name]
    fixed = {key: value for key, value in JOBS[job].get("env", {}).items() if "${{" not in value}
    for variable in OUTPUTS:
        (folder / variable).touch()
        environment.setdefault(variable, str(folder / variable))
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=environment.get("WORKING", folder),
        env=clean_environment(folder, **fixed, **environment),
        capture_output=True,
        text=True,
        timeout=60,
    )


def request(
    folder: Path, cycle: str, nonce: str, ref: str = "refs/heads/main", event: str = "workflow_dispatch"
) -> subprocess.CompletedProcess[str]:
    asked = {"CYCLE": cycle, "NONCE": nonce, "GITHUB_REF": ref, "GITHUB_EVENT_NAME": event}
    return step("request", "refuse what is no request", folder, **asked)


def test_a_request_is_handed_on(tmp_path: Path) -> None:
    assert request(tmp_path, "cycle-4", NONCE).returncode == 0
    assert parse_file_command((tmp_path / "GITHUB_OUTPUT").read_text()) == {"cycle": "cycle-4", "nonce": NONCE}


@pytest.mark.parametrize(
    ("cycle", "nonce", "ref"),
    [
        ("", NONCE, "refs/heads/main"),
        ("Cycle-4", NONCE, "refs/heads/main"),
        ("cycle_4", NONCE, "refs/heads/main"),
        ("4-cycle", NONCE, "refs/heads/main"),
        ("cyclé", NONCE, "refs/heads/main"),
        ("c" * 65, NONCE, "refs/heads/main"),
        ("--runs=x", NONCE, "refs/heads/main"),
        ("../cycles/cycle-4", NONCE, "refs/heads/main"),
        ("cycle-4.yaml", NONCE, "refs/heads/main"),
        ("cycle-4\nnonce=x", NONCE, "refs/heads/main"),
        ("cycle-4\n", NONCE, "refs/heads/main"),
        ("$(touch PWN)", NONCE, "refs/heads/main"),
        ("cycle-4", "", "refs/heads/main"),
        ("cycle-4", NONCE.upper(), "refs/heads/main"),
        ("cycle-4", "../../main", "refs/heads/main"),
        ("cycle-4", "0" * 65, "refs/heads/main"),
        ("cycle-4", NONCE, "refs/heads/dev"),
        ("cycle-4", NONCE, "refs/tags/main"),
    ],
)
def test_what_is_no_request_is_refused_and_handed_nowhere(tmp_path: Path, cycle: str, nonce: str, ref: str) -> None:
    assert request(tmp_path, cycle, nonce, ref).returncode == 64
    assert (tmp_path / "GITHUB_OUTPUT").read_text() == ""
    assert not list(tmp_path.rglob("PWN"))


@pytest.mark.parametrize("event", ["push", "pull_request", "schedule", "issue_comment", "repository_dispatch"])
def test_a_workflow_that_calls_this_one_is_started_by_hand(tmp_path: Path, event: str) -> None:
    assert request(tmp_path, "cycle-4", NONCE, event=event).returncode == 64
    assert (tmp_path / "GITHUB_OUTPUT").read_text() == ""


STAND_IN = """\
#!/bin/sh
echo "$@" >> "$SEEN/calls"
case "$*" in
  *"cycle status"*) cat "$SEEN/status" ;;
  *"cycle run"*) cp "$SEEN/after" "$SEEN/status"; exit "$CODE" ;;
  *runners.request*) exit "${REFUSED:-0}" ;;
  *) shift 2; exec "$REAL" "$@" ;;
esac
"""


def machine(folder: Path) -> dict[str, str]:
    """Make what the machine and the checkout have, and return the job's variables."""
    for name in ("runs", "cache", "temp", "harness/cycles"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "harness" / "cycles" / "small.yaml").touch()
    return {
        "CYCLE": "small",
        "GATEKIT_RUNS_DIR": str(folder / "runs"),
        "GATEKIT_CACHE_DIR": str(folder / "cache"),
        "GATEKIT_GPUS": "0,1,2",
        "GITHUB_WORKSPACE": str(folder),
        "RUNNER_TEMP": str(folder / "temp"),
    }


def program(path: Path, text: str) -> str:
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def drive(
    folder: Path, code: int, standing: str, recorded: int | None, name: str = "small", **changes: str
) -> subprocess.CompletedProcess[str]:
    """Run the step with a driver that ends with a code and leaves a ledger that says `standing` and `recorded`."""
    variables = {**machine(folder), "SEEN": str(folder), "CODE": str(code), "REAL": sys.executable}
    before = {"cycle": name, "standing": "not begun", "code": None}
    (folder / "status").write_text(json.dumps(before))
    (folder / "after").write_text(json.dumps({**before, "standing": standing, "code": recorded}))
    variables["RUNNERS_PYTHON"] = program(folder / "runners-python", STAND_IN)
    # A runner keeps its workspace elsewhere than the folders that outlive the job.
    variables["GITHUB_WORKSPACE"] = str(folder / "work")
    (folder / "work").mkdir(exist_ok=True)
    (folder / "harness").rename(folder / "work" / "harness")
    return step("cycle", "run the cycle", folder, **{**variables, **changes})


def calls(folder: Path) -> list[str]:
    return (folder / "calls").read_text().splitlines() if (folder / "calls").exists() else []


def test_the_cycle_is_driven_by_the_harness_with_all_gpus_in_use(tmp_path: Path) -> None:
    assert drive(tmp_path, 0, "finished", 0).returncode == 0
    (run,) = [line for line in calls(tmp_path) if "cycle run" in line]
    assert run == (
        f"-E -s -m gatekit cycle run small --runs {tmp_path}/runs --cache {tmp_path}/cache --gpus 0,1,2 --slots 3"
    )


def test_a_plan_that_the_check_refuses_is_not_run(tmp_path: Path) -> None:
    assert drive(tmp_path, 0, "finished", 0, REFUSED="4").returncode == 4
    assert "-E -s -m runners.request --cycle cycles/small.yaml ." in calls(tmp_path)
    assert not [line for line in calls(tmp_path) if "cycle run" in line]


@pytest.mark.parametrize(("code", "verdict"), [(0, "pass"), (2, "blocked"), (3, "inconclusive")])
def test_a_verdict_is_a_result_whatever_it_says(tmp_path: Path, code: int, verdict: str) -> None:
    done = drive(tmp_path, code, "finished", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"small is finished. Verdict: {verdict} (exit code {code}).")
    assert done.stdout.strip() in (tmp_path / "GITHUB_STEP_SUMMARY").read_text()


@pytest.mark.parametrize("standing", ["halted", "left behind", "running", "not begun"])
@pytest.mark.parametrize("code", [3, 130, 137, 143])
def test_a_cycle_that_is_not_finished_never_looks_like_a_pass(tmp_path: Path, code: int, standing: str) -> None:
    done = drive(tmp_path, code, standing, None)
    assert done.returncode == 3
    assert done.stdout.splitlines() == [
        f"small is NOT FINISHED (exit code {code}): dispatch gpu-evidence again to go on from here."
    ]


@pytest.mark.parametrize(
    ("code", "standing", "recorded", "ends"),
    [
        (4, "finished", 4, 4),
        (4, "not begun", None, 4),
        (5, "finished", 5, 5),
        (64, "halted", None, 64),
        (70, "left behind", None, 70),
        (2, "halted", None, 2),
        (143, "finished", 0, 143),  # ended before it took the cycle up again
        (3, "finished", 0, 3),
        (0, "finished", 2, 70),
        (0, "halted", None, 70),
    ],
)
def test_what_is_neither_a_verdict_nor_unfinished_fails(
    tmp_path: Path, code: int, standing: str, recorded: int | None, ends: int
) -> None:
    done = drive(tmp_path, code, standing, recorded)
    assert done.returncode == ends
    assert done.stdout.startswith(f"small FAILED with exit code {code}")


@pytest.mark.parametrize(
    "changes",
    [
        {"GATEKIT_RUNS_DIR": ""},
        {"GATEKIT_CACHE_DIR": ""},
        {"GATEKIT_RUNS_DIR": "runs"},
        {"GATEKIT_CACHE_DIR": "/nonexistent/cache"},
        {"GATEKIT_GPUS": ""},
        {"GATEKIT_GPUS": "0, 1"},
        {"GATEKIT_GPUS": "0,--retry-failed x"},
    ],
)
def test_a_machine_that_is_not_set_up_starts_nothing(tmp_path: Path, changes: dict[str, str]) -> None:
    done = drive(tmp_path, 0, "finished", 0, **changes)
    assert (done.returncode, len(done.stderr.splitlines()), calls(tmp_path)) == (64, 1, [])


@pytest.mark.parametrize("where", ["temp", "work"])
def test_folders_that_end_with_the_job_are_refused(tmp_path: Path, where: str) -> None:
    (tmp_path / where).mkdir()
    done = drive(tmp_path, 0, "finished", 0, GATEKIT_RUNS_DIR=str(tmp_path / where))
    assert (done.returncode, calls(tmp_path)) == (64, [])
    assert "ends with the job" in done.stderr


@pytest.mark.parametrize("kind", ["missing", "link"])
def test_a_cycle_that_main_does_not_have_is_not_run(tmp_path: Path, kind: str) -> None:
    machine(tmp_path)
    if kind == "link":
        (tmp_path / "harness" / "cycles" / "other.yaml").symlink_to("/etc/hostname")
    done = drive(tmp_path, 0, "finished", 0, CYCLE="other")
    assert (done.returncode, done.stderr, calls(tmp_path)) == (4, "main has no cycles/other.yaml\n", [])


def test_a_plan_whose_id_is_another_name_is_not_run(tmp_path: Path) -> None:
    assert drive(tmp_path, 0, "finished", 0, name="smaller").returncode == 4
    assert not [line for line in calls(tmp_path) if "cycle run" in line]


def lab(folder: Path, cycle: str = CYCLE) -> dict[str, str]:
    """Make a checkout with a real plan, and the fake runner as an installed package."""
    work = workplace(folder / "work" / "harness", cycle)
    path = os.pathsep.join([str(work / "lab"), str(TESTS)])
    python = f'#!/bin/sh\nshift 2\nPYTHONPATH={path} exec {sys.executable} "$@"\n'
    return {
        **machine(folder),
        "GITHUB_WORKSPACE": str(folder / "work"),
        "GATEKIT_GPUS": "0",
        "RUNNERS_PYTHON": program(folder / "runners-python", python),
    }


SLOW_CYCLE = CYCLE.replace("    phases: [pilot, full]\n", "    phases: [pilot, full]\n    set: {sleep: 2}\n")
OVER_AFTER_THE_FIRST_TASK = """\
#!/bin/sh
shift 4
"$@" &
until grep -q '"event": "ended"' "$GATEKIT_RUNS_DIR/small/ledger.jsonl"; do sleep 0.1; done 2> /dev/null
kill -TERM $!
wait $!
"""
"""In the place of `timeout`."""


@pytest.mark.slow
def test_a_job_whose_time_is_over_leaves_what_the_next_one_goes_on_from(tmp_path: Path) -> None:
    variables = lab(tmp_path, SLOW_CYCLE)
    (tmp_path / "bin").mkdir()
    program(tmp_path / "bin" / "timeout", OVER_AFTER_THE_FIRST_TASK)
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = step("cycle", "run the cycle", tmp_path, **variables, PATH=path)
    assert (done.returncode, "small is NOT FINISHED (exit code 143)" in done.stdout) == (3, True), done.stderr
    folder = tmp_path / "runs" / "small"
    monitor = json.loads((folder / "monitor.json").read_text())
    assert (monitor["standing"], monitor["halted"], monitor["tasks"]["done"]) == ("halted", "ended by SIGTERM", 1)
    assert step("cycle", "collect what there is", tmp_path, **variables).returncode == 0
    assert "ended by SIGTERM" in (tmp_path / "temp" / "cycle" / "EXPERIMENT_LOG.md").read_text()

    again = step("cycle", "run the cycle", tmp_path, **variables)
    assert (again.returncode, "small is finished. Verdict: pass" in again.stdout) == (0, True), again.stderr
    records = [json.loads(line) for line in (folder / "ledger.jsonl").read_text().splitlines()]
    ended = [record["task"] for record in records if record["event"] == "ended"]
    assert len(ended) == len(set(ended)) == 2


@pytest.mark.slow
def test_evidence_records_monitor_and_verdict_are_collected_and_nothing_else(tmp_path: Path) -> None:
    variables = lab(tmp_path)
    done = step("cycle", "run the cycle", tmp_path, **variables)
    assert done.returncode == 0, done.stderr
    assert "small is finished. Verdict: pass (exit code 0)." in done.stdout
    folder = tmp_path / "runs" / "small"
    (folder / "evidence" / "linked.json").symlink_to("/etc/hostname")
    (folder / "evidence" / "run.sh").write_text("true\n")
    (folder / "monitor.sh").write_text("true\n")
    collected = step("cycle", "collect what there is", tmp_path, **variables)
    assert collected.returncode == 0, collected.stderr
    out = tmp_path / "temp" / "cycle"
    found = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if not path.is_dir())
    assert [name for name in found if "/" not in name] == [
        *("ADVISOR_BRIEF.md", "EXECUTIVE_SUMMARY.md", "EXPERIMENT_LOG.md"),
        *("monitor.html", "monitor.json", "monitor.md", "verdict.html", "verdict.json", "verdict.md"),
    ]
    measured = sorted(p.relative_to(folder).as_posix() for p in (folder / "evidence").glob("*/first/**/*.json"))
    assert [name for name in found if "/" in name] == [name for name in measured if "/." not in name] != []
    summary = (tmp_path / "GITHUB_STEP_SUMMARY").read_text()
    assert summary.startswith("**small is finished. Verdict: pass")
    assert summary.endswith((folder / "monitor.md").read_text())


def test_a_cycle_that_was_never_begun_has_nothing_to_hand_over(tmp_path: Path) -> None:
    done = step("cycle", "collect what there is", tmp_path, **machine(tmp_path))
    assert (done.returncode, done.stderr) == (3, "small was never begun here\n")


def sign(folder: Path) -> subprocess.CompletedProcess[str]:
    pytest.importorskip("cryptography")
    assert gatekit("attest", "--new-key", "key.pem", cwd=folder).returncode == 0
    temp = folder / "temp"
    temp.mkdir(exist_ok=True)
    (temp / "gatekit-environment").symlink_to(sys.prefix)
    (folder / "main" / "policies").mkdir(parents=True)
    (folder / "main" / "policies" / "p.yaml").write_text(
        "schema: gatekit.policy/1\nid: p\ngates:\n  r2: {from: random_model, measure: r2, at_least: 0.5}\n"
    )
    return step(
        "attest",
        "validate and sign",
        folder,
        GATEKIT_SIGNING_KEY=(folder / "key.pem").read_text(),
        GITHUB_REPOSITORY_ID="42",
        RUNNER_TEMP=str(temp),
        GITHUB_WORKSPACE=str(folder),
    )


def test_what_a_cycle_measured_is_signed_and_nothing_else_goes_on(tmp_path: Path) -> None:
    measured = tmp_path / "temp" / "measured"
    summary = {"random_model.json": builders.release_evidence()["random_model.json"]}
    builders.write(measured / "evidence" / "full" / "first" / "all" / "random_model", summary)
    for stray in ("monitor.json", "verdict.json", "evidence/run.json", "evidence/full/first/all/random_model/x.sh"):
        (measured / stray).write_text("{}")
    (measured / "evidence/full/first/all/random_model/linked.json").symlink_to("/etc/hostname")
    done = sign(tmp_path)
    assert done.returncode == 0, done.stderr
    signed = tmp_path / "temp" / "signed"
    found = sorted(path.relative_to(signed).as_posix() for path in signed.rglob("*.*"))
    assert found[0] == "evidence/full/first/all/random_model/random_model.json"
    assert found[1].startswith("evidence/full/first/all/random_model/random_model.measure-")
    assert len(found) == 2


def test_what_the_gate_would_refuse_of_a_cycle_is_not_signed(tmp_path: Path) -> None:
    folder = tmp_path / "temp" / "measured" / "evidence" / "full" / "first" / "all" / "random_model"
    folder.mkdir(parents=True)
    (folder / "random_model.json").write_text('{"schema": "gatekit.summary/1"}')
    assert sign(tmp_path).returncode == 4
    assert not list((tmp_path / "temp").glob("**/*.dsse.json"))


def propose(folder: Path, gh: str = "exit 0") -> subprocess.CompletedProcess[str]:
    (folder / "bin").mkdir(exist_ok=True)
    program(folder / "bin" / "gh", f'#!/bin/sh\necho "$@" >> "{folder}/gh"\ntest "$1" = pr || exit 0\n{gh}\n')
    return step(
        "propose",
        "open the pull request",
        folder,
        CYCLE="small",
        NONCE=NONCE,
        RUNNER_TEMP=str(folder / "temp"),
        WORKING=str(folder / "main"),
        GITHUB_WORKSPACE=str(folder / "main"),
        GITHUB_SERVER_URL="https://github.example",
        GITHUB_REPOSITORY="octo/cat",
        GITHUB_RUN_ID="9",
        PATH=f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
    )


@pytest.fixture
def proposing(tmp_path: Path) -> Path:
    """A clone of a bare repository, and signed evidence beside it."""
    origin = repositories.Builder(tmp_path / "origin", bare=True)
    origin.commit("main", {"evidence/README.md": "evidence\n"})
    origin.save()
    repositories.git(tmp_path, "clone", "-q", str(tmp_path / "origin"), "main")
    for phase in ("pilot", "full"):
        folder = tmp_path / "temp" / "signed" / "evidence" / phase / "first" / "all" / "random_model"
        folder.mkdir(parents=True)
        (folder / "random_model.json").write_text("{}\n")
    return tmp_path


def test_the_evidence_is_pushed_on_a_branch_of_its_own_and_proposed(proposing: Path) -> None:
    done = propose(proposing)
    assert done.returncode == 0, done.stderr
    files = repositories.git(proposing / "origin", "diff", "--name-status", "main", f"evidence/{NONCE}").decode()
    assert files == "A\tevidence/small/first/all/random_model/random_model.json\n"
    assert (
        f"pr create --base main --head evidence/{NONCE} --title Evidence of the cycle small"
        in (proposing / "gh").read_text()
    )


def test_a_token_that_may_not_open_pull_requests_leaves_a_link(proposing: Path) -> None:
    assert propose(proposing, gh="exit 1").returncode == 0
    link = f"https://github.example/octo/cat/compare/main...evidence/{NONCE}"
    assert f"[open it yourself]({link})" in (proposing / "GITHUB_STEP_SUMMARY").read_text()


def test_a_nonce_that_was_used_before_fails_instead_of_replacing_evidence(proposing: Path) -> None:
    bare = proposing / "origin"
    other = repositories.git(bare, "commit-tree", "-m", "x", repositories.git(bare, "write-tree").decode().strip())
    repositories.git(bare, "update-ref", f"refs/heads/evidence/{NONCE}", other.decode().strip())
    assert propose(proposing).returncode != 0
    assert repositories.git(bare, "rev-parse", f"evidence/{NONCE}") == other


def test_evidence_that_is_there_already_is_no_new_pull_request(proposing: Path) -> None:
    shutil.rmtree(proposing / "temp" / "signed" / "evidence" / "full" / "first")
    assert propose(proposing).returncode != 0
    assert not (proposing / "gh").exists()


def test_where_nothing_was_measured_on_the_full_seeds_nothing_is_proposed(proposing: Path) -> None:
    shutil.rmtree(proposing / "temp" / "signed" / "evidence" / "full")
    assert propose(proposing).returncode == 3
    assert not (proposing / "gh").exists()


@pytest.mark.parametrize(
    ("repository", "commit", "code"),
    [
        ("octo/gatekit", "0123456789abcdef" * 2 + "01234567", 0),
        ("false", "false", 64),
        ("", "", 64),
        ("octo/gatekit", "main", 64),
    ],
)
def test_the_gate_that_signs_is_of_a_known_commit(tmp_path: Path, repository: str, commit: str, code: int) -> None:
    assert step("attest", "know which gate this is", tmp_path, REPOSITORY=repository, COMMIT=commit).returncode == code
