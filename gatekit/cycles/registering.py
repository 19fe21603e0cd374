"""The registration of a plan: what all its full tasks measure, with the pilot and the full seeds as looks."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from gatekit.cycles.graph import Graph, Task
from gatekit.cycles.plan import ONLY_BRANCH, Cycle
from gatekit.errors import UsageError
from gatekit.evidence.config_digest import config_without_seeds_sha256
from gatekit.registration.model import DEFAULT_SPENDING
from gatekit.registration.writing import Announced, registration_text
from gatekit.runner_command import configurations


def registration_of(cycle: Cycle, graph: Graph) -> tuple[str, list[str]]:
    """Return the YAML text of a plan's registration, and the tasks that it cannot announce.

    Those measure SAEs that another task will leave: what they record holds digests that nobody has yet.

    Raises:
        UsageError: the plan names no claim, or a runner does not say what it would record.
        GatekitError: a configuration is refused.
    """
    if cycle.claim is None:
        raise UsageError(f"{cycle.path} names no claim that would be registered", "add `claim: ID`, of claims.yaml")
    found: dict[tuple[str, str], Announced] = {}
    unknown = []
    for task in graph.tasks.values():
        if task.phase != "full":
            continue
        if task.saes_of is not None:
            unknown.append(task.id)
            continue
        for cell, kind, recorded in configurations(task.runner, task.config, [f"{k}={v}" for k, v in task.settings]):
            digest = config_without_seeds_sha256(recorded)
            # Two tasks that measure the same are one measurement.
            found.setdefault((kind, digest), Announced(kind, digest, None, _candidate(task, cell), task.id))
    kinds = Counter(kind for kind, _ in found)
    # Where a kind is measured in one way only, it belongs to whoever is compared.
    measured = [one if kinds[one.kind] > 1 else replace(one, candidate=None) for one in found.values()]
    if not measured:
        raise UsageError(f"{cycle.path} has no full task that could be announced")
    names = list(dict.fromkeys(one.candidate for one in measured if one.candidate is not None))
    looks = [len(seeds) for seeds in cycle.seeds.values()]
    seeds = cycle.seeds["full"]
    return registration_text(cycle.id, cycle.claim, measured, seeds, looks, DEFAULT_SPENDING, names), unknown


def _candidate(task: Task, cell: str) -> str:
    """Return how a registration names what a task measures: stage, branch where there are several, cell of a sweep."""
    parts = [task.stage, "" if task.branch == ONLY_BRANCH else task.branch, cell.strip("/").replace("/", "_")]
    return "-".join(part for part in parts if part)
