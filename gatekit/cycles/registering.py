"""What a plan announces: what all its full tasks will record, by digest, as its `measurements` say it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from gatekit.cycles.graph import Graph, Task
from gatekit.cycles.plan import ONLY_BRANCH, Cycle
from gatekit.errors import GatekitError, UsageError
from gatekit.evidence.config_digest import (
    TEXTS,
    TRAINING_TOKENS,
    config_without_saes_sha256,
    config_without_seeds_sha256,
)
from gatekit.evidence.strict_yaml import Mapping as YamlMapping
from gatekit.evidence.strict_yaml import parse_yaml
from gatekit.registration.plans import MEASUREMENTS
from gatekit.registration.reading import LIMITS
from gatekit.registration.writing import Announced, measurement_lines
from gatekit.runner_command import configurations

WRITTEN = "# Written by `gatekit cycle register`: what the tasks will record. With it this plan is a registration."


@dataclass(frozen=True)
class _Recorded:
    """What one summary of a task will record."""

    cell: str
    kind: str
    config: Mapping[str, Any]


def announced(cycle: Cycle, graph: Graph) -> list[Announced]:
    """Return what the full tasks of a plan will record, each kind of one candidate once.

    Raises:
        UsageError: the plan names no claim, or a runner does not say what it would record.
        GatekitError: a configuration is refused.
    """
    if cycle.claim is None:
        raise UsageError(f"{cycle.path} names no claim that would be registered", "add `claim: ID`, of claims.yaml")
    found: dict[tuple[str, str, str | None], Announced] = {}
    for task in graph.tasks.values():
        if task.phase == "full":
            for one in recorded_by(task, graph):
                # Two tasks that measure the same are one measurement.
                found.setdefault((one.kind, one.config or "", one.saes_of), one)
    kinds = Counter(one.kind for one in found.values())
    # Where a kind is measured in one way only, it belongs to whoever is compared.
    measured = [
        one if kinds[one.kind] > 1 or one.saes_of is not None else replace(one, candidate=None)
        for one in found.values()
    ]
    if not measured:
        raise UsageError(f"{cycle.path} has no full task that could be announced")
    return measured


def with_measurements(data: bytes, name: str, measured: Sequence[Announced]) -> bytes:
    """Return the bytes of a plan with these `measurements`, at its end or in place of those that it has.

    Args:
        data: of the plan, which could be read.
        name: of its file.
        measured: what it announces.

    Raises:
        UsageError: they cannot be put there, as in a plan that is one flow mapping.
    """
    lines = data.decode("utf-8").splitlines()
    block = [WRITTEN, f"{MEASUREMENTS}:", *measurement_lines(measured)]
    root = parse_yaml(data, name, LIMITS).root
    assert isinstance(root, YamlMapping)
    places = {str(key.value): key.line for key, _ in root.items}
    if MEASUREMENTS in places:
        start = places[MEASUREMENTS] - 1
        later = [line - 1 for line in places.values() if line - 1 > start]
        end = min(later, default=len(lines))
        # What stands between two keys belongs to the one that follows.
        while end > start + 1 and later and lines[end - 1].lstrip()[:1] in ("", "#"):
            end -= 1
        start -= start > 0 and lines[start - 1] == WRITTEN
        lines[start:end] = block
    else:
        lines += block
    made = ("\n".join(lines) + "\n").encode("utf-8")
    if not _only_measurements_differ(data, made, name):
        raise UsageError(f"{name} cannot be added to", f"write `{MEASUREMENTS}` of --out - into it")
    return made


def _only_measurements_differ(before: bytes, after: bytes, name: str) -> bool:
    try:
        plans = [parse_yaml(data, name, LIMITS).plain() for data in (before, after)]
    except GatekitError:
        return False
    was, now = ({key: value for key, value in plan.items() if key != MEASUREMENTS} for plan in plans)
    return was == now and MEASUREMENTS in plans[1]


def recorded_by(task: Task, graph: Graph) -> Iterator[Announced]:
    """Yield what one task will record, a summary each.

    Args:
        task: of the graph.
        graph: in which the task that leaves its SAEs stands, where it trains none.

    Raises:
        UsageError: a runner does not say it.
        GatekitError: a configuration is refused.
    """
    if task.saes_of is None:
        for one in _recorded(task):
            digest = config_without_seeds_sha256(one.config)
            yield Announced(one.kind, digest, None, _candidate(task, one.cell), task.id)
        return
    for source in graph.tasks.values():
        if source.out != task.saes_of:
            continue
        for left in _recorded(source):
            source_digest = config_without_seeds_sha256(left.config)
            for one in _recorded(task, left.config):
                digest = config_without_saes_sha256(one.config)
                yield Announced(one.kind, digest, None, _candidate(source, left.cell), task.id, source_digest)


def kinds_of(task: Task, graph: Graph) -> frozenset[str] | None:
    """Return the kinds of the summaries that a task writes; None where its runner does not say."""
    try:
        return frozenset(one.kind for one in recorded_by(task, graph))
    except GatekitError:
        return None


def trains(task: Task) -> bool:
    """Whether a task is known to train the SAEs that it measures."""
    try:
        return task.saes_of is None and any(one.config.get("training") is not None for one in _recorded(task))
    except GatekitError:
        return False


_TOLD = ("threads", "subject", TEXTS)
"""With the SAEs and their seeds, what a `saes.yaml` says to the task that measures those SAEs."""


def _recorded(task: Task, left_by: Mapping[str, Any] | None = None) -> tuple[_Recorded, ...]:
    """Return what a task will record; `left_by` is the recorded configuration of what leaves its SAEs."""
    settings = tuple(f"{key}={value}" for key, value in task.settings)
    if left_by is None:
        return read_once(task.runner, task.config, settings)
    told = {key: left_by[key] for key in _TOLD if left_by.get(key) is not None}
    if isinstance(told.get(TEXTS), Mapping):
        told[TEXTS] = {**told[TEXTS], TRAINING_TOKENS: 0}  # nothing is trained of SAEs that are there
    said = tuple(f"{key}={json.dumps(value)}" for key, value in told.items())
    return read_once(task.runner, task.config, (*said, *settings), json.dumps(left_by))


@cache
def read_once(runner: str, config: str, settings: tuple[str, ...], left_by: str | None = None) -> tuple[_Recorded, ...]:
    """Return what a runner would record; lint asks the same several times, and the files stay while it runs."""
    left = None if left_by is None else json.loads(left_by)
    return tuple(_Recorded(*one) for one in configurations(runner, config, settings, left))


def _candidate(task: Task, cell: str) -> str:
    """Return how a registration names what a task measures: stage, branch where there are several, cell of a sweep."""
    parts = [task.stage, "" if task.branch == ONLY_BRANCH else task.branch, cell.strip("/").replace("/", "_")]
    return "-".join(part for part in parts if part)
