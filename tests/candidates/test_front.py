"""The Pareto front of a pilot, from a policy's file and places of evidence."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import builders
import pytest
from candidates import pools

from gatekit.candidates import ParetoFront, pareto_front
from gatekit.errors import GatekitError
from gatekit.evidence.times import parse_time

NOW = parse_time(builders.NOW)
BEST = {"auc": 0.90, "r2": 0.80}


def front(folder: Path, min_seeds: int | None = None, **candidates: Mapping[str, Any]) -> ParetoFront:
    """The front of candidates that each have a folder of their own."""
    for name, given in candidates.items():
        builders.write(folder / name, pools.summaries(name, **given))
    (folder / "p.yaml").write_text(pools.POLICY)
    return pareto_front(str(folder / "p.yaml"), [str(folder / name) for name in candidates], NOW, min_seeds)


def test_new_candidates_that_are_worse_on_every_axis_are_all_dominated(tmp_path: Path) -> None:
    found = front(tmp_path, best=BEST, a={"auc": 0.88, "r2": 0.78}, b={"auc": 0.89, "r2": 0.70})
    assert found.all_dominated([str(tmp_path / "a"), str(tmp_path / "b")]) is True
    (best,) = [candidate for candidate in found.candidates if candidate.on_front]
    assert "best" in best.paths[0]
    assert all(candidate.dominated_by for candidate in found.candidates if candidate is not best)


def test_one_that_is_better_on_one_axis_is_enough(tmp_path: Path) -> None:
    found = front(tmp_path, best=BEST, a={"auc": 0.88, "r2": 0.78}, b={"auc": 0.92, "r2": 0.70})
    assert found.all_dominated([str(tmp_path / "a"), str(tmp_path / "b")]) is False
    assert found.all_dominated([str(tmp_path / "a")]) is True


def test_one_that_cannot_be_ranked_leaves_it_open_unless_another_is_on_the_front(tmp_path: Path) -> None:
    found = front(tmp_path, best=BEST, a={"auc": 0.88, "r2": 0.78}, b={"l0": 300.0}, c={"auc": 0.94})
    assert found.all_dominated([str(tmp_path / "a"), str(tmp_path / "b")]) is None
    assert found.all_dominated([str(tmp_path / "b"), str(tmp_path / "c")]) is False
    (unranked,) = [candidate for candidate in found.candidates if candidate.on_front is None]
    assert "gate health fails" in unranked.reasons[0]


def test_where_no_candidate_lies_nothing_is_said(tmp_path: Path) -> None:
    found = front(tmp_path, best=BEST)
    assert found.all_dominated([str(tmp_path / "other")]) is None
    assert found.all_dominated([str(tmp_path / "be")]) is None


def test_a_pilot_of_three_seeds_is_ranked_where_three_are_said_to_be_enough(tmp_path: Path) -> None:
    pilot = {"auc": 0.85, "r2": 0.7, "seeds": (0, 1, 2)}
    assert front(tmp_path / "5", best=BEST, a=pilot).all_dominated([str(tmp_path / "5" / "a")]) is None
    assert front(tmp_path / "3", min_seeds=3, best=BEST, a=pilot).all_dominated([str(tmp_path / "3" / "a")]) is True


def test_a_policy_without_a_selection_and_evidence_that_is_refused_are_errors(tmp_path: Path) -> None:
    front(tmp_path, best=BEST)
    (tmp_path / "best" / "best-saebench.json").write_text("{")
    with pytest.raises(GatekitError, match=r"best-saebench\.json"):
        pareto_front(str(tmp_path / "p.yaml"), [str(tmp_path / "best")], NOW)
    (tmp_path / "p.yaml").write_text(pools.POLICY[: pools.POLICY.index("selection:")])
    with pytest.raises(GatekitError, match="no Pareto front"):
        pareto_front(str(tmp_path / "p.yaml"), [], NOW)
