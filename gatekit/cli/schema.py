"""`gatekit schema`: the contract, for editors and other tools."""

from __future__ import annotations

import rich_click as click

from gatekit.evidence.schemas import schema_names, schema_text


@click.command("schema")
@click.argument("kind", required=False)
def command(kind: str | None) -> None:
    """Print the JSON Schema of a KIND of document: claims, keys, policy, summary, verdict, or a kind of summary.

    Without KIND, list the names. A kind's schema refers to summary.schema.json beside it.
    """
    click.echo("\n".join(schema_names()) if kind is None else schema_text(kind), nl=kind is None)
