from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatekit.errors import UsageError
from gatekit.github.action import PREFIX, read_inputs

HOSTILE = [
    "$(touch PWN)",
    "`touch PWN`",
    "; touch PWN #",
    '"; touch PWN; "',
    "x\nEOF\nverdict=pass\n",
    "x\r\n::set-output name=verdict::pass",
    "--help",
    "-rf",
    "a" * 5000,
    "\x01",
    "\u202e",
    "##[set-output name=verdict]pass",
    "${{ github.token }}",
    "True",
    "1",
]


def environment(folder: Path, **inputs: str) -> dict[str, str]:
    base = {"GITHUB_WORKSPACE": str(folder / "w"), "RUNNER_TEMP": str(folder / "t")}
    (folder / "w").mkdir(exist_ok=True)
    return base | {PREFIX + name: value for name, value in inputs.items()}


def test_without_inputs_a_pull_request_is_judged_by_its_event(tmp_path: Path) -> None:
    inputs = read_inputs(environment(tmp_path))
    reports = tmp_path / "t" / "gatekit-reports"
    assert inputs.arguments() == [
        "pr",
        f"--output=json={reports}/report.json",
        f"--output=markdown={reports}/report.md",
    ]
    assert (inputs.summary, inputs.annotations, inputs.advisory) == (True, True, False)


def test_each_line_of_a_list_is_one_value_behind_its_own_option(tmp_path: Path) -> None:
    inputs = read_inputs(environment(tmp_path, MODE="check", POLICY="a b\n\n--help\n", EVIDENCE=" e "))
    assert inputs.arguments()[:4] == ["check", "--policy=a b", "--policy=--help", "--evidence=e"]


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: ascii(value)[:24])
@pytest.mark.parametrize("name", ["MODE", "WORKING_DIRECTORY", "SUMMARY", "ANNOTATIONS", "ADVISORY"])
def test_a_value_that_cannot_be_meant_is_refused(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(UsageError, match=name.lower().replace("_", "-")):
        read_inputs(environment(tmp_path, **{name: value}))


@pytest.mark.parametrize(
    ("inputs", "named"),
    [
        ({"MODE": "pr", "POLICY": "p"}, "policy"),
        ({"MODE": "pr", "EVIDENCE": "e"}, "evidence"),
        ({"MODE": "check", "BASE_REF": "main"}, "base-ref"),
        ({"MODE": "check", "APPROVAL_LABEL": "ok"}, "approval-label"),
        ({"OUTPUT_DIR": "../w"}, "output-dir"),
        ({"OUTPUT_DIR": "../w/reports"}, "output-dir"),
    ],
)
def test_inputs_that_contradict_each_other_or_overwrite_the_checkout_are_refused(
    tmp_path: Path, inputs: dict[str, str], named: str
) -> None:
    with pytest.raises(UsageError, match=named):
        read_inputs(environment(tmp_path, **inputs))


@settings(deadline=None, max_examples=300)
@given(st.text(max_size=80))
def test_a_base_is_one_argument_or_an_error(tmp_path_factory: pytest.TempPathFactory, value: str) -> None:
    try:
        arguments = read_inputs({"GITHUB_WORKSPACE": "/", "RUNNER_TEMP": "/nowhere", PREFIX + "BASE_REF": value})
    except UsageError:
        return
    given = [word for word in arguments.arguments() if word.startswith("--base=")]
    assert given == ([f"--base={value.strip()}"] if value.strip() else [])


def test_a_remark_names_a_file_by_its_place_in_the_repository(tmp_path: Path) -> None:
    (tmp_path / "w" / "candidate" / "lab" / "policies").mkdir(parents=True)
    whole = {"MODE": "check", "WORKING_DIRECTORY": "candidate"}
    part = {"MODE": "check", "WORKING_DIRECTORY": "candidate/lab"}
    # GitHub takes a path as one of the repository, wherever the repository is checked out to.
    assert read_inputs(environment(tmp_path, **part)).prefix == "candidate/lab/"
    (tmp_path / "w" / "candidate" / ".git").mkdir()
    assert read_inputs(environment(tmp_path, **whole)).prefix == ""
    assert read_inputs(environment(tmp_path, **part)).prefix == "lab/"
    # A report on a pull request has paths of the project, too.
    assert read_inputs(environment(tmp_path, WORKING_DIRECTORY="candidate/lab")).prefix == "lab/"


def project(tmp_path: Path, folder: str) -> tuple[Path, str]:
    inputs = read_inputs(environment(tmp_path, WORKING_DIRECTORY=folder))
    return inputs.working_directory, inputs.root


def checkout(tmp_path: Path) -> Path:
    top = tmp_path / "w" / "candidate"
    (top / "packages" / "my sae").mkdir(parents=True)
    (top / ".git").mkdir()
    return top


def test_a_pull_request_is_judged_at_the_top_of_its_checkout_by_the_name_of_the_project(tmp_path: Path) -> None:
    top = checkout(tmp_path)
    assert project(tmp_path, "candidate") == (top, "")
    assert project(tmp_path, "candidate/packages/my sae/") == (top, "packages/my sae")
    inputs = read_inputs(environment(tmp_path, WORKING_DIRECTORY="candidate/packages/my sae"))
    assert "--root=packages/my sae" in inputs.arguments()


def test_a_project_that_the_change_deleted_is_judged_all_the_same(tmp_path: Path) -> None:
    top = checkout(tmp_path)
    assert project(tmp_path, "candidate/packages/gone") == (top, "packages/gone")


@pytest.mark.parametrize("target", [".", "lenient", "../.."])
def test_a_link_in_the_way_to_a_project_is_a_name_like_any_other(tmp_path: Path, target: str) -> None:
    top = checkout(tmp_path)
    (top / "lenient" / ".git").mkdir(parents=True)
    (top / "linked").symlink_to(target)
    assert project(tmp_path, "candidate/linked/sae") == (top, "linked/sae")


def test_a_submodule_that_a_change_brings_is_no_checkout_of_its_own(tmp_path: Path) -> None:
    top = checkout(tmp_path)
    (top / "packages" / "my sae" / ".git").write_text("gitdir: ../../.git/modules/x")
    assert project(tmp_path, "candidate/packages/my sae") == (top, "packages/my sae")


def test_a_checkout_within_another_one_is_the_nearer_one(tmp_path: Path) -> None:
    top = checkout(tmp_path)
    (tmp_path / "w" / ".git").mkdir()
    assert project(tmp_path, "candidate/packages") == (top, "packages")


def test_two_projects_in_one_job_write_to_two_places_under_two_names(tmp_path: Path) -> None:
    checkout(tmp_path)
    found = [
        read_inputs(environment(tmp_path, MODE=mode, WORKING_DIRECTORY=f"candidate/{folder}"))
        for mode, folder in (("pr", ""), ("pr", "packages/my sae"), ("check", "packages/my sae"), ("pr", "packages"))
    ]
    assert [one.artifact for one in found] == [
        "gatekit-reports",
        "gatekit-reports-packages-my-sae-46aec8d4",
        "gatekit-reports-packages-my-sae-46aec8d4",
        "gatekit-reports-packages",
    ]
    assert [one.output_dir.name for one in found] == [one.artifact for one in found]
