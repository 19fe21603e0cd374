"""`gatekit explain` as a process."""

from __future__ import annotations

from pathlib import Path

import builders
import pytest
from acceptance.console_script import BLOCKED, POLICY, check, gatekit, random_model, workspace


def explain(*arguments: str, cwd: Path) -> tuple[int, str, str]:
    """Exit code, stdout with runs of white space as one space, stderr."""
    done = gatekit("explain", *arguments, "--now", builders.NOW, cwd=cwd)
    return done.returncode, " ".join(done.stdout.split()), done.stderr


def test_a_passing_gate_is_explained_in_a_full_sentence_with_its_numbers(tmp_path: Path) -> None:
    code, text, _ = explain("random_model", cwd=workspace(tmp_path))
    assert code == 0
    assert (
        "random_model passes when, with one-sided confidence 0.95 over seeds, random_model.pw_mcc_above_control is at "
        "least 0, on 5 or more seeds, from evidence at most 30 days old." in text
    )
    assert "PW-MCC (mean signed cosine of Hungarian-matched decoder rows" in text
    assert "policies/small.yaml:5:" in text
    assert "seed_a seed_b candidate baseline difference 0 1 0.6000 0.4000 +0.2000" in text
    assert "estimate 0.2100" in text
    assert "outcome pass" in text


def test_a_failing_gate_still_exits_0_because_it_could_be_explained(tmp_path: Path) -> None:
    code, text, _ = explain("random_model", cwd=workspace(tmp_path, evidence=BLOCKED))
    assert code == 0
    assert "outcome FAIL" in text
    assert "No number of seeds changes this" in text


def test_a_gate_without_evidence_says_what_is_missing(tmp_path: Path) -> None:
    code, text, _ = explain("health", cwd=workspace(tmp_path, evidence={}))
    assert code == 0
    assert "outcome inconclusive: no random_model summary" in text
    assert "gatekit run random_model" in text


def test_a_combined_gate_lists_its_rules_in_the_order_of_the_file(tmp_path: Path) -> None:
    _, text, _ = explain("health", cwd=workspace(tmp_path))
    assert "health passes when all of these hold: 1. with" in text
    assert text.index("1. random_model.r2 >= 0.5: pass") < text.index("2. random_model.l0 <= 64: pass")


def test_many_observations_are_shortened_visibly(tmp_path: Path) -> None:
    many = builders.summary("saebench", {"auc": builders.around(0.8, 0.1, 40)})
    policy = "schema: gatekit.policy/1\nid: p\ngates:\n  auc: {from: saebench, measure: auc, at_least: 0.5}\n"
    done = gatekit("explain", "auc", cwd=workspace(tmp_path, policy, {"s.json": many}))
    assert "... 20 more rows of 40 are not shown" in done.stdout
    assert "with one-sided confidence 0.95 over seeds and datasets" in " ".join(done.stdout.split())


def test_reported_numbers_and_point_estimates_are_called_weaker(tmp_path: Path) -> None:
    reported = builders.summary("saebench", {"auc": builders.reported(0.7, n_seeds=5)})
    policy = (
        "schema: gatekit.policy/1\nid: p\ngates:\n"
        "  auc: {from: saebench, measure: auc, at_least: 0.5, allow_reported: true, bound: point}\n"
    )
    code, text, _ = explain("auc", cwd=workspace(tmp_path, policy, {"s.json": reported}))
    assert code == 0
    assert "auc passes when the estimate of saebench.auc itself, without a confidence bound, is at least 0.5" in text
    assert "point estimate: weaker" in text
    assert "self-reported: weaker" in text


def test_an_unpaired_control_group_is_shown_as_one(tmp_path: Path) -> None:
    document = random_model()
    columns = document["measurements"]["pw_mcc_above_control"]["columns"]
    group = {"seed_a": [10, 10, 11], "seed_b": [11, 12, 12], "value": [0.40, 0.41, 0.42]}
    del columns["baseline"]
    document["measurements"]["pw_mcc_above_control"]["baseline_columns"] = group
    code, text, stderr = explain("random_model", cwd=workspace(tmp_path, evidence={"r.json": document}))
    assert (code, stderr) == (0, "")
    assert "baseline group, compared unpaired: seed_a seed_b baseline 10 11 0.4000" in text


def test_a_comparison_with_the_base_shows_both_files_and_the_difference(tmp_path: Path) -> None:
    rule = "{from: random_model, measure: r2, not_worse_than: {base: 0.05}}"
    policy = f"schema: gatekit.policy/1\nid: p\ngates:\n  r2: {rule}\n"
    workspace(tmp_path, policy, {"r.json": builders.summary("random_model", {"r2": [0.80, 0.81, 0.82, 0.83, 0.84]})})
    builders.write(tmp_path / "base", {"r.json": builders.summary("random_model", {"r2": [0.81] * 5})})
    code, text, _ = explain("r2", "--base-evidence", "base", cwd=tmp_path)
    assert code == 0
    assert "random_model.r2 - base is at least -0.05" in text
    assert "base base/r.json" in text
    assert "a true difference to base of at least " in text
    assert "seed candidate baseline difference 0 0.8000 0.8100 -0.01000" in text
    assert "outcome pass" in text
    code, text, _ = explain("r2", cwd=tmp_path)
    assert code == 0
    assert "--base-evidence" in text


def test_an_unknown_gate_exits_64_and_names_the_nearest(tmp_path: Path) -> None:
    code, _, stderr = explain("randommodel", cwd=workspace(tmp_path))
    assert code == 64
    assert "did you mean 'random_model'?" in stderr


def test_a_gate_of_several_policies_must_be_named_with_its_policy(tmp_path: Path) -> None:
    workspace(tmp_path)
    (tmp_path / "policies" / "other.yaml").write_text(POLICY.replace("id: small", "id: other"))
    code, _, stderr = explain("health", cwd=tmp_path)
    assert code == 64
    assert "'other/health' or 'small/health'" in stderr
    code, text, _ = explain("other/health", cwd=tmp_path)
    assert code == 0
    assert text.startswith("gate health of policy other")
    assert explain("othr/health", cwd=tmp_path)[0] == 64


@pytest.mark.parametrize("broken", ["policy", "evidence"])
def test_a_refused_input_exits_4_and_explains_nothing(tmp_path: Path, broken: str) -> None:
    workspace(tmp_path)
    if broken == "policy":
        (tmp_path / "policies" / "small.yaml").write_text(POLICY.replace("at_least", "at_leest"))
    else:
        (tmp_path / "evidence" / "x.json").write_text("{")
    code, text, stderr = explain("health", cwd=tmp_path)
    assert (code, text) == (4, "")
    assert ("small.yaml:5:" if broken == "policy" else "evidence/x.json") in stderr


def test_names_from_a_file_cannot_steer_the_terminal(tmp_path: Path) -> None:
    policy = POLICY.replace("health:", 'health:\n    description: "x\\e[2J\\n::error::y"')
    done = gatekit("explain", "health", "--now", builders.NOW, cwd=workspace(tmp_path, policy))
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    assert not [line for line in done.stdout.splitlines() if line.strip().startswith("::")]


def test_keys_that_check_was_given_are_those_that_explain_is_given(tmp_path: Path) -> None:
    folder = workspace(tmp_path, evidence=BLOCKED)
    (folder / "keys.yaml").write_text("schema: gatekit.keys/1\nkeys: {}\n")
    advised = check("--keys", "keys.yaml", cwd=folder).stdout
    assert "--keys keys.yaml" in advised
    assert gatekit("explain", "random_model", "--keys", "nowhere.yaml", cwd=folder).returncode == 4
