"""What the next command finds: summaries that changed, a plan that changed, a ledger that was torn or damaged."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from cycles.branched import BRANCHED, FEWER, branched
from cycles.workplace import CYCLE, cycle, evidence, first_worker, records, start, workplace

from gatekit.cycles.graph import graph_of
from gatekit.cycles.ledger import Ledger
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


def test_a_cycle_is_not_shown_by_another_plan_than_the_one_that_was_begun(tmp_path: Path) -> None:
    folder = workplace(tmp_path)
    assert cycle(folder, "run", "small").returncode == 0
    renamed = CYCLE.replace("  first:", "  second:")
    for plan in (renamed, CYCLE.replace("3, 4]", "3, 5]")):
        (folder / "cycles/small.yaml").write_text(plan)
        for command in (("status",), ("plan",), ("report",), ("run", "--dry-run")):
            done = cycle(folder, *command, "small")
            assert done.returncode == 4
            assert "the plan of 'small' is not the one that was begun in runs/small" in done.stderr
    assert not (folder / "runs/small/EXPERIMENT_LOG.md").exists()
    # What a policy says today changes nothing of what was run.
    (folder / "cycles/small.yaml").write_text(CYCLE)
    gate = folder / "policies/gate.yaml"
    gate.write_text(gate.read_text().replace("at_least: 0.5", "at_least: 0.1"))
    assert "2: 2 done" in cycle(folder, "status", "small").stdout


def test_a_cycle_whose_plan_is_edited_or_taken_away_as_it_runs_is_run_as_it_was_begun(tmp_path: Path) -> None:
    folder = workplace(tmp_path, config={"until": "go"})
    driver = start(folder, "run", "small")
    first_worker(driver.pid)
    (folder / "cycles/small.yaml").write_text(CYCLE.replace("  first:", "  second:"))
    (folder / "go").touch()
    output, _ = driver.communicate(timeout=120)
    assert driver.returncode == 0, output
    assert list(evidence(folder)) == [f"{phase}/first/all/fakelab/random_model.json" for phase in ("full", "pilot")]
    assert cycle(folder, "run", "small").returncode == 4


def test_a_torn_record_is_passed_over_and_swallows_nothing(tmp_path: Path) -> None:
    folder = workplace(tmp_path)
    assert cycle(folder, "run", "small").returncode == 0
    ledger = folder / "runs/small/ledger.jsonl"
    ledger.write_bytes(ledger.read_bytes()[:-30] + b'{"event": "st')
    done = cycle(folder, "run", "small")
    assert done.returncode == 0
    assert Ledger(ledger).read()[-1]["event"] == "finished"


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


def test_no_byte_of_a_ledger_changes_what_a_record_says_unnoticed(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.write("cycle_run", cycle="small", plan="ab", meaning="cd")
    ledger.write("decided", decision="decide/new", stopped={"bad": "above: 0.1 >= 0.5"}, judged=[])
    ledger.write("ended", task="full/new/good/fakelab", ok=True, code=0, device_seconds=1.5, outputs={"a": "01"})
    whole, told = ledger.path.read_bytes(), ledger.read()
    assert len(told) == 3
    torn = [told[:number] + told[number + 1 :] for number in range(3)]
    # A quote or a brace of the digest itself, or the newline, may be lost as in a death in the middle of a write.
    ends = [at for at, byte in enumerate(whole) if byte == ord("\n")]
    digests = {at - back for at in ends for back in range(len(', "sum": "0123456789abcdef"}') + 1)}
    for place in range(len(whole)):
        for flipped in (0x01, 0x20, 0x80):
            ledger.path.write_bytes(whole[:place] + bytes([whole[place] ^ flipped]) + whole[place + 1 :])
            try:
                assert ledger.read() in torn
                assert place in digests
            except GatekitError as error:
                assert error.error_id == "ledger.damaged"
                assert error.exit_code == 4


def test_a_record_that_was_changed_is_named_with_its_line_and_nothing_goes_on(tmp_path: Path) -> None:
    folder = branched(tmp_path, "{policy: policies/stop.yaml}", FEWER)
    assert cycle(folder, "run", "small").returncode == 0
    path = folder / "runs/small/ledger.jsonl"
    whole = path.read_text()
    path.write_text(whole.replace('"stopped": {"bad":', '"stopped": {"bat":'))
    line = next(number for number, one in enumerate(path.read_text().splitlines(), 1) if '"bat"' in one)
    for command in ("run", "status", "plan", "report"):
        done = cycle(folder, command, "small")
        assert done.returncode == 4
        assert f"runs/small/ledger.jsonl:{line}:1: this record is not as it was written" in done.stderr
    # Without it the decision is taken again, and nothing is measured twice.
    path.write_text("".join(one for one in whole.splitlines(keepends=True) if '"stopped"' not in one))
    assert cycle(folder, "run", "small").returncode == 0
    started = [one["task"] for one in records(folder) if one["event"] == "started"]
    assert len(started) == len(set(started))
    assert [set(one["stopped"]) for one in records(folder) if one.get("stopped")] == [{"bad"}]


def test_a_ledger_without_its_beginning_is_not_gone_on_with(tmp_path: Path) -> None:
    folder = workplace(tmp_path)
    assert cycle(folder, "run", "small").returncode == 0
    path = folder / "runs/small/ledger.jsonl"
    path.write_bytes(path.read_bytes().partition(b"\n")[2])
    done = cycle(folder, "run", "small")
    assert done.returncode == 4
    assert "the ledger does not begin with the plan that was run, but with 'started'" in done.stderr
