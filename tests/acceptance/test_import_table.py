"""`gatekit import table` as a process: from a table and a subject file to a verdict."""

from __future__ import annotations

from pathlib import Path

from acceptance.console_script import gatekit

SUBJECT = "\n".join(
    (
        f"model: {{name: tiny, digest: {'a' * 64}}}",
        "hook: blocks.1.hook_resid_post",
        "d_model: 32",
        "architecture: topk",
        "d_sae: 64",
        "k: 8",
        "checkpoints:",
        *(f"  - {{seed: {seed}, sha256: {seed:063d}a}}" for seed in range(5)),
        "protocol: {rows: 100}",
        "sources: [measure.R]",
        'finished: "2026-03-01T11:30:00Z"\n',
    )
)
POLICY = """\
schema: gatekit.policy/1
id: mine
gates:
  r2: {from: random_model, measure: r2, at_least: 0.5}
"""
ARGUMENTS = ("import", "table", "results.csv", "--kind", "random_model", "--subject", "subject.yaml")


def lab(folder: Path, rows: str) -> Path:
    (folder / "subject.yaml").write_text(SUBJECT)
    (folder / "measure.R").write_text("r2 <- 0.8\n")
    (folder / "policies").mkdir()
    (folder / "policies" / "mine.yaml").write_text(POLICY)
    (folder / "results.csv").write_text(f"seed,measure,value\n{rows}")
    return folder


def test_a_table_goes_from_rows_to_a_verdict(tmp_path: Path) -> None:
    folder = lab(tmp_path, "".join(f"{seed},r2,0.8{seed}\n" for seed in range(5)))
    done = gatekit(*ARGUMENTS, cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "hint" not in done.stdout
    assert gatekit("check", "--now", "2026-03-02T00:00:00Z", cwd=folder).returncode == 0
    assert "fresh" in gatekit("stale", cwd=folder).stdout
    (folder / "measure.R").write_text("r2 <- 0.9\n")
    assert "measure.R has changed" in gatekit("stale", "--why", cwd=folder).stdout


STEERING = """\
schema: gatekit.kind/1
measures:
  success: {direction: higher, range: [0, 1]}
"""


def test_a_kind_of_the_repository_with_one_measure_needs_no_column_for_it(tmp_path: Path) -> None:
    folder = lab(tmp_path, "")
    (folder / "kinds").mkdir()
    (folder / "kinds" / "steering.yaml").write_text(STEERING)
    (folder / "results.csv").write_text("seed,value\n" + "".join(f"{seed},0.9{seed}\n" for seed in range(5)))
    policy = POLICY.replace("random_model, measure: r2", "steering, measure: success")
    (folder / "policies" / "mine.yaml").write_text(policy)
    done = gatekit(*ARGUMENTS[:4], "steering", *ARGUMENTS[5:], cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert gatekit("check", "--now", "2026-03-02T00:00:00Z", cwd=folder).returncode == 0


def test_importing_the_same_table_again_changes_nothing(tmp_path: Path) -> None:
    folder = lab(tmp_path, "".join(f"{seed},r2,0.8{seed}\n" for seed in range(5)))
    gatekit(*ARGUMENTS, cwd=folder)
    again = gatekit(*ARGUMENTS, cwd=folder)
    assert (again.returncode, again.stdout.split()[0]) == (0, "unchanged")


def test_a_fault_exits_4_with_its_place_and_line_and_writes_nothing(tmp_path: Path) -> None:
    folder = lab(tmp_path, "0,r2,0.8\n1,r2,=cmd|' /C calc'!A0\n")
    done = gatekit(*ARGUMENTS, cwd=folder)
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.splitlines() == [
        "gatekit: results.csv:3:6: value: \"=cmd|' /C calc'!A0\" is not a number [table.not_a_number]",
        "gatekit:     1,r2,=cmd|' /C calc'!A0",
    ]
    assert not (folder / "evidence").exists()


def test_a_subject_file_is_linted(tmp_path: Path) -> None:
    folder = lab(tmp_path, "")
    done = gatekit("lint", "subject.yaml", "policies", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "subject.yaml: sound: subject, 5 seeds\n" in done.stdout
    assert "policies/mine.yaml: sound: policy 'mine'" in done.stdout
    (folder / "subject.yaml").write_text(SUBJECT.replace("hook: blocks.1.hook_resid_post\n", ""))
    done = gatekit("lint", "subject.yaml", cwd=folder)
    assert done.returncode == 4
    assert "subject.yaml: the subject is incomplete: missing subject.hook" in done.stderr
    (folder / "subject.yaml").write_text(SUBJECT.replace("d_sae: 64", "d_sae: wide"))
    done = gatekit("lint", "subject.yaml", cwd=folder)
    assert (done.returncode, "subject.yaml:5:1: d_sae: " in done.stderr) == (4, True)


def test_an_option_that_is_missing_or_misspelt_exits_64(tmp_path: Path) -> None:
    folder = lab(tmp_path, "0,r2,0.8\n")
    done = gatekit("import", "table", "results.csv", cwd=folder)
    assert (done.returncode, "a table needs --kind and --subject" in done.stderr) == (64, True)
    done = gatekit(*ARGUMENTS[:-1], "nowhere.yaml", cwd=folder)
    assert (done.returncode, "no file at 'nowhere.yaml'" in done.stderr) == (64, True)
    done = gatekit(*ARGUMENTS[:4], "random_modl", *ARGUMENTS[5:], cwd=folder)
    assert (done.returncode, "did you mean 'random_model'?" in done.stderr) == (64, True)


def test_observations_without_a_source_are_said_to_be_stale_in_a_pull_request(tmp_path: Path) -> None:
    folder = lab(tmp_path, "".join(f"{seed},r2,0.8{seed}\n" for seed in range(5)))
    (folder / "subject.yaml").write_text(SUBJECT.replace("sources: [measure.R]\n", ""))
    done = gatekit(*ARGUMENTS, cwd=folder)
    assert done.stdout.splitlines()[-1].startswith("hint: these observations name no file that they depend on")
    assert done.returncode == 0
