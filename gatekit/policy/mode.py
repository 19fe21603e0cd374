"""Policy modes: other systems' ways to choose a candidate, each brought by a package under the name of its method.

A policy with `legacy: true` reproduces another system's rules. Its `selection: {method: NAME}` belongs to the package
that registers NAME in the entry point group `gatekit.policy_modes`; gatekit itself knows none, and looks for one only
when a policy names it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from gatekit.errors import GatekitError, Location

if TYPE_CHECKING:
    from gatekit.evidence.strict_yaml import Node, YamlDocument
    from gatekit.exit_codes import ExitCode
    from gatekit.policy.model import Policy

GROUP = "gatekit.policy_modes"
WHAT = "policy mode"


@dataclass(frozen=True)
class ModeChoice:
    """What a mode chose, for the command line to print and to write."""

    lines: tuple[str, ...]
    """The report, inert on a terminal."""
    files: tuple[tuple[str, bytes], ...]
    """(name, content) of what is written with `--out`; empty where nothing was chosen."""
    code: ExitCode


class PolicyMode(Protocol):
    """What is behind every entry point of the group."""

    keys: tuple[str, ...]
    """Keys that a `selection` of this method has beside `method`."""

    def read(self, document: YamlDocument, node: Node) -> object:
        """Return the settings of a selection, a frozen dataclass; raise GatekitError at the place of a fault."""
        ...

    def choose(self, policy: Policy, paths: Sequence[str]) -> ModeChoice:
        """Return what the other system would have chosen from its own result files.

        Raises:
            UsageError: no file was named.
            GatekitError: a file is not what the mode reads.
        """
        ...


def policy_mode(name: str, place: Location) -> PolicyMode:
    """Return the mode that an installed package registers under a method's name.

    Args:
        name: of the method.
        place: where the policy names it.

    Raises:
        GatekitError: `policy.mode`: no package registers it, several do, or the one that does cannot be used.
    """
    from gatekit.plugins import find, load

    try:
        plugin = find(GROUP, WHAT, name)
        loaded: PolicyMode = load(plugin)
    except GatekitError as error:
        # Whatever is wrong with the package, it is this line of the policy that asks for it.
        raise GatekitError("policy.mode", error.message, place, error.remedy) from None
    if not all(hasattr(loaded, member) for member in ("keys", "read", "choose")):
        raise GatekitError("policy.mode", f"{plugin.shown} is no policy mode", place)
    return loaded
