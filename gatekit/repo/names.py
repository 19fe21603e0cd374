"""Which object a name means. Names are resolved in full, so that nobody's new tag changes what an old name means.

git looks for `main` among tags before branches, and for `refs/remotes/origin/main` also at
`refs/tags/refs/remotes/origin/main`: whoever may push a tag could end every run, or choose what judges.
"""

from __future__ import annotations

import re
from pathlib import Path

from gatekit.errors import GatekitError
from gatekit.repo import git
from gatekit.repo.faults import usage

_OID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_DIGITS = re.compile(r"[0-9a-f]{7,63}")
_STEPS = re.compile(r"([^~^:@{}]+)((?:[~^][0-9]*)+)")
_EXPRESSION = re.compile(r"[~^:]|@\{|^@$")
_MOST_OBJECTS = 100
"""Objects that begin with the same seven digits; more are nobody's honest abbreviation."""


def resolve(git_dir: Path, name: str) -> str | None:
    """Return the id of the object that a name means, or None where there is none.

    In this order: the 40 digits of an id; HEAD and names that begin with `refs/`, exactly as they are; the first digits
    of one commit's id; a branch, of this clone or of one that it was made from; a tag. `main~1` and `main^2` go on from
    what `main` means. Other expressions, like `main@{1}`, are git's own.

    Raises:
        GatekitError: `repo.ambiguous_ref` (usage): digits that begin the ids of several commits, or an expression of
            git's about a name that several branches or tags have.
    """
    if _OID.fullmatch(name):
        return name
    steps = _STEPS.fullmatch(name)
    if steps:
        start = resolve(git_dir, steps[1])
        return _by_git(git_dir, start + steps[2]) if start is not None else None
    if _EXPRESSION.search(name):
        return _by_git(git_dir, name)
    if name == "HEAD" or name.startswith("refs/"):
        return _exact(git_dir, name)
    commit = _by_digits(git_dir, name) if _DIGITS.fullmatch(name) else None
    if commit is not None:
        return commit
    for full in _full_names(name):
        oid = _exact(git_dir, full)
        if oid is not None:
            return oid
    # An id of fewer digits, what `git describe` prints, `FETCH_HEAD`.
    return _by_git(git_dir, name)


def _full_names(name: str) -> tuple[str, ...]:
    branches = (f"refs/heads/{name}", f"refs/remotes/{name}", f"refs/remotes/origin/{name}")
    if name.startswith("origin/"):
        # Meant is the branch of origin, also where somebody named a local branch so.
        branches = (f"refs/remotes/{name}", f"refs/heads/{name}", f"refs/remotes/origin/{name}")
    return (*branches, f"refs/tags/{name}")


def _exact(git_dir: Path, full: str) -> str | None:
    done = git.run(git_dir, ["show-ref", "--verify", "--hash", "--", full])
    oid = done.out.decode("ascii", "replace").strip()
    return oid if done.code == 0 and _OID.fullmatch(oid) else None


def _by_digits(git_dir: Path, digits: str) -> str | None:
    done = git.run(git_dir, ["rev-parse", f"--disambiguate={digits}"])
    found = sorted({oid for oid in done.out.decode("ascii", "replace").split() if _OID.fullmatch(oid)})
    if len(found) > _MOST_OBJECTS:
        raise _ambiguous(digits, "begins the ids of many objects", "write more digits")
    commits = [oid for oid in found if git.run(git_dir, ["cat-file", "-t", oid]).out.strip() == b"commit"]
    if len(commits) > 1:
        raise _ambiguous(digits, "begins the ids of several commits", "write more digits")
    return commits[0] if commits else None


def _by_git(git_dir: Path, expression: str) -> str | None:
    done = git.run(git_dir, ["rev-parse", "--verify", "--end-of-options", expression])
    if re.search(r"^warning: refname .* is ambiguous", done.errors, re.MULTILINE):
        raise _ambiguous(
            expression, "is about the name of several branches or tags", "write it in full, like refs/heads/main"
        )
    oid = done.out.decode("ascii", "replace").strip()
    return oid if done.code == 0 and _OID.fullmatch(oid) else None


def _ambiguous(name: str, what: str, remedy: str) -> GatekitError:
    return usage("repo.ambiguous_ref", f"{name} {what}", remedy)
