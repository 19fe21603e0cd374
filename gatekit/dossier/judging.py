"""The verdict of a dossier, by the gates of `gatekit check`, and the selection that it rests on, made again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from gatekit.candidates import Robustness, SelectionResult, judge_candidate, robustness, select
from gatekit.dossier.gathering import DossierInputs
from gatekit.errors import GatekitError
from gatekit.evidence.strict_json import Document
from gatekit.evidence.summary import Summary
from gatekit.evidence.times import parse_time
from gatekit.exit_codes import ExitCode
from gatekit.gates.evaluate import Signer, evaluate
from gatekit.gates.verdict import Verdict
from gatekit.policy.model import Policy, Selection
from gatekit.registration.standing import Standing

Signers = Mapping[str, frozenset[Signer]]


@dataclass(frozen=True)
class JudgedInputs:
    """A verdict with what it was reached on."""

    verdict: Verdict
    gathered: DossierInputs
    summaries: tuple[Summary, ...]
    """What the gates judged: the gathered ones, or of a candidate those seeds that confirm."""
    selected: SelectionResult | None = None
    """The selection made again, where a candidate was given."""
    robustness: Robustness | None = None


def judge(
    policies: Sequence[Policy],
    summaries: Sequence[Summary],
    base: Sequence[Summary] | None,
    candidate: Document | None,
    now: datetime,
    errors: Sequence[GatekitError],
    signers: Signers | None,
    standings: Mapping[str, Standing] | None = None,
) -> tuple[Verdict, tuple[Summary, ...]]:
    """Return the verdict, and the summaries that the gates judged.

    The arguments are those of `gates.evaluate.evaluate`; `candidate` is a file that `read_candidate` read, if any.
    """
    if candidate is None:
        return evaluate(policies, summaries, now, errors, base=base, signers=signers, standings=standings), tuple(
            summaries
        )
    return judge_candidate(candidate, policies, summaries, now, errors, base=base, signers=signers, standings=standings)


def judge_gathered(
    gathered: DossierInputs,
    first: Verdict,
    now: datetime,
    signers: Signers | None,
    standings: Mapping[str, Standing] | None = None,
) -> JudgedInputs:
    """Judge the copies, so that the dossier speaks of its own files.

    Args:
        gathered: the copies.
        first: the verdict on the originals.
        now: aware UTC time.
        signers: as for `gates.evaluate.evaluate`.
        standings: as for `gates.evaluate.evaluate`.

    Raises:
        GatekitError: `dossier.differs`: the copies do not give the same verdict, which is a fault of gatekit.
    """
    inputs = (gathered.policies, gathered.summaries, gathered.base, gathered.candidate)
    verdict, summaries = judge(*inputs, now, (), signers, standings)
    if verdict.code is not first.code:
        message = f"the copies give {verdict.word}, the originals {first.word}"
        raise GatekitError("dossier.differs", message, exit_code=ExitCode.INTERNAL)
    selected = None if gathered.candidate is None else _selected(gathered, gathered.candidate, signers)
    return JudgedInputs(verdict, gathered, summaries, selected, None if selected is None else robustness(selected))


def _selected(gathered: DossierInputs, candidate: Document, signers: Signers | None) -> SelectionResult:
    """Return the selection that the candidate came from; that it is the same was checked when it was confirmed."""
    stated = candidate.value
    assert isinstance(stated, dict)
    policy = next(policy for policy in gathered.policies if policy.id == stated["policy"]["id"])
    assert isinstance(policy.selection, Selection)
    compared = {entry["sha256"] for entry in stated["evidence"]}
    used = [summary for summary in gathered.summaries if summary.sha256 in compared]
    return select(policy, policy.selection, used, parse_time(stated["now"]), signers=signers)
