"""False passes through the installed command: families and choices, simulated end to end."""

from __future__ import annotations

from pathlib import Path

import builders
import numpy as np
import pytest
from acceptance.console_script import gatekit

POLICY = """schema: gatekit.policy/1
id: families
gates:
  g: {from: saebench, measure: auc, at_least: 0.8}
"""
FAMILIES = {f"family_{i}": [] for i in range(6)}
LEVELS = 24


def document(generator: np.random.Generator, named: bool, selection: builders.Json | None = None) -> builders.Json:
    shared = generator.normal(scale=0.03, size=6)[np.arange(LEVELS) % 6]
    cells = 0.8 + shared + generator.normal(scale=0.005, size=(5, LEVELS)) + generator.normal(scale=0.002, size=(5, 1))
    names = builders.datasets_for(5 * LEVELS)
    families = {family: [names[j] for j in range(i, LEVELS, 6)] for i, family in enumerate(FAMILIES)}
    changes: builders.Json = {"families": {"datasets": families}} if named else {}
    if selection is not None:
        changes["selection"] = selection
    return builders.summary("saebench", {"auc": [float(v) for v in cells.ravel()]}, protocol_changes=changes)


def passes(folder: Path, made: builders.Json) -> bool:
    builders.write(folder / "evidence", {"a.json": made})
    (folder / "policies").mkdir(exist_ok=True)
    (folder / "policies" / "p.yaml").write_text(POLICY)
    return gatekit("check", "--now", builders.NOW, cwd=folder).returncode == 0


@pytest.mark.slow
def test_a_subject_at_its_threshold_passes_no_more_often_than_promised_where_families_are_named(tmp_path: Path) -> None:
    generator = np.random.default_rng(11)
    found = {named: sum(passes(tmp_path, document(generator, named)) for _ in range(60)) for named in (True, False)}
    # At 5 % more than 8 of 60 come by chance in under 1 %; counted as independent, over a fifth pass.
    assert found[True] <= 8
    assert found[False] > found[True]


def test_families_and_choices_are_judged_by_the_installed_command(tmp_path: Path) -> None:
    made = document(np.random.default_rng(2), True, {"candidates": 20, "seeds": [10, 11]})
    builders.write(tmp_path / "evidence", {"a.json": made})
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "p.yaml").write_text(POLICY.replace("0.8", "0.5"))
    gatekit("check", "--now", builders.NOW, "--output", "json=verdict.json", cwd=tmp_path)
    shown = (tmp_path / "verdict.json").read_text()
    assert "24 datasets in 6 families" in shown
    assert "best of 20 candidates" in shown
    assert "bounded at 0.9975" in shown
