"""Seeds and SAEs that were measured before in the same way and that no evidence shows any more.

Whoever shows n of N may have chosen them, in as many ways as there are sets of n among N. An honest lab has no need to:
the seeds of old can stay where they are, beside those that were added. SAEs that were trained again under the same
seeds' numbers are other draws as well, and those of old are left out; but not where other code trained them, which is
another candidate, as another configuration is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gatekit.evidence.config_digest import GIVEN, config_without_saes_sha256, config_without_seeds_sha256
from gatekit.evidence.summary import SourceFile, Summary

Way = tuple[object, ...]
"""How seeds were measured: kind, model, hook, widths and configuration, without what says which seeds they are."""
MOST_NAMED = 8
"""Seeds that a report names; of more it says how many."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """The seeds, and SAEs of old of other seeds, that one summary leaves out."""

    seeds: int
    """How many they are."""
    words: str
    """Which, for people."""
    fewest: int
    """With how few seeds together they were looked at."""
    same_look: bool = False
    """Whether some of them are other SAEs of exactly the seeds that the summary has."""

    @property
    def are(self) -> str:
        """The verb of a sentence on them."""
        return "is" if self.seeds == 1 else "are"


Code = frozenset[tuple[str, SourceFile]] | None
"""What code measured, where that tells two trainings apart; None where the evidence does not say, or nobody asks."""


@dataclass(frozen=True, slots=True)
class _Drawn:
    """The SAEs that one summary measured."""

    saes: Mapping[int, str | None]
    """Seed -> sha256 of its checkpoint; None where the evidence names none."""
    code: Code

    def has(self, seed: int, sha256: str | None, code: Code) -> bool:
        """Whether a draw is among these, or one that stands for it: nothing tells them apart, or other code made it."""
        if seed not in self.saes:
            return False
        own = self.saes[seed]
        return own is None or sha256 is None or own == sha256 or self.code != code

    def shows(self, other: _Drawn) -> bool:
        """Whether all draws of another summary are among these, together."""
        return all(self.has(seed, sha256, other.code) for seed, sha256 in other.saes.items())


def seeds_left_out(
    summaries: Sequence[Summary], earlier: Sequence[Summary], *, any_code: bool = False
) -> Mapping[str, LeftOut]:
    """Return sha256 of a summary's bytes -> what it leaves out of what was measured before as it was.

    What was there before is not left out where some evidence still has all of it together. Another configuration is
    another candidate, which is not told here.

    Args:
        summaries: all evidence that is judged.
        earlier: evidence that was there before.
        any_code: whether SAEs that other code trained are other draws too, and no candidate of their own.
    """
    shapes = {_shape(s) for s in earlier if s.is_measured} & {_shape(s) for s in summaries if s.is_measured}
    before, after = _by_way(earlier, shapes), _by_way(summaries, shapes)
    found: dict[str, LeftOut] = {}
    for way, shown in after.items():
        drawn = {summary.sha256: _drawn(summary, any_code) for summary in shown}
        looks = _not_together([_drawn(summary, any_code) for summary in before.get(way, ())], list(drawn.values()))
        for sha256, own in drawn.items() if looks else ():
            left = _left_out(own, looks)
            if left is not None:
                found[sha256] = left
    return found


def _left_out(own: _Drawn, looks: Sequence[_Drawn]) -> LeftOut | None:
    gone = {
        (seed, sha256): look
        for look in looks
        for seed, sha256 in look.saes.items()
        if not own.has(seed, sha256, look.code)
    }
    if not gone:
        return None
    away = sorted({seed for seed, _ in gone if seed not in own.saes})
    again = sorted(seed for seed, _ in gone if seed in own.saes)
    words = [_named(away)] if away else []
    words += [f"{len(again)} other SAE{'s' * (len(again) != 1)} of {_named(sorted(set(again)))}"] if again else []
    same = any(look.saes.keys() == own.saes.keys() for look in gone.values())
    return LeftOut(len(gone), " and ".join(words), min(len(look.saes) for look in looks), same)


def _named(seeds: Sequence[int]) -> str:
    more = f" and {len(seeds) - MOST_NAMED} more" if len(seeds) > MOST_NAMED else ""
    return f"seed{'s' * (len(seeds) != 1)} {', '.join(map(str, seeds[:MOST_NAMED]))}{more}"


def _by_way(summaries: Iterable[Summary], shapes: set[Way]) -> dict[Way, list[Summary]]:
    found: dict[Way, list[Summary]] = {}
    for summary in summaries:
        if summary.is_measured and _shape(summary) in shapes:
            found.setdefault(way_of(summary), []).append(summary)
    return found


def way_of(summary: Summary) -> Way:
    """Return how the seeds of a summary were measured."""
    # Of SAEs from files the configuration names the files.
    given = summary.config.get(GIVEN) is not None
    digest = (config_without_saes_sha256 if given else config_without_seeds_sha256)(summary.config)
    return (*_shape(summary), digest)


def _shape(summary: Summary) -> Way:
    return (summary.kind, *summary.subject.shape)


def _drawn(summary: Summary, any_code: bool) -> _Drawn:
    named = {one.seed: one.sha256 for one in summary.subject.checkpoints}
    code = None if any_code or summary.sources is None else frozenset(summary.sources.items())
    return _Drawn({seed: named.get(seed) for seed in summary.protocol.seeds}, code)


def _not_together(before: Sequence[_Drawn], shown: Sequence[_Drawn]) -> list[_Drawn]:
    """Return what was measured before and stands together in nothing that is shown."""
    exactly: dict[tuple[int, str | None], list[_Drawn]] = {}
    by_code: dict[int, dict[Code, list[_Drawn]]] = {}
    for one in shown:
        for seed, sha256 in one.saes.items():
            exactly.setdefault((seed, sha256), []).append(one)
            by_code.setdefault(seed, {}).setdefault(one.code, []).append(one)

    def may_show(old: _Drawn, seed: int, sha256: str | None) -> list[_Drawn]:
        of_seed = by_code.get(seed, {})
        if sha256 is None:
            return [one for those in of_seed.values() for one in those]
        same = [*exactly.get((seed, sha256), ()), *exactly.get((seed, None), ())]
        return same + [one for code, those in of_seed.items() if code != old.code for one in those]

    gone = []
    for old in before:
        # Only evidence that has the rarest of the draws can have them all.
        fewest = min((may_show(old, seed, sha256) for seed, sha256 in old.saes.items()), key=len, default=[])
        if old.saes and not any(one.shows(old) for one in fewest):
            gone.append(old)
    return gone
