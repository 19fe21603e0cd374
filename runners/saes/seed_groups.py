"""Which seeds are trained together: fixed by the list of seeds alone, never by what a cache still lacks.

A batched product may be split differently for another number of seeds, so the number of seeds in a stack can change
bits. The group is therefore part of what determines an SAE: the first three of five seeds, measured as a pilot, are the
same SAEs when all five are, in whatever order and on however many machines the groups are trained.
"""

from __future__ import annotations

from collections.abc import Sequence

SEEDS_PER_GROUP = 3
"""On CUDA, where a configuration says nothing. Three seeds are the usual pilot, so that a pilot's SAEs are the first
group of the full run and none is trained twice; and a worker that is lost costs one group. What a larger group gains in
speed has not been measured."""
SEEDS_PER_GROUP_ON_CPU = 1
"""Whatever a configuration says. One seed's products fill the cores: measured on two of them at (384, 768, 16), a stack
of two, three or five seeds takes 1.3 to 1.7 times the processor time of as many seeds alone, and rounds differently."""


def seed_groups(seeds: Sequence[int], device: str, per_group: int | None = None) -> list[tuple[int, ...]]:
    """Return the seeds in their groups, in order.

    Args:
        seeds: of one arm, all of them.
        device: that they are trained on.
        per_group: as a configuration says it; None where it says nothing.
    """
    size = (per_group or SEEDS_PER_GROUP) if device.startswith("cuda") else SEEDS_PER_GROUP_ON_CPU
    return [tuple(seeds[start : start + size]) for start in range(0, len(seeds), size)]
