"""The families of sae-probes' datasets, held against its register and its texts."""

from __future__ import annotations

from itertools import combinations

import pytest

from gatekit.evidence.dataset_families import KNOWN, family_of
from runners.subjects.labelled_texts import read_as_filed, registered_datasets
from runners.subjects.text_corpus import sae_probes_folder


def test_the_table_has_every_dataset_that_sae_probes_registers() -> None:
    names = registered_datasets(sae_probes_folder())
    assert len(names) == 113
    assert [name for name in names if family_of(name) == name] == []
    assert sum(name[0].isdigit() for name in KNOWN) == 113


def test_the_113_datasets_are_39_families() -> None:
    assert len({family_of(name) for name in registered_datasets(sae_probes_folder())}) == 39


@pytest.mark.slow
def test_datasets_that_share_a_fiftieth_of_their_texts_are_one_family() -> None:
    folder = sae_probes_folder()
    texts = {name: set(read_as_filed(folder, name).texts) for name in registered_datasets(folder)}
    apart = [
        (a, b)
        for a, b in combinations(texts, 2)
        if len(texts[a] & texts[b]) >= 0.02 * min(len(texts[a]), len(texts[b])) and family_of(a) != family_of(b)
    ]
    assert apart == []
