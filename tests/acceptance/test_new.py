"""`gatekit new` as a process: numbers in a table, and a subject file to fill in, become a summary."""

from __future__ import annotations

from pathlib import Path

import pytest
from acceptance.console_script import gatekit

ROWS = "seed,r2\n0,0.8\n1,0.9\n2,0.85\n"
NUMBERS = ("new", "summary", "random_model", "--csv", "results.csv")
FILLED = {
    "name: null": "name: tiny",
    "digest: null": f"digest: {'a' * 64}",
    "hook: null": "hook: blocks.1.hook_resid_post",
    "d_model: null": "d_model: 32",
    "architecture: null": "architecture: topk",
    "d_sae: null": "d_sae: 64",
    "rows: null": "rows: 100",
    "finished: null": 'finished: "2026-03-01T11:30:00Z"',
    **{f"seed: {seed}, file: null": f"seed: {seed}, file: seed{seed}.safetensors" for seed in range(3)},
}
"""A skeleton's nulls and what a reader puts there; k stays null."""


def lab(folder: Path, rows: str = ROWS) -> Path:
    (folder / "results.csv").write_text(rows)
    for seed in range(3):
        (folder / f"seed{seed}.safetensors").write_text(f"weights of seed {seed}\n")
    return folder


def test_all_that_is_missing_stands_in_one_message_with_the_command_that_writes_a_skeleton(tmp_path: Path) -> None:
    done = gatekit(*NUMBERS, cwd=lab(tmp_path))
    assert (done.returncode, done.stdout) == (4, "")
    (line,) = done.stderr.splitlines()
    for part in ("model", "hook", "d_model", "architecture", "d_sae", "checkpoints"):
        assert f"subject.{part}" in line
    assert "protocol.rows" in line and "when the measurement was done" in line
    assert "`gatekit new subject random_model --csv results.csv` writes a subject file" in line
    assert not (tmp_path / "evidence").exists()


COLUMNS = (
    ("seed,value\n0,0.8\n", "in results.csv there is no column 'measure'"),
    ("seed,measure\n0,r2\n", "in results.csv there is no column 'value'"),
    ("measure,value\nr2,0.8\n", "in results.csv there is no column 'seed': r2 has one value per seed"),
    ("seed\n0\n", "in results.csv there are no columns 'measure' and 'value'"),
)


@pytest.mark.parametrize(("rows", "said"), COLUMNS)
def test_columns_that_are_missing_stand_in_the_same_message(rows: str, said: str, tmp_path: Path) -> None:
    done = gatekit(*NUMBERS, cwd=lab(tmp_path, rows))
    assert (done.returncode, done.stdout) == (4, "")
    (line,) = done.stderr.splitlines()
    assert said in line
    assert "missing subject.model, subject.hook, subject.d_model" in line
    assert "when the measurement was done" in line
    assert "there is no observation" not in line


def test_a_skeleton_that_is_filled_in_makes_the_summary(tmp_path: Path) -> None:
    folder = lab(tmp_path)
    done = gatekit("new", "subject", "random_model", "--csv", "results.csv", "--out", "subject.yaml", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    unfilled = gatekit(*NUMBERS, "--subject", "subject.yaml", cwd=folder)
    assert unfilled.returncode == 4
    for part in ("subject.model.name", "subject.model.digest", "subject.hook", "no sha256 or file for seed 0, 1, 2"):
        assert part in unfilled.stderr
    text = (folder / "subject.yaml").read_text()
    for null, value in FILLED.items():
        assert null in text
        text = text.replace(null, value, 1)
    (folder / "subject.yaml").write_text(text)
    filled = gatekit(*NUMBERS, "--subject", "subject.yaml", "--source", "results.csv", cwd=folder)
    assert (filled.returncode, filled.stderr) == (0, "")
    (made,) = (folder / "evidence").iterdir()
    linted = gatekit("lint", str(made), cwd=folder)
    assert linted.stdout.endswith("sound: random_model summary, 1 measurement, 3 seeds\n")


def test_new_summary_writes_what_import_table_writes(tmp_path: Path) -> None:
    folder = lab(tmp_path)
    text = gatekit("new", "subject", "random_model", "--csv", "results.csv", cwd=folder).stdout
    for null, value in FILLED.items():
        text = text.replace(null, value, 1)
    (folder / "subject.yaml").write_text(text)
    gatekit(*NUMBERS, "--subject", "subject.yaml", "--out", "new", cwd=folder)
    table = ("import", "table", "results.csv", "--kind", "random_model", "--subject", "subject.yaml", "--out", "table")
    gatekit(*table, cwd=folder)
    new, imported = ({path.name: path.read_text() for path in (folder / where).iterdir()} for where in ("new", "table"))
    assert new == imported != {}


def test_a_skeleton_keeps_what_is_known_and_names_datasets_and_baselines(tmp_path: Path) -> None:
    rows = "seed,dataset,measure,value,baseline\n0,imdb,auc_delta,0.8,0.7\n0,news,auc_delta,0.8,0.7\n"
    (tmp_path / "known.yaml").write_text("hook: blocks.1.hook_resid_post\nmodel: {name: tiny}\nprotocol: {ks: [5]}\n")
    arguments = ("new", "subject", "saebench", "--csv", "results.csv", "--subject", "known.yaml")
    lines = gatekit(*arguments, cwd=lab(tmp_path, rows)).stdout.splitlines()
    assert 'hook: "blocks.1.hook_resid_post"' in lines and '  name: "tiny"' in lines and "  ks: [5]" in lines
    assert '    - {name: "news", sha256: null, rows: null}' in lines
    (baseline,) = [line for line in lines if line.startswith("  baseline: null")]
    assert "dense_probe" in baseline


def test_a_skeleton_never_replaces_a_file(tmp_path: Path) -> None:
    folder = lab(tmp_path)
    (folder / "subject.yaml").write_text("hook: mine\n")
    done = gatekit("new", "subject", "random_model", "--out", "subject.yaml", cwd=folder)
    assert done.returncode != 0
    assert (folder / "subject.yaml").read_text() == "hook: mine\n"


def test_a_kind_or_a_file_that_is_not_there_exits_64(tmp_path: Path) -> None:
    folder = lab(tmp_path)
    done = gatekit("new", "summary", "random_modl", "--csv", "results.csv", cwd=folder)
    assert (done.returncode, "did you mean 'random_model'?" in done.stderr) == (64, True)
    done = gatekit("new", "subject", "random_model", "--csv", "nowhere.csv", cwd=folder)
    assert (done.returncode, "no file at 'nowhere.csv'" in done.stderr) == (64, True)
