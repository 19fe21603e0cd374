"""`gatekit select` as a process: what it prints, writes and exits with; then `gatekit check` on what it chose."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import builders
import pytest
from acceptance.console_script import check, gatekit, sitecustomize
from candidates import pools
from pytest_regressions.file_regression import FileRegressionFixture

import gatekit as package

FOUR = {
    "topk": {"r2": 0.83},
    "relu": {"auc": 0.93, "l0": 300.0},
    "batchtopk": {"auc": 0.91, "r2": 0.7},
    "jumprelu": {"auc": 0.88, "r2": 0.9},
}
PLOTS = {"pareto.png", "pareto.svg"}
WRITTEN = {"candidate.json", "selection.json", "pareto.md", "selection.md"} | PLOTS


def workspace(folder: Path, documents: Mapping[str, Any] | None = None, policy: str = pools.POLICY) -> Path:
    (folder / "policies").mkdir()
    (folder / "policies" / "choose.yaml").write_text(policy)
    builders.write(folder / "evidence", pools.evidence(**FOUR) if documents is None else documents)
    return folder


WITHOUT_MATPLOTLIB: dict[str, str] = {}
"""Environment in which plots cannot be drawn, as in a gate's; drawing takes a second that only some tests need."""


@pytest.fixture(scope="module", autouse=True)
def without_matplotlib(tmp_path_factory: pytest.TempPathFactory) -> None:
    code = "import sys\nsys.modules['matplotlib'] = None\n"
    WITHOUT_MATPLOTLIB.update(sitecustomize(tmp_path_factory.mktemp("site"), code))


def select(folder: Path, *arguments: str, plots: bool = False, env: Mapping[str, str] | None = None) -> Any:
    env = {**(env or {}), **({} if plots else WITHOUT_MATPLOTLIB)}
    return gatekit("select", "--now", builders.NOW, *arguments, cwd=folder, env=env)


def steady(text: str) -> str:
    """The text without what changes with every release."""
    return re.sub(rf"\b{re.escape(package.__version__)}\b", "VERSION", text)


def test_a_selection_writes_its_files_and_exits_0(tmp_path: Path) -> None:
    done = select(workspace(tmp_path), "--out", "out")
    assert done.returncode == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == WRITTEN - PLOTS
    assert done.stdout.splitlines()[-1].startswith("selection: pythia-70m blocks.3.hook_resid_post topk ")
    assert json.loads((tmp_path / "out" / "candidate.json").read_text())["subject"]["architecture"] == "topk"


def test_without_out_nothing_is_written(tmp_path: Path) -> None:
    folder = workspace(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert select(folder).returncode == 0
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_check_judges_the_candidate_and_pays_for_the_choice(tmp_path: Path) -> None:
    folder = workspace(tmp_path)
    assert select(folder, "--out", "out").returncode == 0
    done = check("--candidate", "out/candidate.json", "--output", "json=verdict.json", "--verbose", cwd=folder)
    assert done.returncode == 0
    assert "best of 4 candidates on the same observations: bounded at 0.9875" in done.stdout
    verdict = json.loads((folder / "verdict.json").read_text())
    (policy,) = verdict["policies"]
    assert "topk" in policy["subject"]
    assert any("best of 4 by out/candidate.json (sha256 " in note for note in policy["notes"])


def test_check_without_the_candidate_is_inconclusive_on_several_subjects(tmp_path: Path) -> None:
    assert check(cwd=workspace(tmp_path)).returncode == 3


def test_check_refuses_a_candidate_whose_evidence_changed(tmp_path: Path) -> None:
    folder = workspace(tmp_path)
    assert select(folder, "--out", "out").returncode == 0
    builders.write(folder / "evidence", pools.evidence(relu={"auc": 0.93, "l0": 16.0}))
    done = check("--candidate", "out/candidate.json", cwd=folder)
    assert done.returncode == 4
    assert "candidate.evidence" in done.stdout


@pytest.mark.parametrize("content", ["{", '{"schema": "gatekit.candidate/1"}', "[]", '{"schema": "gatekit.summary/1"}'])
def test_check_refuses_what_is_no_candidate(tmp_path: Path, content: str) -> None:
    folder = workspace(tmp_path)
    (folder / "candidate.json").write_text(content)
    assert check("--candidate", "candidate.json", cwd=folder).returncode == 4


def test_the_selection_document_follows_its_schema_and_says_the_same(tmp_path: Path) -> None:
    folder = workspace(tmp_path)
    assert select(folder, "--out", "out").returncode == 0
    candidate, selection = (
        json.loads((folder / "out" / f"{name}.json").read_text()) for name in ("candidate", "selection")
    )
    assert selection["selected"] == candidate["subject_digest"]
    assert selection["compared"] == candidate["selection"]["candidates"] == 4
    assert selection["evidence"] == candidate["evidence"]
    assert len(selection["evidence"]) == 8
    for one, other in zip(selection["candidates"], candidate["candidates"], strict=True):
        assert {key: one[key] for key in other} == other


def test_another_selection_in_the_same_place_is_refused_unless_replaced(tmp_path: Path) -> None:
    folder = workspace(tmp_path)
    assert select(folder, "--out", "out").returncode == 0
    assert select(folder, "--out", "out").returncode == 0
    before = (folder / "out" / "candidate.json").read_bytes()
    (folder / "policies" / "choose.yaml").write_text(pools.POLICY.replace("weight: 2", "weight: 3"))
    done = select(folder, "--out", "out")
    assert (done.returncode, (folder / "out" / "candidate.json").read_bytes()) == (64, before)
    assert select(folder, "--out", "out", "--replace").returncode == 0
    assert (folder / "out" / "candidate.json").read_bytes() != before


def test_without_matplotlib_everything_but_the_plots_is_written_and_one_line_says_so(tmp_path: Path) -> None:
    done = select(workspace(tmp_path), "--out", "out")
    assert done.returncode == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == WRITTEN - PLOTS
    (line,) = [line for line in done.stderr.splitlines() if "matplotlib" in line]
    assert "pip install 'gatekit-sae[plots]'" in line


def test_check_does_not_load_what_draws_or_selects(tmp_path: Path) -> None:
    broken = sitecustomize(
        tmp_path / "site", "import sys\nsys.modules['matplotlib'] = None\nsys.modules['gatekit.candidates'] = None\n"
    )
    folder = workspace(tmp_path, pools.evidence(topk={}))
    assert check(cwd=folder, env=broken).returncode == 0


def test_a_file_in_the_way_of_one_output_leaves_none(tmp_path: Path) -> None:
    folder = workspace(tmp_path)
    (folder / "out" / "selection.md").mkdir(parents=True)
    done = select(folder, "--out", "out")
    assert done.returncode == 64
    assert [path.name for path in (folder / "out").iterdir()] == ["selection.md"]


# Exit codes.


NONE_SELECTED = {"selection.json", "pareto.md"}
ALL_FAIL = {"topk": {"l0": 300.0}, "relu": {"r2": 0.2}}


def selection(folder: Path) -> Any:
    return json.loads((folder / "out" / "selection.json").read_text())


def test_when_all_fail_their_gates_the_exit_code_is_2_and_the_reasons_are_written(tmp_path: Path) -> None:
    folder = workspace(tmp_path, pools.evidence(**ALL_FAIL))
    done = select(folder, "--out", "out")
    assert done.returncode == 2
    assert {path.name for path in (folder / "out").iterdir()} == NONE_SELECTED
    assert "nothing was selected; out says why: selection.json, pareto.md" in done.stderr
    found = selection(folder)
    assert (found["outcome"], found["selected"], found["robustness"]) == ("blocked", None, None)
    assert all("gate health fails" in candidate["reasons"][0] for candidate in found["candidates"])


def test_no_candidate_of_an_earlier_selection_stands_beside_the_reasons_why_there_is_none(tmp_path: Path) -> None:
    folder = workspace(tmp_path)
    assert select(folder, "--out", "out", plots=True).returncode == 0
    builders.write(folder / "evidence", pools.evidence(**{name: {"l0": 300.0} for name in FOUR}))
    kept = select(folder, "--out", "out")
    assert kept.returncode == 2
    assert "holds an earlier selection, which is left as it is" in kept.stderr
    assert selection(folder)["outcome"] == "selected"
    assert select(folder, "--out", "out", "--replace").returncode == 2
    assert {path.name for path in (folder / "out").iterdir()} == NONE_SELECTED
    assert selection(folder)["outcome"] == "blocked"


def test_an_input_that_is_refused_leaves_what_was_there(tmp_path: Path) -> None:
    folder = workspace(tmp_path)
    assert select(folder, "--out", "out").returncode == 0
    (folder / "evidence" / "topk-saebench.json").write_text("{")
    done = select(folder, "--out", "out", "--replace")
    assert done.returncode == 4
    assert "an input was refused, so nothing was written" in done.stderr
    assert (folder / "out" / "candidate.json").exists()


def test_a_tie_is_inconclusive(tmp_path: Path) -> None:
    done = select(workspace(tmp_path, pools.evidence(topk={}, relu={})), "--out", "out")
    assert done.returncode == 3
    found = selection(tmp_path)
    assert found["outcome"] == "inconclusive"
    assert {(c["outcome"], c["on_front"]) for c in found["candidates"]} == {("tied", True)}
    assert "2 candidates tie for the first place; add a measurement under `ties`" in done.stdout


def test_no_candidates_at_all_are_inconclusive(tmp_path: Path) -> None:
    folder = workspace(tmp_path, {"known_circuit.json": builders.summary("known_circuit", {"r2": [0.9] * 5})})
    done = select(folder, "--out", "out")
    assert done.returncode == 3
    assert "selection: none (exit 3): no candidate" in done.stdout
    assert selection(folder)["candidates"] == []


def test_two_protocols_are_refused(tmp_path: Path) -> None:
    documents = pools.evidence(topk={}) | pools.summaries("relu", saebench={"rows": 5})
    assert select(workspace(tmp_path, documents)).returncode == 4


def test_a_policy_without_a_selection_is_a_usage_error(tmp_path: Path) -> None:
    bare = pools.POLICY[: pools.POLICY.index("selection:")]
    done = select(workspace(tmp_path, policy=bare))
    assert done.returncode == 64
    assert "no policy here has a `selection`" in done.stderr


def test_two_policies_that_select_are_a_usage_error_that_names_them(tmp_path: Path) -> None:
    folder = workspace(tmp_path)
    (folder / "policies" / "other.yaml").write_text(pools.POLICY.replace("id: choose", "id: other"))
    done = select(folder)
    assert done.returncode == 64
    assert "policies/choose.yaml, policies/other.yaml" in done.stderr
    assert select(folder, "--policy", "policies/other.yaml").returncode == 0


def test_an_invalid_policy_is_refused_with_its_place(tmp_path: Path) -> None:
    done = select(workspace(tmp_path, policy=pools.POLICY.replace("worst: -0.2", "wrost: -0.2")))
    assert done.returncode == 4
    assert "policies/choose.yaml:14:" in done.stdout + done.stderr
    assert "did you mean 'worst'?" in done.stdout + done.stderr


@pytest.mark.parametrize("end", ["best: -0.2", "best: -0.3", "best: 1.2"])
def test_an_unsound_scale_is_refused_with_its_place(tmp_path: Path, end: str) -> None:
    done = select(workspace(tmp_path, policy=pools.POLICY.replace("best: 0.0", end)), "--out", "out")
    assert (done.returncode, (tmp_path / "out").exists()) == (4, False)
    assert "policies/choose.yaml:14:" in done.stdout


def test_evidence_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    assert select(workspace(tmp_path), "nowhere").returncode == 64


# Hostile evidence.


def hostile(folder: Path, old: str, new: str) -> Any:
    """A selection whose topk evidence has one text replaced in its file."""
    workspace(folder)
    path = folder / "evidence" / "topk-saebench.json"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return select(folder, "--out", "out")


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1e999", "true", "null", '"0.9"'])
def test_what_is_no_finite_number_refuses_the_selection(tmp_path: Path, literal: str) -> None:
    done = hostile(tmp_path, "0.892", literal)
    assert (done.returncode, (tmp_path / "out").exists()) == (4, False)
    assert "evidence/topk-saebench.json" in done.stdout


def test_one_seed_listed_three_times_is_refused(tmp_path: Path) -> None:
    documents = pools.evidence(**FOUR)
    own = documents["relu-random_model.json"]
    for key in ("r2", "l0", "dead_fraction"):
        own["measurements"][key]["columns"]["seed"] = [0, 0, 0, 3, 4]
    done = select(workspace(tmp_path, documents))
    assert done.returncode == 4
    assert "summary.duplicate_key" in done.stdout


def test_one_checkpoint_under_three_seeds_is_refused(tmp_path: Path) -> None:
    documents = pools.evidence(**FOUR)
    for name in ("relu-random_model.json", "relu-saebench.json"):
        for checkpoint in documents[name]["subject"]["checkpoints"][:3]:
            checkpoint["sha256"] = builders.digest("one and the same")
    done = select(workspace(tmp_path, documents))
    assert done.returncode == 4
    assert "summary.checkpoint_repeated" in done.stdout


def test_two_files_that_contradict_each_other_are_refused_and_both_named(tmp_path: Path) -> None:
    documents = pools.evidence(**FOUR)
    documents["again.json"] = pools.summaries("topk", auc=0.95)["topk-saebench.json"]
    done = select(workspace(tmp_path, documents), env={"COLUMNS": "140"})
    assert done.returncode == 4
    assert "summary.contradiction" in done.stdout
    assert "evidence/again.json" in done.stdout


def test_names_from_the_evidence_steer_neither_terminal_nor_markdown(tmp_path: Path) -> None:
    documents = pools.evidence(topk={}, relu={"auc": 0.92})
    for name, document in documents.items():
        document["subject"]["model"]["name"] = "a@b_::x" if name.startswith("topk") else "c"
    folder = workspace(tmp_path, documents)
    done = select(folder, "--out", "out")
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    for line in (folder / "out" / "selection.md").read_text().splitlines():
        assert "a@b" not in re.sub(r"`[^`]*`", "", line)


# As recorded: run with --force-regen after a deliberate change, and read the difference.


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pool with a winner, losers on the front and behind it, one too dense, one without SAEBench."""
    documents = pools.evidence(**FOUR, gated={"auc": 0.86, "r2": 0.82}, matryoshka={"auc": 0.97, "spread": 0.001})
    del documents["matryoshka-saebench.json"]
    policy = pools.POLICY + (
        "  pareto:\n    - {from: saebench, measure: auc_delta}\n    - {from: random_model, measure: r2}\n"
        "    - {from: random_model, measure: l0}\n  ties:\n    - {from: random_model, measure: l0}\n"
    )
    folder = workspace(tmp_path_factory.mktemp("golden"), documents, policy)
    done = select(folder, "--out", "out", env={"COLUMNS": "100"}, plots=True)
    assert done.returncode == 0
    (folder / "out" / "terminal.txt").write_text(done.stdout)
    return folder / "out"


@pytest.mark.parametrize("name", ["terminal.txt", "selection.md", "pareto.md", "candidate.json", "selection.json"])
def test_a_selection_reads_as_recorded(golden: Path, name: str, file_regression: FileRegressionFixture) -> None:
    text = steady((golden / name).read_text())
    file_regression.check(text, extension=Path(name).suffix, encoding="utf-8", newline="")


def test_the_plots_are_a_png_and_a_closed_svg(golden: Path) -> None:
    assert (golden / "pareto.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    svg = (golden / "pareto.svg").read_text()
    assert svg.rstrip().endswith("</svg>")
    for word in ("<script", "http://localhost", "onload"):
        assert word not in svg


def test_a_second_selection_is_the_same_to_the_byte_plots_included(golden: Path) -> None:
    assert select(golden.parent, "--out", "again", plots=True).returncode == 0
    assert {path.name for path in (golden.parent / "again").iterdir()} == WRITTEN
    for name in WRITTEN:
        assert (golden / name).read_bytes() == (golden.parent / "again" / name).read_bytes(), name


def test_nothing_is_written_into_the_evidence(tmp_path: Path) -> None:
    folder = workspace(tmp_path)
    before = sorted(path.name for path in (folder / "evidence").iterdir())
    for arguments in (("evidence", "--out", "evidence/chosen"), ("--out", "evidence")):
        done = select(folder, *arguments)
        assert done.returncode == 64
        assert "--out lies in the evidence folder 'evidence'" in done.stderr
    assert sorted(path.name for path in (folder / "evidence").iterdir()) == before
