"""When a registration was on the branch that judges, by its commits: never by what a file says of itself."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime

from gatekit.errors import GatekitError
from gatekit.kinds import Kinds
from gatekit.registration.model import Registration
from gatekit.registration.plans import parse_plan
from gatekit.registration.reading import parse_registration
from gatekit.registration.standing import DatedRegistration
from gatekit.repo import Repository


def dated(
    registrations: Sequence[Registration], repository: Repository, commit: str, kinds: Kinds, folder: str = ""
) -> tuple[DatedRegistration, ...]:
    """Date registrations by the history of a branch.

    The time is that of the first commit of the branch itself (along first parents, so of a merge that brought it) since
    when the file has always said what it says now: who changes it later has announced something else, later.

    Args:
        registrations: as they lie in the tree of `commit`, or in a work tree of it.
        repository: their objects.
        commit: full id of the branch's last commit.
        kinds: as for reading them.
        folder: where the registrations' paths start, relative to the top of the repository.
    """
    return tuple(_dated(one, repository, commit, kinds, folder) for one in registrations)


def dated_on_disk(registrations: Sequence[Registration], kinds: Kinds) -> tuple[DatedRegistration, ...]:
    """Date registrations of the current folder by the history of the commit that is checked out."""
    if not registrations:
        return ()
    try:
        with Repository.open(".") as repository:
            folder = os.path.relpath(os.path.realpath("."), os.path.realpath(repository.root)).replace(os.sep, "/")
            return dated(registrations, repository, repository.commit("HEAD"), kinds, "" if folder == "." else folder)
    except GatekitError as error:
        outside = error.error_id == "repo.not_a_repository"
        return tuple(DatedRegistration(one, None, error.message, outside) for one in registrations)


def _dated(
    registration: Registration, repository: Repository, commit: str, kinds: Kinds, folder: str
) -> DatedRegistration:
    path = f"{folder}/{registration.path}" if folder else registration.path
    try:
        # What is cut off could have changed the file.
        repository.refuse_shallow()
        history = repository.file_history(commit, path)
        contents = repository.blobs({one.oid for one in history if one.oid is not None})
    except GatekitError as error:
        return DatedRegistration(registration, None, error.message)
    if not history or history[0].oid is None:
        return DatedRegistration(registration, None, "it is in no commit")
    since: int | None = None
    for change in history:
        if change.oid is None or not _says(contents[change.oid], registration, kinds):
            break
        since = change.time
    if since is None:
        return DatedRegistration(registration, None, "it was changed since its last commit")
    return DatedRegistration(registration, datetime.fromtimestamp(since, UTC))


def _says(data: bytes, registration: Registration, kinds: Kinds) -> bool:
    try:
        parse = parse_registration if registration.plan is None else parse_plan
        said = parse(data, registration.path, kinds)
        return said is not None and said.meaning == registration.meaning
    except GatekitError:
        return False
