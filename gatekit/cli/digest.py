"""`gatekit digest`: what evidence calls a model and its SAEs, so that all evidence on them is about one subject."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import rich_click as click

from gatekit.errors import UsageError
from gatekit.report import inert

GROUP = "gatekit.saes"
"""Entry point group of what reads SAEs, which needs torch."""


@click.command("digest")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--name", metavar="NAME", help="What the model is called (default: its folder's name).")
@click.option("--hook", metavar="NAME", help="Hook of the SAEs, where their files do not say it.")
@click.option("--format", "format_name", default="auto", metavar="NAME", help="Of the SAEs (docs/formats.md).")
def command(paths: tuple[str, ...], name: str | None, hook: str | None, format_name: str) -> None:
    """Print the digest of a model's folder, or of SAEs; of both, the subject that a summary is about.

    With one PATH, or several that are all SAEs, a line each: the digest and the path. A model's folder first and its
    SAEs after it, one a seed (PATH, or SEED=PATH), make a subject as JSON, for `gatekit import --subject`:
    `gatekit digest MODEL SAE... > subject.json`.
    """
    first, *others = paths
    if _is_model(first):
        from gatekit.evidence.model_digest import model_sha256

        digest = model_sha256(first)
        if not others:
            click.echo(f"{digest}  {inert.terminal(first)}")
            return
        model = {"name": name or Path(first).resolve().name, "digest": digest}
        click.echo(json.dumps(_facts(others, format_name, hook) | {"model": model}, indent=2, sort_keys=True))
        return
    if name is not None:
        raise UsageError(
            f"--name is of a model, and '{first}' is no folder of one", "a model's folder has a config.json"
        )
    found = _facts(paths, format_name, hook or "")
    for entry, path in zip(found["checkpoints"], paths, strict=True):
        click.echo(f"{entry['sha256']}  {inert.terminal(path)}")


def _is_model(path: str) -> bool:
    """Say whether a folder is that of a language model: its config.json names an architecture of transformers."""
    from gatekit.evidence.model_digest import CONFIG
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
        raise UsageError("SAEs are read with torch, which is not installed", INSTALL)
    facts: dict[str, Any] = load(find(GROUP, "reader of SAEs", "facts"), INSTALL)(paths, format_name, hook)
    return facts
