"""Every command reads evidence and policies of a repository's own kind."""

from __future__ import annotations

import json
from pathlib import Path

import builders
import pytest
from acceptance.console_script import gatekit

from kinds.steering import KIND, POLICY, VALUES, folder, summary

NOW = ("--now", builders.NOW)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder(tmp_path_factory.mktemp("lab"))


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        (["check", "--verbose", *NOW], 0, "steers: steering.success    0.7060"),
        (["explain", "steers", *NOW], 0, "From 0 to 1; higher is better."),
        (["lint", *NOW], 0, "kinds/steering.yaml: sound: kind 'steering', 1 measure"),
        (["lint", "kinds/steering.yaml"], 0, "kinds/steering.yaml: sound: kind 'steering', 1 measure"),
        (["lint", "evidence/a.json"], 0, "evidence/a.json: sound: steering summary, 1 measurement, 5 seeds"),
        (["stale"], 3, "evidence/a.json"),
        (["plan", "--from", "evidence/a.json", "--measure", "success", "--threshold", "0.5"], 0, "seeds"),
        (["policy", "diff", "policies/p.yaml", "policies/p.yaml"], 0, "policy: pass"),
        (["schema"], 0, "\nsteering\n"),
        (["schema", "steering"], 0, '"title": "steering summary"'),
        (["schema", "steering", "--table"], 0, "success      1     higher  0 to 1  per_seed  no"),
        (["schema", "sterring"], 64, "did you mean 'steering'?"),
        (["dossier", "--policy", "policies/p.yaml", "--out", "dossier", *NOW], 0, "verdict: pass"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_a_command_reads_it(place: Path, command: list[str], code: int, said: str) -> None:
    done = gatekit(*command, cwd=place)
    assert (done.returncode, said in done.stdout + done.stderr) == (code, True), done.stdout + done.stderr


def test_a_dossier_holds_the_kind_and_can_be_judged_by_itself(tmp_path: Path) -> None:
    place = folder(tmp_path)
    assert gatekit("dossier", "--policy", "policies/p.yaml", "--out", "out", *NOW, cwd=place).returncode == 0
    assert (place / "out" / "kinds" / "steering.yaml").read_text() == KIND
    assert gatekit("check", *NOW, cwd=place / "out").returncode == 0


@pytest.mark.parametrize("command", [["check"], ["lint"], ["explain", "steers"], ["schema"], ["stale"]])
def test_a_broken_table_is_one_line_with_its_place_and_exit_4(tmp_path: Path, command: list[str]) -> None:
    place = folder(tmp_path, KIND.replace("higher", "up"))
    done = gatekit(*command, cwd=place)
    assert done.returncode == 4
    assert "kinds/steering.yaml:8:5: direction 'up' is not one of 'higher', 'lower'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_policy_asks_only_for_what_the_table_has(tmp_path: Path) -> None:
    done = gatekit("check", cwd=folder(tmp_path, policy=POLICY.replace("success,", "sucess,")))
    assert done.returncode == 4
    assert "unknown measure 'sucess' of steering; did you mean 'success'?" in done.stdout + done.stderr


def test_a_threshold_outside_the_tables_range_is_an_error(tmp_path: Path) -> None:
    done = gatekit("lint", cwd=folder(tmp_path, policy=POLICY.replace("0.5", "1.5")))
    assert done.returncode == 4
    assert "outside the range" in done.stderr


def test_evidence_that_fails_blocks(tmp_path: Path) -> None:
    done = gatekit("check", *NOW, cwd=folder(tmp_path, evidence=summary([value - 0.3 for value in VALUES])))
    assert done.returncode == 2


def test_claims_publish_its_numbers(tmp_path: Path) -> None:
    place = folder(tmp_path)
    place.joinpath("claims.yaml").write_text(
        "schema: gatekit.claims/1\nrules: {documents: [README.md]}\nclaims:\n"
        "  - {id: steers, sentence: 'It steers {} of the time.', status: supported, policy: steering,\n"
        "     gates: [steers], evidence: [evidence]}\n"
    )
    place.joinpath("README.md").write_text(
        "<!-- gatekit:claim steers -->It steers "
        "<!-- gatekit:value evidence/a.json success estimate .2f -->0.71<!-- /gatekit:value --> of the time."
        "<!-- /gatekit:claim -->\n"
    )
    done = gatekit("claims", "check", *NOW, cwd=place)
    assert done.returncode == 0, done.stdout + done.stderr


def test_init_writes_the_schema_that_the_editor_line_names(tmp_path: Path) -> None:
    assert gatekit("init", cwd=tmp_path).returncode == 0
    written = json.loads((tmp_path / "schemas" / "kind.schema.json").read_text())
    assert written["title"] == "gatekit kind"
