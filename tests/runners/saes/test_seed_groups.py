from __future__ import annotations

import pytest

from runners.saes.seed_groups import SEEDS_PER_GROUP, seed_groups

pytestmark = pytest.mark.runners

FIVE = (42, 123, 456, 789, 1011)


def test_a_pilots_seeds_are_the_first_group_of_the_full_run_on_a_gpu():
    assert SEEDS_PER_GROUP == 3
    assert seed_groups(FIVE[:3], "cuda") == [(42, 123, 456)]
    assert seed_groups(FIVE, "cuda") == [(42, 123, 456), (789, 1011)]


def test_a_configuration_says_how_many_seeds_are_in_a_group_on_a_gpu():
    assert seed_groups(FIVE, "cuda:0", 5) == [FIVE]
    assert seed_groups(FIVE, "cuda", 2) == [(42, 123), (456, 789), (1011,)]


def test_on_a_cpu_each_seed_is_alone_whatever_a_configuration_says():
    assert seed_groups(FIVE, "cpu", 5) == [(seed,) for seed in FIVE]
