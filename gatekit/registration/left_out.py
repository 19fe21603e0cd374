"""Seeds that were measured before in the same way and that no evidence shows any more.

Whoever shows n of N seeds may have chosen them, in as many ways as there are sets of n among N. An honest lab has no
need to: the seeds of old can stay where they are, beside those that were added.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from gatekit.evidence.config_digest import GIVEN, config_without_saes_sha256, config_without_seeds_sha256
from gatekit.evidence.summary import Summary

Way = tuple[object, ...]
"""How seeds were measured: kind, model, hook, widths and configuration, without what says which seeds they are."""
MOST_NAMED = 8
"""Seeds that a report names; of more it says how many."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """The seeds that one summary leaves out."""

    seeds: int
    """How many they are."""
    words: str
    """Which, for people."""
    fewest: int
    """With how few seeds together they were looked at."""

    @property
    def are(self) -> str:
        """The verb of a sentence on them."""
        return "is" if self.seeds == 1 else "are"


def seeds_left_out(summaries: Sequence[Summary], earlier: Sequence[Summary]) -> Mapping[str, LeftOut]:
    """Return sha256 of a summary's bytes -> the seeds that it leaves out, of those measured before as it was.

    What was there before is not left out where some evidence still has all of its seeds together. SAEs that were
    trained again keep their seeds' numbers, and another configuration is another candidate: neither is told here.

    Args:
        summaries: all evidence that is judged.
        earlier: evidence that was there before.
    """
    shapes = {_shape(s) for s in earlier if s.is_measured} & {_shape(s) for s in summaries if s.is_measured}
    before, after = _by_way(earlier, shapes), _by_way(summaries, shapes)
    found: dict[str, LeftOut] = {}
    for way, shown in after.items():
        looks = _not_together(before.get(way, ()), shown)
        gone = frozenset().union(*looks)
        in_order = sorted(gone)
        for summary in shown if gone else ():
            own = set(summary.protocol.seeds)
            count = len(gone) - len(own & gone)
            if count:
                named = list(islice((seed for seed in in_order if seed not in own), MOST_NAMED))
                more = f" and {count - len(named)} more" if count > len(named) else ""
                words = f"seed{'s' * (count != 1)} {', '.join(map(str, named))}{more}"
                found[summary.sha256] = LeftOut(count, words, min(map(len, looks)))
    return found


def _by_way(summaries: Iterable[Summary], shapes: set[Way]) -> dict[Way, list[Summary]]:
    found: dict[Way, list[Summary]] = {}
    for summary in summaries:
        shape = _shape(summary)
        if summary.is_measured and shape in shapes:
            # Of SAEs from files the configuration names the files.
            given = summary.config.get(GIVEN) is not None
            digest = (config_without_saes_sha256 if given else config_without_seeds_sha256)(summary.config)
            found.setdefault((*shape, digest), []).append(summary)
    return found


def _shape(summary: Summary) -> Way:
    return (summary.kind, *summary.subject.shape)


def _not_together(before: Iterable[Summary], shown: Iterable[Summary]) -> set[frozenset[int]]:
    """Return the seeds of each that was measured before, where they stand together in nothing that is shown."""
    there = {frozenset(summary.protocol.seeds) for summary in shown}
    with_seed: dict[int, list[frozenset[int]]] = {}
    for seeds in there:
        for seed in seeds:
            with_seed.setdefault(seed, []).append(seeds)
    gone = set()
    for seeds in {frozenset(summary.protocol.seeds) for summary in before} - there:
        # Only evidence that has the rarest of the seeds can have them all.
        fewest = min((with_seed.get(seed, []) for seed in seeds), key=len, default=[])
        if seeds and not any(seeds <= other for other in fewest):
            gone.add(seeds)
    return gone
