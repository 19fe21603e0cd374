"""The page of a running cycle, as a browser shows it and as a screen reader is told of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest
from policy_page.browser import Tab
from policy_page.conftest import browser, tab  # noqa: F401 (fixtures)

from gatekit.cycles.monitor_page import as_html
from gatekit.cycles.progress import ORDER, CycleProgress
from gatekit.cycles.state import State

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LONG = "weights=0.05+k=16+" + "x" * 60
STAGES: list[tuple[str, dict[State, int]]] = [
    ("incumbent", {"done": 2}),
    ("frontier", {"done": 3, "running": 1, "waiting": 1, "stopped": 1}),
    ("objective", {"done": 4, "waiting": 2, "failed": 1, "not_run": 1}),
]
COUNTS = sum((Counter(found) for _, found in STAGES), Counter[State]())
RUNNING = CycleProgress(
    cycle="cycle-4",
    description="Is <there> a candidate that agrees more?",
    standing="running",
    at=AT,
    begun=AT - timedelta(hours=31),
    rested=None,
    counts={word: COUNTS[word] for word in ORDER},
    stages=STAGES,
    tasks_an_hour=0.42,
    seconds_left=17.4 * 3600,
    device_hours=46.2,
    device_hours_budget=120.0,
    halted=None,
    holder="process 12 on gpu-07",
    code=None,
    running=[("full/frontier/matryoshka/candidates", 4021.0)],
    failed=[(f"full/objective/{LONG}/consistency", "it ended with exit code 4")],
    stopped=[("frontier/hierarchical", "policies/stop.yaml: external: -0.04, asked for at least 0")],
    judged=[
        {
            "decision": f"decide/objective/{LONG}",
            "rule": "policy",
            "policy": "policies/stop/a-rule-with-a-long-name.yaml",
            "gates": [{"name": "external", "outcome": "fail", "why": "shown to be worse by 0.04"}],
        },
        {
            "decision": "decide/objective",
            "rule": "keep_best",
            "policy": "policies/rank.yaml",
            "candidates": [
                {"branch": "a", "rank": 1, "on_front": True, "standing": "not_eligible", "reasons": []},
            ],
        },
    ],
    steps={},
)


def shown(where: Path, progress: CycleProgress, refresh: int | None = None) -> str:
    path = where / "monitor.html"
    path.write_text(as_html(progress, refresh), encoding="utf-8")
    return path.as_uri()


def elements(page: str) -> ElementTree.Element:
    return ElementTree.fromstring(page.removeprefix("<!DOCTYPE html>\n"))


def test_the_page_is_well_formed_has_no_script_and_names_a_text_that_does_not_begin_anew() -> None:
    page = as_html(RUNNING, 10)
    root = elements(page)
    assert not list(root.iter("script"))
    assert "style=" not in page
    assert [link.get("href") for link in root.iter("a")] == ["monitor.md"]
    assert "reads itself again every 10 seconds" in page
    assert root.findtext("head/title") == "cycle-4: running, 12 of 16 tasks"
    ended = as_html(replace(RUNNING, standing="finished", code=2, steps={"check": 2}), None)
    assert elements(ended).findtext("body/footer/p/time") == "2026-03-02 12:00:00 UTC"
    footer = "".join(next(elements(ended).iter("footer")).itertext())
    assert " UTC. The same as a text: monitor.md. " in footer
    assert "seconds" not in footer
    assert [link.get("href") for link in elements(ended).iter("a")] == ["monitor.md", "verdict.html"]


@pytest.mark.parametrize(
    ("standing", "code", "kind"),
    [
        ("running", None, "standing"),
        ("halted", None, "standing inconclusive"),
        ("left behind", None, "standing inconclusive"),
        ("finished", 0, "standing pass"),
        ("finished", 2, "standing fail"),
        ("finished", 3, "standing inconclusive"),
        ("finished", 4, "standing fail"),
        ("finished", 70, "standing fail"),
    ],
)
def test_the_standing_has_the_colour_of_its_exit_code_and_says_it(standing: str, code: int | None, kind: str) -> None:
    root = elements(as_html(replace(RUNNING, standing=standing, code=code, halted="a budget is spent"), None))
    (said,) = (one for one in root.iter("p") if one.get("class", "").startswith("standing"))
    assert said.get("class") == kind
    word = "left behind by a driver" if standing == "left behind" else standing
    assert (said.findtext("strong") or "").startswith(word)
    assert code is None or str(code) in (said.findtext("strong") or "")


def test_parts_of_every_bar_are_the_shares_of_its_counts() -> None:
    bars = [one for one in elements(as_html(RUNNING, 10)).iter("svg") if one.get("class") == "bar"]
    assert len(bars) == 1 + len(STAGES)
    for bar, found in zip(bars, [COUNTS, *(found for _, found in STAGES)], strict=True):
        total = sum(found.values())
        widths = {part.get("class"): float(part.get("width", "")) for part in bar}
        assert widths == pytest.approx({word: 100 * found[word] / total for word in ORDER if found.get(word)}, abs=1e-3)


@pytest.mark.parametrize("width", [320, 390, 800, 1200])
@pytest.mark.parametrize("dark", [False, True])
def test_nothing_sticks_out_at_any_width_and_nothing_is_asked_for(
    tab: Tab,  # noqa: F811
    tmp_path: Path,
    width: int,
    dark: bool,
) -> None:
    address = shown(tmp_path, RUNNING)
    tab.look(width, 900, dark)
    tab.open(address)
    assert tab.run("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    outside = (
        "[...document.querySelectorAll('td, th, li, dd, p')].filter(e => e.scrollWidth > e.clientWidth + 1).length"
    )
    assert tab.run(outside) == 0
    assert set(tab.asked) == {address}


def test_a_screen_reader_is_told_the_counts_of_every_bar_and_the_names_of_all_parts(
    tab: Tab,  # noqa: F811
    tmp_path: Path,
) -> None:
    tab.open(shown(tmp_path, RUNNING))
    told = tab.accessible()
    names = {role: [one["name"] for one in told if one["role"] == role] for role in {one["role"] for one in told}}
    bars = names.get("image", []) + names.get("img", [])
    assert "objective: 4 done, 2 waiting, 1 failed, 1 not run" in bars
    assert len(bars) == len(STAGES)
    assert names["heading"][0] == "cycle-4"
    assert names["region"] == ["Stages", "Running", "Stopped", "Failed, or not run for that", "Gates so far"]
    assert names["table"] == ["tasks by stage", "what stop rules found"]
    assert "main" in names
    assert [one.split()[0] for one in names["rowheader"][: len(STAGES)]] == [name for name, _ in STAGES]


def test_the_link_can_be_reached_and_is_seen_to_be_by_a_keyboard(tab: Tab, tmp_path: Path) -> None:  # noqa: F811
    tab.open(shown(tmp_path, RUNNING))
    tab.press("Tab")
    assert tab.run("document.activeElement.getAttribute('href')") == "monitor.md"
    assert tab.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_a_page_that_runs_is_read_again_and_one_that_ended_is_not() -> None:
    assert '<meta http-equiv="refresh" content="10"/>' in as_html(RUNNING, 10)
    assert 'http-equiv="refresh"' not in as_html(RUNNING, None)
