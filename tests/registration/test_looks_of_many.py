"""The smallest earlier look at a seed is found without comparing each summary with every other."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

from growth import grows_evenly

from gatekit.gates.looks import UNANNOUNCED, exploratory_notes
from gatekit.registration.standing import NOT_REGISTERED, Look, Standing, standings


def summary(number: int, seeds: tuple[int, ...], model: str = "m") -> Any:
    return SimpleNamespace(
        **{"sha256": f"{number}", "path": f"{number}.json", "kind": "k", "is_measured": True},
        subject=SimpleNamespace(shape=(model,), checkpoints=()),
        protocol=SimpleNamespace(seeds=seeds),
    )


def extends(summaries: list[Any], history: tuple[Look, ...] = ()) -> list[int | None]:
    return [standing.extends for standing in standings(summaries, (), (), history).values()]


def test_every_look_with_fewer_seeds_that_shares_one_is_told_once() -> None:
    sets = [(1, 2), (1, 2, 3), (2, 4), (1, 2, 3, 4), (7, 8, 9)]
    found = standings([summary(number, seeds) for number, seeds in enumerate(sets)], (), ())
    assert found["3"].earlier_looks == (2, 3)
    assert found["1"].earlier_looks == (2,)
    assert {found[number].earlier_looks for number in "024"} == {()}


def fewest(looks: list[Any]) -> int | None:
    return min(map(len, looks), default=None)


def test_it_is_the_smallest_look_with_fewer_seeds_that_shares_one() -> None:
    draw = random.Random(0)
    for _ in range(50):
        sets = [tuple(sorted(draw.sample(range(9), draw.randint(0, 6)))) for _ in range(12)]
        past = [frozenset(draw.sample(range(9), 2)) for _ in range(2)]
        looks = [*map(set, sets), *map(set, past)]
        expected = [fewest([look for look in looks if len(look) < len(s) and look & set(s)]) for s in sets]
        found = extends([summary(i, seeds) for i, seeds in enumerate(sets)], tuple(Look(("k", "m"), p) for p in past))
        assert found == expected


def test_another_model_is_no_earlier_look() -> None:
    assert extends([summary(0, (1,)), summary(1, (1, 2), "other")]) == [None, None]
    assert extends([summary(0, (1,)), summary(1, (1, 2))]) == [None, 1]


def test_what_was_looked_at_once_more_says_nothing_of_another_model_with_the_same_seeds() -> None:
    seeds = (1, 2, 3)
    many = [summary(0, seeds), summary(1, seeds, "other"), summary(2, (1,), "other"), summary(3, seeds, "third")]
    assert extends(many) == [None, 1, None, None]


def test_many_summaries_of_one_subject_cost_each_what_few_do() -> None:
    many = [summary(number, (number, number + 1)) for number in range(8_000)]

    def looked_at(count: int) -> None:
        assert set(extends(many[:count])) == {None}
        found: list[tuple[Any, Standing]] = [(one, NOT_REGISTERED) for one in many[:count]]
        assert exploratory_notes(found) == [UNANNOUNCED]

    assert grows_evenly(looked_at, 2_000)
