"""Which pictures evidence has, and whether its numbers stand in them."""

from __future__ import annotations

import re
from pathlib import Path
from statistics import fmean

import builders
import pytest

from gatekit.dossier.evidence_figures import CONCEPTS, POINTS, PROBES, along_training, evidence_figures, trade_off
from gatekit.evidence import find_summaries, read_summaries
from gatekit.evidence.summary import Summary
from tests.gates.judging import read

pytest.importorskip("matplotlib")

ROOT = Path(__file__).resolve().parents[2]
DELTAS = [0.01 * (place % 4) for place in range(15)]
SCORES = [0.6 + 0.01 * (place % 3) for place in range(15)]


def summaries(*kinds: str) -> list[Summary]:
    half = [0.5] * 15
    documents = {
        "saebench": builders.summary("saebench", {"auc_delta": ([0.5 + each for each in DELTAS], half)}),
        "cebench": builders.summary("cebench", {"interpretability_delta": (SCORES + SCORES[:5], [0.5] * 20)}),
        "stability": builders.summary(
            "stability",
            {name: [0.1 * place + 0.01 * each for each in range(10)] for place, (_, name) in enumerate(POINTS)},
        ),
    }
    found, errors = read({f"{kind}.json": documents[kind] for kind in kinds})
    assert errors == []
    return found


def names(of: list[Summary]) -> list[str]:
    return [figure.name for figure in evidence_figures(of)]


def test_a_picture_is_there_only_where_its_observations_are() -> None:
    assert names(summaries("saebench")) == []
    assert names(summaries("saebench", "cebench")) == ["trade-off"]
    assert names(summaries("stability")) == ["along-training"]
    assert names(summaries("saebench", "cebench", "stability")) == ["trade-off", "along-training"]


def test_a_subject_stands_at_its_estimates_on_both_benchmarks() -> None:
    axes = trade_off(summaries("saebench", "cebench"), PROBES, CONCEPTS).axes[0]
    (bars,) = axes.containers
    (x,), (y,) = bars.lines[0].get_data()
    assert x == pytest.approx(fmean(DELTAS))
    assert y == pytest.approx(fmean(SCORES + SCORES[:5]) - 0.5)
    across, up = bars.lines[2]
    assert across.get_segments()[0][0][0] < x < across.get_segments()[0][1][0]
    assert up.get_segments()[0][0][1] < y < up.get_segments()[0][1][1]


def test_agreement_stands_at_each_point_of_training() -> None:
    axes = along_training(summaries("stability")).axes[0]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["start", "1/8", "1/4", "1/2", "end"]
    (bars,) = axes.containers
    assert list(bars.lines[0].get_ydata()) == pytest.approx([0.1 * place + 0.045 for place in range(5)])


def test_the_page_of_results_shows_every_picture_of_the_committed_evidence_as_svg_and_has_its_png() -> None:
    folders = [str(ROOT / "evidence" / name) for name in ("minilm", "frontier", "scaling", "stability")]
    found, errors = read_summaries(find_summaries(folders))
    assert errors == []
    shown = re.findall(r"\(results/figures/([a-z-]+)\.svg\)", (ROOT / "docs" / "results.md").read_text())
    assert sorted(shown) == sorted(names(list(found))) == ["along-training", "frontier", "scaling", "trade-off"]
    for name in shown:
        for ending in ("svg", "png"):
            assert (ROOT / "docs" / "results" / "figures" / f"{name}.{ending}").stat().st_size > 1000


def test_one_cell_or_a_failed_run_is_no_picture() -> None:
    failed, errors = read({"a.json": builders.summary("stability", {}, status="failed", reason="out of memory")})
    assert (errors, names(failed)) == ([], [])
