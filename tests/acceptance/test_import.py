"""`gatekit import` as a process."""

from __future__ import annotations

import json
from pathlib import Path

from acceptance.console_script import gatekit
from acceptance.plugins import package

HUSAI = Path(__file__).parents[1] / "data" / "husai" / "cycle4_followups_run_20260215T190004Z"
OOD = str(HUSAI / "ood" / "ood_stress_summary.json")

ADAPTER = """
import json, builders
from gatekit.evidence.adapters import Imported
def import_files(paths, options):
    values = [json.load(open(path)) for path in paths]
    return [Imported(f"lab-{i}.json", builders.summary("random_model", {"r2": v})) for i, v in enumerate(values)]
"""


def lab(folder: Path) -> dict[str, str]:
    """The environment with another package's adapter `lab`: each file is a list of five values of r2."""
    env = package(folder / "site", {"labtool": ADAPTER}, "[gatekit.adapters]\nlab = labtool:import_files\n")
    tests = Path(__file__).parents[1]
    return {"PYTHONPATH": f"{env['PYTHONPATH']}:{tests}"}


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
