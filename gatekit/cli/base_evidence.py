"""What not_worse_than compares with on the command line: folders, or the evidence of a tag, which does not move."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from gatekit.cli.inputs import load_evidence
from gatekit.errors import GatekitError, UsageError
from gatekit.evidence import Summary
from gatekit.kinds import Kinds

if TYPE_CHECKING:
    from gatekit.dossier.gathering import ReadOriginal


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


@contextmanager
def base_originals(ref: str | None) -> Iterator[ReadOriginal]:
    """Give what reads the base's files again: where they stand, or from git objects where `ref` names a commit.

    Raises:
        GatekitError: as `load_base`, and as the trees and files of a repository raise.
    """
    from gatekit.dossier.gathering import from_folders

    if ref is None:
        yield from_folders
        return
    from gatekit.cli.root import open_project
    from gatekit.evidence.strict_json import SUMMARY_LIMITS
    from gatekit.repo.project import below
    from gatekit.repo.tree import FILE_MODES
    from gatekit.signing.dsse import LIMITS
    from gatekit.signing.verifying import is_attestation_name

    repository, place = open_project(None, None)
    with repository:
        tree = below(repository.tree(repository.commit(ref)), place)

        def from_commit(path: str) -> tuple[bytes, list[tuple[str, bytes]]]:
            path = path.removeprefix(f"{ref}:")
            folder, _, name = path.rpartition("/")
            stem = f"{folder}/{name.removesuffix('.json')}."
            # One that is too large is none, and what is no regular file is left out, as beside a file of a folder.
            beside = [
                entry.path
                for entry in tree.under(folder)
                if entry.path.startswith(stem)
                and is_attestation_name(entry.path.rpartition("/")[2])
                and entry.mode in FILE_MODES
                and (entry.size or 0) <= LIMITS.size
            ]
            return tree.read(path, SUMMARY_LIMITS.size), list(tree.read_all(beside, LIMITS.size).items())

        yield from_commit
