from __future__ import annotations

import json
import subprocess
import sys

import pytest

from gatekit.errors import GatekitError, Location
from runners.saes.alignment import Aligned
from runners.saes.architecture import Architecture, describe
from runners.saes.batch_topk import BatchTopK
from runners.saes.controls import Control
from runners.saes.described import architecture_from
from runners.saes.gated import Gated
from runners.saes.hierarchical_topk import HierarchicalTopK
from runners.saes.in_parts.gated import GatedInParts
from runners.saes.in_parts.hierarchical_topk import HierarchicalTopKInParts
from runners.saes.in_parts.jump_relu import JumpReLUInParts
from runners.saes.in_parts.relu import ReLUInParts
from runners.saes.in_parts.topk import TopKInParts
from runners.saes.jump_relu import JumpReLU
from runners.saes.matryoshka import Matryoshka
from runners.saes.registry import ARCHITECTURES, architecture_class
from runners.saes.relu import ReLU
from runners.saes.route import RouteSAE
from runners.saes.topk import TopK
from runners.saes.transcoder import Transcoder

pytestmark = pytest.mark.runners

ONE_OF_EACH: list[Architecture] = [
    ReLU(6, 10, 0.1),
    TopK(6, 10, 2, 3),
    BatchTopK(6, 10, 2, 3),
    JumpReLU(6, 10, None),
    Gated(6, 10, 0.1),
    Matryoshka(6, (4, 10), 2, 3),
    HierarchicalTopK(6, 10, (1, 2), 3),
    RouteSAE(6, 10, 2, 3, "scaled"),
    Transcoder(6, 4, 10, 2, 3, skip=True),
    ReLUInParts(6, 10, 0.1, parts=2),
    TopKInParts(6, 10, 2, 3, parts=2),
    JumpReLUInParts(6, 10, None, parts=2),
    GatedInParts(6, 10, 0.1, parts=2),
    HierarchicalTopKInParts(6, 10, (1, 2), 3, parts=2),
    Control(BatchTopK(6, 10, 2, 3), "soft_frozen_decoder"),
    Aligned(TopK(6, 10, 2, 3), "v1", 0.1, 1, "0" * 64, from_reference=True),
]


def test_every_architecture_is_listed_under_its_own_name():
    assert {name: architecture_class(name) for name in ARCHITECTURES} == {one.name: type(one) for one in ONE_OF_EACH}


def test_reading_one_architecture_imports_no_other():
    code = (
        "import sys; from gatekit.errors import Location; from runners.saes.described import architecture_from;"
        "architecture_from({'architecture': 'topk', 'd_in': 2, 'd_sae': 4, 'k': 1, 'auxiliary_k': 0}, Location('x'));"
        "print(*sorted(name for name in sys.modules if name.startswith('runners.saes.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    others = {"relu", "batch_topk", "jump_relu", "gated", "matryoshka", "hierarchical_topk", "route", "transcoder"}
    others |= {"in_parts", "in_parts.topk"}
    assert "runners.saes.topk" in done.stdout
    assert not others & {name.removeprefix("runners.saes.") for name in done.stdout.split()}


@pytest.mark.parametrize("architecture", ONE_OF_EACH, ids=lambda architecture: architecture.name)
def test_a_described_architecture_reads_back_as_itself_through_json(architecture):
    described = json.loads(json.dumps({**describe(architecture), "seed": 3}))
    assert architecture_from(described, Location("x.json")) == architecture


@pytest.mark.parametrize("architecture", ONE_OF_EACH, ids=lambda architecture: architecture.name)
def test_initial_parameters_have_the_declared_names_and_shapes(architecture, drawn):
    assert {name: tuple(value.shape) for name, value in drawn(architecture).items()} == architecture.shapes()
    assert architecture.frozen <= set(architecture.shapes())


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"architecture": "topkk"}, "did you mean 'topk'"),
        ({"architecture": None}, "unknown architecture"),
        ({"k": None}, "'k' of architecture 'topk' is None"),
        ({"k": 2.0}, "'k' of architecture 'topk' is 2.0"),
        ({"k": True}, "'k' of architecture 'topk' is True"),
        ({"k": 11}, "k=11 of d_sae=10"),
    ],
)
def test_a_description_that_is_none_is_refused(changed, message):
    with pytest.raises(GatekitError, match=message):
        architecture_from({**describe(TopK(6, 10, 2, 3)), **changed}, Location("x.json"))


def test_a_description_without_a_field_is_refused():
    described = describe(TopK(6, 10, 2, 3))
    del described["auxiliary_k"]
    with pytest.raises(GatekitError, match="without 'auxiliary_k'"):
        architecture_from(described, Location("x.json"))


def test_a_control_of_nothing_is_refused():
    with pytest.raises(GatekitError, match="no architecture"):
        architecture_from({"architecture": "control", "base": "topk", "kind": "frozen_decoder"}, Location("x.json"))
