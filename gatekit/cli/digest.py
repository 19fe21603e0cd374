"""`gatekit digest`: what evidence calls a model and its SAEs, so that all evidence on them is about one subject."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import rich_click as click

from gatekit.cli.import_ import file_of
from gatekit.errors import UsageError
from gatekit.evidence.model_digest import CONFIG, model_sha256
from gatekit.report import inert

GROUP = "gatekit.saes"
"""Entry point group of what reads SAEs, which needs torch."""

_MODEL = "a model's folder has a config.json that names its architecture"


@click.command("digest")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--name", metavar="NAME", help="What the model is called (default: its folder's name).")
@click.option("--hook", metavar="NAME", help="Hook of the SAEs, where their files do not say it.")
@click.option("--format", "format_name", default="auto", metavar="NAME", help="Of the SAEs (docs/formats.md).")
def command(paths: tuple[str, ...], name: str | None, hook: str | None, format_name: str) -> None:
    """Print the digest of a model's folder, or of SAEs; of both, the subject that a summary is about.

    With models alone or SAEs alone, a line for each PATH: the digest and the path. A model's folder first and its
    SAEs after it, one a seed (PATH, or SEED=PATH), make a subject as JSON, for `gatekit import --subject`:
    `gatekit digest MODEL SAE... > subject.json`.
    """
    for path in paths:
        if not os.path.lexists(file_of(path)):
            raise UsageError(f"no file or folder at '{file_of(path)}'")
    first, *others = paths
    if name is not None and not _is_model(first):
        raise UsageError(f"--name is of a model, and '{first}' is no folder of one", _MODEL)
    if not _is_model(first) or all(map(_is_model, others)):
        # One at a time: they may be of several kinds, and a line belongs to its own path.
        for path in paths:
            click.echo(f"{_digest(path, format_name, hook)}  {inert.terminal(path)}")
        return
    second = next((path for path in others if _is_model(path)), None)
    if second is not None:
        raise UsageError(f"'{second}' is a model's folder too", "a subject is one model and its SAEs")
    model = {"name": name or Path(first).resolve().name, "digest": model_sha256(first)}
    click.echo(json.dumps(_facts(others, format_name, hook) | {"model": model}, indent=2, sort_keys=True))


def _digest(path: str, format_name: str, hook: str | None) -> str:
    if _is_model(path):
        return model_sha256(path)
    saes = _facts([path], format_name, hook or "")["checkpoints"]
    if len(saes) > 1:
        raise UsageError(f"'{path}' holds {len(saes)} SAEs", "name each, or the model's folder first for a subject")
    digest: str = saes[0]["sha256"]
    return digest


def _is_model(path: str) -> bool:
    """Say whether a folder is that of a language model: its config.json names an architecture of transformers."""
    from gatekit.evidence.strict_json import read_json

    place = Path(path) / CONFIG
    if not place.is_file():
        return False
    value = read_json(str(place)).value
    return isinstance(value, dict) and ("architectures" in value or "model_type" in value)


def _facts(paths: Sequence[str], format_name: str, hook: str | None) -> dict[str, Any]:
    """Return the subject's parts that SAEs tell, read by the runners.

    Raises:
        UsageError: torch is not installed, or nobody names the hook.
        GatekitError: the files are no SAEs, or not of one kind.
    """
    from gatekit.plugins import find, load
    from gatekit.runner_command import INSTALL

    if find_spec("torch") is None:
        missing = f"'{paths[0]}' is no model's folder, and SAEs are read with torch, which is not installed"
        raise UsageError(missing, f"{_MODEL}; for SAEs {INSTALL}")
    facts: dict[str, Any] = load(find(GROUP, "reader of SAEs", "facts"), INSTALL)(paths, format_name, hook)
    return facts
