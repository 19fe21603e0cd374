"""The names of the gates in policies/, for shells that complete them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


def complete_gate(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete a gate's name from policies/; whatever is wrong there is for the command itself to say."""
    from click.shell_completion import CompletionItem

    from gatekit.cli.inputs import load_kinds, load_policies
    from gatekit.errors import GatekitError

    try:
        policies, _ = load_policies([], load_kinds())
    except GatekitError:
        return []
    names = dict.fromkeys(gate.name for policy in policies for gate in policy.gates)
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]
