"""Policies with every operator and combination, evidence for them, and what `gatekit check` says of an edited one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import builders

from gatekit.cli.judging_options import JudgingOptions, load_judging_inputs
from gatekit.errors import GatekitError
from gatekit.exit_codes import ExitCode
from gatekit.gates.judging_inputs import JudgingInputs
from gatekit.gates.verdict import WORDS
from gatekit.policy import parse_policy

EVERY_OPERATOR = """\
schema: gatekit.policy/1
id: operators
gates:
  lower: {from: random_model, measure: r2, at_least: 0.50}
  upper: {from: random_model, measure: l0, at_most: 64}
  both:
    from: random_model
    measure: dead_fraction
    between: [0.01, 0.2] # both ends in one line
  point: {from: random_model, measure: r2, at_least: 8e-1, bound: point}
  seeds_above: {from: random_model, measure: r2, every_seed: {at_least: 0.7}}
  seeds_below: {from: random_model, measure: dead_fraction, every_seed: {at_most: 0.1}}
  seeds_within: {from: random_model, measure: r2, every_seed: {between: [0.7, 0.9]}}
  higher_is_better: {from: random_model, measure: r2, not_worse_than: {base: 0.02}}
  lower_is_better:
    from: random_model
    measure: dead_fraction
    not_worse_than:
      base: 0.05
  one_is_enough:
    any_of:
      - {from: random_model, measure: r2, at_least: 0.95}
      - all_of: [{from: random_model, measure: l0, at_most: 40}, {from: ood, measure: auc_drop, at_most: 0.1}]
      - {from: ood, measure: relative_drop, at_most: 0.5}
  reported: {from: saebench, measure: auc, at_least: 0.7, bound: point, allow_reported: true, min_seeds: 1}
  ceiling: {from: cebench, measure: interpretability_delta, at_least: 0.0}
  no_spread: {from: stability, measure: r2, at_least: 0.5}
  not_measured: {from: transcoder, measure: sae_minus_transcoder, at_least: -0.02}
  warned: {from: random_model, measure: r2, at_least: 0.99, level: warn}
  waived: {from: random_model, measure: r2, at_least: 0.99}
waivers:
  - {gate: waived, owner: who, reason: why, expires: "2027-01-01"}
"""
STOP = """\
schema: gatekit.policy/1
id: stop
purpose: stop
gates:
  r2: {from: random_model, measure: r2, at_least: 0.8, min_seeds: 3, bound: optimistic}
  no_spread: {from: stability, measure: r2, at_least: 0.5, bound: optimistic}
"""
LEGACY = """\
schema: gatekit.policy/1
id: legacy
legacy: true
gates:
  fallback:
    first_of:
      - {from: transcoder, measure: sae_minus_transcoder, at_least: 0.0}
      - {from: ood, measure: auc_drop, at_most: 0.1}
      - {from: random_model, measure: r2, at_least: 0.5}
"""
POLICIES = {"operators.yaml": EVERY_OPERATOR, "stop.yaml": STOP, "legacy.yaml": LEGACY}


def evidence(r2: float = 0.83, width: float = 0.02) -> dict[str, Any]:
    """Summaries for all of them but the transcoder's."""
    found = builders.release_evidence()
    del found["transcoder.json"]
    found["random_model.json"] = builders.summary(
        "random_model",
        {
            "r2": builders.around(r2, width, 5),
            "l0": builders.around(34.0, 3.0, 5),
            "dead_fraction": builders.around(0.05, 0.02, 5),
        },
    )
    found["ood.json"] = builders.summary(
        "ood", {"auc_drop": builders.around(0.04, 0.02, 15), "relative_drop": builders.around(0.3, 0.1, 15)}
    )
    found["saebench.json"] = builders.summary("saebench", {"auc": builders.reported(0.71)})
    found["stability.json"] = builders.summary("stability", {"r2": [0.75] * 5})
    return found


def write_project(folder: Path, policies: Mapping[str, str] = POLICIES) -> None:
    """Write policies, evidence of two subjects, and a base to compare with."""
    (folder / "policies").mkdir(parents=True)
    for name, text in policies.items():
        (folder / "policies" / name).write_text(text, encoding="utf-8")
    builders.write(folder / "evidence" / "first", evidence())
    builders.write(folder / "base", {"random_model.json": evidence(0.82, 0.01)["random_model.json"]})


@dataclass(frozen=True)
class Said:
    """What is said of one policy."""

    policy: str
    """The verdict in one word."""
    gates: dict[str, str]
    """Outcome by gate; none where the policy is refused."""


def inputs(
    now: str | None = builders.NOW, base: tuple[str, ...] = ("base",), policies: tuple[str, ...] = ()
) -> JudgingInputs:
    """Read everything of the current folder."""
    return load_judging_inputs(JudgingOptions(policies, (), None, base, None, None, now))[0]


def checked(given: JudgingInputs, path: str, text: str) -> Said:
    """What `gatekit check` says of a policy file with this text, on the evidence that was read."""
    try:
        policy = parse_policy(text.encode("utf-8"), path)
    except GatekitError as error:
        return Said(WORDS[ExitCode(error.exit_code)], {})
    result = replace(given, policies=[policy], errors=()).verdict().policies[0]
    if result.code is ExitCode.REFUSED:
        return Said("refused", {})
    return Said(WORDS[result.code], {gate.name: gate.outcome.value for gate in result.gates})
