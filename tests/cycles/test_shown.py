"""What people see of a cycle: the page while it runs, and the record at its end."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from xml.etree import ElementTree

from cycles.branched import FEWER, branched
from cycles.workplace import cycle, first_worker, start, workplace


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
    assert "Verdict: pass." in brief
    assert "`new/bad`" in brief
    assert "## What was measured and not judged\n\n* `old`: the &#42;old&#42; choice\n" in brief
    marker = "random_model.json pw_mcc_above_control estimate +.4f -->+0.2000<!-- /gatekit:value -->"
    assert marker in (folder / "runs/small/EXECUTIVE_SUMMARY.md").read_text()
    assert (
        "| `new` | `bad` | full | `fakelab` | stopped | - | 0 |"
        in (folder / "runs/small/EXPERIMENT_LOG.md").read_text()
    )
