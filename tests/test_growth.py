"""The measure of growth itself: what is linear and what is not."""

from __future__ import annotations

from growth import grows_evenly


def linear(size: int) -> int:
    return sum(number * number for number in range(size))


def square(size: int) -> int:
    return sum(one * other for one in range(size) for other in range(size))


def test_what_is_done_once_for_each_part_grows_evenly_and_what_is_done_for_each_pair_does_not() -> None:
    assert grows_evenly(linear, 20_000)
    assert grows_evenly(lambda size: sorted(range(size), key=lambda number: -number), 20_000)
    assert not grows_evenly(square, 100)
