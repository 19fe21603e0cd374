"""`gatekit import` as a process."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import shutil
from pathlib import Path

from acceptance.console_script import gatekit
from acceptance.plugins import package

SAEBENCH = Path(__file__).parents[1] / "data" / "saebench"
HUSAI = Path(__file__).parents[1] / "data" / "husai" / "cycle4_followups_run_20260215T190004Z"
OOD = str(HUSAI / "ood" / "ood_stress_summary.json")

ADAPTER = """
import json, builders
from gatekit.evidence.adapters import ImportedSummary
def import_files(paths, options):
    values = [json.load(open(path)) for path in paths]
    return [ImportedSummary(f"lab-{i}.json", builders.summary("random_model", {"r2": v})) for i, v in enumerate(values)]
"""


def lab(folder: Path) -> dict[str, str]:
    """The environment with another package's adapter `lab`: each file is a list of five values of r2."""
    env = package(folder / "site", {"labtool": ADAPTER}, "[gatekit.adapters]\nlab = labtool:import_files\n")
    tests = Path(__file__).parents[1]
    return {"PYTHONPATH": f"{env['PYTHONPATH']}:{tests}"}


SEEDED = [f"{seed}={SAEBENCH}/core/tiny_topk_seed{seed}_custom_sae_eval_results.json" for seed in (11, 12, 13)]


def subject(folder: Path) -> str:
    """A subject of the recorded SAEBench results, as a user writes it."""
    value = {
        "model": {"name": "tiny-local", "digest": "a" * 64},
        "hook": "blocks.1.hook_resid_post",
        "d_model": 32,
        "architecture": "topk",
        "d_sae": 64,
        "k": 8,
        "checkpoints": [{"seed": seed, "sha256": f"{seed:064d}"} for seed in (11, 12, 13)],
    }
    (folder / "subject.json").write_text(json.dumps(value))
    return "subject.json"


def test_saebench_files_named_with_their_seeds_become_observations_per_seed(tmp_path: Path) -> None:
    done = gatekit("import", "saebench", "--subject", subject(tmp_path), *SEEDED, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "without --subject" not in done.stdout
    (written,) = (tmp_path / "evidence").iterdir()
    measured = json.loads(written.read_text())["measurements"]["l0"]
    assert (measured["design"], measured["columns"]["seed"]) == ("per_seed", [11, 12, 13])
    (tmp_path / "p.yaml").write_text(
        "schema: gatekit.policy/1\nid: p\ngates:\n  l0: {from: saebench, measure: l0, at_most: 64, min_seeds: 3}\n"
    )
    assert gatekit("check", "p.yaml", cwd=tmp_path).returncode == 0


def test_what_an_import_says_to_judge_with_reads_what_it_wrote(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(
        "schema: gatekit.policy/1\nid: p\ngates:\n  l0: {from: saebench, measure: l0, at_most: 64, min_seeds: 3}\n"
    )
    for out in ("evidence/mine", "other place"):
        done = gatekit("import", "saebench", "--subject", subject(tmp_path), "--out", out, *SEEDED, cwd=tmp_path)
        (typed,) = re.findall("judge with `gatekit (.*)`", done.stdout)
        judged = gatekit(*shlex.split(typed), "--policy", "p.yaml", cwd=tmp_path)
        assert (judged.returncode, "1 summary read" in judged.stdout) == (0, True), typed
        shutil.rmtree(tmp_path / out)


def test_a_subject_may_be_yaml_for_every_tool(tmp_path: Path) -> None:
    value = json.loads((tmp_path / subject(tmp_path)).read_text())
    (tmp_path / "subject.yaml").write_text(json.dumps(value))
    done = gatekit("import", "saebench", "--subject", "subject.yaml", *SEEDED, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    (tmp_path / "subject.yaml").write_text(json.dumps({**value, "protocol": {"rows": 5}}))
    done = gatekit("import", "saebench", "--subject", "subject.yaml", *SEEDED, cwd=tmp_path)
    assert done.returncode == 4
    assert "subject.yaml: these results say themselves how and when they were measured" in done.stderr


def test_without_a_subject_the_import_says_that_its_numbers_are_only_reported(tmp_path: Path) -> None:
    done = gatekit("import", "saebench", *SEEDED, cwd=tmp_path)
    assert done.returncode == 0
    last = done.stdout.splitlines()[-1]
    assert last.startswith("hint: without --subject these numbers are reported, not observations")
    assert "--subject FILE with the model's digest and a checkpoint per seed" in last


def test_a_seeded_file_that_is_missing_is_named_without_its_seed(tmp_path: Path) -> None:
    done = gatekit("import", "saebench", "11=missing.json", cwd=tmp_path)
    assert done.returncode == 64
    assert "no file at 'missing.json'" in done.stderr


def test_sources_are_recorded_by_path_and_digest_and_make_the_evidence_stale_when_they_change(tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "sae.yaml").write_text("k: 8\n")
    arguments = ["--subject", subject(tmp_path), "--source", "./configs/sae.yaml", "--source", "subject.json"]
    done = gatekit("import", "saebench", *arguments, *SEEDED, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    (written,) = (tmp_path / "evidence").iterdir()
    assert json.loads(written.read_text())["producer"]["sources"] == [
        {"path": name, "sha256": hashlib.sha256((tmp_path / name).read_bytes()).hexdigest(), "by": "bytes"}
        for name in ("configs/sae.yaml", "subject.json")
    ]
    assert "fresh" in gatekit("stale", cwd=tmp_path).stdout
    (tmp_path / "configs" / "sae.yaml").write_text("k: 9\n")
    assert "configs/sae.yaml has changed" in gatekit("stale", "--why", cwd=tmp_path).stdout


def test_a_source_that_evidence_cannot_name_exits_64(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (tmp_path / "outside.yaml").write_text("x")
    (work / "with space.yaml").write_text("x")
    (work / "link.yaml").symlink_to(tmp_path / "outside.yaml")
    for path, said in (
        ("../outside.yaml", "outside the current folder"),
        (".", "is a folder: name its files"),
        ("link.yaml", "not a regular file"),
        ("with space.yaml", "a name that evidence cannot hold"),
        ("missing.yaml", "no file at 'missing.yaml'"),
    ):
        done = gatekit("import", "husai", OOD, "--source", path, cwd=work)
        assert done.returncode == 64, path
        assert said in done.stderr
        assert not (work / "evidence").exists()


def test_the_help_shows_an_example_of_what_results_do_not_say(tmp_path: Path) -> None:
    text = gatekit("import", "--help", cwd=tmp_path, env={"COLUMNS": "200"}).stdout
    for example in (
        "0=seed0.json",
        "--subject subject.json",
        "--datasets datasets.json",
        "--k 5",
        "--finished 2026-02-16T01:48:20Z",
        "--source configs/sae.yaml",
    ):
        assert example in text


def test_reported_numbers_are_imported_and_said_to_be_reported(tmp_path: Path) -> None:
    done = gatekit("import", "husai", OOD, "--out", "evidence", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    (written,) = (tmp_path / "evidence").iterdir()
    document = json.loads(written.read_text())
    n = len(document["measurements"])
    assert f"evidence/{written.name}  ood, {n} measurement{'s' * (n != 1)} reported" in done.stdout
    assert "1 summary in evidence" in done.stdout


def test_observations_are_imported_by_another_packages_adapter_and_pass_the_gate(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[0.8, 0.81, 0.82, 0.83, 0.84]")
    env = lab(tmp_path)
    done = gatekit("import", "lab", "a.json", cwd=tmp_path, env=env)
    assert (done.returncode, done.stderr) == (0, "")
    assert "new        evidence/lab-0.json  random_model, 1 measurement observed" in done.stdout
    (tmp_path / "p.yaml").write_text(
        "schema: gatekit.policy/1\nid: p\ngates:\n  r2: {from: random_model, measure: r2, at_least: 0.5}\n"
    )
    assert gatekit("check", "p.yaml", cwd=tmp_path).returncode == 0


def test_a_second_import_of_the_same_files_changes_nothing(tmp_path: Path) -> None:
    gatekit("import", "husai", OOD, cwd=tmp_path)
    (written,) = (tmp_path / "evidence").iterdir()
    before = written.stat().st_mtime_ns
    done = gatekit("import", "husai", OOD, cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("unchanged  evidence/")
    assert written.stat().st_mtime_ns == before


def test_different_content_in_the_way_is_kept_and_nothing_else_is_written(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_text("[0.8, 0.81, 0.82, 0.83, 0.84]")
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / "lab-1.json").write_text("mine")
    done = gatekit("import", "lab", "a.json", "b.json", cwd=tmp_path, env=lab(tmp_path))
    assert done.returncode == 64
    assert "evidence/lab-1.json" in done.stderr
    assert [(p.name, p.read_text()) for p in (tmp_path / "evidence").iterdir()] == [("lab-1.json", "mine")]


def test_one_file_that_cannot_be_imported_keeps_all_from_being_written(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[0.8, 0.81, 0.82, 0.83, 0.84]")
    (tmp_path / "b.json").write_text("[0.8, 0.81, 0.82, 0.83, 99]")
    done = gatekit("import", "lab", "a.json", "b.json", cwd=tmp_path, env=lab(tmp_path))
    assert done.returncode == 4
    assert "lab-1.json" in done.stderr
    assert not (tmp_path / "evidence").exists()


def test_a_result_file_that_is_not_one_exits_4_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"a": NaN}')
    done = gatekit("import", "husai", "x.json", cwd=tmp_path)
    assert done.returncode == 4
    assert "x.json#/a" in done.stderr
    assert not (tmp_path / "evidence").exists()


def test_a_wrong_command_line_exits_64(tmp_path: Path) -> None:
    for arguments, said in (
        (["husay", OOD], "did you mean 'husai'?"),
        (["husai"], "FILES"),
        (["husai", "missing.json"], "no file at 'missing.json'"),
        (["husai", OOD, "--subject", "missing.json"], "no file at 'missing.json'"),
        (["husai", OOD, "--finished", "yesterday"], "UTC time"),
        (["husai", OOD, "--k", "3"], "drop the options"),
        (["husai", OOD, "--out", OOD], "folder cannot be made"),
    ):
        done = gatekit("import", *arguments, cwd=tmp_path)
        assert done.returncode == 64, arguments
        assert said in done.stderr
        assert "Traceback" not in done.stderr
