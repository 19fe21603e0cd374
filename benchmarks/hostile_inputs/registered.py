"""Registrations, and the plans of cycles with what their runs leave behind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import builders
from registration.announcements import DIGEST

from gatekit.cli.register import MOST_SEEDS
from gatekit.cycles import branches, estimates, graph, lease, ledger, left_by_tasks, pieces, reading, records
from gatekit.evidence.folder_limits import PLAN_FILES, REGISTRATION_FILES
from gatekit.registration.reading import LIMITS
from hostile_inputs.cases import SUMMARY, case, check, padded, write


def registration(seeds: str, name: str = "r", digest: str = DIGEST) -> str:
    """A registration over a list of seeds."""
    kind = f"measurements: [{{kind: random_model, config_without_seeds: {digest}}}]"
    return f"schema: gatekit.registration/1\nid: {name}\nclaim: c\n{kind}\nseeds: [{seeds}]\n"


def registered(folder: Path, files: Mapping[str, str]) -> list[str]:
    """Check one summary beside registrations."""
    for name, text in files.items():
        write(folder, f"registrations/{name}.yaml", text)
    return check(folder, SUMMARY)


def seeds(count: int, first: int = 0) -> str:
    """So many seeds, as a list has them."""
    return ",".join(str(seed) for seed in range(first, first + count))


@case("registrations: as many bytes as one may have")
def _(folder: Path) -> list[str]:
    return registered(folder, {"r": padded(registration(seeds(40_000)), LIMITS.size)})


@case("registrations: as many nodes as one may have")
def _(folder: Path) -> list[str]:
    return registered(folder, {"r": registration(seeds(LIMITS.nodes - 20))})


@case("registrations: as many as there may be, of one measurement")
def _(folder: Path) -> list[str]:
    return registered(folder, {f"r{i}": registration(seeds(300, i), f"r{i}") for i in range(REGISTRATION_FILES.files)})


@case("registrations: as many bytes as all may have, of other measurements")
def _(folder: Path) -> list[str]:
    each = REGISTRATION_FILES.size // REGISTRATION_FILES.files
    several = {}
    for i in range(REGISTRATION_FILES.files):
        text = registration(seeds(400), f"r{i}", f"{i:064x}")
        several[f"r{i}"] = padded(text, each)
    return registered(folder, several)


@case("register: as many seeds as it takes")
def _(folder: Path) -> list[str]:
    write(folder, "a.json", json.dumps(SUMMARY))
    return ["register", "--claim", "c", "--like", "a.json", "--seeds", f"0-{MOST_SEEDS - 1}", "--out", "-"]


# Cycles

HEAD = "schema: gatekit.cycle/1\nid: c\ndescription: x\nseeds: {pilot: [0, 1], full: [0, 1, 2]}\n"


def plan(folder: Path, text: str) -> None:
    """Write a plan and what it names."""
    write(folder, "cycles/c.yaml", text)
    write(folder, "config.json", "{}")


def stages(count: int, after: bool = False) -> str:
    """So many stages, each behind the one before it where asked for."""
    parts = ["stages:\n"]
    for i in range(count):
        waits = f", after: [s{i - 1}]" if after and i else ""
        parts.append(f"  s{i}: {{run: random_model, config: config.json{waits}}}\n")
    return "".join(parts)


LINT = ["cycle", "lint", "c", "--no-configs"]
PLANNED = ["cycle", "plan", "c"]


@case("cycle: as many bytes as a plan may have", codes=(0, 2, 3, 4, 64))
def _(folder: Path) -> list[str]:
    plan(folder, padded(HEAD + stages(100), reading.LIMITS.size))
    return LINT


@case("cycle: as many nodes as a plan may have", codes=(0, 2, 3, 4, 64))
def _(folder: Path) -> list[str]:
    plan(folder, HEAD + stages((reading.LIMITS.nodes - 20) // 6))
    return PLANNED


@case("cycle: as many stages as a plan may have, one behind the other", codes=(0, 2, 3, 4, 64))
def _(folder: Path) -> list[str]:
    plan(folder, HEAD + stages(reading.MOST_STAGES, after=True))
    return PLANNED


@case("cycle: as many branches as `vary` may make", codes=(0, 2, 3, 4, 64))
def _(folder: Path) -> list[str]:
    values = ", ".join(map(str, range(branches.MOST_BRANCHES)))
    stage = (
        f"stages:\n  s: {{run: random_model, config: config.json, phases: [pilot, full], vary: {{k: [{values}]}}}}\n"
    )
    plan(folder, HEAD + stage)
    return PLANNED


def wide(count: int, behind: int = 0) -> str:
    """So many stages of the most branches; the last ones wait for the first."""
    values = ", ".join(map(str, range(branches.MOST_BRANCHES)))
    stage = f"{{run: random_model, config: config.json, phases: [full], vary: {{k: [{values}]}}%s}}\n"
    parts = [f"  s{i}: {stage % (', after: [s0]' if i > count - behind - 1 else '')}" for i in range(count)]
    return "stages:\n" + "".join(parts)


@case("cycle: 48 stages of 1,000 branches", codes=(0, 2, 3, 4, 64))
def _(folder: Path) -> list[str]:
    plan(folder, HEAD + wide(48))
    return PLANNED


@case("cycle: as many tasks as there may be, of several runners", codes=(0, 2, 3, 4, 64))
def _(folder: Path) -> list[str]:
    runners = "[random_model, ood, transcoder, saebench]"
    count = graph.MOST_TASKS // branches.MOST_BRANCHES // 4
    plan(folder, HEAD + wide(count).replace("run: random_model", f"run: {runners}"))
    return PLANNED


@case("cycle: as many waits as there may be", codes=(0, 2, 3, 4, 64))
def _(folder: Path) -> list[str]:
    behind = graph.MOST_WAITS // branches.MOST_BRANCHES**2
    plan(folder, HEAD + wide(behind + 1, behind))
    return PLANNED


@case("cycles: as many plans as are looked up, and as large")
def _(folder: Path) -> list[str]:
    each = PLAN_FILES.size // PLAN_FILES.files
    for i in range(PLAN_FILES.files):
        text = HEAD.replace("id: c", f"id: c{i}\nclaim: c") + stages(90)
        write(folder, f"cycles/c{i}.yaml", padded(text, each))
    check(folder, SUMMARY)
    return ["check", "--policy", "policies", "--now", builders.NOW, "evidence"]


@case("cycle: 60 other plans, each as large as one may be", codes=(0, 2, 3, 4, 64))
def _(folder: Path) -> list[str]:
    plan(folder, HEAD + stages(2))
    for i in range(60):
        text = HEAD.replace("id: c", f"id: c{i}") + stages((reading.LIMITS.nodes - 20) // 6)
        write(folder, f"cycles/c{i}.yaml", text)
    return LINT


def record(index: int, size: int = 0) -> bytes:
    """One record of a task that ended."""
    name = f"full/s{index}/all/random_model"
    facts = {
        "config": "config.json",
        "device_seconds": 1.0,
        "event": "ended",
        "ok": True,
        "outputs": {},
        "seconds": 1,
        "task": name,
    }
    return filled({**facts, "time": "2026-03-01T12:00:00.000Z"}, size)


def filled(facts: dict[str, object], size: int) -> bytes:
    """A record of so many bytes with its newline, or of as few as it takes."""
    return ledger.line_of({**facts, "x": "x" * max(0, size - len(ledger.line_of({**facts, "x": ""})))})


@case("ledger: as many records as there may be", codes=(0, 2, 3, 4, 64))
def _(folder: Path) -> list[str]:
    plan(folder, HEAD + stages(2))
    each = ledger.LARGEST // ledger.MOST_RECORDS
    line = filled({"event": "a", "time": "2026-03-01T12:00:00.000Z"}, each)
    write(folder, "runs/c/ledger.jsonl", line * ledger.MOST_RECORDS)
    return ["cycle", "status", "c"]


@case("ledger: as many bytes as there may be, in records of tasks", codes=(0, 2, 3, 4, 64))
def _(folder: Path) -> list[str]:
    plan(folder, HEAD + stages(2))
    write(folder, "runs/c/ledger.jsonl", record(0, 250) * (ledger.LARGEST // len(record(0, 250))))
    return PLANNED


@case("ledger: records of as many values as one may have", codes=(0, 2, 3, 4, 64))
def _(folder: Path) -> list[str]:
    plan(folder, HEAD + stages(2))
    values: list[object] = [{}] * (ledger.LONGEST_RECORD.values - 5)
    line = ledger.line_of({"event": "a", "time": "2026-03-01T12:00:00.000Z", "x": values})
    write(folder, "runs/c/ledger.jsonl", line * (ledger.MOST_VALUES // ledger.LONGEST_RECORD.values // 2))
    return ["cycle", "status", "c"]


@case("ledgers: 30 of other cycles, as large as all may be", codes=(0, 2, 3, 4, 64))
def _(folder: Path) -> list[str]:
    plan(folder, HEAD + stages(2))
    data = record(0, 250) * (estimates.LARGEST_TOGETHER // 30 // len(record(0, 250)))
    for i in range(30):
        write(folder, f"runs/c{i}/ledger.jsonl", data)
    return PLANNED


LEASE = "from pathlib import Path; from gatekit.cycles.lease import holder; holder(Path('.'))"


@case("lease: as many bytes as one may have", codes=(0,), program=LEASE)
def _(folder: Path) -> list[str]:
    write(folder, lease.NAME, ("[" + "[]," * 2000)[: lease.LIMITS.size])
    return []


READ_VERDICT = (
    "from pathlib import Path; from gatekit.cycles.records import _rows, _verdict;"
    "print(len(list(_rows(_verdict(Path('verdict.json'))))))"
)
"""The record of a cycle is written at its end, by the driver."""


@case("verdict of a cycle: as many values as there may be", codes=(0,), program=READ_VERDICT)
def _(folder: Path) -> list[str]:
    count = records.VERDICT_LIMITS.values - 20
    write(folder, "verdict.json", '{"policies": [], "x": [' + "0," * count + "0]}")
    return []


@case("verdict of a cycle: as many bytes as there may be", codes=(0,), program=READ_VERDICT)
def _(folder: Path) -> list[str]:
    one = {"type": "threshold", "effect": "e", "asks": "a", "outcome": "pass", "reason": "r" * 100, "measured": None}
    gate = json.dumps({"name": "g", "result": {**one, "evidence": None}})
    count = (records.VERDICT_LIMITS.size - 100) // (len(gate) + 1)
    write(folder, "verdict.json", '{"policies": [{"gates": [' + ",".join([gate] * count) + "]}]}")
    return []


LISTED = "from pathlib import Path; from gatekit.cycles.pieces import _units; print(len(_units(Path('log'))))"


@case("pieces: a runner printed as many bytes as are read", codes=(0,), program=LISTED)
def _(folder: Path) -> list[str]:
    unit = '{"key": "%s", "after": ["b"]},'
    count = pieces.LARGEST_LISTING // 100
    text = '{"units": [' + "".join(unit % f"{i:064d}" for i in range(count)) + '{"key": "a"}]}\n'
    write(folder, "log", text[-pieces.LARGEST_LISTING :])
    return []


@case("pieces: as many starts as are tried, each to its end", codes=(0,), program=LISTED)
def _(folder: Path) -> list[str]:
    each = pieces.LARGEST_LISTING // pieces.MOST_STARTS - 20
    write(folder, "log", ('{"a": [' + "0," * (each // 2) + "\n") * pieces.MOST_STARTS)
    return []


GIVEN = (
    "from pathlib import Path; from gatekit.cycles.left_by_tasks import given_saes; print(len(given_saes(Path('.'))))"
)


@case("saes.yaml: as many bytes as a task may leave", codes=(0,), program=GIVEN)
def _(folder: Path) -> list[str]:
    write(folder, "out/saes.yaml", ("a: 1\n" * left_by_tasks.LARGEST_LIST)[: left_by_tasks.LARGEST_LIST])
    return []
