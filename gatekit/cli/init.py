"""`gatekit init`: a policy, a place for evidence and a workflow, ready to be checked."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import rich_click as click

from gatekit.evidence.schemas import schema_text
from gatekit.evidence.several_files import write_together
from gatekit.report import inert

TEMPLATES = {
    "policies/release.yaml": "policy.yaml",
    "evidence/README.md": "evidence.md",
    ".github/workflows/gatekit.yml": "workflow.yml",
}
"""Where each file of gatekit/templates goes."""


@click.command("init")
@click.argument("folder", default=".", metavar="[DIR]")
@click.option("--force", is_flag=True, help="Replace files that are there with other content.")
def command(folder: str, force: bool) -> None:
    """Write a starter policy, an evidence folder and a GitHub workflow into DIR (default: here).

    All files are written or none; a file that is there with other content is never replaced without --force.
    """
    written = write_together(scaffold(Path(folder)), force, "look at them, then use --force to replace them")
    for word, paths in (("new", written.new), ("replaced", written.replaced), ("unchanged", written.unchanged)):
        for path in paths:
            click.echo(f"{word:<9}  {inert.terminal(path.as_posix())}")
    here = "" if folder == "." else f"cd {inert.terminal(folder)}, "
    click.echo(
        f"\nnext: {here}edit policies/release.yaml until it says what your claim needs; `gatekit lint` checks it.\n"
        "Then measure (`gatekit run`) or import (`gatekit import`) evidence, and ask `gatekit check`: with no evidence "
        "yet it exits 3.\n"
        "Before you commit .github/workflows/gatekit.yml, set GATEKIT in it to the commit that CI shall install."
    )


def scaffold(folder: Path) -> dict[Path, bytes]:
    """Return the content of every file by its path under `folder`."""
    templates = files("gatekit") / "templates"
    found = {folder / place: (templates / name).read_bytes() for place, name in TEMPLATES.items()}
    # Beside policies/ and kinds/, so that an editor completes and checks both without a network.
    for name in ("policy", "kind"):
        found[folder / "schemas" / f"{name}.schema.json"] = schema_text(name).encode("utf-8")
    return found
