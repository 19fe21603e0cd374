"""`gatekit plan` plans looks, and all rules of a policy together."""

from __future__ import annotations

from pathlib import Path

import pytest
from acceptance.console_script import gatekit
from registration.histories import NOW, evidence, write
from scipy.stats import nct, t

POLICIES = Path(__file__).parents[2] / "policies"
GATES = """\
schema: gatekit.policy/1
id: small
registered: required
gates:
  a: {from: random_model, measure: r2, at_least: 0.79}
  b: {from: random_model, measure: r2, at_least: 0.9}
"""


def test_looks_are_planned_with_their_levels_and_the_seeds_that_they_take(tmp_path: Path) -> None:
    done = gatekit("plan", "--effect", "1", "--sd", "1", "--looks", "5,10,15", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "passes with probability 0.97" in done.stdout and "after 11.3 seeds on average" in done.stdout
    assert "    0.999313            0.02" in done.stdout


def test_eleven_rules_at_power_0_8_each_pass_together_in_9_percent(tmp_path: Path) -> None:
    release = str(POLICIES / "release.yaml")
    done = gatekit("plan", "--effect", "1", "--sd", "1", "--policy", release, cwd=tmp_path)
    assert "11 rules at power 0.8 each pass together with probability 0.086" in done.stdout, done.stderr
    joint = [float(nct.sf(t.ppf(0.95, n - 1), n - 1, n**0.5)) ** 11 for n in (15, 16)]
    assert joint[0] < 0.8 <= joint[1]
    assert f"16 seeds give all of them {joint[1]:.2f} together" in done.stdout


def test_a_policy_is_planned_from_a_pilot_and_names_the_rules_that_no_seeds_can_help(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(GATES)
    write(tmp_path, {"a.json": evidence(range(5), [0.80, 0.81, 0.82, 0.79, 0.80])})
    done = gatekit("plan", "--policy", "policy.yaml", "--evidence", "evidence", "--now", NOW, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "random_model.r2 >= 0.9: the estimate, 0.8040, is on the wrong side of the threshold" in done.stdout
    assert "1 rules at power 0.8" in done.stdout and "seeds give all of them" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--looks", "5,x", "--effect", "1", "--sd", "1"), "no list of numbers"),
        (("--looks", "10,5", "--effect", "1", "--sd", "1"), "increasing"),
        (("--spending", "equal", "--effect", "1", "--sd", "1"), "only with --looks"),
        (("--evidence", "e"), "only with --policy"),
        (("--policy", "p.yaml", "--evidence", "e", "--effect", "1"), "leave --effect"),
        (("--looks", "5,10", "--effect", "1", "--sd", "1", "--design", "per_seed_pair"), "per_seed only"),
    ],
)
def test_what_cannot_be_planned_is_a_wrong_command_line(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    done = gatekit("plan", *arguments, cwd=tmp_path)
    assert (done.returncode, said in done.stderr) == (64, True), done.stderr
