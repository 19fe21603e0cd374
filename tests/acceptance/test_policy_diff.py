"""`gatekit policy diff` as a process."""

from __future__ import annotations

from pathlib import Path

import builders
import pytest
from acceptance.console_script import POLICY, gatekit, random_model

LOOSE = POLICY.replace("at_least: 0.0", "at_least: -0.5")
TIGHT = POLICY.replace("at_least: 0.0", "at_least: 0.3")
GATE = "  sparse: {from: random_model, measure: l0, at_most: 40}\n"


def diff(folder: Path, before: str, after: str, *arguments: str) -> tuple[int, str, str]:
    (folder / "before.yaml").write_text(before)
    (folder / "after.yaml").write_text(after)
    done = gatekit("policy", "diff", "before.yaml", "after.yaml", f"--now={builders.NOW}", *arguments, cwd=folder)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("after", "code", "said"),
    [
        (POLICY, 0, "nothing changed in 1 policy"),
        (POLICY.replace("id: small", "description: New words.\nid: small"), 0, "nothing changed"),
        (TIGHT, 0, "random_model tightened: pw_mcc_above_control at_least 0 -> 0.3"),
        (POLICY + GATE, 0, "sparse added"),
        (LOOSE, 5, "random_model loosened: pw_mcc_above_control at_least 0 -> -0.5"),
        (LOOSE + GATE, 5, "small may judge only after approval"),
        (POLICY.partition("  health:")[0], 5, "health removed"),
        (POLICY.replace("min_seeds: 5", "min_seeds: 3"), 5, "min_seeds 5 -> 3"),
        (POLICY.replace("max_age: 30d", "max_age: 7d"), 0, "max_age"),
        (POLICY.replace("id: small", "id: other"), 5, "small: removed"),
    ],
)
def test_each_gate_is_named_with_what_became_of_it(tmp_path: Path, after: str, code: int, said: str) -> None:
    found, out, err = diff(tmp_path, POLICY, after)
    assert (found, err) == (code, "")
    assert said in " ".join(out.split())
    words = {0: "pass", 5: "approval needed"}
    assert out.splitlines()[-1].startswith(f"policy: {words[code]} (exit {code}): ")


def test_with_evidence_the_outcomes_that_flip_are_named(tmp_path: Path) -> None:
    builders.write(tmp_path / "evidence", {"random_model.json": random_model()})
    code, out, _ = diff(tmp_path, POLICY, TIGHT, "--evidence=evidence")
    assert (code, "small/random_model: pass -> FAIL" in out) == (0, True)
    code, out, _ = diff(tmp_path, TIGHT, POLICY, "--evidence=evidence")
    assert (code, "small/random_model: FAIL -> pass" in out) == (5, True)
    code, out, _ = diff(tmp_path, POLICY, LOOSE, "--evidence=evidence")
    assert (code, "no outcome flips" in out) == (5, True)


def test_without_evidence_nothing_is_said_about_outcomes(tmp_path: Path) -> None:
    assert "flip" not in diff(tmp_path, POLICY, LOOSE)[1]


@pytest.mark.parametrize(
    ("before", "after", "error_id"),
    [
        (POLICY, POLICY + "\tx", "yaml.syntax"),
        (POLICY.replace("at_least", "at_leest"), POLICY, "policy.unknown_key"),
        (POLICY, POLICY.replace("at_least: 0.0", "at_least: 7"), "policy.out_of_range"),
    ],
)
def test_a_malformed_policy_is_refused(tmp_path: Path, before: str, after: str, error_id: str) -> None:
    code, out, err = diff(tmp_path, before, after)
    assert (code, out) == (4, "")
    assert error_id in err


def test_malformed_evidence_is_refused(tmp_path: Path) -> None:
    builders.write(tmp_path / "evidence", {"x.json": {}})
    assert diff(tmp_path, POLICY, LOOSE, "--evidence=evidence")[0] == 4


def test_folders_are_compared_policy_by_policy(tmp_path: Path) -> None:
    for folder, text in (("a", POLICY), ("b", TIGHT)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "small.yaml").write_text(text)
        (tmp_path / folder / "same.yaml").write_text(POLICY.replace("id: small", "id: same"))
    done = gatekit("policy", "diff", "a", "b", cwd=tmp_path)
    assert done.returncode == 0
    assert "small: tightened" in done.stdout and "same" not in done.stdout


@pytest.mark.parametrize("arguments", [[], ["before.yaml"], ["before.yaml", "missing.yaml"], ["a", "b", "c"]])
def test_a_wrong_command_line_is_a_usage_error(tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "before.yaml").write_text(POLICY)
    done = gatekit("policy", "diff", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (64, "")
