"""Who dominates whom, compared pair by pair, and without comparing all pairs where there are thousands."""

from __future__ import annotations

import math
import random
import time

from gatekit.candidates import pareto
from gatekit.candidates.pareto import MOST_DOMINATORS, dominators


def by_hand(points):
    def dominates(one, other):
        pairs = list(zip(one, other, strict=True))
        return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)

    return [tuple(i for i, other in enumerate(points) if dominates(other, point)) for point in points]


def test_every_dominator_is_named_in_order() -> None:
    draw = random.Random(0)
    points = [tuple(draw.choice([0.0, 0.5, 1.0, -math.inf]) for _ in range(3)) for _ in range(90)]
    assert dominators(points) == by_hand(points)


def test_it_does_not_matter_how_many_are_compared_in_one_step(monkeypatch) -> None:
    draw = random.Random(1)
    points = [tuple(draw.choice([0.0, 0.25, 0.5, 1.0]) for _ in range(3)) for _ in range(250)]
    assert max(map(len, by_hand(points))) > MOST_DOMINATORS
    monkeypatch.setattr(pareto, "_AT_ONCE", 16)
    assert dominators(points) == [places[:MOST_DOMINATORS] for places in by_hand(points)]


def test_equal_points_do_not_dominate_each_other_and_nobody_is_dominated_alone() -> None:
    assert dominators([(1.0, 2.0), (1.0, 2.0)]) == [(), ()]
    assert dominators([(0.0,)]) == [()] and dominators([]) == []


def test_of_many_the_first_are_named() -> None:
    points = [(float(-i),) for i in range(1500)]
    found = dominators(points)
    assert found[0] == () and found[1499] == tuple(range(MOST_DOMINATORS)) and found[3] == (0, 1, 2)


def test_ten_thousand_candidates_take_not_much_longer_each_than_a_thousand() -> None:
    draw = random.Random(1)
    points = sorted(((draw.random(), draw.random(), draw.random()) for _ in range(10_000)), reverse=True)

    def seconds(some: list[tuple[float, ...]]) -> float:
        start = time.process_time()
        dominators(some)
        return time.process_time() - start

    found = dominators(points)
    front = [points[i] for i, better in enumerate(found) if not better]
    assert 10 < len(front) < 300
    # Ten times as many: comparing all pairs would take a hundred times as long.
    assert seconds(points) < 50 * min(seconds(points[::10]) for _ in range(3))
