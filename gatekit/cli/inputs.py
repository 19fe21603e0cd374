"""What several commands take from the command line: policies, evidence, the time."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import PurePath

from gatekit.cli.project_above import project_above
from gatekit.errors import GatekitError, UsageError
from gatekit.evidence import Summary, find_summaries, read_summaries
from gatekit.evidence.times import parse_time
from gatekit.kinds import FOLDER, INSTALLED, Kinds
from gatekit.policy import Policy, find_policies, read_policies

POLICIES = "policies"
EVIDENCE = "evidence"


def the_time(text: str | None) -> datetime:
    """Return `--now TIME`, or the clock's time.

    Raises:
        UsageError: the text is not a UTC time such as 2026-02-16T01:48:20Z.
    """
    if text is None:
        return datetime.now(UTC).replace(microsecond=0)
    try:
        return parse_time(text)
    except ValueError:
        raise UsageError(f"--now '{text}' is not a UTC time", "write it as 2026-02-16T01:48:20Z") from None


def load_kinds(root: str = "") -> Kinds:
    """Return the kinds that hold here: gatekit's, those of packages, and those in `kinds/`.

    Args:
        root: the folder that holds `kinds/`, "" for the current one.

    Raises:
        GatekitError: `yaml.*`, `kind.*`: a file in `kinds/` cannot be used.
    """
    folder = os.path.join(root, FOLDER)
    if not os.path.lexists(folder):
        return INSTALLED
    # Reading YAML is paid for only where there is some.
    from gatekit.evidence.kind_files import own_kinds

    return own_kinds(folder)


def load_policies(
    paths: Sequence[str], kinds: Kinds, *, stop_policies: bool = False
) -> tuple[list[Policy], list[GatekitError]]:
    """Read the named policies, or those in `policies/`.

    Args:
        paths: files and folders.
        kinds: what their measures are read by.
        stop_policies: return those of folders too; else a stop policy counts only where its own file is named, since a
            folder holds what judges a release.

    Raises:
        UsageError: nothing was named and there is no `policies/`, or the folders hold only stop policies.
    """
    if not paths and not os.path.isdir(POLICIES):
        remedy = project_above(POLICIES) or "name one with --policy, or run `gatekit init`"
        raise UsageError("no policy: there is no policies/ folder here", remedy)
    places = list(paths) or [POLICIES]
    found, errors = read_policies(find_policies(places), kinds)
    if stop_policies:
        return found, errors
    named = {PurePath(place).as_posix() for place in places}
    kept = [policy for policy in found if not policy.stops or policy.path in named]
    if found and not kept and not errors:
        message = f"only stop policies in {', '.join(places)}, and they judge no release"
        raise UsageError(message, f"name one by its file to see what it says: --policy {found[0].path}")
    return kept, errors


def load_evidence(paths: Sequence[str], kinds: Kinds) -> tuple[list[Summary], list[GatekitError]]:
    """Read the named evidence, or what lies in `evidence/`; no evidence at all is left for the gates to say."""
    if not paths and not os.path.isdir(EVIDENCE):
        return [], []
    return read_summaries(find_summaries(list(paths) or [EVIDENCE]), kinds)


def split_paths(paths: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return (policies, evidence): a YAML file among the arguments is a policy, anything else is evidence."""
    policies = [path for path in paths if path.endswith((".yaml", ".yml"))]
    return policies, [path for path in paths if path not in policies]
