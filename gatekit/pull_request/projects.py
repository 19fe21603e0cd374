"""The projects of one repository, seen from the one that is judged: what lies below, beside or above its root."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from gatekit.errors import GatekitError, first_few
from gatekit.exit_codes import ExitCode
from gatekit.kinds import FOLDER as KINDS
from gatekit.policy import is_policy_name
from gatekit.pull_request.side import CLAIMS, EVIDENCE, KEYS, POLICIES
from gatekit.registration.model import FOLDER as REGISTRATIONS
from gatekit.registration.model import PLANS
from gatekit.repo import Tree, in_project

_OF_A_PROJECT = (POLICIES, CLAIMS, KINDS, EVIDENCE, REGISTRATIONS, PLANS, KEYS)


def refuse_no_project(base: Tree, head: Tree) -> None:
    """Raise where a folder is named as a project's root in which neither side has anything of a project.

    Raises:
        GatekitError: `repo.no_project` (usage).
    """
    if not base.root or base.whole is base:
        return
    # A link or a submodule in the folder's place is refused by its own error.
    links = [tree for tree in (base, head) if any(parent in tree.whole for parent in _with_parents(base.root))]
    if links or any(tree.under(path) for tree in (base, head) for path in _OF_A_PROJECT):
        return
    message = f"neither side has policies, claims or evidence in {base.root}{other_projects(base)}"
    raise GatekitError("repo.no_project", message, remedy="name the project's folder", exit_code=ExitCode.USAGE)


def other_projects(tree: Tree) -> str:
    """Return a clause that names the other projects of a tree's repository and how to judge one; "" for none."""
    found = sorted(set(_projects(tree.whole)) - {tree.root})
    if not found:
        return ""
    return f"; there are some in {first_few([root or 'the top folder' for root in found], 3)}: judge those with --root"


def _projects(tree: Tree) -> Iterator[str]:
    for path in tree.entries:
        folder, _, name = path.rpartition("/")
        if is_policy_name(name) and (folder == POLICIES or folder.endswith(f"/{POLICIES}")):
            yield folder[: -len(POLICIES)].rstrip("/")


def _with_parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]


def moved(error: GatekitError, root: str) -> GatekitError:
    """Return an error about a file of the repository, with the file's path as a report of this project names it."""
    if error.location is None:
        return error
    place = replace(error.location, path=in_project(root, error.location.path))
    return GatekitError(error.error_id, error.message, place, error.remedy, error.exit_code)
