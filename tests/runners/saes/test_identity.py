from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from runners.saes.given.per_token import PerToken
from runners.saes.identity import sae_sha256
from runners.saes.sae import Sae
from runners.saes.topk import TopK

pytestmark = pytest.mark.runners

SHAPE = TopK(6, 10, 4, 0)
SAE = Sae(SHAPE, SHAPE.initial(torch.Generator().manual_seed(0), torch.ones(6)), 1.5)


def changed(name: str) -> Sae:
    return replace(SAE, parameters={**SAE.parameters, name: SAE.parameters[name] + 1})


@pytest.mark.parametrize(
    "other",
    [
        replace(SAE, architecture=TopK(6, 10, 1, 0)),
        replace(SAE, architecture=PerToken(SHAPE, "layer_norm")),
        replace(SAE, scale=1.6),
        replace(SAE, target_scale=1.5),
        changed("b_dec"),
        changed("W_enc"),
    ],
)
def test_whatever_changes_what_an_sae_computes_changes_its_digest(other: Sae):
    assert sae_sha256(other) != sae_sha256(SAE)


def test_what_changes_nothing_that_it_computes_leaves_the_digest():
    assert sae_sha256(replace(SAE, facts={"note": 1})) == sae_sha256(SAE)
