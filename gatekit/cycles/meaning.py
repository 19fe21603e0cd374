"""What a plan means: the digest of all that it measures and decides, and of the files that it names."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from gatekit.cycles.graph import Graph
from gatekit.cycles.ledger import Record
from gatekit.cycles.plan import Cycle
from gatekit.errors import GatekitError, Location
from gatekit.evidence.canonical import sha256_file
from gatekit.evidence.strict_json import read_regular_file
from gatekit.evidence.strict_yaml import YAML_LIMITS

_BASES = re.compile(r"^base:(.*(?:\n[ \t]*-.*)*)", re.MULTILINE)
_NAME = re.compile(r"[^\s,\[\]\"'-][^\s,\[\]\"']*")


def meaning(cycle: Cycle, graph: Graph, files: Mapping[str, str | None] | None = None) -> str:
    """Return the sha256 of all that a plan measures and decides, policies included; not of its words or its costs.

    Args:
        cycle: the plan.
        graph: of it.
        files: digests of files by path, in place of those that they have now; None for these.
    """
    known = {} if files is None else files

    @cache
    def digest(path: str) -> str | None:
        return known[path] if path in known else _digest(path)

    tasks = [
        [t.id, t.runner, t.config, digest(t.config), t.settings, t.saes_of or "", sorted(t.after)]
        for t in graph.tasks.values()
    ]
    rules = [[d.id, [[s, _rule(r)] for s, r in d.rules], sorted(d.after)] for d in graph.decisions.values()]
    end = cycle.finish
    chosen = None if end.select is None else [end.select.policy, sorted(end.select.among)]
    finish = [end.check, chosen, end.base, end.dossier, end.claims]
    named = sorted({path for path, _ in cycle.files if path.endswith((".yaml", ".yml"))})
    text = json.dumps([sorted(tasks), sorted(rules), finish, [[path, digest(path)] for path in named]], sort_keys=True)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def refuse_other_plan(cycle: Cycle, graph: Graph, records: Sequence[Record], folder: Path) -> None:
    """Refuse to show a cycle by another plan than the one that was begun, whose tasks are others; files may differ.

    Raises:
        GatekitError: `cycle.changed`.
    """
    first: Record = records[0] if records else {}
    if "files" not in first or meaning(cycle, graph, first["files"]) == first.get("meaning"):
        return
    message = f"the plan of '{cycle.id}' is not the one that was begun in {folder}"
    remedy = f"give the changed plan an id of its own, or put the old one back; {folder}/monitor.md shows what was run"
    raise GatekitError("cycle.changed", message, cycle.location, remedy)


def file_digests(cycle: Cycle, graph: Graph) -> dict[str, str | None]:
    """Return path -> sha256 of all files that say what is measured and decided; None of one that cannot be read.

    They are the configurations, those that they take keys in from (`base:`), and the policies.
    """
    configs = {task.config for task in graph.tasks.values()}
    paths = {*configs, *(base for path in configs for base in _bases(path))}
    paths |= {path for path, _ in cycle.files if path.endswith((".yaml", ".yml"))}
    return {path: _digest(path) for path in sorted(paths)}


def _bases(config: str) -> Iterator[str]:
    """Yield the files beside a configuration that its `base:` names, where they are there."""
    try:
        text = read_regular_file(config, "config", YAML_LIMITS.size).decode("utf-8", "replace")
    except GatekitError:
        return
    for found in _BASES.finditer(text):
        for name in _NAME.findall(found[1].split("#")[0]):
            path = os.path.join(os.path.dirname(config), name)
            if os.path.isfile(path):
                yield path


class WatchedFiles:
    """Files that must stay as they were while a cycle runs: each is read again only where it was written since."""

    def __init__(self, digests: dict[str, str | None]) -> None:
        self._digests = digests
        self._written = {path: _written(path) for path in digests}

    def changed(self) -> str | None:
        """Return one that has changed; None where none has."""
        for path, before in self._written.items():
            now = _written(path)
            if now != before:
                if _digest(path) != self._digests[path]:
                    return path
                self._written[path] = now
        return None


def _written(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _rule(rule: Any) -> list[Any]:
    return [type(rule).__name__, *(v for k, v in sorted(vars(rule).items()) if not isinstance(v, Location))]


def _digest(path: str) -> str | None:
    try:
        return sha256_file(path)
    except GatekitError:
        return None
