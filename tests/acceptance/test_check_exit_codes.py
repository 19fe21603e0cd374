"""`gatekit check` as a process: every exit code of the table in DESIGN, for each of its causes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import builders
import pytest
from acceptance.console_script import BLOCKED, POLICY, check, gatekit, random_model, sitecustomize, workspace


def test_evidence_that_meets_every_bound_exits_0(tmp_path: Path) -> None:
    done = check(cwd=workspace(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.rstrip("\n").splitlines()[-1].startswith("verdict: pass (exit 0)")


def test_a_required_gate_that_fails_exits_2(tmp_path: Path) -> None:
    done = check(cwd=workspace(tmp_path, evidence=BLOCKED))
    assert done.returncode == 2
    assert "verdict: blocked (exit 2): random_model fails" in done.stdout


@pytest.mark.parametrize(
    ("evidence", "said"),
    [
        ({}, "no random_model summary"),
        ({"r.json": random_model(finished="2026-01-01T12:00:00Z")}, "60 days old"),
        ({"r.json": builders.summary("random_model", {"r2": [0.8] * 5})}, "holds no pw_mcc_above_control"),
        ({"r.json": random_model(status="ok", protocol_changes={"name": "other"}), "s.json": random_model()}, "r.json"),
        (
            {"r.json": builders.summary("random_model", {}, status="failed", reason="out of memory")},
            "out of memory",
        ),
    ],
    ids=["nothing", "stale", "not this measure", "two protocols", "failed run"],
)
def test_what_was_not_measured_exits_3(tmp_path: Path, evidence: dict[str, Any], said: str) -> None:
    done = check(cwd=workspace(tmp_path, evidence=evidence))
    assert done.returncode == 3
    assert said in " ".join(done.stdout.split())
    assert "verdict: inconclusive (exit 3)" in done.stdout


def test_too_few_seeds_exit_3(tmp_path: Path) -> None:
    three = builders.summary(
        "random_model",
        {"pw_mcc_above_control": ([0.6] * 3, [0.1] * 3), "r2": [0.8] * 3, "l0": [32.0] * 3},
        seeds=(0, 1, 2),
    )
    done = check(cwd=workspace(tmp_path, evidence={"r.json": three}))
    assert done.returncode == 3
    assert "3 seeds; the policy needs 5" in done.stdout


def test_evidence_of_another_subject_than_the_policy_names_exits_3(tmp_path: Path) -> None:
    policy = POLICY.replace("gates:", "subject: {architecture: relu}\ngates:")
    done = check(cwd=workspace(tmp_path, policy))
    assert done.returncode == 3
    assert "measured another subject" in done.stdout


def test_no_evidence_folder_exits_3_because_nothing_was_measured(tmp_path: Path) -> None:
    workspace(tmp_path, evidence={})
    (tmp_path / "evidence").rmdir()
    assert check(cwd=tmp_path).returncode == 3


def test_a_policy_whose_every_gate_is_waived_exits_3(tmp_path: Path) -> None:
    waiver = '  - {gate: GATE, owner: ada, reason: "trying", expires: "2026-12-31"}\n'
    waivers = "waivers:\n" + waiver.replace("GATE", "random_model") + waiver.replace("GATE", "health")
    assert check(cwd=workspace(tmp_path, POLICY + waivers)).returncode == 3


REFUSED_EVIDENCE = {
    "not json": b"{",
    "empty": b"",
    "truncated": json.dumps(random_model()).encode()[:-20],
    "a number that is not finite": json.dumps(random_model()).replace("0.8", "NaN", 1).encode(),
    "a duplicate key": json.dumps(random_model()).replace('"kind"', '"schema": 1, "kind"', 1).encode(),
    "another tool's json": b'{"accuracy": 1.0}',
    "an aggregate that disagrees": json.dumps(
        random_model() | {"measurements": {"r2": builders.measurement("random_model", "r2", [0.1] * 5)
        | {"aggregates": {"estimate": 0.9}}}}
    ).encode(),
    "a config that is not what was hashed": json.dumps(
        random_model(producer_changes={"config_sha256": "0" * 64})
    ).encode(),
    "not utf-8": b'{"schema": "\xff"}',
}  # fmt: skip


@pytest.mark.parametrize("content", REFUSED_EVIDENCE.values(), ids=REFUSED_EVIDENCE)
def test_evidence_that_cannot_be_trusted_exits_4_and_is_named(tmp_path: Path, content: bytes) -> None:
    workspace(tmp_path)
    (tmp_path / "evidence" / "wrong.json").write_bytes(content)
    done = check(cwd=tmp_path)
    assert done.returncode == 4
    assert "evidence/wrong.json" in done.stdout
    assert "verdict: refused (exit 4)" in done.stdout


@pytest.mark.parametrize("make", ["fifo", "symlink", "loop", "huge"])
def test_a_summary_that_is_no_plain_file_of_a_sane_size_exits_4(tmp_path: Path, make: str) -> None:
    workspace(tmp_path)
    place = tmp_path / "evidence" / "odd.json"
    if make == "fifo":
        os.mkfifo(place)
    elif make == "symlink":
        place.symlink_to(tmp_path / "evidence" / "random_model.json")
    elif make == "loop":
        place.symlink_to(place)
    else:
        with open(place, "wb") as file:
            file.truncate(10**12)  # sparse: takes no room
    done = check(cwd=tmp_path)
    assert done.returncode == 4
    assert "evidence/odd.json" in done.stdout


def test_the_check_loads_nothing_heavy(tmp_path: Path) -> None:
    code = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"numpy", "scipy", "torch", "jsonschema", "runners", "pandas"}:
            raise RuntimeError(name)
sys.meta_path.insert(0, Refuse())
"""
    done = check(cwd=workspace(tmp_path / "work"), env=sitecustomize(tmp_path / "site", code))
    assert (done.returncode, done.stderr) == (0, "")


def test_two_summaries_that_contradict_each_other_exit_4_and_both_are_named(tmp_path: Path) -> None:
    documents = {"a.json": random_model(), "b.json": random_model(above=([0.9] * 10, [0.1] * 10))}
    done = check(cwd=workspace(tmp_path, evidence=documents))
    assert done.returncode == 4
    assert "evidence/a.json" in done.stdout
    assert "evidence/b.json" in done.stdout


def test_evidence_from_the_future_exits_4(tmp_path: Path) -> None:
    done = check(cwd=workspace(tmp_path, evidence={"r.json": random_model(finished="2026-03-02T13:00:00Z")}))
    assert done.returncode == 4
    assert "in the future" in done.stdout


@pytest.mark.parametrize(
    ("policy", "place"),
    [
        ("schema: gatekit.policy/1\nid: p\ngates: {}\n", "small.yaml:3:8"),
        (POLICY.replace("at_least: 0.0", "at_leats: 0.0"), "small.yaml:5:"),
        (POLICY.replace("pw_mcc_above_control", "pw_mcc_above_controll"), "small.yaml:5:"),
        (POLICY.replace("at_least: 0.0", "at_least: 3.0"), "small.yaml:5:"),
        (POLICY.replace("at_most: 64", "at_most: NaN"), "small.yaml:9:"),
        ("gates: [", "small.yaml:"),
        ("", "small.yaml"),
    ],
    ids=["no gates", "misspelt key", "unknown measure", "out of range", "NaN", "not YAML", "empty"],
)
def test_an_invalid_policy_exits_4_with_its_place(tmp_path: Path, policy: str, place: str) -> None:
    done = check(cwd=workspace(tmp_path, policy))
    assert done.returncode == 4
    assert f"policies/{place}" in done.stdout


def test_one_invalid_policy_among_sound_ones_exits_4(tmp_path: Path) -> None:
    workspace(tmp_path)
    (tmp_path / "policies" / "zz.yaml").write_text("gates: {}\n")
    assert check(cwd=tmp_path).returncode == 4


def test_refused_goes_before_blocked(tmp_path: Path) -> None:
    workspace(tmp_path, evidence=BLOCKED)
    (tmp_path / "evidence" / "wrong.json").write_text("{")
    assert check(cwd=tmp_path).returncode == 4


def test_blocked_goes_before_inconclusive(tmp_path: Path) -> None:
    more = "  saebench: {from: saebench, measure: auc_delta, at_least: 0.0}\n"
    assert check(cwd=workspace(tmp_path, POLICY + more, BLOCKED)).returncode == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--polcy", "x"], "--polcy"),
        (["--policy", "missing.yaml"], "no policy at 'missing.yaml'"),
        (["--evidence", "missing"], "no evidence at 'missing'"),
        (["missing.json"], "no evidence at 'missing.json'"),
        (["evidence/*.jsn"], "no evidence matches"),
        (["--now", "yesterday"], "is not a UTC time"),
        (["--now", "٢٠٢٦-٠٢-١٦T٠١:٤٨:٢٠Z"], "is not a UTC time"),
        (["--output", "jsn=v.json"], "did you mean 'json'?"),
        (["--output", "json"], "is not FORMAT=PATH"),
        (["--output", "json="], "is not FORMAT=PATH"),
        (["--output", "json=missing/v.json"], "cannot be written"),
        (["--output", "json=policies"], "it is a directory"),
        (["--output", "json=/dev/full"], "cannot be written"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_command_line_exits_64_and_says_so_on_stderr(tmp_path: Path, arguments: list[str], said: str) -> None:
    done = check(*arguments, cwd=workspace(tmp_path))
    assert done.returncode == 64
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_no_policy_anywhere_exits_64_and_points_to_init(tmp_path: Path) -> None:
    done = check(cwd=tmp_path)
    assert done.returncode == 64
    assert "gatekit init" in done.stderr


def test_a_policy_folder_without_a_policy_exits_64(tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    assert check(cwd=tmp_path).returncode == 64


def test_an_error_inside_gatekit_exits_70_without_a_verdict(tmp_path: Path) -> None:
    code = """
import gatekit.gates.evaluate
def fail(*arguments, **options):
    raise ValueError("injected")
gatekit.gates.evaluate.evaluate = fail
"""
    env = sitecustomize(tmp_path / "site", code)
    done = check(cwd=workspace(tmp_path / "work"), env=env)
    assert (done.returncode, done.stdout) == (70, "")
    assert "internal error: ValueError: injected" in done.stderr
    assert "Traceback" not in done.stderr
    traced = check(cwd=tmp_path / "work", env=env | {"GATEKIT_TRACEBACK": "1"})
    assert traced.returncode == 70
    assert "Traceback" in traced.stderr


@pytest.mark.parametrize(
    "error", ["SystemExit(0)", "SystemExit(2)", "SystemExit()", "MemoryError()", "GeneratorExit()"]
)
def test_no_exception_inside_gatekit_reaches_the_exit_code(tmp_path: Path, error: str) -> None:
    code = f"""
import gatekit.gates.evaluate
def fail(*arguments, **options):
    raise {error}
gatekit.gates.evaluate.evaluate = fail
"""
    done = check(cwd=workspace(tmp_path / "work"), env=sitecustomize(tmp_path / "site", code))
    assert done.returncode == 70


def test_recursion_without_end_exits_70(tmp_path: Path) -> None:
    code = """
import gatekit.gates.evaluate
def fail(*arguments, **options):
    return fail(*arguments, **options)
gatekit.gates.evaluate.evaluate = fail
"""
    done = check(cwd=workspace(tmp_path / "work"), env=sitecustomize(tmp_path / "site", code))
    assert done.returncode == 70


@pytest.mark.parametrize(
    ("evidence", "arguments", "expected"),
    [
        (BLOCKED, [], 0),
        ({}, [], 0),
        ({"wrong.json": {"a": 1}}, [], 4),
        ({}, ["--policy", "missing.yaml"], 64),
    ],
    ids=["blocked", "inconclusive", "refused", "usage"],
)
def test_an_advisory_run_excuses_what_was_found_but_not_what_could_not_be_read(
    tmp_path: Path, evidence: dict[str, Any], arguments: list[str], expected: int
) -> None:
    done = check("--advisory", *arguments, cwd=workspace(tmp_path, evidence=evidence))
    assert done.returncode == expected


def test_an_advisory_run_says_what_it_would_have_been(tmp_path: Path) -> None:
    done = check("--advisory", cwd=workspace(tmp_path, evidence=BLOCKED))
    assert "verdict: blocked (exit 0, ADVISORY: would be exit 2)" in done.stdout


def test_a_request_for_completions_in_the_environment_does_not_turn_a_check_into_a_pass(tmp_path: Path) -> None:
    workspace(tmp_path, evidence=BLOCKED)
    for value in ("bash_source", "bash_complete"):
        done = check(cwd=tmp_path, env={"_GATEKIT_COMPLETE": value, "COMP_WORDS": "gatekit", "COMP_CWORD": "0"})
        assert done.returncode == 2


def test_the_verdict_of_a_run_in_another_folder_is_that_of_the_files_named(tmp_path: Path) -> None:
    workspace(tmp_path / "work", evidence=BLOCKED)
    (tmp_path / "elsewhere").mkdir()
    done = check("../work/policies/small.yaml", "../work/evidence", cwd=tmp_path / "elsewhere")
    assert done.returncode == 2


def test_gatekit_alone_shows_its_help_and_exits_64(tmp_path: Path) -> None:
    done = gatekit(cwd=tmp_path)
    assert (done.returncode, done.stdout) == (64, "")
    assert "check" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_command_exits_64_and_names_the_nearest(tmp_path: Path) -> None:
    done = gatekit("chekc", cwd=tmp_path)
    assert done.returncode == 64
    assert "did you mean 'check'?" in done.stderr
