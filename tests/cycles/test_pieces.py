"""Tasks in pieces: made once, in batches, by any number of slots, and never needed for the evidence."""

from __future__ import annotations

from pathlib import Path

import pytest
from cycles.branched import FEWER, FILES
from cycles.workplace import cycle, evidence, records, workplace


def test_two_slots_give_the_evidence_of_one_and_shared_pieces_are_made_once(tmp_path: Path) -> None:
    plan = FEWER.replace("RULE", "{policy: policies/stop.yaml}")
    one = workplace(tmp_path / "one", plan, {"pieces": 2}, **FILES)
    two = workplace(tmp_path / "two", plan, {"pieces": 2}, **FILES)
    assert cycle(one, "run", "small", "--cache", "cache").returncode == 0
    assert cycle(two, "run", "small", "--cache", "cache", "--slots", "2", "--pieces").returncode == 0
    assert evidence(one) == evidence(two)
    made = (two / "cache/made.log").read_text().split()
    assert len(made) == len(set(made)) == 6
    assert any(record["event"] == "piece_ended" for record in records(two))


def test_a_process_is_given_several_pieces_where_there_are_many_more_than_slots(tmp_path: Path) -> None:
    folder = workplace(tmp_path, config={"pieces": 40})
    assert cycle(folder, "run", "small", "--cache", "cache", "--slots", "2", "--pieces").returncode == 0
    made = (folder / "cache/made.log").read_text().split()
    assert len(made) == len(set(made)) == 40
    sizes = [int(line) for line in (folder / "cache/processes.log").read_text().split()]
    assert sum(sizes) == 40
    assert max(sizes) == 5
    noted = [key for one in records(folder) if one["event"] == "piece_ended" for key in one["pieces"]]
    assert sorted(noted) == sorted(made)


def test_the_pieces_of_a_batch_that_failed_are_made_one_by_one(tmp_path: Path) -> None:
    folder = workplace(tmp_path, config={"pieces": 16, "fail_piece": 1})
    assert cycle(folder, "run", "small", "--cache", "cache", "--slots", "1", "--pieces").returncode == 0
    failed = [one["pieces"] for one in records(folder) if one["event"] == "piece_ended" and one["code"] != 0]
    # The batch, and then the piece alone: at first and after its two retries.
    assert [len(keys) for keys in failed] == [4, 1, 1, 1]
    assert len({keys[0] for keys in failed[1:]}) == 1


UNSOUND = {
    "a path": '{"key": "../../../beside/it", "after": []',
    "a name that no file can have": '{"key": "x" * 300, "after": []',
    "no text": '{"key": [1], "after": 3',
    "what nobody makes": '{"key": key, "after": ["nowhere"]',
    "itself": '{"key": key, "after": [key]',
}


@pytest.mark.parametrize("unit", UNSOUND.values(), ids=UNSOUND)
def test_a_task_whose_pieces_cannot_be_made_ahead_is_run_whole(tmp_path: Path, unit: str) -> None:
    folder = workplace(tmp_path / "in" / "it", config={"pieces": 2})
    runner = folder / "lab/fakelab.py"
    text = runner.read_text()
    runner.write_text(text.replace('{"key": key, "after": []', unit))
    assert runner.read_text() != text
    done = cycle(folder, "run", "small", "--cache", "cache", "--pieces")
    assert done.returncode == 0, done.stderr
    assert not any(one["event"] == "piece_ended" for one in records(folder))
    assert len((folder / "cache/made.log").read_text().split()) == 2
    assert [path.name for path in tmp_path.rglob("*beside*")] == []
