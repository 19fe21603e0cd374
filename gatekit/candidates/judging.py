"""The verdict on a candidate: confirmed first, then judged on what may confirm it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from gatekit.candidates.confirming import confirm, read_candidate
from gatekit.errors import GatekitError, UsageError
from gatekit.evidence.strict_json import Document
from gatekit.evidence.summary import Summary
from gatekit.gates.evaluate import Signer, evaluate
from gatekit.gates.verdict import Verdict
from gatekit.policy.model import Policy
from gatekit.registration.standing import Standing


def judge_candidate(
    candidate: Document,
    policies: Sequence[Policy],
    summaries: Sequence[Summary],
    now: datetime,
    errors: Sequence[GatekitError] = (),
    advisory: bool = False,
    base: Sequence[Summary] | None = None,
    signers: Mapping[str, frozenset[Signer]] | None = None,
    standings: Mapping[str, Standing] | None = None,
) -> tuple[Verdict, tuple[Summary, ...]]:
    """Return the verdict on a candidate file's subject, and the summaries that the gates judged.

    A file that does not hold is an error of the verdict. The arguments after `candidate`, which `read_candidate` read,
    are those of `gates.evaluate.evaluate`.
    """
    try:
        confirmed = confirm(candidate, policies, summaries, now, signers)
    except GatekitError as error:
        # Refused: no evidence is judged in its name.
        return evaluate(policies, (), now, [*errors, error], advisory, base, signers), ()
    verdict = evaluate(
        confirmed.policies,
        confirmed.summaries,
        now,
        errors,
        advisory,
        base,
        signers,
        standings=standings,
        beside=summaries,
    )
    noted = tuple(replace(policy, notes=(*policy.notes, confirmed.note)) for policy in verdict.policies)
    return replace(verdict, policies=noted), confirmed.summaries


def judge_candidate_file(
    path: str,
    policies: Sequence[Policy],
    summaries: Sequence[Summary],
    now: datetime,
    errors: Sequence[GatekitError],
    advisory: bool,
    base: Sequence[Summary] | None,
    signers: Mapping[str, frozenset[Signer]] | None,
    standings: Mapping[str, Standing] | None = None,
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
    return judge_candidate(candidate, policies, summaries, now, errors, advisory, base, signers, standings)[0]
