"""HUSAI's recorded selections, reproduced field by field; and what the strict selection says to the same files."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from acceptance.console_script import gatekit

from gatekit.errors import GatekitError
from gatekit.evidence.strict_json import SUMMARY_LIMITS, read_json
from gatekit.policy import read_policy
from gatekit.policy.mode_selection import ModeSelection
from gatekit.policy.model import Policy
from gatekit_husai.selecting import ResultFile, select_as_husai
from gatekit_husai.settings import HusaiSettings

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data" / "husai"
POLICY = ROOT / "examples" / "husai-legacy.yaml"

CYCLE3 = "cycle3_queue_run_20260215T165724Z"
CYCLE4 = "cycle4_followups_run_20260215T190004Z"
CYCLE5 = "cycle5_external_push_run_20260215T232351Z"
FRONTIER = "cycle3_queue_final/frontier_multiseed_results_run_20260214T202538Z.json"
SCALING = f"{CYCLE3}/scaling_results.json"
FIRST_RUN = "phase4b_architecture_frontier_external/run_20260213T173707Z_results.json"
ROUTED = ("20260215T232359Z", "20260215T233353Z", "20260215T234257Z", "20260215T235219Z", "20260216T000156Z")
ASSIGNMENT = ("20260216T001059Z", "20260216T005618Z")

# Recorded file, then its inputs in the order of its command line.
RUNS: dict[str, tuple[str, list[str]]] = {
    "SEL1": (f"{CYCLE3}/release_selection_summary.json", [FRONTIER, SCALING]),
    "SEL2": (f"{CYCLE4}/selector/selection_summary.json", [FRONTIER, f"{CYCLE4}/matryoshka/results.json", SCALING]),
    "SEL4": (
        f"{CYCLE5}/selector/selection_summary.json",
        [
            FRONTIER,
            *(f"{CYCLE5}/routed/run_{run}_results.json" for run in ROUTED),
            SCALING,
            *(f"{CYCLE5}/assignment/run_{run}_results.json" for run in ASSIGNMENT),
        ],
    ),
}
SECTIONS = ("counts", "selected_candidate", "pareto_front", "ranked_candidates")
LATER = {"grouped_from_seed_candidates", "uncertainty_mode", "representative_seed"}
"""Fields of `selection` that the version of the selector that recorded SEL1 did not write yet."""


@cache
def recorded(run: str) -> dict[str, Any]:
    return json.loads((DATA / RUNS[run][0]).read_text())


@cache
def content(file: str) -> Any:
    return read_json(str(DATA / file), SUMMARY_LIMITS).value


def names_of(run: str) -> list[str]:
    """The names that the recorded run knew its files by."""
    config: dict[str, list[str]] = recorded(run)["config"]
    return config["frontier_results"] + config["scaling_results"] + config.get("assignment_results", [])


def inputs(run: str) -> list[ResultFile]:
    """The files under the names that the recorded run knew them by."""
    return [ResultFile(name, content(file)) for name, file in zip(names_of(run), RUNS[run][1], strict=True)]


def reproduced(run: str, policy: Policy | None = None) -> dict[str, Any]:
    return select_as_husai(policy or read_policy(str(POLICY)), inputs(run))


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every field of a document with its path."""
    if isinstance(value, dict):
        for key in value:
            yield from leaves(value[key], f"{path}/{key}")
    elif isinstance(value, list):
        yield f"{path}/length", len(value)
        for index, item in enumerate(value):
            yield from leaves(item, f"{path}/{index}")
    else:
        yield path, value


@pytest.mark.parametrize("run", RUNS)
def test_every_recorded_field_is_reproduced(run: str) -> None:
    ours = dict(leaves({section: reproduced(run)[section] for section in SECTIONS}))
    theirs = dict(leaves({section: recorded(run)[section] for section in SECTIONS}))
    assert len(theirs) > 400
    extra = {path.rsplit("/", 1)[1] for path in ours.keys() - theirs.keys()}
    assert extra == (LATER if run == "SEL1" else set())
    for path, value in theirs.items():
        if isinstance(value, float):
            assert math.isclose(ours[path], value, rel_tol=1e-12), path
        else:
            assert ours[path] == value, path


@pytest.mark.parametrize(
    ("run", "counts", "joint"),
    [
        ("SEL1", (44, 32, 8, 3), 0.9013433259898485),
        ("SEL2", (47, 32, 8, 3), 0.9013433259898485),
        ("SEL4", (71, 59, 9, 4), 0.8280978109737276),
    ],
)
def test_the_selections_have_the_recorded_counts_winner_and_score(
    run: str, counts: tuple[int, ...], joint: float
) -> None:
    found = reproduced(run)
    assert tuple(found["counts"].values()) == counts
    winner = found["selected_candidate"]
    assert (winner["group_id"], winner["representative_condition_id"], winner["seed_count"]) == (
        "topk",
        "topk_seed123",
        5,
    )
    assert winner["selection"]["joint_score"] == pytest.approx(joint, rel=1e-12)
    assert winner["metrics"]["saebench_delta_mean"] == pytest.approx(-0.04059280026569467, rel=1e-12)
    assert winner["metrics"]["saebench_delta_std"] == pytest.approx(0.004787919673827799, rel=1e-12)
    assert winner["metrics"]["saebench_delta_ci95_low"] == pytest.approx(-0.04478959689939781, rel=1e-12)
    assert winner["metrics"]["cebench_interp_delta_vs_baseline_mean"] == pytest.approx(-40.2248433790207, rel=1e-12)


def with_settings(**changes: Any) -> Policy:
    policy = read_policy(str(POLICY))
    assert isinstance(policy.selection, ModeSelection)
    assert isinstance(policy.selection.settings, HusaiSettings)
    return replace(policy, selection=replace(policy.selection, settings=replace(policy.selection.settings, **changes)))


def test_its_winner_changes_when_four_losers_are_removed() -> None:
    winners = [reproduced("SEL1", with_settings(min_seeds_per_group=n))["selected_candidate"] for n in (1, 2, 3, 4)]
    assert [winner["group_id"] for winner in winners] == ["topk", "topk", "topk", "relu"]


def test_its_groups_merge_five_runs_of_different_hyper_parameters() -> None:
    group = next(g for g in reproduced("SEL4")["ranked_candidates"] if g["group_id"] == "routed_topk")
    assert group["seed_count"] == 15
    assert {seed["seed"] for seed in group["seed_candidates"]} == {42, 123, 456}


def test_an_assignment_group_says_the_lambda_the_bound_and_the_drop_of_the_row_that_stands_for_it() -> None:
    """The 24 fields that the selection with two rows a group recorded beside those of SEL4: three for each group."""
    found = reproduced("SEL4", with_settings(min_seeds_per_group=2))
    groups = [group for group in found["ranked_candidates"] if group["group_id"].startswith("assignv3_")]
    assert len([path for path, _ in leaves({key: found[key] for key in SECTIONS}) if "/assignment/" in path]) == 24
    for group in groups:
        record = content(RUNS["SEL4"][1][names_of("SEL4").index(group["source_results"])])["records"][
            group["row_index"]
        ]
        assert group["assignment"] == {
            "lambda_consistency": record["lambda_consistency"],
            "internal_lcb": record["trained_pwmcc"]["ci95_low"] - record["random_pwmcc"]["ci95_high"],
            "ev_drop": record["selection_metrics"]["ev_drop"],
        }
    others = [group for group in found["ranked_candidates"] if group not in groups]
    assert others
    assert not any("assignment" in group for group in others)


def test_no_policy_but_a_legacy_one_may_use_it() -> None:
    for policy in (
        replace(with_settings(), legacy=False),
        replace(with_settings(), selection=None),
        read_policy(str(ROOT / "policies" / "release.yaml")),
    ):
        with pytest.raises(GatekitError, match="only a policy with legacy: true") as caught:
            select_as_husai(policy, inputs("SEL1"))
        assert caught.value.error_id == "legacy.policy"


def test_a_file_of_another_kind_is_refused() -> None:
    with pytest.raises(GatekitError) as caught:
        select_as_husai(read_policy(str(POLICY)), [ResultFile("x.json", {"records": [{"id": 1}]})])
    assert caught.value.error_id == "legacy.records"


def test_the_command_reports_itself_as_legacy_and_writes_no_candidate(tmp_path: Path) -> None:
    files = [str(DATA / file) for file in RUNS["SEL1"][1]]
    done = gatekit("select", *files, "--policy", str(POLICY), "--out", "out", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "LEGACY: reproduces another system's choice" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("selection: LEGACY topk (exit 0): 44 candidates, 32 eligible")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["legacy_selection.json"]
    document = json.loads((tmp_path / "out" / "legacy_selection.json").read_text())
    assert document["legacy"] is True
    refused = gatekit("check", "--policy", str(POLICY), "--candidate", "out/legacy_selection.json", cwd=tmp_path)
    assert refused.returncode == 4
    assert "candidate.not_a_candidate" in refused.stdout


# What the strict selection says.

STRICT = """\
schema: gatekit.policy/1
id: strict
defaults: {min_seeds: 1, allow_reported: true}
gates:
  measured: {from: saebench, measure: auc_delta, at_least: -0.9, bound: point}
selection:
  eligibility: [measured]
  scores:
    - {from: saebench, measure: auc_delta, worst: -0.2, best: 0.1, use: point}
"""


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the strict policy and three HUSAI runs, imported as reported numbers: two later, one earlier."""
    folder = tmp_path_factory.mktemp("husai")
    (folder / "strict.yaml").write_text(STRICT)
    files = [str(DATA / file) for file in (FRONTIER, SCALING)]
    assert gatekit("import", "husai", *files, "--out", "imported", cwd=folder).returncode == 0
    assert gatekit("import", "husai", str(DATA / FIRST_RUN), "--out", "earlier", cwd=folder).returncode == 0
    return folder


def strictly(folder: Path, *evidence: str) -> tuple[int, str]:
    done = gatekit("select", *evidence, "--policy", "strict.yaml", cwd=folder, env={"COLUMNS": "140"})
    return done.returncode, " ".join(done.stdout.split())


def only(folder: Path, *words: str) -> list[str]:
    return sorted(
        str(path.relative_to(folder))
        for path in (folder / "imported").iterdir()
        if path.name.startswith("saebench-") and any(word in path.name for word in words)
    )


def test_strict_selection_refuses_eight_datasets_beside_sixteen_and_names_both_files(imported: Path) -> None:
    eight, sixteen = only(imported, "-topk_seed42"), only(imported, "tok10000_layer0_dsae1024_seed42")
    assert strictly(imported, *eight)[0] == 0
    assert strictly(imported, *sixteen)[0] == 0
    code, told = strictly(imported, *eight, *sixteen)
    assert code == 4
    assert "[candidates.two_protocols]" in told
    assert eight[0] in told.replace(" ", "")
    assert sixteen[0] in told.replace(" ", "")
    assert "8 datasets there, 16 here" in told or "16 datasets there, 8 here" in told


DUPLICATES = {
    "0340244b": ("topk_seed42", -0.132836, -0.041808),
    "fe206d2a": ("relu_seed42", -0.034640, -0.017258),
    "2a2ee3c2": ("batchtopk_seed42", -0.062978, -0.045596),
    "7d8c81a2": ("jumprelu_seed42", -0.048844, -0.031461),
    "0418ea95": ("tok10000_layer0_dsae1024_seed42", -0.049038, -0.065093),
}
"""Checkpoint -> its name, and two SAEBench deltas recorded for it on the same datasets."""


@pytest.mark.parametrize("checkpoint", DUPLICATES)
def test_a_checkpoint_with_two_recorded_values_is_refused(imported: Path, checkpoint: str) -> None:
    name, first, second = DUPLICATES[checkpoint]
    (later,) = only(imported, f"-{name}")
    document = json.loads((imported / later).read_text())
    assert document["subject"]["checkpoints"][0]["sha256"].startswith(checkpoint)
    assert document["measurements"]["auc_delta"]["reported"]["estimate"] == pytest.approx(second, abs=1e-6)
    if name.startswith("tok"):
        # The file of the earlier run is not among our data; its recorded number stands in for it.
        earlier = copy.deepcopy(document)
        earlier["measurements"] = {"auc_delta": earlier["measurements"]["auc_delta"]}
        earlier["measurements"]["auc_delta"]["reported"]["estimate"] = first
        (imported / "rerun.json").write_text(json.dumps(earlier))
        other = "rerun.json"
    else:
        (path,) = (imported / "earlier").glob(f"saebench-*-{name}-*.json")
        other = str(path.relative_to(imported))
        stated = json.loads(path.read_text())["measurements"]["auc_delta"]["reported"]["estimate"]
        assert stated == pytest.approx(first, abs=1e-6)
    code, told = strictly(imported, later, other)
    assert code == 4
    assert "[summary.contradiction]" in told
