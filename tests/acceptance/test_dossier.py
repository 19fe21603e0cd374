"""`gatekit dossier` as a process: what is in the folder, what it says, and what remains when it is stopped."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import builders
import pytest
from acceptance.console_script import BLOCKED, POLICY, check, gatekit, random_model, sitecustomize, workspace
from candidates import pools
from pytest_regressions.file_regression import FileRegressionFixture

import gatekit as package
from gatekit.kinds import INSTALLED
from gatekit.report import inert

NO_MATPLOTLIB = "import sys; sys.modules['matplotlib'] = None"
INCONCLUSIVE = {
    "random_model.json": builders.summary("random_model", {"r2": [0.8] * 3, "l0": [32.0] * 3}, seeds=(0, 1, 2))
}
OUTCOMES: dict[str, tuple[int, dict[str, Any] | None]] = {
    "pass": (0, None),
    "blocked": (2, BLOCKED),
    "inconclusive": (3, INCONCLUSIVE),
}
RELEASE = (Path(__file__).parents[2] / "policies" / "release.yaml").read_text(encoding="utf-8")
RELEASE = RELEASE.replace("evidence: evidence/minilm/topk\n", "")
# What these tests measure nobody announces.
RELEASE = re.sub("registered: required.*\n", "", RELEASE)


def dossier(*arguments: str, cwd: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    command = ("dossier", "--policy", "policies/small.yaml", "--out", "dossier", "--now", builders.NOW)
    return gatekit(*command, *arguments, cwd=cwd, **options)


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """An environment without matplotlib, as of a machine that only gates."""
    return sitecustomize(tmp_path / "site", NO_MATPLOTLIB)


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_the_exit_code_is_the_verdicts_and_the_folder_says_it_first(
    tmp_path: Path, outcome: str, bare: dict[str, str]
) -> None:
    code, evidence = OUTCOMES[outcome]
    work = workspace(tmp_path / "w", evidence=evidence)
    done = dossier(cwd=work, env=bare)
    assert done.returncode == code, done.stderr
    assert f"verdict: {outcome} (exit {code})" in done.stdout
    found = contents(work / "dossier")
    assert found["README.md"].startswith(f"# Dossier: {outcome}\n".encode())
    assert f"<h1>Dossier: {outcome}</h1>".encode() in found["index.html"]
    manifest = json.loads(found["manifest.json"])
    assert (manifest["verdict"], manifest["exit_code"]) == (outcome, code)


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_only_a_pass_is_worded_as_a_claim(tmp_path: Path, outcome: str, bare: dict[str, str]) -> None:
    code, evidence = OUTCOMES[outcome]
    work = workspace(tmp_path / "w", evidence=evidence)
    dossier(cwd=work, env=bare)
    for name, data in contents(work / "dossier").items():
        claims = b"It may be claimed" in data or b"The evidence carries" in data
        assert claims == (code == 0 and name in ("README.md", "index.html")), name


def test_the_readme_of_a_blocked_candidate_reads_as_recorded(
    tmp_path: Path, bare: dict[str, str], file_regression: FileRegressionFixture
) -> None:
    worse = {"auc_drop": builders.around(0.2, 0.02, 15), "id_auc": builders.around(0.903, 0.02, 15)}
    evidence = builders.release_evidence(ood=worse)
    del evidence["cebench.json"]
    work = workspace(tmp_path / "w", RELEASE, evidence)
    assert dossier(cwd=work, env=bare).returncode == 2
    text = (work / "dossier" / "README.md").read_text(encoding="utf-8").replace(package.__version__, "VERSION")
    text = text.replace(hashlib.sha256(RELEASE.encode()).hexdigest(), "SHA256")
    # What a measurement means is for its schema to say.
    for kind in ("random_model", "transcoder", "ood", "saebench", "cebench"):
        for measure in INSTALLED.measures(kind).values():
            text = text.replace(inert.markdown_text(measure.description.removesuffix("."), None) + ".", "MEANING")
    file_regression.check(text, extension=".md", encoding="utf-8", newline="")


def test_every_summary_and_policy_is_there_byte_for_byte(tmp_path: Path, bare: dict[str, str]) -> None:
    work = workspace(tmp_path / "w", RELEASE, builders.release_evidence())
    assert dossier(cwd=work, env=bare).returncode == 0
    found = contents(work / "dossier")
    for name, data in contents(work / "evidence").items():
        assert found[f"evidence/{name}"] == data
    assert found["policies/release.yaml"] == (work / "policies" / "small.yaml").read_bytes()
    manifest = json.loads(found["manifest.json"])
    for entry in (*manifest["evidence"], *manifest["policies"], *manifest["files"]):
        assert hashlib.sha256(found[entry["path"]]).hexdigest() == entry["sha256"]
    listed = {entry["path"] for entry in manifest["files"]}
    assert listed == found.keys() - {"manifest.json", "SHA256SUMS"}
    done = subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=work / "dossier")
    assert done.returncode == 0
    assert len(found["SHA256SUMS"].splitlines()) == len(found) - 1


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_the_copies_give_the_same_verdict_where_the_originals_are_gone(
    tmp_path: Path, outcome: str, bare: dict[str, str]
) -> None:
    code, evidence = OUTCOMES[outcome]
    work = workspace(tmp_path / "w", evidence=evidence)
    dossier(cwd=work, env=bare)
    shutil.move(work / "dossier", tmp_path / "elsewhere")
    shutil.rmtree(work)
    again = check("--output", "json=../again.json", cwd=tmp_path / "elsewhere")
    assert again.returncode == code
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "elsewhere" / "report.json").read_bytes()


def test_where_it_was_made_leaves_no_trace(tmp_path: Path, bare: dict[str, str]) -> None:
    one, other = workspace(tmp_path / "one"), workspace(tmp_path / "quite" / "another")
    (other / "evidence").rename(other / "results")
    arguments = ("--now", builders.NOW, "--out", "dossier", "--policy")
    gatekit("dossier", *arguments, str(one / "policies" / "small.yaml"), cwd=one, env=bare)
    gatekit("dossier", *arguments, "policies", "--evidence", str(other / "results"), cwd=other, env=bare)
    assert contents(one / "dossier") == contents(other / "dossier")


@pytest.mark.parametrize("broken", ["evidence", "policy", "candidate"])
def test_refused_input_writes_no_dossier(tmp_path: Path, broken: str) -> None:
    work = workspace(tmp_path / "w")
    more = ()
    if broken == "evidence":
        (work / "evidence" / "b.json").write_text('{"schema": "gatekit.summary/1"')
    elif broken == "policy":
        path = work / "policies" / "small.yaml"
        path.write_text(path.read_text().replace("at_least", "at_leest"))
    else:
        (work / "candidate.json").write_text('{"schema": "gatekit.candidate/1"}')
        more = ("--candidate", "candidate.json")
    done = dossier(*more, cwd=work)
    assert done.returncode == 4
    assert "no dossier was written" in done.stderr
    assert not (work / "dossier").exists()
    assert not [p.name for p in work.iterdir() if p.name.startswith(".")]


def test_where_a_refusal_leaves_an_earlier_dossier_the_message_says_so(tmp_path: Path, bare: dict[str, str]) -> None:
    work = workspace(tmp_path / "w")
    assert dossier(cwd=work, env=bare).returncode == 0
    before = contents(work / "dossier")
    (work / "evidence" / "b.json").write_text('{"schema": "gatekit.summary/1"')
    done = dossier(cwd=work, env=bare)
    assert done.returncode == 4
    assert "no dossier was written; dossier is still the earlier one" in done.stderr
    assert contents(work / "dossier") == before


def test_an_earlier_dossier_is_replaced_and_anything_else_is_not(tmp_path: Path, bare: dict[str, str]) -> None:
    work = workspace(tmp_path / "w")
    assert dossier(cwd=work, env=bare).returncode == 0
    builders.write(work / "evidence", BLOCKED)
    assert dossier(cwd=work, env=bare).returncode == 2
    assert json.loads((work / "dossier" / "report.json").read_text())["verdict"] == "blocked"
    (work / "dossier" / "notes.txt").write_text("mine")
    before = contents(work / "dossier")
    done = dossier(cwd=work, env=bare)
    assert done.returncode == 64
    assert "notes.txt" in done.stderr
    assert contents(work / "dossier") == before


def test_a_dossier_inside_its_evidence_is_refused(tmp_path: Path) -> None:
    work = workspace(tmp_path / "w")
    done = gatekit("dossier", "--policy", "policies", "--out", "evidence/dossier", "--now", builders.NOW, cwd=work)
    assert done.returncode == 64
    assert "lies in the evidence folder 'evidence'" in done.stderr


def test_without_matplotlib_one_line_says_what_is_missing_and_the_forest_plot_is_there(
    tmp_path: Path, bare: dict[str, str]
) -> None:
    work = workspace(tmp_path / "w", RELEASE, builders.release_evidence())
    assert dossier(cwd=work, env=bare).returncode == 0
    found = contents(work / "dossier")
    assert [name for name in found if name.startswith("plots/")] == ["plots/forest-release.svg"]
    (line,) = [line for line in found["README.md"].decode().splitlines() if line.startswith("Not drawn: ")]
    assert line == (
        "Not drawn: plots/forest-release.png, plots/datasets-ood-auc_drop, plots/datasets-ood-relative_drop, "
        "plots/datasets-saebench-auc_delta, plots/trade-off: matplotlib is not installed; "
        "`pip install 'gatekit-sae[plots]'` brings it."
    )


@pytest.mark.slow
def test_with_matplotlib_every_picture_is_there_as_png_and_svg_and_always_the_same(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    work = workspace(tmp_path / "w", RELEASE, builders.release_evidence())
    assert dossier(cwd=work).returncode == 0
    found = contents(work / "dossier")
    names = ["datasets-ood-auc_drop", "datasets-ood-relative_drop", "datasets-saebench-auc_delta", "forest-release"]
    names.append("trade-off")
    plots = sorted(name for name in found if name.startswith("plots/"))
    assert plots == sorted(f"plots/{name}.{ending}" for name in names for ending in ("png", "svg"))
    (work / "matplotlibrc").write_text("figure.facecolor: red\nfont.size: 30\n")
    assert dossier(cwd=work, env={"PYTHONHASHSEED": "7"}).returncode == 0
    assert contents(work / "dossier") == found


def test_a_selected_candidate_brings_its_selection_and_can_be_confirmed_from_the_copies(tmp_path: Path) -> None:
    work = workspace(
        tmp_path / "w", pools.POLICY, pools.evidence(topk={"auc": 0.93}, relu={"l0": 300.0}, batchtopk={"auc": 0.92})
    )
    selected = gatekit("select", "evidence", "--out", "selection", "--now", builders.NOW, cwd=work)
    assert selected.returncode == 0, selected.stderr
    done = dossier("--candidate", "selection/candidate.json", cwd=work)
    assert done.returncode == 0, done.stdout + done.stderr
    found = contents(work / "dossier")
    assert found["selection/candidate.json"] == (work / "selection" / "candidate.json").read_bytes()
    assert found["selection/pareto.md"] == (work / "selection" / "pareto.md").read_bytes()
    assert b"# Selected: " in found["selection/selection.md"]
    # Bounded at 1 - 0.05 / 3, because the best of three was judged on what selected it.
    assert b"with one-sided confidence 0.983333 over 5 seeds" in found["README.md"]
    for name in ("plots/pareto.svg", "plots/pareto.png"):
        assert found.get(name) == contents(work).get(f"selection/{Path(name).name}")
    again = check("--candidate", "selection/candidate.json", "--output", "json=../again.json", cwd=work / "dossier")
    assert again.returncode == 0
    assert (work / "again.json").read_bytes() == found["report.json"]


def test_a_candidate_that_the_evidence_does_not_bear_out_is_refused(tmp_path: Path) -> None:
    work = workspace(tmp_path / "w", pools.POLICY, pools.evidence(topk={"auc": 0.93}, batchtopk={"auc": 0.92}))
    gatekit("select", "evidence", "--out", "selection", "--now", builders.NOW, cwd=work)
    path = work / "selection" / "candidate.json"
    path.write_text(path.read_text().replace('"candidates": 2', '"candidates": 1'))
    done = dossier("--candidate", "selection/candidate.json", cwd=work)
    assert done.returncode == 4
    assert not (work / "dossier").exists()


STOP = """
import os, signal
def stopping(real, calls=[0]):
    def call(*arguments, **options):
        calls[0] += 1
        if calls[0] == {at}:
            os.kill(os.getpid(), signal.{signal})
        return real(*arguments, **options)
    return call
os.{name} = stopping(os.{name})
import sys; sys.modules['matplotlib'] = None
"""
MOMENTS = [
    pytest.param("replace", 5, "SIGKILL"),
    pytest.param("fsync", 8, "SIGTERM"),
    *(
        pytest.param(name, at, signal, marks=pytest.mark.slow)
        for name, at in (("replace", 1), ("fsync", 1), ("fsync", 6), ("fsync", 15), ("replace", 9))
        for signal in ("SIGKILL", "SIGTERM")
    ),
]


@pytest.mark.parametrize(("name", "at", "signal"), MOMENTS)
def test_killed_midway_leaves_no_half_dossier(
    tmp_path: Path, name: str, at: int, signal: str, bare: dict[str, str]
) -> None:
    stop = sitecustomize(tmp_path / "stop", STOP.format(name=name, at=at, signal=signal))
    work = workspace(tmp_path / "w")
    assert dossier(cwd=work, env=stop).returncode in (-9, 143)
    assert not (work / "dossier").exists()
    assert dossier(cwd=work, env=bare).returncode == 0
    whole = contents(work / "dossier")
    builders.write(work / "evidence", BLOCKED)
    assert dossier(cwd=work, env=stop).returncode in (-9, 143)
    assert contents(work / "dossier") == whole, "the earlier one, untouched"
    assert dossier(cwd=work, env=bare).returncode == 2
    left = [p.name for p in work.iterdir() if p.name.startswith(".")]
    assert len(left) == (2 if signal == "SIGKILL" else 0), "what could not be cleaned up is hidden"


def test_killed_just_after_the_exchange_leaves_the_new_dossier_whole(tmp_path: Path, bare: dict[str, str]) -> None:
    work = workspace(tmp_path / "w")
    assert dossier(cwd=work, env=bare).returncode == 0
    builders.write(work / "evidence", BLOCKED)
    # The first file that is removed is one of the old dossier.
    stop = sitecustomize(tmp_path / "stop", STOP.format(name="unlink", at=1, signal="SIGKILL"))
    assert dossier(cwd=work, env=stop).returncode == -9
    killed = contents(work / "dossier")
    assert json.loads(killed["report.json"])["verdict"] == "blocked"
    assert dossier(cwd=work, env=bare).returncode == 2
    assert contents(work / "dossier") == killed


def test_evidence_of_another_subject_is_copied_as_well_because_it_was_judged(
    tmp_path: Path, bare: dict[str, str]
) -> None:
    other = random_model(of=builders.subject(model="gpt2"))
    work = workspace(tmp_path / "w", evidence={"a.json": random_model(), "b.json": other})
    assert dossier(cwd=work, env=bare).returncode == 3
    copied = [name for name in contents(work / "dossier") if name.startswith("evidence/")]
    digests = [
        hashlib.sha256((work / "evidence" / name).read_bytes()).hexdigest()[:12] for name in ("a.json", "b.json")
    ]
    assert sorted(copied) == sorted(f"evidence/random_model-{digest}.json" for digest in digests)


def test_signatures_are_copied_and_count_for_the_copies_by_the_readers_own_keys(
    tmp_path: Path, bare: dict[str, str]
) -> None:
    pytest.importorskip("cryptography")
    work = workspace(tmp_path / "w", POLICY.replace("id: small\n", "id: small\nsigned_by: {roles: [measure]}\n"))
    keys = gatekit("attest", "--new-key", "lab.key", "--now", builders.NOW, cwd=work).stdout
    (work / "keys.yaml").write_text(f"schema: gatekit.keys/1\nkeys:\n{keys}")
    assert gatekit("attest", "--key", "lab.key", "--now", builders.NOW, cwd=work).returncode == 0
    assert dossier(cwd=work, env=bare).returncode == 4, "nobody's signature counts"
    done = dossier("--keys", "keys.yaml", cwd=work, env=bare)
    assert done.returncode == 0, done.stdout + done.stderr
    copied = [name for name in contents(work / "dossier") if name.endswith(".dsse.json")]
    assert len(copied) == 1
    assert "--keys YOUR_KEYS" in (work / "dossier" / "README.md").read_text()
    assert check("--keys", "../keys.yaml", cwd=work / "dossier").returncode == 0
    assert check(cwd=work / "dossier").returncode == 4


@pytest.mark.parametrize("command", [("check",), ("dossier", "--out", "dossier")])
def test_a_candidate_file_that_is_not_there_is_one_line_and_a_wrong_command(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    work = workspace(tmp_path / "w")
    done = gatekit(*command, "--policy", "policies/small.yaml", "--candidate", "candidat.json", cwd=work)
    assert (done.returncode, done.stdout) == (64, "")
    assert done.stderr.splitlines() == [
        "gatekit: no candidate at 'candidat.json'; check the path; `gatekit select` writes one [usage]"
    ]
    assert not (work / "dossier").exists()
