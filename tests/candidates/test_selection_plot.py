"""What the Pareto plot shows of many candidates."""

from __future__ import annotations

import pytest
from candidates import pools

plot = pytest.importorskip("gatekit.report.selection.plot")


def test_of_many_candidates_the_first_are_drawn_and_the_plot_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {f"topk-{place}": {"auc": 0.85 + place / 100, "r2": 0.9 - place / 50} for place in range(5)}
    text = pools.POLICY + "  pareto: [{from: random_model, measure: r2}, {from: saebench, measure: auc_delta}]\n"
    selected = pools.choose(pools.evidence(**values), text)
    drawn = {}

    def kept(figure, form, _):
        drawn[form] = ([label.get_text() for label in figure.axes[0].texts], figure.get_suptitle())
        return b""

    monkeypatch.setattr(plot, "_saved", kept)
    monkeypatch.setattr(plot, "DRAWN", 3)
    plot.draw(selected)
    assert drawn["svg"] == (
        ["1", "2", "3"],
        "The first 3 candidates of policy choose: estimates, with a line to the compared bound",
    )
    monkeypatch.setattr(plot, "DRAWN", 5)
    plot.draw(selected)
    assert drawn["svg"] == (list("12345"), "Candidates of policy choose: estimates, with a line to the compared bound")
