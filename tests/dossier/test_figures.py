"""The pictures that need matplotlib: the same bytes every time, and the numbers of the evidence in them."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from functools import partial
from pathlib import Path

import builders
import pytest

from gatekit.evidence.summary import Measurement
from tests.gates.judging import read
from tests.report.report_verdicts import VERDICTS, hostile, threshold

pytest.importorskip("matplotlib")

from gatekit.dossier import figures
from gatekit.report.forest_plot import rows

RULE = threshold("saebench", "auc_delta", (0.0, None), 0.01)
PNG = b"\x89PNG\r\n\x1a\n"
# Per seed: agnews, imdb, newsgroups.
DELTAS = [0.1, 0.2, -0.1, 0.3, 0.4, -0.3, 0.2, 0.0, -0.2, 0.1, 0.1, -0.1, 0.3, 0.3, -0.3]


def measured(name: str = "imdb") -> Measurement:
    """Deltas of three datasets, of which one may have a name that the schema would refuse."""
    document = builders.summary("saebench", {"auc_delta": ([d + 0.5 for d in DELTAS], [0.5] * 15)})
    summaries, errors = read({"a.json": document})
    assert errors == []
    whole = summaries[0].measurements["auc_delta"]
    keys = tuple((seed, name if dataset == "imdb" else dataset) for seed, dataset in whole.keys)
    return replace(whole, keys=keys)


def test_each_dataset_has_its_mean_over_the_seeds_best_first() -> None:
    axes = figures.per_dataset(RULE, measured()).axes[0]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["agnews", "imdb", "newsgroups"]
    means = next(line for line in axes.get_lines() if line.get_marker() == "o")
    # (0.1 + 0.3 + 0.2 + 0.1 + 0.3) / 5 and so on.
    assert list(means.get_xdata()) == pytest.approx([0.2, 0.2, -0.2])
    (seeds,) = [line for line in axes.get_lines() if line.get_marker() == "."]
    drawn = zip(seeds.get_ydata(), seeds.get_xdata(), strict=True)
    assert [x for place, x in drawn if place == 2] == pytest.approx([-0.1, -0.3, -0.2, -0.1, -0.3])
    (limit,) = [line for line in axes.get_lines() if line.get_linestyle() == "--"]
    assert list(limit.get_xdata()) == [0.0, 0.0]


def test_the_same_numbers_give_the_same_bytes_whatever_matplotlibrc_lies_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = partial(figures.per_dataset, RULE, measured())
    first = figures.png(draw), figures.svg(draw), figures.png(partial(figures.forest, VERDICTS["blocked"].policies[0]))
    import matplotlib

    with matplotlib.rc_context({"axes.facecolor": "red", "font.size": 20, "svg.fonttype": "none", "savefig.dpi": 7}):
        again = (
            figures.png(draw),
            figures.svg(draw),
            figures.png(partial(figures.forest, VERDICTS["blocked"].policies[0])),
        )
    assert first == again
    assert first[0].startswith(PNG) and first[2].startswith(PNG)
    for text in (b"dc:date", b"tEXt", b"tIME"):
        assert text not in b"".join(first), "no date and no program"


HOSTILE = [
    "$x^$", "$\\frac{1}{2}$", "</text><script>alert(1)</script>", "a\u202eb", "\u4e2d\u6587", "--><x>", "%s{0}",
    "_hidden", "&amp;", "x" * 200, "\U0001f600",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_a_dataset_of_any_name_is_drawn_as_text(name: str) -> None:
    drawn = figures.svg(partial(figures.per_dataset, RULE, measured(name)))
    plain = figures.svg(partial(figures.per_dataset, RULE, measured()))
    tags = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(drawn).iter()}
    assert tags <= {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(plain).iter()}
    assert "script" not in tags


def test_a_forest_plot_of_hostile_names_is_drawn() -> None:
    for text in HOSTILE:
        assert figures.png(partial(figures.forest, hostile(text).policies[0])).startswith(PNG)


def test_what_the_font_lacks_is_shown_as_its_code() -> None:
    assert figures.label("größer \u4e2d \U0001f9ff \u202e") == "größer \\u4e2d \\U0001f9ff \\u202e"


def test_thousands_of_datasets_still_fit_into_a_picture() -> None:
    one = measured()
    keys = tuple((seed, f"d{i}") for seed in range(2) for i in range(1500))
    many = replace(one, keys=keys, candidate=(0.5,) * 3000, baseline=(0.4,) * 3000)
    axes = figures.per_dataset(RULE, many).axes[0]
    assert axes.get_ylabel() == "1500 datasets"
    assert axes.figure.get_size_inches()[1] * figures.DOTS_PER_INCH < 2**16


def test_a_forest_plot_of_thousands_of_thresholds_shows_the_first_and_says_how_many_more_there_are() -> None:
    policy = VERDICTS["blocked"].policies[0]
    many = replace(policy, gates=policy.gates * 1000)
    count = len(rows(many))
    axes = figures.forest(many).axes[0]
    assert axes.texts[-1].get_text() == f"and {count - figures.DRAWN_ROWS} more thresholds, in the SVG beside it"
    assert len(axes.texts) == 3 * figures.DRAWN_ROWS + 1
    assert axes.figure.get_size_inches()[1] * figures.DOTS_PER_INCH < 2**16
