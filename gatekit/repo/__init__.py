"""Reading the two sides of a change from git objects: never from the work tree, never by the repository's own rules."""

from __future__ import annotations

from gatekit.repo.paths import watched_errors
from gatekit.repo.project import below, in_project, in_repository, root_of
from gatekit.repo.refs import BaseAndHead, between, pull_request
from gatekit.repo.repository import Repository
from gatekit.repo.tree import Entry, Tree, changes

__all__ = [
    "BaseAndHead",
    "Entry",
    "Repository",
    "Tree",
    "below",
    "between",
    "changes",
    "in_project",
    "in_repository",
    "pull_request",
    "root_of",
    "watched_errors",
]
