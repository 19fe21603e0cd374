"""Stop policies through the installed command: they judge where their file is named, and no release anywhere."""

from __future__ import annotations

import json
from pathlib import Path

import builders
import pytest
from acceptance.console_script import check, gatekit, workspace

STOP = """\
schema: gatekit.policy/1
id: stop
purpose: stop
gates:
  r2: {from: random_model, measure: r2, at_least: %s, min_seeds: 3, bound: optimistic}
"""
FILE = "policies/pilots/stop.yaml"


def with_stop(folder: Path, limit: str) -> Path:
    """The workspace that passes, and a stop policy in a subfolder whose name says nothing."""
    workspace(folder)
    (folder / "policies" / "pilots").mkdir()
    (folder / FILE).write_text(STOP % limit)
    return folder


@pytest.mark.parametrize("named", [(), ("--policy", "policies"), ("--policy", "policies/small.yaml")])
def test_a_folder_of_policies_judges_without_its_stop_policies(tmp_path: Path, named: tuple[str, ...]) -> None:
    done = check(*named, cwd=with_stop(tmp_path, "0.99"))
    assert done.returncode == 0
    assert "stop" not in done.stdout


def test_a_stop_policy_whose_file_is_named_judges_and_says_that_it_is_weaker(tmp_path: Path) -> None:
    with_stop(tmp_path, "0.99")
    done = check("--policy", FILE, "--output", "json=v.json", cwd=tmp_path)
    assert done.returncode == 2
    said = " ".join(done.stdout.split())
    assert "stop policy: weaker" in said
    assert "optimistic bound: weaker" in said
    (policy,) = json.loads((tmp_path / "v.json").read_text())["policies"]
    assert (policy["purpose"], policy["gates"][0]["result"]["bound"]) == ("stop", "optimistic")


@pytest.mark.parametrize("named", [(), ("--policy", "policies/pilots")])
def test_a_folder_of_stop_policies_alone_is_a_usage_error(tmp_path: Path, named: tuple[str, ...]) -> None:
    with_stop(tmp_path, "0.5")
    (tmp_path / "policies" / "small.yaml").unlink()
    done = check(*named, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (64, "")
    assert "only stop policies" in done.stderr
    assert FILE in done.stderr


def test_lint_reads_stop_policies_of_folders_too(tmp_path: Path) -> None:
    done = gatekit("lint", cwd=with_stop(tmp_path, "7"))
    assert done.returncode == 4
    assert f"{FILE}:5:" in done.stderr


def test_an_optimistic_bound_in_a_release_is_refused_at_its_place(tmp_path: Path) -> None:
    with_stop(tmp_path, "0.5")
    (tmp_path / FILE).write_text((STOP % "0.5").replace("purpose: stop\n", ""))
    for command in ("lint", "check"):
        done = gatekit(command, cwd=tmp_path)
        assert done.returncode == 4
        assert f"{FILE}:4:" in done.stderr + done.stdout
        assert "only a stop policy may use it" in " ".join((done.stderr + done.stdout).split())


def test_no_dossier_stands_on_a_stop_policy(tmp_path: Path) -> None:
    done = gatekit("dossier", "--policy", FILE, "--out", "d", "--now", builders.NOW, cwd=with_stop(tmp_path, "0.5"))
    assert done.returncode == 64
    assert "is a stop policy, which no release stands on" in done.stderr
    assert not (tmp_path / "d").exists()


def test_a_verdict_of_a_stop_policy_is_not_signed(tmp_path: Path) -> None:
    with_stop(tmp_path, "0.5")
    assert check("--policy", FILE, "--output", "json=v.json", cwd=tmp_path).returncode == 0
    assert gatekit("attest", "--new-key", "k.pem", cwd=tmp_path).returncode == 0
    done = gatekit("attest", "--verdict", "v.json", "--key", "k.pem", cwd=tmp_path)
    assert done.returncode == 4
    assert "nobody vouches for a release by it" in done.stderr


def test_explain_says_that_a_rule_is_optimistic(tmp_path: Path) -> None:
    done = gatekit("explain", "stop/r2", "--policy", FILE, "--now", builders.NOW, cwd=with_stop(tmp_path, "0.99"))
    assert done.returncode == 0
    said = " ".join(done.stdout.split())
    assert "not shown, with one-sided confidence 0.95 over seeds, to be missed" in said
    assert "upper bound" in said


def test_plan_and_policy_diff_take_stop_policies(tmp_path: Path) -> None:
    with_stop(tmp_path, "0.99")
    (tmp_path / "new.yaml").write_text((STOP % "0.99").replace("bound: optimistic", "bound: point"))
    done = gatekit("policy", "diff", FILE, "new.yaml", cwd=tmp_path)
    assert done.returncode == 0
    assert "bound optimistic -> point" in done.stdout
