from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from gatekit.errors import GatekitError
from runners.config import read_config
from runners.saes.architecture_options import ControlKind
from runners.saes.architecture_plan import ArchitecturePlan
from runners.saes.batch_topk import BatchTopK
from runners.saes.controls import Control
from runners.saes.jump_relu import JumpReLU
from runners.saes.matryoshka import Matryoshka
from runners.saes.registry import ARCHITECTURES, WRAPPERS, architecture_class
from runners.saes.route import RouteSAE
from runners.saes.transcoder import Transcoder

pytestmark = pytest.mark.runners


def test_a_configuration_file_names_any_architecture(tmp_path: Path):
    (tmp_path / "c.yaml").write_text("architecture: matryoshka\nwidths: [4, 9, 20]\nk: 3\nauxiliary_k: 0\n")
    plan = read_config(tmp_path / "c.yaml", ArchitecturePlan)
    assert plan.build(6) == Matryoshka(6, (4, 9, 20), 3, 0)


@pytest.mark.parametrize(
    ("plan", "widths", "expected"),
    [
        (ArchitecturePlan("jump_relu", d_sae=9, l0_coefficient=0.5), (6,), JumpReLU(6, 9, 0.5)),
        (ArchitecturePlan("route", d_sae=9, k=2, router_loss="scaled"), (6, None, 3), RouteSAE(6, 9, 2, 3, "scaled")),
        (
            ArchitecturePlan("transcoder", d_sae=9, k=2, auxiliary_k=1, skip=True),
            (6, 4),
            Transcoder(6, 4, 9, 2, 1, True),
        ),
        (
            ArchitecturePlan("batch_topk", control="frozen_encoder", d_sae=9, k=2, auxiliary_k=1),
            (6,),
            Control(BatchTopK(6, 9, 2, 1), "frozen_encoder"),
        ),
    ],
)
def test_it_builds_what_it_names(plan, widths, expected):
    assert plan.build(*widths) == expected


def test_a_summary_can_tell_a_control_from_its_architecture():
    assert ArchitecturePlan("topk").label == "topk"
    assert ArchitecturePlan("topk", control="frozen_decoder").label == "topk_frozen_decoder"


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (ArchitecturePlan("topk", d_sae=9, k=2), "'topk' needs 'auxiliary_k'"),
        (ArchitecturePlan("relu", d_sae=9, l1_coefficient=1.0, k=2), "'relu' has no 'k'"),
        (ArchitecturePlan("topk", d_sae=9, k=10, auxiliary_k=0), "k=10 of d_sae=9"),
        (ArchitecturePlan("route", d_sae=9, k=2), "'route' needs 'layers'"),
    ],
)
def test_fields_that_have_no_effect_or_are_missing_are_refused(plan, message):
    with pytest.raises(GatekitError, match=message):
        plan.build(6)


def test_every_field_of_every_architecture_can_be_configured():
    offered = {member.name for member in fields(ArchitecturePlan)} | {"d_in", "d_out", "layers"}
    for name in set(ARCHITECTURES) - WRAPPERS:
        assert {member.name for member in fields(architecture_class(name))} <= offered
    hints = get_type_hints(ArchitecturePlan)
    assert set(get_args(hints["architecture"])) == set(ARCHITECTURES) - WRAPPERS
    assert set(get_args(get_args(hints["control"])[0])) == set(get_args(ControlKind))
