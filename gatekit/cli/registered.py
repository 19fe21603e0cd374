"""What several commands take from `registrations/` and from the plans in `cycles/`."""

from __future__ import annotations

import os
from collections.abc import Sequence

import rich_click as click

from gatekit.errors import GatekitError, Location, UsageError, did_you_mean, without_frames
from gatekit.evidence import Summary
from gatekit.kinds import Kinds
from gatekit.registration.model import FOLDER, PLANS, Registration
from gatekit.registration.standing import Standing
from gatekit.report import inert

CLAIMS = "claims.yaml"


def load_standings(
    summaries: Sequence[Summary], base: Sequence[Summary] | None, kinds: Kinds, root: str = ""
) -> tuple[dict[str, Standing], list[GatekitError]]:
    """Return what evidence is to the registrations of a folder, and what is wrong with those.

    Args:
        summaries: the evidence.
        base: the base branch's, which it may extend, or leave seeds of out, without a registration.
        kinds: those that hold here.
        root: the folder that holds `registrations/` and `cycles/`, "" for the current one.
    """
    from gatekit.registration.standing import DatedRegistration, standings

    folder, plans = os.path.join(root, FOLDER), os.path.join(root, PLANS)
    dated: tuple[DatedRegistration, ...] = ()
    errors: list[GatekitError] = []
    if os.path.lexists(folder) or os.path.lexists(plans):
        # Reading YAML and asking git is paid for only where there is something to read.
        from gatekit.registration.dating import dated_on_disk
        from gatekit.registration.plans import read_plans
        from gatekit.registration.reading import conflicts, read_registrations

        found, errors = read_registrations(folder, kinds)
        planned, wrong = read_plans(plans, kinds)
        errors += wrong
        # Those among files of registrations/ alone, which come first, are among the errors already.
        errors += conflicts([*found, *planned])[len(conflicts(found)) :]
        dated = dated_on_disk([*found, *planned], kinds)
    return standings(summaries, dated, base or (), past_known=base is None, left_out_pays=True), errors


def lint_registrations(paths: Sequence[str], kinds: Kinds) -> list[GatekitError]:
    """Print what is sound among files and folders of registrations, and return what is wrong with the others.

    Where no path is given, they are registrations/ and what the plans in cycles/ announce.
    """
    from gatekit.registration.plans import read_plans
    from gatekit.registration.reading import conflicts, read_registration, read_registrations

    found: list[Registration] = []
    errors: list[GatekitError] = []
    if not paths:
        planned, errors = read_plans(PLANS, kinds)
        found += planned
    for path in paths or [FOLDER]:
        if os.path.isdir(path):
            inside, wrong = read_registrations(path, kinds)
            found += inside
            errors += wrong
        elif not os.path.lexists(path):
            if not paths:
                continue
            raise UsageError(f"no registration at '{path}'")
        else:
            try:
                found.append(read_registration(path, kinds))
            except GatekitError as error:
                errors.append(without_frames(error))
    if not errors:
        errors += conflicts(found)
    errors += _unknown_claims(found)
    wrong_paths = {error.location.path for error in errors if error.location is not None}
    for registration in found:
        if registration.path not in wrong_paths:
            looks = f"{len(registration.looks)} look{'s' * (len(registration.looks) != 1)}"
            click.echo(
                f"{inert.terminal(registration.path)}: sound: registration '{registration.id}' for claim "
                f"'{registration.claim}', {len(registration.seeds)} seeds, {looks}"
            )
    return errors


def _unknown_claims(registrations: Sequence[Registration]) -> list[GatekitError]:
    """Return an error for every registration of a claim that claims.yaml, where there is one, does not know."""
    if not registrations or not os.path.isfile(CLAIMS):
        return []
    from gatekit.claims.registry import read_registry

    try:
        known = [claim.id for claim in read_registry(CLAIMS).claims]
    except GatekitError:
        return []  # `gatekit claims check` says what is wrong with it
    return [
        GatekitError(
            "registration.unknown_claim",
            f"{CLAIMS} has no claim '{one.claim}'",
            Location(one.path, one.location.line, one.location.column, source_line=one.location.source_line),
            did_you_mean(one.claim, known) or f"claims: {', '.join(known)}",
        )
        for one in registrations
        if one.claim not in known
    ]
