from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from gatekit.errors import GatekitError
from runners.digests import file_sha256
from runners.saes.checkpoint import load_sae, save_stack
from runners.saes.topk import TopK
from runners.saes.training import SaeStack
from runners.seeding import generator

pytestmark = pytest.mark.runners


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    architecture = TopK(6, 10, 2, 3)
    drawn = [architecture.initial(generator("test", seed), torch.ones(6)) for seed in (3, 8)]
    parameters = {name: torch.stack([each[name] for each in drawn]) for name in drawn[0]}
    stack = SaeStack(architecture, (3, 8), parameters, parameters["W_dec"], 1.5, (0.2, 0.3))
    save_stack(stack, tmp_path, {"model": "m", "hook": "h"})
    return tmp_path


def rewrite(path: Path, **changed: torch.Tensor) -> None:
    """Replace tensors and make the JSON agree, as somebody who edits a checkpoint would."""
    save_file({**load_file(path), **changed}, path)
    described = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps({**described, "sha256": file_sha256(path)}))


def test_a_checkpoint_reads_back_as_it_was_saved(saved):
    sae = load_sae(saved / "seed_8.safetensors")
    expected = TopK(6, 10, 2, 3).initial(generator("test", 8), torch.ones(6))
    assert sae.architecture == TopK(6, 10, 2, 3)
    assert sae.scale == 1.5
    assert all(torch.equal(sae.parameters[name], expected[name]) for name in expected)


def test_weights_have_the_orientation_of_sae_lens(saved):
    tensors = load_file(saved / "seed_3.safetensors")
    assert tuple(tensors["W_enc"].shape) == (6, 10)
    assert tuple(tensors["W_dec"].shape) == (10, 6)


def test_the_digest_is_of_the_file_as_it_lies_there(saved):
    import hashlib

    data = (saved / "seed_3.safetensors").read_bytes()
    assert json.loads((saved / "seed_3.json").read_text())["sha256"] == hashlib.sha256(data).hexdigest()


def test_equal_weights_give_equal_files(saved, tmp_path):
    with safe_open(saved / "seed_3.safetensors", framework="pt") as stream:
        header = stream.metadata()
    save_file(load_file(saved / "seed_3.safetensors"), tmp_path / "again.safetensors", header)
    assert (tmp_path / "again.safetensors").read_bytes() == (saved / "seed_3.safetensors").read_bytes()


def test_altered_weights_are_refused(saved):
    path = saved / "seed_3.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    with pytest.raises(GatekitError, match="not those"):
        load_sae(path)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"W_dec": torch.ones(6, 10)}, "where the configuration says"),
        ({"b_enc": torch.full((10,), float("nan"))}, "not finite"),
        ({"W_dec": torch.zeros(10, 6)}, "unit length"),
        ({"surprise": torch.ones(1)}, "where the configuration says"),
    ],
)
def test_a_wrong_tensor_is_refused_and_not_repaired(saved, changed, message):
    rewrite(saved / "seed_3.safetensors", **changed)
    with pytest.raises(GatekitError, match=message):
        load_sae(saved / "seed_3.safetensors")
