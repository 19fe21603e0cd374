"""What people see of a cycle: the page while it runs, and the record at its end."""

from __future__ import annotations

import os
import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

from cycles.branched import FEWER, branched
from cycles.workplace import GATE, cycle, first_worker, start, workplace

from gatekit.cycles.graph import graph_of
from gatekit.cycles.ledger import Ledger
from gatekit.cycles.progress import progress_of
from gatekit.cycles.reading import read_cycle
from gatekit.cycles.state import state_of


def test_the_page_refreshes_itself_until_the_end_and_loads_nothing(tmp_path: Path) -> None:
    folder = branched(tmp_path, "{policy: policies/stop.yaml}", FEWER)
    assert cycle(folder, "run", "small").returncode == 0
    page = (folder / "runs/small/monitor.html").read_text()
    ElementTree.fromstring(page.removeprefix("<!DOCTYPE html>\n"))
    assert "refresh" not in page
    assert "<script" not in page
    assert "new/bad" in page
    running = workplace(tmp_path / "running", config={"sleep": 30})
    driver = start(running, "run", "small")
    first_worker(driver.pid)
    shown = running / "runs/small/monitor.html"
    deadline = time.monotonic() + 20
    while not shown.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert '<meta http-equiv="refresh" content="10"/>' in shown.read_text()
    os.kill(driver.pid, signal.SIGTERM)
    driver.communicate()


def test_the_record_holds_the_verdicts_numbers_bound_to_their_evidence(tmp_path: Path) -> None:
    folder = branched(tmp_path, "{policy: policies/stop.yaml}", FEWER)
    plan = folder / "cycles/small.yaml"
    plan.write_text(plan.read_text().replace("delta: 0.1}\n", "delta: 0.1}\n    record: the *old* choice\n"))
    assert cycle(folder, "report", "small").returncode == 64
    assert cycle(folder, "run", "small").returncode == 0
    assert cycle(folder, "report", "small").returncode == 0
    brief = (folder / "runs/small/ADVISOR_BRIEF.md").read_text()
    assert "Verdict: pass. Every gate of the final policy passed." in brief
    assert "among all that `new` compared; its bounds pay for every one of them." in brief
    assert "its evidence is exploratory: nobody announced it before it was measured." in brief
    assert "`new/bad`" in brief
    assert "## What was measured and not judged\n\n* `old`: the `*old*` choice\n" in brief
    assert "`random_model.pw_mcc_above_control >= 0`: <!-- gatekit:value" in brief
    summary = (folder / "runs/small/EXECUTIVE_SUMMARY.md").read_text()
    assert "5 of 6 runs were done; 1 stopped by a rule of the plan." in summary
    marker = "random_model.json pw_mcc_above_control estimate +.4f -->+0.2000<!-- /gatekit:value -->"
    assert marker in summary
    assert (
        "| `new` | `bad` | full | `fakelab` | stopped | - | 0 |"
        in (folder / "runs/small/EXPERIMENT_LOG.md").read_text()
    )


def test_the_record_of_a_blocked_cycle_says_what_is_shown_and_what_only_misses(tmp_path: Path) -> None:
    gate = GATE.replace("above: {from: random_model, measure: pw_mcc_above_control, at_least: 0.0}", "GATES")
    told = {
        "far": "at_least: 0.9}",  # every seed is far below it
        "near": "at_least: 0.201}",  # the estimate is 0.2, and the bounds are around it
        "open": "at_least: 0.199}",
    }
    gates = "".join(
        f"  {name}: {{from: random_model, measure: pw_mcc_above_control, {rule}\n" for name, rule in told.items()
    )
    folder = workplace(tmp_path, config={"delta": 0.2})
    (folder / "policies/gate.yaml").write_text(gate.replace("  GATES\n", gates))
    assert cycle(folder, "run", "small").returncode == 2
    assert cycle(folder, "report", "small").returncode == 0
    brief = (folder / "runs/small/ADVISOR_BRIEF.md").read_text()
    assert "Verdict: blocked. At least one gate of the final policy fails. No claim may be upgraded." in brief
    said = {line.split("`")[1]: line for line in brief.splitlines() if line.startswith("* `")}
    assert "the opposite is shown" in said["far"]
    assert "the bounds leave open whether it holds" in said["near"]
    assert "the estimate meets the threshold, but the bound does not" in said["open"]


def test_the_rate_of_a_cycle_that_has_ended_is_the_one_of_its_run_whenever_one_looks(tmp_path: Path) -> None:
    folder = workplace(tmp_path)
    assert cycle(folder, "run", "small").returncode == 0
    plan = read_cycle(str(folder / "cycles/small.yaml"))
    graph = graph_of(plan)
    state = state_of(graph, Ledger(folder / "runs/small/ledger.jsonl").read(), plan.retries)
    soon, late = (progress_of(plan, graph, state, None, datetime(year, 1, 1, tzinfo=UTC)) for year in (2030, 2040))
    assert soon.tasks_an_hour == late.tasks_an_hour
    assert soon.tasks_an_hour is not None
    assert soon.rested is not None
