"""What the next command finds: summaries that changed, a plan that changed, a ledger that was torn or damaged."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from cycles.branched import BRANCHED
from cycles.workplace import CYCLE, cycle, evidence, workplace

from gatekit.cycles.graph import graph_of
from gatekit.cycles.reading import parse_cycle
from gatekit.cycles.state import state_of
from gatekit.errors import GatekitError


def test_a_summary_that_changed_or_is_gone_is_measured_again(tmp_path: Path) -> None:
    folder = workplace(tmp_path)
    assert cycle(folder, "run", "small").returncode == 0
    before = evidence(folder)
    (folder / "runs/small/evidence/full/first/all/fakelab/random_model.json").write_text("{}")
    shutil.rmtree(folder / "runs/small/evidence/pilot")
    done = cycle(folder, "run", "small")
    assert done.returncode == 0, done.stderr
    assert evidence(folder) == before


def test_a_plan_that_changed_since_it_was_begun_is_refused(tmp_path: Path) -> None:
    folder = workplace(tmp_path)
    assert cycle(folder, "run", "small").returncode == 0
    words = CYCLE.replace("Two stages by", "# a comment\ndescription: 'Stages by").replace("nothing", "nothing'")
    words = words.replace("description: # a comment\n", "# a comment\n")
    (folder / "cycles/small.yaml").write_text(words)
    assert cycle(folder, "run", "small").returncode == 0  # other words, the same measurements
    (folder / "cycles/small.yaml").write_text(CYCLE.replace("3, 4]", "3, 5]"))
    done = cycle(folder, "run", "small")
    assert done.returncode == 4
    assert "the plan of 'small', or a file that it names, has changed since it was begun in runs/small" in done.stderr
    (folder / "cycles/small.yaml").write_text(words)
    gate = folder / "policies/gate.yaml"
    gate.write_text(gate.read_text().replace("at_least: 0.5", "at_least: 0.1"))
    assert cycle(folder, "run", "small").returncode == 4


def test_a_torn_record_is_passed_over_and_swallows_nothing(tmp_path: Path) -> None:
    folder = workplace(tmp_path)
    assert cycle(folder, "run", "small").returncode == 0
    ledger = folder / "runs/small/ledger.jsonl"
    ledger.write_bytes(ledger.read_bytes()[:-30] + b'{"event": "st')
    done = cycle(folder, "run", "small")
    assert done.returncode == 0
    assert whole_records(ledger)[-1]["event"] == "finished"


@pytest.mark.parametrize("lost", ['"name": ', '"outcome": ', '"policy": ', '"standing": '])
def test_a_damaged_record_of_a_decision_is_one_line_and_not_a_page_that_breaks(lost: str) -> None:
    plan = parse_cycle(BRANCHED.replace("RULE", "{policy: policies/stop.yaml}").encode(), "cycles/small.yaml")
    found = {
        **{"rule": "policy", "policy": "a.yaml", "gates": [{"name": "a", "outcome": "pass", "why": ""}]},
        "candidates": [{"branch": "bad", "rank": 1, "on_front": True, "standing": "ranked", "reasons": []}],
    }
    record = {"event": "decided", "time": "2026-03-02T00:00:00.000Z", "decision": "decide/new/bad", "stopped": {}}
    text = json.dumps({**record, "judged": [found]})
    assert state_of(graph_of(plan), [json.loads(text)], 2).decided
    with pytest.raises(GatekitError, match=r"record 1 \('decided'\) is none that a cycle writes") as refused:
        state_of(graph_of(plan), [json.loads(text.replace(lost, lost.replace('"', '"x', 1)))], 2)
    assert refused.value.error_id == "ledger.record"


def whole_records(path: Path) -> list[dict[str, object]]:
    found = []
    for line in path.read_text().splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found
