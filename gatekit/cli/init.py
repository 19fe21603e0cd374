"""`gatekit init`: a policy, a place for evidence and a workflow, ready to be checked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import rich_click as click

from gatekit.cli.policy_templates import POLICY_TEMPLATES, about, policy_text
from gatekit.errors import UsageError
from gatekit.evidence.schemas import schema_text
from gatekit.evidence.several_files import write_together
from gatekit.github.starter_workflow import workflow_file
from gatekit.report import inert

TEMPLATES = {
    "policies/release.yaml": "policy.yaml",
    "claims.yaml": "claims.yaml",
    "evidence/README.md": "evidence.md",
}
"""Where each file of gatekit/templates goes; the workflow goes to the top of the repository."""


GROUP = "gatekit.saes"
"""Entry point group of what reads SAEs, which needs torch."""


@click.command("init")
@click.argument("places", nargs=-1, metavar="[DIR | PATH...]")
@click.option("--force", is_flag=True, help="Replace files that are there with other content.")
@click.option(
    "--template",
    type=click.Choice(list(POLICY_TEMPLATES)),
    help="The question that the policy answers, in place of a general one.",
)
@click.option("--ghes", is_flag=True, help="The workflow is for GitHub Enterprise Server.")
@click.option("--saes", is_flag=True, help="The PATHs are SAEs of one kind, one a seed: PATH, or SEED=PATH.")
@click.option("--into", default=None, metavar="DIR", help="With --saes: where the files go (default: here).")
@click.option(
    "--model", metavar="FOLDER|NAME", help="With --saes: the language model, where their files do not say it."
)
@click.option("--hook", metavar="NAME", help="With --saes: the hook, where their files do not say it.")
@click.option("--format", "format_name", default="auto", metavar="NAME", help="With --saes: their format.")
@click.option("--threads", type=click.IntRange(1, 1024), default=2, show_default=True, help="With --saes: of a run.")
def command(
    places: tuple[str, ...],
    force: bool,
    template: str | None,
    ghes: bool,
    saes: bool,
    into: str | None,
    model: str | None,
    hook: str | None,
    format_name: str,
    threads: int,
) -> None:
    """Write a starter policy, an evidence folder and a GitHub workflow into DIR (default: here).

    With --saes they are written for SAEs that you have trained, with configurations that measure them.

    All files are written or none; a file that is there with other content is never replaced without --force.
    """
    if saes:
        folder = Path(into or ".")
        if template is not None:
            raise UsageError("--template with --saes", "what their runner measures decides the policy: leave it out")
        found = for_saes(places, folder, model, hook, format_name, threads, ghes)
    else:
        folder = _one_folder(places, {"--into": into, "--model": model, "--hook": hook})
        found = scaffold(folder, template, ghes)
    written = write_together(found, force, "look at them, then use --force to replace them")
    for word, paths in (("new", written.new), ("replaced", written.replaced), ("unchanged", written.unchanged)):
        for path in paths:
            click.echo(f"{word:<9}  {inert.terminal(path.as_posix())}")
    here = "" if folder == Path(".") else f"cd {inert.terminal(folder.as_posix())}, then "
    click.echo(f"\nnext: {here}{_NEXT_FOR_SAES if saes else _next(template)}")
    if saes and (few := _too_few(found)) is not None:
        click.echo(few)
    workflow, _ = workflow_file(folder)
    said = f"Before you commit {inert.terminal(workflow.as_posix())}, set GATEKIT in it to the commit"
    click.echo(f"{said} that CI shall install.")


_NEXT = """\
edit policies/{}.yaml until it says what your claim needs; `gatekit lint` checks it.
Then {}measure (`gatekit run`) or import (`gatekit import`) evidence, and ask `gatekit check`: with no evidence \
yet it exits 3."""

_REGISTER = "register (`gatekit register`), "
"""Of a policy that asks for evidence that was announced: it cannot be made up for later."""

_NEXT_FOR_SAES = """\
measure them, and judge what was measured:
  gatekit run random_model --config measure/random_model.yaml --out evidence
  gatekit check
Thresholds stand in policies/saes.yaml; `gatekit lint` checks it."""


def _next(template: str | None) -> str:
    asks = template is not None and b"\nregistered: required" in policy_text(template)
    return _NEXT.format(template or "release", _REGISTER if asks else "")


def _too_few(written: Mapping[Path, bytes]) -> str | None:
    """Return what to say of SAEs that are fewer than the policy's seeds, before anybody measures them; else None."""
    of = {path.parent.name: data for path, data in written.items() if path.name == "saes.yaml"}
    _, _, seeds = of["measure"].partition(b"\n  seeds:\n")
    given, needed = seeds.count(b"\n"), re.search(rb"\n  min_seeds: (\d+)", of["policies"])
    if needed is None or given >= int(needed[1]):
        return None
    return (
        f"These are {given} seeds, and policies/saes.yaml needs {int(needed[1])} (`min_seeds`): with fewer every gate "
        f"is inconclusive.\n`gatekit plan` says how many an effect needs."
    )


def _one_folder(places: tuple[str, ...], of_saes: Mapping[str, str | None]) -> Path:
    given = next((name for name, value in of_saes.items() if value is not None), None)
    if given is not None:
        raise UsageError(f"{given} without --saes")
    if len(places) > 1:
        raise UsageError("more than one DIR", "are these SAEs? give --saes")
    return Path(places[0] if places else ".")


def for_saes(
    paths: Sequence[str],
    folder: Path,
    model: str | None,
    hook: str | None,
    format_name: str,
    threads: int,
    ghes: bool = False,
) -> dict[Path, bytes]:
    """Return the content of every file by its path under `folder`, for SAEs that lie on disk.

    Raises:
        UsageError: no SAE is named, the runners are not installed, or as the starter.
        GatekitError: the files are no SAEs, or not of one kind.
    """
    from gatekit.plugins import find, load
    from gatekit.runner_command import INSTALL

    if not paths:
        raise UsageError("--saes names no SAE", "give the folder or file of each, one a seed")
    if find_spec("torch") is None:
        raise UsageError("SAEs are read with torch, which is not installed", INSTALL)
    starter = load(find(GROUP, "reader of SAEs", "starter"), INSTALL)
    written: dict[str, str] = starter(paths, folder, model, hook, format_name, threads)
    found = {path: data for path, data in scaffold(folder, ghes=ghes).items() if path.name != "release.yaml"}
    return found | {folder / place: text.encode("utf-8") for place, text in written.items()}


def scaffold(folder: Path, template: str | None = None, ghes: bool = False) -> dict[Path, bytes]:
    """Return the content of every file by its path under `folder`, for a template's question where one is named.

    With `ghes` the workflow is for GitHub Enterprise Server.
    """
    templates = files("gatekit") / "templates"
    found = {folder / place: (templates / name).read_bytes() for place, name in TEMPLATES.items()}
    if template is not None:
        del found[folder / "policies/release.yaml"]
        for name in ("claims.yaml", "evidence/README.md"):
            found[folder / name] = about(template, found[folder / name].decode("utf-8")).encode("utf-8")
        found[folder / "policies" / f"{template}.yaml"] = policy_text(template)
    # Beside policies/, kinds/ and claims.yaml, so that an editor completes and checks them without a network.
    for name in ("policy", "kind", "claims", "registration"):
        found[folder / "schemas" / f"{name}.schema.json"] = schema_text(name).encode("utf-8")
    place, text = workflow_file(folder, ghes)
    return found | {place: text.encode("utf-8")}
