"""`--base-ref TAG`: not_worse_than compares with the evidence of a tag, however far the branch has moved since."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import builders
import pytest
import repositories
from acceptance.console_script import gatekit

POLICY = """\
schema: gatekit.policy/1
id: p
gates:
  r2: {from: random_model, measure: r2, not_worse_than: {base: 0.02}}
"""


def measured(mean: float) -> str:
    return json.dumps(builders.summary("random_model", {"r2": builders.around(mean, 0.002 * mean, 5)}))


def drifted(folder: Path, root: str = "") -> Path:
    """A clone whose branch lost 0.01 with each of five commits; the first has the tag v1."""
    builder = repositories.Builder(folder / "repo")
    values = [0.80, 0.79, 0.78, 0.77, 0.76]
    for value in values:
        files = {f"{root}policies/p.yaml": POLICY, f"{root}evidence/a.json": measured(value)}
        tip = builder.commit("main", files)
        if value == 0.80:
            builder.commit("refs/tags/v1", {}, parents=[tip])
    place = builder.save()
    subprocess.run(["git", "checkout", "-q", "-f", "main"], cwd=place, check=True, env=repositories.ENVIRONMENT)
    return Path(place)


def check(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return gatekit("check", "--now", builders.NOW, *arguments, cwd=folder)


def test_each_step_passes_and_the_tag_shows_what_they_lost_together(tmp_path: Path) -> None:
    folder = drifted(tmp_path)
    assert check(folder, "--base-ref", "main~1").returncode == 0
    done = check(folder, "--base-ref", "v1", "--output", "json=v.json")
    assert done.returncode == 2
    (gate,) = json.loads((folder / "v.json").read_text())["policies"][0]["gates"]
    assert gate["result"]["base_evidence"]["path"] == "v1:evidence/a.json"
    assert gate["result"]["measured"]["estimate"] == pytest.approx(-0.04)


def test_explain_compares_with_the_same(tmp_path: Path) -> None:
    done = gatekit("explain", "r2", "--now", builders.NOW, "--base-ref", "v1", cwd=drifted(tmp_path))
    assert done.returncode == 0
    assert "v1:evidence/a.json" in done.stdout


def test_a_project_below_the_top_is_compared_with_itself(tmp_path: Path) -> None:
    folder = drifted(tmp_path, "saes/")
    assert check(folder / "saes", "--base-ref", "v1").returncode == 2


def test_a_tag_that_is_not_in_the_clone_is_inconclusive_and_two_bases_are_a_usage_error(tmp_path: Path) -> None:
    folder = drifted(tmp_path)
    missing = check(folder, "--base-ref", "v2")
    assert (missing.returncode, "v2" in missing.stderr) == (3, True)
    both = check(folder, "--base-ref", "v1", "--base-evidence", "evidence")
    assert both.returncode == 64
    assert "both say what is compared with" in both.stderr


def test_evidence_of_the_tag_that_is_malformed_is_refused(tmp_path: Path) -> None:
    builder = repositories.Builder(tmp_path / "repo")
    builder.commit("main", {"policies/p.yaml": POLICY, "evidence/a.json": "{"})
    first = builder.commit("main", {"evidence/a.json": measured(0.8)})
    assert first
    folder = Path(builder.save())
    subprocess.run(["git", "checkout", "-q", "-f", "main"], cwd=folder, check=True, env=repositories.ENVIRONMENT)
    assert check(folder, "--base-ref", "main~1").returncode == 4


def signed_at_its_tag(folder: Path) -> Path:
    builder = repositories.Builder(folder / "repo")
    files: dict[str, repositories.Content] = {
        "policies/p.yaml": POLICY,
        "evidence/a.json": measured(0.80),
        "evidence/a.measure-ann.dsse.json": "{}",
        "evidence/ab.measure-ann.dsse.json": "{}",
    }
    first = builder.commit("main", files)
    builder.commit("refs/tags/v1", {}, parents=[first])
    builder.commit("main", {"evidence/a.json": measured(0.79)}, parents=[first])
    place = Path(builder.save())
    subprocess.run(["git", "checkout", "-q", "-f", "main"], cwd=place, check=True, env=repositories.ENVIRONMENT)
    return place


def test_a_dossier_holds_the_evidence_of_the_tag_and_its_signature_byte_for_byte(tmp_path: Path) -> None:
    folder = signed_at_its_tag(tmp_path)
    arguments = ("--policy", "policies/p.yaml", "--out", "d", "--now", builders.NOW, "--base-ref", "v1")
    done = gatekit("dossier", *arguments, cwd=folder)
    assert done.returncode == 0, done.stderr
    held = folder / "d" / "base-evidence"
    assert (held / "random_model.json").read_text() == measured(0.80)
    signatures = [path for path in held.iterdir() if ".dsse." in path.name]
    assert [path.read_text() for path in signatures] == ["{}"]
    rerun = ("--policy", "policies", "--evidence", "evidence", "--base-evidence", "base-evidence")
    assert gatekit("check", *rerun, "--now", builders.NOW, cwd=folder / "d").returncode == 0


def test_a_dossier_takes_one_base_like_check(tmp_path: Path) -> None:
    arguments = ("--policy", "policies/p.yaml", "--out", "d", "--base-ref", "v1", "--base-evidence", "evidence")
    done = gatekit("dossier", *arguments, cwd=drifted(tmp_path))
    assert done.returncode == 64
    assert "both say what is compared with" in done.stderr
