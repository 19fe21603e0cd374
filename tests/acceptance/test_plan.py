"""`gatekit plan` as a process; counts and powers against scipy's noncentral t."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import builders
import numpy as np
import pytest
from acceptance.console_script import gatekit, random_model
from scipy import stats


def power(n: int, effect: float, sd: float, confidence: float = 0.95) -> float:
    return float(stats.nct.sf(stats.t.ppf(confidence, n - 1), n - 1, effect / sd * math.sqrt(n)))


def fewest(effect: float, sd: float, confidence: float = 0.95, wanted: float = 0.8) -> int:
    return next(n for n in range(2, 10_000) if power(n, effect, sd, confidence) >= wanted)


def plan(*arguments: str, cwd: Path) -> str:
    done = gatekit("plan", *arguments, cwd=cwd)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_answer_and_the_table_are_those_of_the_noncentral_t(tmp_path: Path) -> None:
    text = plan("--effect", "0.05", "--sd", "0.06", cwd=tmp_path)
    assert text.startswith(f"{fewest(0.05, 0.06)} seeds:")
    table = {int(n): float(p) for n, p in re.findall(r"^ +(\d+) +(\d\.\d\d)", text, re.MULTILINE)}
    assert {3, 5, 8, 10, 15, 20, fewest(0.05, 0.06)} <= set(table)
    assert table == {n: pytest.approx(power(n, 0.05, 0.06), abs=0.006) for n in table}


def test_a_choice_among_candidates_is_paid_for_with_seeds(tmp_path: Path) -> None:
    text = plan("--effect", "0.05", "--sd", "0.06", "--candidates", "10", cwd=tmp_path)
    assert text.startswith(f"{fewest(0.05, 0.06, confidence=0.995)} seeds:")


def test_confidence_and_power_are_those_asked_for(tmp_path: Path) -> None:
    text = plan("--effect", "1", "--sd", "1", "--confidence", "0.99", "--power", "0.9", cwd=tmp_path)
    assert text.startswith(f"{fewest(1.0, 1.0, 0.99, 0.9)} seeds:")


def test_datasets_that_differ_too_much_are_named_as_the_obstacle(tmp_path: Path) -> None:
    spread = ["--sd", "0.03", "--sd-dataset", "0.1", "--datasets", "5"]
    text = plan("--effect", "0.05", "--design", "per_seed_dataset", *spread, cwd=tmp_path)
    assert text.startswith("no number of seeds")
    assert "5 datasets differ by 0.1" in text


def test_a_pair_design_counts_seeds_and_not_pairs(tmp_path: Path) -> None:
    text = plan("--effect", "0.05", "--sd", "0.03", "--design", "per_seed_pair", cwd=tmp_path)
    # Without pair noise the mean over pairs is twice the mean of the seed effects.
    assert text.startswith(f"{fewest(0.05, 0.06)} seeds:")


def test_the_spread_can_be_taken_from_a_pilot(tmp_path: Path) -> None:
    values = [0.52, 0.42, 0.60, 0.46, 0.58]
    builders.write(tmp_path, {"pilot.json": builders.summary("random_model", {"r2": values})})
    text = plan("--from", "pilot.json", "--measure", "r2", "--threshold", "0.5", cwd=tmp_path)
    assert text.startswith(f"{fewest(float(np.mean(values)) - 0.5, float(np.std(values, ddof=1)))} seeds:")
    text = plan("--from", "pilot.json", "--measure", "r2", "--effect", "0.1", cwd=tmp_path)
    assert text.startswith(f"{fewest(0.1, float(np.std(values, ddof=1)))} seeds:")


def test_a_pilot_of_a_measure_that_should_be_low_is_read_the_right_way_round(tmp_path: Path) -> None:
    builders.write(
        tmp_path,
        {"pilot.json": builders.summary("random_model", {"dead_fraction": [0.1, 0.14, 0.09]}, seeds=(0, 1, 2))},
    )
    text = plan("--from", "pilot.json", "--measure", "dead_fraction", "--threshold", "0.2", cwd=tmp_path)
    assert " seeds: an effect of 0.09 passes" in text
    assert "uncertain by a factor of two" in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("", "--effect and --sd"),
        ("--effect 0 --sd 1", "effect must be a positive number"),
        ("--effect -1 --sd 1", "effect must be a positive number"),
        ("--effect nan --sd 1", "effect must be a positive number"),
        ("--effect inf --sd 1", "effect must be a positive number"),
        ("--effect x --sd 1", "x"),
        ("--effect 1 --sd -1", "sd must be a number >= 0"),
        ("--effect 1 --sd nan", "sd must be a number >= 0"),
        ("--effect 1 --sd 1 --confidence 95", "confidence"),
        ("--effect 1 --sd 1 --power 1", "power must be between 0 and 1"),
        ("--effect 1 --sd 1 --candidates 0", "candidates"),
        ("--effect 1 --sd 1 --sd-pair 1", "--sd-pair is not used by --design per_seed"),
        ("--effect 1 --sd 1 --design per_seed_dataset", "needs --datasets"),
        ("--effect 1 --sd 1 --design per_seed_dataset --datasets 1", "at least two datasets"),
        ("--effect 1 --sd 1 --threshold 0", "--threshold is used only with --from"),
        ("--from pilot.json --measure r2", "--threshold or --effect"),
        ("--from pilot.json --measure r2 --threshold 0.9", "does not meet the threshold 0.9"),
        ("--from pilot.json --measure rr2 --threshold 0.1", "did you mean 'r2'?"),
        ("--from pilot.json --measure r2 --threshold 0.1 --sd 1", "--sd would contradict it"),
        ("--from missing.json --measure r2 --threshold 0.1", "no evidence at 'missing.json'"),
        ("--from . --measure r2 --threshold 0.1", "holds 2"),
        ("--from one.json --measure r2 --threshold 0.1", "has no spread"),
        ("--from equal.json --measure r2 --threshold 0.1", "r2 in equal.json shows no spread over 5 seeds"),
    ],
)
def test_a_plan_that_cannot_be_made_exits_64_and_says_why(tmp_path: Path, arguments: str, said: str) -> None:
    pilot = random_model()
    one = builders.summary("random_model", {"r2": [0.8]}, seeds=(0,))
    builders.write(tmp_path, {"pilot.json": pilot, "one.json": one})
    if "equal.json" in arguments:
        builders.write(tmp_path, {"equal.json": builders.summary("random_model", {"r2": [0.8] * 5})})
    done = gatekit("plan", *arguments.split(), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (64, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_pilot_that_is_refused_exits_4(tmp_path: Path) -> None:
    (tmp_path / "pilot.json").write_text(json.dumps(random_model())[:-5])
    done = gatekit("plan", "--from", "pilot.json", "--measure", "r2", "--threshold", "0.5", cwd=tmp_path)
    assert done.returncode == 4
    assert "pilot.json" in done.stderr
