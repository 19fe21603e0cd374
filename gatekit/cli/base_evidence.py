"""What not_worse_than compares with on the command line: folders, or the evidence of a tag, which does not move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gatekit.cli.inputs import load_evidence
from gatekit.errors import GatekitError, UsageError
from gatekit.evidence import Summary
from gatekit.kinds import Kinds


def load_base(folders: Sequence[str], ref: str | None, kinds: Kinds) -> tuple[list[Summary] | None, list[GatekitError]]:
    """Read the base's summaries; None where nothing was named to compare with.

    Args:
        folders: as `--base-evidence` names them.
        ref: as `--base-ref` names it; its evidence/ is read from git objects, and each path begins with `REF:`.
        kinds: what it is read by.

    Raises:
        UsageError: both were named, there is no repository here, or no such commit in it.
    """
    if ref is None:
        return load_evidence(folders, kinds) if folders else (None, [])
    if folders:
        raise UsageError("--base-evidence and --base-ref both say what is compared with", "name one of them")
    from gatekit.cli.root import open_project
    from gatekit.pull_request.side import Reader
    from gatekit.repo.project import below

    repository, place = open_project(None, None)
    with repository:
        tree = below(repository.tree(repository.commit(ref)), place)
        found, errors = Reader(repository).evidence(tree, kinds)
    return [replace(summary, path=f"{ref}:{summary.path}") for summary in found], errors
