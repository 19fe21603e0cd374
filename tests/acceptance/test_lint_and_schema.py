"""`gatekit lint` and `gatekit schema` as processes."""

from __future__ import annotations

import json
from pathlib import Path

import builders
import jsonschema
import pytest
from acceptance.console_script import POLICY, gatekit, workspace
from click.testing import CliRunner

from gatekit.cli.commands import group
from gatekit.evidence.schemas import schema_names

REPO = Path(__file__).parents[2]
WAIVER = '  - {gate: health, owner: ada, reason: "trying", expires: "2026-02-28"}\n'


def test_sound_policies_exit_0_and_are_named(tmp_path: Path) -> None:
    done = gatekit("lint", cwd=workspace(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert "policies/small.yaml: sound: policy 'small', 2 gates, 3 thresholds, 0 waivers" in done.stdout


def test_the_policies_of_this_repository_are_sound(tmp_path: Path) -> None:
    paths = [str(path) for path in sorted((REPO / "policies").rglob("*.yaml"))]
    done = gatekit("lint", "--strict", *paths, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


STEPS = POLICY + "  steps: {from: saebench, measure: auc, not_worse_than: {base: 0.02}}\n"
FLOOR = "  floor: {from: saebench, measure: auc, at_least: 0.6%s}\n"


def test_a_base_that_moves_without_a_floor_is_a_warning_at_its_place(tmp_path: Path) -> None:
    done = gatekit("lint", cwd=workspace(tmp_path, policy=STEPS))
    assert done.returncode == 0
    line = STEPS.splitlines().index("  steps: {from: saebench, measure: auc, not_worse_than: {base: 0.02}}") + 1
    assert done.stderr.startswith(f"policies/small.yaml:{line}:57: warning: saebench.auc may fall by the margin")
    assert "[policy.no_floor]" in done.stderr
    assert "policies/small.yaml: sound" in done.stdout


def test_with_strict_a_warning_is_an_error(tmp_path: Path) -> None:
    done = gatekit("lint", "--strict", cwd=workspace(tmp_path, policy=STEPS))
    assert done.returncode == 4
    assert "warning" not in done.stderr
    assert "[policy.no_floor]" in done.stderr
    assert "sound" not in done.stdout


def test_a_required_floor_of_the_same_measure_is_enough(tmp_path: Path) -> None:
    done = gatekit("lint", "--strict", cwd=workspace(tmp_path, policy=STEPS + FLOOR % ""))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "floor",
    [
        FLOOR % ", level: warn",
        FLOOR % ", required: false",
        FLOOR.replace("measure: auc,", "measure: f1,") % "",
        FLOOR.replace("at_least", "not_worse_than").replace("0.6", "{base: 0.1}") % "",
        "  floor: {any_of: [{from: saebench, measure: auc, at_least: 0.6}, "
        "{from: ood, measure: auc_drop, at_most: 0.1}]}\n",
        FLOOR % "" + 'waivers: [{gate: floor, owner: ada, reason: r, expires: "2027-01-01"}]\n',
    ],
)
def test_a_floor_that_need_not_hold_is_none(tmp_path: Path, floor: str) -> None:
    done = gatekit("lint", "--strict", "--now", builders.NOW, cwd=workspace(tmp_path, policy=STEPS + floor))
    assert done.returncode == 4
    assert "[policy.no_floor]" in done.stderr


def test_a_stop_rule_that_stops_weak_evidence_is_a_warning(tmp_path: Path) -> None:
    stop = POLICY.replace("id: small\n", "id: small\npurpose: stop\n")
    done = gatekit("lint", cwd=workspace(tmp_path, policy=stop))
    assert done.returncode == 0
    assert done.stderr.count("[policy.weak_stop]") == 3


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        (POLICY.replace("at_most: 64", "at_least: 1"), "policies/small.yaml:9:"),
        (POLICY.replace("at_least: 0.5", "at_least: 2"), "outside the range"),
        (POLICY.replace("r2", "r3"), "unknown measure 'r3'"),
        (POLICY + "waivers:\n" + WAIVER, "expired on 2026-02-28"),
    ],
    ids=["direction", "range", "measure", "waiver"],
)
def test_a_policy_that_cannot_decide_exits_4_with_its_place(tmp_path: Path, policy: str, said: str) -> None:
    done = gatekit("lint", "--now", "2026-03-02T12:00:00Z", cwd=workspace(tmp_path, policy))
    assert done.returncode == 4
    assert said in done.stderr
    assert "small.yaml:" in done.stderr


def test_a_waiver_that_has_not_expired_yet_is_sound(tmp_path: Path) -> None:
    done = gatekit("lint", "--now", "2026-02-28T23:59:59Z", cwd=workspace(tmp_path, POLICY + "waivers:\n" + WAIVER))
    assert done.returncode == 0
    assert "2 gates, 3 thresholds, 1 waiver\n" in done.stdout


def test_one_wrong_policy_among_sound_ones_exits_4(tmp_path: Path) -> None:
    workspace(tmp_path)
    (tmp_path / "policies" / "wrong.yaml").write_text("gates: {}\n")
    done = gatekit("lint", cwd=tmp_path)
    assert done.returncode == 4
    assert "policies/small.yaml: sound" in done.stdout


def test_no_policy_exits_64(tmp_path: Path) -> None:
    assert gatekit("lint", cwd=tmp_path).returncode == 64
    assert gatekit("lint", "missing.yaml", cwd=tmp_path).returncode == 64


def test_every_schema_is_listed_and_printed_whole(tmp_path: Path) -> None:
    listed = gatekit("schema", cwd=tmp_path).stdout.split()
    # The kind of a plug-in that is installed, as gatekit_husai is here, is printed like our own.
    assert sorted(listed) == sorted([*schema_names(), "husai_assignment"])
    for name in listed:  # each in this process: that the installed command prints them is what the listing shows
        done = CliRunner().invoke(group, ["schema", name])
        assert done.exit_code == 0
        published = REPO / "schemas" / f"{name}.schema.json"
        assert name == "husai_assignment" or done.stdout == published.read_text("utf-8")
        jsonschema.Draft202012Validator.check_schema(json.loads(done.stdout))


def test_the_measurements_of_a_kind_are_listed_as_a_table(tmp_path: Path) -> None:
    done = gatekit("schema", "saebench", "--table", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    rows = [line.split("  ") for line in done.stdout.splitlines()]
    cells = {row[0]: [cell.strip() for cell in row[1:] if cell.strip()] for row in rows}
    assert cells["measurement"] == ["unit", "better", "range", "design", "minus baseline"]
    assert cells["auc_delta"] == ["AUC", "higher", "0 to 1", "per_seed_dataset", "yes"]
    assert cells["mse"] == ["squared activation", "lower", "0 to 1e+30", "per_seed", "no"]
    described = json.loads((REPO / "schemas" / "saebench.schema.json").read_text("utf-8"))
    assert set(described["properties"]["measurements"]["properties"]) <= set(cells)


@pytest.mark.parametrize(("kind", "said"), [([], "known:"), (["policy"], "known:"), (["odd"], "did you mean 'ood'?")])
def test_a_table_of_what_measures_nothing_exits_64(tmp_path: Path, kind: list[str], said: str) -> None:
    done = gatekit("schema", *kind, "--table", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (64, "")
    assert said in done.stderr


def test_summaries_are_linted_by_schema_and_checks_without_a_policy(tmp_path: Path) -> None:
    document = builders.summary("random_model", {"r2": [0.8] * 5, "l0": [32.0] * 5, "dead_fraction": [0.1] * 5})
    failed = builders.summary("ood", {}, status="failed", reason="no memory")
    mixed = builders.summary("saebench", {"auc": builders.reported(0.7)})
    builders.write(tmp_path, {"a.json": document, "b.json": failed, "c.json": mixed})
    done = gatekit("lint", "a.json", "b.json", "c.json", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "a.json: sound: random_model summary, 3 measurements, 5 seeds",
        "b.json: sound: ood summary without measurements: the run failed",
        "c.json: sound: saebench summary, 1 measurement (1 reported, without observations), 5 seeds",
    ]


def test_a_summary_that_the_gate_would_refuse_is_no_sound_one_beside_sound_policies(tmp_path: Path) -> None:
    document = builders.summary("random_model", {"r2": [0.8] * 5})
    del document["measurements"]["r2"]["columns"]["candidate"][0]
    builders.write(workspace(tmp_path), {"a.json": document})
    done = gatekit("lint", "policies", "a.json", cwd=tmp_path)
    assert done.returncode == 4
    assert "policies/small.yaml: sound" in done.stdout
    assert "a.json#/measurements/r2/columns: columns differ in length" in done.stderr


def test_an_unknown_schema_exits_64_and_names_the_nearest(tmp_path: Path) -> None:
    done = gatekit("schema", "polcy", cwd=tmp_path)
    assert done.returncode == 64
    assert "did you mean 'policy'?" in done.stderr
