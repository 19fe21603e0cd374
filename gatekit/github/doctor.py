"""Which holes around the gate are open: open, closed, or not known from what was given.

No code in a repository can keep a pull request from changing that code, so the gate is worth what its settings are.
They are read from files that an administrator exported; what no file says is unknown, never closed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gatekit.errors import GatekitError, Location
from gatekit.evidence.folder_limits import WORKFLOW_FILES, beyond, sizes_of
from gatekit.evidence.strict_json import JsonLimits, read_json, read_regular_file
from gatekit.github.holes import Exports, Hole, Json, Names
from gatekit.github.machine_holes import machine_holes
from gatekit.github.ruleset_holes import ruleset_holes
from gatekit.github.workflow_holes import workflow_holes

LIMITS = JsonLimits(size=8 << 20)
WORKFLOW_LIMIT = 256 << 10
"""Bytes of one workflow, or of CODEOWNERS."""
MOST_NODES = 20_000
"""Values of one workflow, each counted as often as aliases repeat it."""
DEEPEST = 32
"""Maps and lists of one workflow in each other."""


def diagnose(exports: Exports, workflows: Mapping[str, Json] | None, names: Names) -> list[Hole]:
    """Return every hole, by the number of the setting that closes it."""
    found = [*ruleset_holes(exports, names), *machine_holes(exports, names), *workflow_holes(workflows, names)]
    return sorted(found, key=lambda hole: hole.setting)


def read_exports(
    rulesets: Sequence[str],
    environments: Sequence[str],
    branch_policies: Mapping[str, str],
    runners: Sequence[str],
    actions: Sequence[str],
    owners: str | None,
) -> Exports:
    """Read exported files; which of GitHub's answers a file is, is seen from its keys.

    Raises:
        GatekitError: `doctor.unknown_export` for a file that is none of them, `doctor.permission` for an error that
            GitHub answered instead, or an error of the strict JSON reader.
    """
    rules: list[Json] | None = None
    full: list[Json] = []
    for path in rulesets:
        value = _read(path)
        if isinstance(value, list):
            rules = [*(rules or []), *(_object(path, item, "type") for item in value)]
        else:
            full.append(_object(path, value, "rules"))
    merged: dict[str, Any] = {}
    for path in actions:
        merged |= _object(path, _read(path))
    groups, own = _runners(runners)
    return Exports(
        rules=rules,
        rulesets=full,
        environments=_environments(environments),
        branch_policies={name: _list(path, _read(path), "branch_policies") for name, path in branch_policies.items()},
        runner_groups=groups,
        repository_runners=own,
        actions=merged,
        owners=None if owners is None else _text(owners),
    )


def read_workflows(folder: str) -> dict[str, Json]:
    """Parse every workflow of a folder.

    Raises:
        GatekitError: `doctor.unknown_export`: there is none, or one is no YAML.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    paths = sorted(path for path in Path(folder).glob("*") if path.suffix in (".yml", ".yaml"))
    if not paths:
        raise _unknown(folder, "there are no workflows in this folder")
    for error in beyond(sizes_of(map(str, paths)), WORKFLOW_FILES):
        raise error
    found = {}
    for path in paths:
        text = _text(str(path))
        try:
            _check_form(text, str(path))
            value = YAML(typ="safe", pure=True).load(text)
        except (YAMLError, RecursionError, ValueError):
            raise _unknown(str(path), "this is no YAML") from None
        _check_nodes(value, str(path))
        found[path.name] = _object(str(path), value, "jobs")
    return found


def _check_form(text: str, path: str) -> None:
    """Refuse a workflow of a form that takes long to read, before anything of it is made; the parser goes step by step.

    Each bracket that is open costs at every sign behind it. Maps that take in maps that take in others double each
    time; GitHub does not know them either.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent

    depth = 0
    for event in YAML(typ="safe", pure=True).parse(text):
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > DEEPEST:
            place = Location(path, line=event.start_mark.line + 1, column=event.start_mark.column + 1)
            raise GatekitError("doctor.depth", f"maps and lists are nested deeper than {DEEPEST}", place)
        if getattr(event, "value", None) == "<<":
            raise _unknown(path, "it merges maps (`<<`), which GitHub does not read")


def _check_nodes(value: Any, path: str) -> None:
    left, waiting = MOST_NODES - 1, [value]
    while waiting:
        one = waiting.pop()
        inside = list(one.values()) if isinstance(one, dict) else one if isinstance(one, list) else []
        left -= len(inside)
        if left < 0:
            raise GatekitError("doctor.too_many_nodes", f"the file has more than {MOST_NODES} values", Location(path))
        waiting += inside


def _environments(paths: Sequence[str]) -> list[Json] | None:
    found: list[Json] = []
    for path in paths:
        value = _object(path, _read(path))
        found += _list(path, value, "environments") if "environments" in value else [_object(path, value, "name")]
    return found if paths else None


def _runners(paths: Sequence[str]) -> tuple[list[Json] | None, list[Json] | None]:
    groups: list[Json] | None = None
    own: list[Json] | None = None
    for path in paths:
        value = _object(path, _read(path))
        if "runner_groups" in value:
            groups = [*(groups or []), *_list(path, value, "runner_groups")]
        elif "runners" in value:
            own = [*(own or []), *_list(path, value, "runners")]
        else:
            groups = [*(groups or []), _object(path, value, "visibility")]
    return groups, own


def _read(path: str) -> Any:
    value = read_json(path, LIMITS).value
    if isinstance(value, dict) and "message" in value and "documentation_url" in value:
        message = f"GitHub answered '{str(value['message'])[:200]}' instead of the export"
        raise GatekitError("doctor.permission", message, Location(path), "export it as an administrator")
    return value


def _list(path: str, value: Any, key: str) -> list[Json]:
    items = _object(path, value, key)[key]
    if not isinstance(items, list):
        raise _unknown(path, f"'{key}' is no list")
    total = value.get("total_count")
    if isinstance(total, int) and total != len(items):
        raise _unknown(path, f"it holds {len(items)} of {total}: export every page into one file")
    return [_object(path, item) for item in items]


def _object(path: str, value: Any, key: str | None = None) -> Json:
    if not isinstance(value, dict) or (key is not None and key not in value):
        raise _unknown(path, "this is no export that is known" + (f": '{key}' is missing" if key else ""))
    return value


def _text(path: str) -> str:
    return read_regular_file(path, "doctor", WORKFLOW_LIMIT).decode("utf-8", "replace")


def _unknown(path: str, message: str) -> GatekitError:
    return GatekitError("doctor.unknown_export", message, Location(path), "`gatekit doctor --help` says what to export")
