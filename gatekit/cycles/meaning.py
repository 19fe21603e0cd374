"""What a plan means: the digest of all that it measures and decides."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from gatekit.cycles.graph import Graph
from gatekit.cycles.plan import Cycle
from gatekit.errors import GatekitError, Location
from gatekit.evidence.canonical import sha256_file


def meaning(cycle: Cycle, graph: Graph) -> str:
    """Return the sha256 of all that a plan measures and decides, policies included; not of its words or its costs."""
    tasks = [
        [t.id, t.runner, t.config, _digest(t.config), t.settings, t.saes_of or "", sorted(t.after)]
        for t in graph.tasks.values()
    ]
    rules = [[d.id, [[s, _rule(r)] for s, r in d.rules], sorted(d.after)] for d in graph.decisions.values()]
    end = cycle.finish
    chosen = None if end.select is None else [end.select.policy, sorted(end.select.among)]
    finish = [end.check, chosen, end.base, end.dossier, end.claims]
    named = sorted({path for path, _ in cycle.files if path.endswith((".yaml", ".yml"))})
    text = json.dumps([sorted(tasks), sorted(rules), finish, [[path, _digest(path)] for path in named]], sort_keys=True)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _rule(rule: Any) -> list[Any]:
    return [type(rule).__name__, *(v for k, v in sorted(vars(rule).items()) if not isinstance(v, Location))]


def _digest(path: str) -> str | None:
    try:
        return sha256_file(path)
    except GatekitError:
        return None
