"""A policy that names its evidence judges that, and no command says less than which evidence was judged."""

from __future__ import annotations

import json
from pathlib import Path

import builders
import pytest
from acceptance.console_script import POLICY, check, gatekit, random_model, workspace

MINE = POLICY.replace("gates:", "evidence: evidence/mine\ngates:")
OTHER = random_model(
    above=(builders.around(0.40, 0.02, 10), builders.around(0.41, 0.01, 10)),
    of=builders.subject(checkpoints=[{"seed": seed, "sha256": f"{seed + 1}" * 64} for seed in builders.SEEDS]),
)


def two_subjects(folder: Path, policy: str = MINE) -> Path:
    """A workspace whose evidence/mine passes, and whose evidence/other, of another subject, fails."""
    workspace(folder, policy, {})
    for name, document in {"mine": random_model(), "other": OTHER}.items():
        builders.write(folder / "evidence" / name, {"r.json": document})
    return folder


def said(text: str) -> str:
    return " ".join(text.split())


def test_check_judges_the_folder_that_the_policy_names_and_says_so(tmp_path: Path) -> None:
    done = check("--output", "json=v.json", "--output", "markdown=v.md", cwd=two_subjects(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads((tmp_path / "v.json").read_bytes())["policies"][0]["evidence"] == ["evidence/mine"]
    assert "Evidence: `evidence/mine`" in (tmp_path / "v.md").read_text()


def test_without_a_folder_the_two_subjects_are_named_with_both_remedies(tmp_path: Path) -> None:
    done = check(cwd=two_subjects(tmp_path, POLICY))
    assert done.returncode == 3
    assert "name one under `subject:`, or its folder under `evidence:`, in the policy" in said(done.stdout)


@pytest.mark.parametrize("given", [["--evidence", "evidence/other"], ["evidence/other"]])
def test_evidence_on_the_command_line_stands_in_and_the_report_says_so(tmp_path: Path, given: list[str]) -> None:
    done = check(*given, cwd=two_subjects(tmp_path))
    assert done.returncode == 2
    assert "note: judged on evidence/other, not on evidence/mine, which the policy names" in said(done.stdout)


def test_a_folder_without_evidence_is_inconclusive_and_the_nearest_one_is_named(tmp_path: Path) -> None:
    done = check(cwd=two_subjects(tmp_path, MINE.replace("evidence/mine", "evidence/mime")))
    assert done.returncode == 3
    reason = "no random_model summary in evidence/mime, which is all that the policy reads"
    assert f"{reason}; did you mean 'evidence/mine'?" in said(done.stdout)


def test_explain_and_the_dossier_judge_the_same_folder(tmp_path: Path) -> None:
    folder = two_subjects(tmp_path)
    told = gatekit("explain", "random_model", "--now", builders.NOW, cwd=folder)
    assert (told.returncode, "evidence/mine/r.json" in told.stdout) == (0, True)
    made = gatekit(
        *("dossier", "--policy", "policies/small.yaml", "--out", "dossier", "--now", builders.NOW), cwd=folder
    )
    assert (made.returncode, made.stdout.count("2 of 2")) == (0, 1), made.stderr
    assert [path.name for path in (folder / "dossier" / "evidence").iterdir()] == ["random_model.json"]


def test_lint_names_the_line_of_a_folder_that_is_never_read(tmp_path: Path) -> None:
    workspace(tmp_path, POLICY.replace("gates:", "evidence: runs/mine\ngates:"))
    done = gatekit("lint", cwd=tmp_path)
    assert done.returncode == 4
    assert "policies/small.yaml:4:11: evidence 'runs/mine' is no visible file or folder below evidence/" in done.stderr


@pytest.mark.parametrize("after", ["", "evidence: evidence/other\n", "evidence: [evidence/mine, evidence/other]\n"])
def test_a_change_of_the_folder_needs_approval(tmp_path: Path, after: str) -> None:
    workspace(tmp_path, MINE)
    (tmp_path / "after.yaml").write_text(MINE.replace("evidence: evidence/mine\n", after))
    done = gatekit("policy", "diff", "policies/small.yaml", "after.yaml", cwd=tmp_path)
    assert done.returncode == 5
    assert "evidence [evidence/mine] ->" in done.stdout
