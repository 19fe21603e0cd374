"""What a plan means: the digest of all that it measures and decides, and of the files that it names."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from gatekit.cycles.graph import Graph
from gatekit.cycles.plan import Cycle
from gatekit.errors import GatekitError, Location
from gatekit.evidence.canonical import sha256_file
from gatekit.evidence.strict_json import read_regular_file
from gatekit.evidence.strict_yaml import YAML_LIMITS

_BASES = re.compile(r"^base:(.*(?:\n[ \t]*-.*)*)", re.MULTILINE)
_NAME = re.compile(r"[^\s,\[\]\"'-][^\s,\[\]\"']*")


def meaning(cycle: Cycle, graph: Graph) -> str:
    """Return the sha256 of all that a plan measures and decides, policies included; not of its words or its costs."""
    digest = cache(_digest)
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
