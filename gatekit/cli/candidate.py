"""`gatekit check --candidate`: the selection is repeated from the evidence before anything is judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from gatekit import candidates
from gatekit.candidates import read_candidate
from gatekit.errors import GatekitError, UsageError
from gatekit.evidence import Summary
from gatekit.gates.evaluate import Signer, evaluate
from gatekit.gates.verdict import Verdict
from gatekit.policy import Policy


def judge_candidate(
    path: str,
    policies: Sequence[Policy],
    summaries: Sequence[Summary],
    now: datetime,
    errors: Sequence[GatekitError],
    advisory: bool,
    base: Sequence[Summary] | None,
    signers: Mapping[str, frozenset[Signer]] | None,
) -> Verdict:
    """Return the verdict on a candidate file's subject; a file that does not hold is an error of the verdict.

    The arguments after `path` are those of `gates.evaluate.evaluate`.

    Raises:
        UsageError: there is no such file.
    """
    try:
        candidate = read_candidate(path)
    except UsageError:
        raise
    except GatekitError as error:
        return evaluate(policies, (), now, [*errors, error], advisory, base, signers)
    return candidates.judge_candidate(candidate, policies, summaries, now, errors, advisory, base, signers)[0]
