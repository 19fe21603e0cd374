"""The two kinds of errors of a repository that are not refusals: what cannot be judged, and what was asked wrongly."""

from __future__ import annotations

from gatekit.errors import GatekitError
from gatekit.exit_codes import ExitCode

FETCH_ALL = "fetch the whole history (actions/checkout: fetch-depth: 0)"


def inconclusive(error_id: str, message: str, remedy: str) -> GatekitError:
    """Nothing is wrong with the files, but this clone or this state of it does not allow a judgement."""
    return GatekitError(error_id, message, remedy=remedy, exit_code=ExitCode.INCONCLUSIVE)


def usage(error_id: str, message: str, remedy: str) -> GatekitError:
    """What the user named is not what is needed."""
    return GatekitError(error_id, message, remedy=remedy, exit_code=ExitCode.USAGE)
