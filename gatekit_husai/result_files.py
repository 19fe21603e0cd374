"""How much of a HUSAI result file is read: the same for whoever reads one."""

from __future__ import annotations

from gatekit.evidence.strict_json import Document, JsonLimits, read_json

RESULT_LIMITS = JsonLimits(size=16 << 20)
"""An assignment sweep repeats its records up to four times and has 1.5 MB with seven lambdas: ten times that."""


def read_result(path: str) -> Document:
    """Read a result file.

    Raises:
        GatekitError: `json.*`: it is not strict JSON, or larger than the limit.
    """
    return read_json(path, RESULT_LIMITS)
