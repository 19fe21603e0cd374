"""Limits of what tools leave for one another: at each it is read, and one beyond is refused or passed over."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cycles.workplace import CYCLE
from github.rest_server import State, serving
from saebench_results import absorption

from gatekit.cache import wholeness
from gatekit.cycles import estimates, graph, ledger, left_by_tasks, reading, records
from gatekit.cycles.graph import graph_of
from gatekit.cycles.reading import parse_cycle
from gatekit.cycles.state import state_of
from gatekit.dossier import folder as dossier
from gatekit.errors import GatekitError
from gatekit.evidence import committed, left_behind
from gatekit.evidence.adapters.fields import root
from gatekit.evidence.adapters.saebench import recorded_sae
from gatekit.evidence.folder_limits import FolderLimits
from gatekit.evidence.strict_json import JsonLimits, parse_json
from gatekit.github import api


def error_of(call: Any) -> str | None:
    try:
        call()
    except GatekitError as error:
        assert error.location is not None
        return error.error_id
    return None


def metadata_of(length: int) -> Any:
    result = copy.deepcopy(absorption(0))
    text = "{'model_name': 'gemma-2-2b', 'note': ''}"
    text = text.replace("''", f"'{'x' * (length - len(text))}'")
    assert len(text) == length
    result["sae_cfg_dict"]["metadata"] = f"SAEMetadata({text})"
    return recorded_sae.recorded_sae(
        root(parse_json(json.dumps(result).encode(), "r.json", JsonLimits(string=1 << 20)))
    )


def test_the_text_of_saelens_metadata_has_so_many_characters_and_no_more() -> None:
    assert metadata_of(recorded_sae.LONGEST).model == "gemma-2-2b"
    assert error_of(lambda: metadata_of(recorded_sae.LONGEST + 1)) == "adapter.metadata_length"


def test_a_list_of_checksums_has_so_many_bytes_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "out"
    dossier.write_folder(
        target,
        {
            dossier.MANIFEST: json.dumps({"schema": dossier.SCHEMA}).encode(),
            dossier.SUMS: dossier.sums({dossier.MANIFEST: json.dumps({"schema": dossier.SCHEMA}).encode()}),
        },
    )
    size = (target / dossier.SUMS).stat().st_size
    monkeypatch.setattr(dossier, "LARGEST_SUMS", size)
    assert error_of(lambda: dossier.check_target(target)) is None
    monkeypatch.setattr(dossier, "LARGEST_SUMS", size - 1)
    assert error_of(lambda: dossier.check_target(target)) == "dossier.in_the_way"


def values_in(value: Any) -> int:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(values_in, inside))


def test_an_answer_has_so_many_values_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    state = State()
    for index in range(3):
        state.add(f"comment {index}")
    with serving(state) as server:
        monkeypatch.setattr(api, "ANSWER_LIMITS", JsonLimits())
        caller = api.Api(server.url, "x")
        [page] = list(caller.pages("/repos/octo/cat/issues/7/comments"))
        values = values_in(page)
        monkeypatch.setattr(api, "ANSWER_LIMITS", JsonLimits(values=values))
        assert list(caller.pages("/repos/octo/cat/issues/7/comments")) == [page]
        monkeypatch.setattr(api, "ANSWER_LIMITS", JsonLimits(values=values - 1))
        with pytest.raises(api.ApiError, match="gave no JSON"):
            list(caller.pages("/repos/octo/cat/issues/7/comments"))


def test_the_pages_of_a_list_have_so_many_bytes_together_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [b'[{"id": 1}]', b'[{"id": 2}]']

    def call(_self: Any, _method: str, _path: str, query: Any, _data: Any = None) -> Any:
        body = answers[int(query["page"]) - 1]
        return json.loads(body), {"Link": '<x>; rel="next"' if query["page"] == "1" else ""}, len(body)

    monkeypatch.setattr(api.Api, "_call", call)
    caller = api.Api("https://x", "x")
    monkeypatch.setattr(api, "LARGEST_LIST", 22)
    assert list(caller.pages("/x")) == [[{"id": 1}], [{"id": 2}]]
    monkeypatch.setattr(api, "LARGEST_LIST", 21)
    with pytest.raises(api.ApiError, match="more than 21 bytes on 2 pages"):
        list(caller.pages("/x"))


def test_the_list_of_saes_that_a_task_left_has_so_many_bytes_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "saes.yaml").write_text("a: 1\n")
    monkeypatch.setattr(left_by_tasks, "LARGEST_LIST", 5)
    assert left_by_tasks.given_saes(tmp_path) == ["a=1"]
    monkeypatch.setattr(left_by_tasks, "LARGEST_LIST", 4)
    assert error_of(lambda: left_by_tasks.given_saes(tmp_path)) == "saes.size"


VERDICT = b'{"policies": [0, 0]}'


@pytest.mark.parametrize(("at", "beyond"), [({"size": 20}, {"size": 19}), ({"values": 4}, {"values": 3})])
def test_the_verdict_that_a_record_is_written_from_has_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: dict[str, int], beyond: dict[str, int]
) -> None:
    path = tmp_path / "verdict.json"
    path.write_bytes(VERDICT)
    monkeypatch.setattr(records, "VERDICT_LIMITS", JsonLimits(**at))
    assert records._verdict(path) == {"policies": [0, 0]}
    monkeypatch.setattr(records, "VERDICT_LIMITS", JsonLimits(**beyond))
    assert error_of(lambda: records._verdict(path)) == "cycle.verdict"


@pytest.mark.parametrize(("at", "beyond"), [({"size": 12}, {"size": 11}), ({"values": 4}, {"values": 3})])
def test_the_description_of_an_entry_of_the_cache_has_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: dict[str, int], beyond: dict[str, int]
) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b'{"a": [0,0]}')
    monkeypatch.setattr(wholeness, "LIMITS", JsonLimits(**at))
    assert wholeness._description(path) == {"a": [0, 0]}
    monkeypatch.setattr(wholeness, "LIMITS", JsonLimits(**beyond))
    assert error_of(lambda: wholeness._description(path)) in ("cache.size", "json.too_many_values")


def test_a_header_of_safetensors_has_so_many_bytes_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    header, digest = b'{"__metadata__": {"gatekit": "{}"}}', wholeness.hashlib.sha256().hexdigest()
    path = tmp_path / "a.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    monkeypatch.setattr(wholeness, "LIMITS", JsonLimits(size=len(header)))
    assert wholeness._is_whole_safetensors(path, digest)
    monkeypatch.setattr(wholeness, "LIMITS", JsonLimits(size=len(header) - 1))
    with pytest.raises(ValueError, match="no header"):
        wholeness._is_whole_safetensors(path, digest)


def ended(seconds: float) -> bytes:
    name = "full/first/all/fakelab"
    record = {"event": "ended", "time": "t", "ok": True, "task": name, "config": "c", "seconds": seconds}
    return ledger.line_of(record)


def test_estimates_are_taken_from_the_newest_ledgers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for index, seconds in enumerate((1.0, 2.0, 6.0)):
        path = tmp_path / f"c{index}" / "ledger.jsonl"
        path.parent.mkdir()
        path.write_bytes(ended(seconds))
        os.utime(path, (index, index))
    size = len(ended(6.0))
    key = ("fakelab", "c", "full")
    for room, mean in ((3 * size, 3.0), (3 * size - 1, 4.0), (2 * size - 1, 6.0)):
        monkeypatch.setattr(estimates, "LARGEST_TOGETHER", room)
        assert estimates.durations(tmp_path) == {key: mean}
    monkeypatch.setattr(estimates, "LARGEST_TOGETHER", size - 1)
    assert estimates.durations(tmp_path) == {}
    monkeypatch.setattr(estimates, "LARGEST_TOGETHER", 3 * size)
    (tmp_path / "c1" / "ledger.jsonl").write_bytes(ended(2.0).replace(b"2.0", b"9.0"))  # damaged
    assert estimates.durations(tmp_path) == {key: 3.5}
    assert ledger.LARGEST <= 64 << 20


def test_a_file_that_is_compared_as_committed_has_so_many_bytes_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.txt", "a.py"):
        path = tmp_path / name
        path.write_bytes(b"12345")
        monkeypatch.setattr(committed, "LARGEST_TEXT", 5)
        assert committed.source_bytes(path) == b"12345"
        monkeypatch.setattr(committed, "LARGEST_TEXT", 4)
        with pytest.raises(OSError, match="more than 4 bytes"):
            committed.source_bytes(path)


def test_what_a_killed_writer_left_is_looked_for_among_so_many_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = tmp_path / f"x.{'0' * 16}"
    left.mkdir()
    for name in ("a", "b"):
        (left / name).touch()
    for path in (*left.iterdir(), left):
        os.utime(path, (0, 0))
    for most, remains in ((1, True), (2, False)):
        monkeypatch.setattr(left_behind, "_looked_in", set())
        monkeypatch.setattr(left_behind, "MOST_ENTRIES", most)
        left_behind.remove_left_behind(tmp_path, "x.")
        assert left.exists() is remains
    (tmp_path / f"x.{'1' * 16}").touch()
    os.utime(tmp_path / f"x.{'1' * 16}", (0, 0))
    for most, remains in ((0, True), (1, False)):
        monkeypatch.setattr(left_behind, "_looked_in", set())
        monkeypatch.setattr(left_behind, "MOST_ENTRIES", most)
        left_behind.remove_left_behind(tmp_path, "x.")
        assert bool(list(tmp_path.iterdir())) is remains


@pytest.mark.parametrize(
    "record",
    [
        {"event": "ended", "task": "full/s0/all/fakelab", "ok": True, "seconds": 1, "device_seconds": 1},
        {"event": "started", "task": "full/s0/all/fakelab", "time": "yesterday"},
        {"event": "interrupted", "task": "full/s0/all/fakelab", "device_seconds": "x"},
        {"event": "finished", "code": 1e400},
        {"event": "halted", "task": []},
        {"event": "undone"},
    ],
)
def test_a_record_that_no_cycle_writes_is_refused_by_its_number(record: dict[str, Any]) -> None:
    made = graph_of(parse_cycle(plan(1), "c.yaml"))
    with pytest.raises(GatekitError) as caught:
        state_of(made, [{"event": "cycle_run", "time": "2026-03-01T12:00:00.000Z"}, {"time": "t", **record}], 0)
    assert (caught.value.error_id, int(caught.value.exit_code)) == ("ledger.record", 4)
    if record["event"] != "undone":
        assert f"record 2 ('{record['event']}')" in caught.value.message


def plan(stages: int, branches: int = 1, after: str = "") -> bytes:
    varied = f"vary: {{k: {list(range(branches))}}}" if branches > 1 else "phases: [full]"
    lines = [f"  s{i}: {{run: fakelab, config: config.json, {varied}{after if i else ''}}}\n" for i in range(stages)]
    return (CYCLE.partition("stages:")[0] + "stages:\n" + "".join(lines)).encode()


def test_a_plan_has_so_many_stages_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_STAGES", 3)
    assert len(parse_cycle(plan(3), "c.yaml").stages) == 3
    assert error_of(lambda: parse_cycle(plan(4), "c.yaml")) == "cycle.limit"


def test_a_plan_has_so_many_tasks_and_waits_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    cycle = parse_cycle(plan(2, 3, ", after: [s0]"), "c.yaml")
    tasks = len(graph_of(cycle).tasks)
    waits = sum(len(task.after) for task in graph_of(cycle).tasks.values())
    assert (tasks, waits) == (6, 9)
    monkeypatch.setattr(graph, "MOST_TASKS", 6)
    monkeypatch.setattr(graph, "MOST_WAITS", 9)
    assert len(graph_of(cycle).tasks) == 6
    monkeypatch.setattr(graph, "MOST_WAITS", 8)
    assert error_of(lambda: graph_of(cycle)) == "cycle.limit"
    monkeypatch.setattr(graph, "MOST_WAITS", 9)
    monkeypatch.setattr(graph, "MOST_TASKS", 5)
    assert error_of(lambda: graph_of(cycle)) == "cycle.limit"


def test_other_plans_are_looked_through_up_to_their_number_and_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gatekit.cycles import linting

    monkeypatch.chdir(tmp_path)
    (tmp_path / "cycles").mkdir()
    for name in ("a", "b"):
        (tmp_path / "cycles" / f"{name}.yaml").write_text(CYCLE.replace("id: small", f"id: {name}"))
    cycle: Any = SimpleNamespace(id="b", path="cycles/c.yaml", location=None)
    size = sum(path.stat().st_size for path in (tmp_path / "cycles").iterdir())
    for limits, expected in (
        ((2, size), "cycle.duplicate_id"),
        ((1, size), "cycle.too_many_files"),
        ((2, size - 1), "cycle.total_size"),
    ):
        monkeypatch.setattr(linting, "PLAN_FILES", FolderLimits("cycle", *limits))
        assert [error.error_id for error in linting._others(cycle)] == [expected]
