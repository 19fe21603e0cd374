"""What a subject's gates pay for having been chosen, where nobody gave a candidate file to `gatekit check`.

Among whom it was chosen is told by three things: the `selection` of the policy whose gates judge it, which names
everything that it would compare; a candidate file that lists the subject; and evidence of other SAEs of the same shape
that were measured alike. All of them together are the candidates, each counted once.

Seeds that the policy sets apart to confirm are free of that price for the one that its selection chooses, made again
here. Whoever judges another subject on them may have looked at them to choose it, and pays for all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from gatekit.candidates.confirming import paying
from gatekit.candidates.pool import candidates_from, on_seeds
from gatekit.candidates.selecting import CandidateStatus, select
from gatekit.evidence.strict_json import Document
from gatekit.evidence.summary import Summary
from gatekit.policy.model import Policy, Selection


@dataclass(frozen=True)
class ChoicePrice:
    """Of how many a subject may be the best, and on which seeds that is no matter."""

    candidates: int = 1
    on_all_seeds: int = 1
    """Of these, among how many it was chosen on seeds that its gates judge."""
    confirm: tuple[int, ...] | None = None
    """The only seeds that its gates judge; None: all."""


FREE = ChoicePrice()
"""Of a subject that was not chosen among others."""


@dataclass(frozen=True)
class _Compared:
    """Subjects that were compared with each other."""

    digests: frozenset[str]
    number: int
    """How many they are, with those among which one of them already was the best."""
    confirm: tuple[int, ...] | None
    """Seeds that decided nothing about the one that is chosen; None where all did."""
    policy: str
    """The id of the policy that compares them."""


class CandidatePools:
    """Everything among which a subject may have been chosen."""

    def __init__(self, policies: Sequence[Policy], compared: Sequence[Summary], files: Sequence[Document]) -> None:
        """Take the policies whose `selection` says who is compared, all evidence, and the candidate files."""
        selecting = {policy.id: policy for policy in policies if isinstance(policy.selection, Selection)}
        self._selecting = selecting
        self._all = compared
        self._given_up = [_given_up(document) for document in files]
        self._winners: dict[str, str | None] = {}
        self._selected = {name: _of_selection(policy, compared) for name, policy in selecting.items()}
        self._files = [_of_file(document, selecting) for document in files]
        self._alike: dict[tuple[object, ...], dict[str, frozenset[str]]] = {}
        for summary in compared:
            if summary.is_measured and summary.subject.checkpoints:
                place = self._alike.setdefault(_place(summary), {})
                place[summary.subject.digest] = frozenset(one.sha256 for one in summary.subject.checkpoints)

    def price(self, policy: Policy, judged: Sequence[Summary], *, alike: bool) -> ChoicePrice:
        """Return what the gates on these summaries pay; of several subjects nothing is judged, and so nothing paid.

        Args:
            policy: whose gates judge.
            judged: what the gates would judge.
            alike: whether other subjects of the same shape, measured alike, count where no selection names them.
        """
        digests = {summary.subject.digest for summary in judged}
        if len(digests) != 1:
            return FREE
        (digest,) = digests
        own = [self._selected[policy.id]] if policy.id in self._selected else []
        pools = [pool for pool in (*own, *self._files) if digest in pool.digests]
        measured = {seed for summary in judged for seed in summary.protocol.seeds}
        # Where none of them is measured, the gates judge what the choice was made on, and the bounds pay for it.
        free = [
            pool
            for pool in pools
            if pool.confirm is not None and measured & set(pool.confirm) and self._winner(pool.policy) == digest
        ]
        confirm = free[0].confirm if free else None
        free = [pool for pool in free if pool.confirm == confirm]
        apart = {name for pool in free for name in pool.digests}
        chosen = {name for pool in pools if pool not in free for name in pool.digests}
        chosen |= {digest} | ((self._measured_alike(judged) - apart) if alike else set())
        beyond = max([0, *(pool.number - len(pool.digests) for pool in pools)])
        return ChoicePrice(len(chosen | apart) + beyond, len(chosen) + (beyond if confirm is None else 0), confirm)

    def _winner(self, name: str) -> str | None:
        """Return whom a policy's selection chooses, made again; None where nobody, or nobody can tell.

        As of the newest evidence, so that nothing has grown too old since; signatures are checked where gates judge.
        """
        if name not in self._winners:
            policy = self._selecting[name]
            selection = policy.selection
            assert isinstance(selection, Selection)
            confirm = set(selection.confirm_seeds or ())
            # Whoever was measured on them was not given up before, whatever a file says.
            measured = {s.subject.digest for s in self._all if confirm & set(s.protocol.seeds)}
            aside = {digest for policy_id, digests in self._given_up if policy_id == name for digest in digests}
            moment = max(summary.finished for summary in self._all)
            plain = replace(policy, signed_by=None, waivers=())
            winner = select(plain, selection, self._all, moment, set_aside=aside - measured).winner
            self._winners[name] = None if winner is None else winner.subject.digest
        return self._winners[name]

    def _measured_alike(self, judged: Sequence[Summary]) -> set[str]:
        """Return other subjects that only their training tells apart from this one.

        One whose checkpoints are among the other's is the same, measured at another number of seeds.
        """
        own = {one.sha256 for one in judged[0].subject.checkpoints}
        found: set[str] = set()
        for place in {_place(summary) for summary in judged}:
            others = self._alike.get(place, {})
            found |= {digest for digest, theirs in others.items() if not (own <= theirs or theirs <= own)}
        return found


def paid(price: ChoicePrice, policy: Policy, judged: Sequence[Summary]) -> tuple[Policy, Sequence[Summary]]:
    """Return the policy whose bounds pay the price, and what it may judge."""
    if price.candidates == 1:
        return policy, judged
    if price.confirm is None:
        return paying(policy, price.candidates, set_apart=False), judged
    # Bounds over datasets or rows pay for all, since those are the same on every seed; the rest for what it was chosen
    # among on these seeds.
    policy = paying(policy, price.candidates, set_apart=True)
    if price.on_all_seeds > 1:
        policy = paying(policy, price.on_all_seeds, set_apart=False)
    return policy, [on_seeds(summary, price.confirm) for summary in judged]


def _of_selection(policy: Policy, compared: Sequence[Summary]) -> _Compared:
    selection = policy.selection
    assert isinstance(selection, Selection)
    pool = candidates_from(policy, selection, compared)
    number = sum(candidate.compared(selection.select_seeds) for candidate in pool)
    return _Compared(
        frozenset(candidate.subject.digest for candidate in pool), number, selection.confirm_seeds, policy.id
    )


def _of_file(document: Document, selecting: Mapping[str, Policy]) -> _Compared:
    value = document.value
    assert isinstance(value, dict)
    digests = frozenset(candidate["subject_digest"] for candidate in value["candidates"])
    # Only a policy sets seeds apart; a file can but say that it did so too.
    policy = selecting.get(value["policy"]["id"])
    planned = policy.selection.confirm_seeds if policy and isinstance(policy.selection, Selection) else None
    stated = value["confirmation"]
    confirm = planned if stated is not None and tuple(map(int, stated["seeds"])) == planned else None
    return _Compared(digests, int(value["selection"]["candidates"]), confirm, value["policy"]["id"])


def _given_up(document: Document) -> tuple[str, frozenset[str]]:
    """Return the policy of a candidate file and whom it says to have been given up before the selection."""
    value = document.value
    assert isinstance(value, dict)
    aside = [one["subject_digest"] for one in value["candidates"] if one["outcome"] == CandidateStatus.SET_ASIDE]
    return value["policy"]["id"], frozenset(aside)


def _place(summary: Summary) -> tuple[object, ...]:
    """Return what two subjects share that were measured alike: kind, datasets and rows, model, hook, widths."""
    return (summary.kind, summary.protocol.alike, *summary.subject.shape)
