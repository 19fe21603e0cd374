"""The front door: a format is recognised from its files, and never guessed at."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from gatekit.errors import GatekitError
from runners.saes.formats import any_format
from runners.saes.formats.any_format import format_names, read_sae
from runners.saes.formats.own_formats import OWN
from runners.saes.formats.sae_format import SaeFormat
from runners.saes.relu import ReLU
from runners.saes.sae import Sae

pytestmark = pytest.mark.runners

D, F = 12, 40
PLAIN = {"W_enc": (D, F), "b_enc": (F,), "W_dec": (F, D), "b_dec": (D,)}


def sae_lens_folder(folder: Path, tensors: dict[str, torch.Tensor]) -> Path:
    config = {"architecture": "standard", "d_in": D, "d_sae": F, "metadata": {"sae_lens_version": "6.0.0"}}
    (folder / "cfg.json").write_text(json.dumps(config))
    save_file(tensors, folder / "sae_weights.safetensors")
    return folder


def refusal(path: Path, format: str = "auto") -> GatekitError:
    with pytest.raises(GatekitError) as caught:
        read_sae(path, format)
    assert "\n" not in str(caught.value)
    return caught.value


def test_a_folder_is_read_as_the_format_whose_files_it_holds(weights: Callable[..., Any], tmp_path: Path):
    sae = read_sae(sae_lens_folder(tmp_path, weights(**PLAIN)))
    assert sae.architecture == ReLU(D, F, None)
    assert (sae.stated.format, sae.stated.d_in, sae.stated.d_sae) == ("sae_lens", D, F)


def test_a_format_may_be_named(weights: Callable[..., Any], tmp_path: Path):
    assert read_sae(str(sae_lens_folder(tmp_path, weights(**PLAIN))), "sae_lens").stated.format == "sae_lens"


def test_a_folder_of_no_format_is_refused_with_what_was_looked_for(tmp_path: Path):
    (tmp_path / "cfg.json").write_text("{}")
    error = refusal(tmp_path)
    assert error.error_id == "checkpoint.format"
    assert str(error).startswith(f"{tmp_path}: holds cfg.json, which no SAE format keeps; looked for ")
    assert "sae_lens: cfg.json and sae_weights.safetensors" in error.message
    assert all(own.looks_for in error.message for own in OWN)


def test_a_folder_of_two_formats_is_refused_with_both(weights: Callable[..., Any], tmp_path: Path):
    sae_lens_folder(tmp_path, weights(**PLAIN))
    save_file(weights(**PLAIN), tmp_path / "sae.safetensors")
    error = refusal(tmp_path)
    assert "is of several formats: sae_lens (cfg.json and sae_weights.safetensors) and sparsify (" in error.message
    assert error.remedy == "name one as 'format'"


def test_a_file_of_an_saes_folder_is_not_the_sae(weights: Callable[..., Any], tmp_path: Path):
    folder = sae_lens_folder(tmp_path, weights(**PLAIN))
    assert refusal(folder / "sae_weights.safetensors").remedy == "name its folder"


def test_a_folder_of_saes_is_refused_with_their_names(weights: Callable[..., Any], tmp_path: Path):
    for place in ("resid_3/trainer_0", "resid_3/trainer_1", "resid_4/trainer_0", "resid_5"):
        (tmp_path / place).mkdir(parents=True)
        sae_lens_folder(tmp_path / place, weights(**PLAIN))
    error = refusal(tmp_path)
    assert error.message.startswith("holds no weights and no configuration")
    assert error.remedy == "name what is meant of resid_3/trainer_0, resid_3/trainer_1, resid_4/trainer_0 and 1 more"


def test_an_unknown_name_is_refused_with_the_nearest(tmp_path: Path):
    assert refusal(tmp_path, "sealens").remedy == "did you mean 'sae_lens'?"


def test_a_path_that_is_not_there_is_refused(tmp_path: Path):
    assert "no such file or folder" in refusal(tmp_path / "nowhere").message


class Harm:
    """Makes a folder when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.trace),)


def test_a_pickle_with_code_in_it_is_refused_and_does_not_run(tmp_path: Path):
    torch.save({"W_enc": torch.ones(2), "harm": Harm(tmp_path / "ran")}, tmp_path / "sae.pt")
    assert "cannot be read as weights only" in refusal(tmp_path / "sae.pt").message
    assert not (tmp_path / "ran").exists()


def test_reading_one_format_imports_no_other_reader(weights: Callable[..., Any], tmp_path: Path):
    code = (
        f"import sys; from runners.saes.formats.any_format import read_sae; read_sae({str(tmp_path)!r});"
        "print(*[name for name in sys.modules if name.startswith('runners.saes.formats.')])"
    )
    sae_lens_folder(tmp_path, weights(**PLAIN))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    others = {own.name for own in OWN} - {"sae_lens"}
    assert not others & {name.rpartition(".")[2] for name in done.stdout.split()}


# What other packages offer, as they would under the entry point group.


def read_as_identity(path: Path) -> Sae:
    parameters = {"W_enc": torch.eye(2), "b_enc": torch.zeros(2), "W_dec": torch.eye(2), "b_dec": torch.zeros(2)}
    return Sae(ReLU(2, 2, None), parameters)


def fail(path: Path) -> Sae:
    raise KeyError("hook\nand more")


def is_lab_file(path: Path) -> bool:
    return (path / "lab.bin").is_file()


LAB = SaeFormat("lab", "lab.bin", is_lab_file, read_as_identity)
BROKEN = SaeFormat("broken", "lab.bin", is_lab_file, fail)
WRONG = SaeFormat("wrong", "lab.bin", is_lab_file, lambda path: None)  # type: ignore[arg-type, return-value]
INCOMPLETE = SaeFormat("incomplete", "lab.bin", is_lab_file, lambda path: Sae(ReLU(2, 2, None), {}))
LENS = SaeFormat("sae_lens", "lab.bin", is_lab_file, read_as_identity)
NO_FORMAT = 3


@pytest.fixture
def plug_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Path]:
    """Return a function that registers these attributes of this module as formats, and gives a folder of the lab's."""
    (tmp_path / "lab.bin").write_bytes(b"")

    class Points(list[EntryPoint]):
        @property
        def names(self) -> set[str]:
            return {point.name for point in self}

    def register(**values: str) -> Path:
        points = Points(EntryPoint(name, value, any_format.GROUP) for name, value in values.items())
        monkeypatch.setattr(any_format, "entry_points", lambda group: points if group == any_format.GROUP else Points())
        monkeypatch.setitem(sys.modules, "lab_formats", sys.modules[__name__])
        return tmp_path

    return register


def test_another_packages_format_is_recognised_by_its_files(plug_in: Callable[..., Path]):
    folder = plug_in(lab="lab_formats:LAB")
    assert read_sae(folder).stated.format == "lab"
    assert read_sae(folder, "lab").architecture == ReLU(2, 2, None)
    assert "lab" in format_names()


def test_a_plug_in_that_cannot_be_loaded_does_not_disturb_our_own(
    plug_in: Callable[..., Path], weights: Callable[..., Any]
):
    folder = plug_in(lab="no_such_module:FORMAT")
    (folder / "lab.bin").unlink()
    assert read_sae(sae_lens_folder(folder, weights(**PLAIN))).stated.format == "sae_lens"


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ({"lab": "no_such_module:FORMAT"}, "the SAE format 'lab' (no_such_module:FORMAT) cannot be loaded: ModuleNot"),
        ({"lab": "lab_formats:nothing"}, "the SAE format 'lab' (lab_formats:nothing) cannot be loaded: AttributeError"),
        ({"lab": "lab_formats:NO_FORMAT"}, "the SAE format 'lab' (lab_formats:NO_FORMAT) is no SaeFormat of that name"),
        ({"other": "lab_formats:LAB"}, "the SAE format 'other' (lab_formats:LAB) is no SaeFormat of that name"),
        ({"broken": "lab_formats:BROKEN"}, "the SAE format 'broken' failed to read this: KeyError: 'hook\\nand more'"),
        ({"wrong": "lab_formats:WRONG"}, "the SAE format 'wrong' returned NoneType and no Sae"),
        ({"incomplete": "lab_formats:INCOMPLETE"}, "no tensor 'W_enc'"),
        ({"sae_lens": "lab_formats:LENS"}, "the SAE format 'sae_lens' of lab_formats:LENS has the name of one of"),
        ({"lab": "lab_formats:LAB", "broken": "lab_formats:BROKEN"}, "is of several formats: broken (lab.bin) and lab"),
    ],
)
def test_a_broken_plug_in_is_one_line(points: dict[str, str], message: str, plug_in: Callable[..., Path]):
    assert message in str(refusal(plug_in(**points)))


@pytest.mark.parametrize("on_input", [True, False])
def test_a_coordinate_that_is_large_in_all_inputs_costs_no_digits(
    on_input: bool, weights: Callable[..., Any], rows: torch.Tensor, tmp_path: Path
):
    tensors = weights(**PLAIN)
    rows[:, 3] += 300.0
    tensors["b_dec"][3] = 300.0
    config = {"architecture": "standard", "d_in": D, "d_sae": F, "metadata": {"sae_lens_version": "6.0.0"}}
    sae_lens_folder(tmp_path, tensors)
    (tmp_path / "cfg.json").write_text(json.dumps({**config, "apply_b_dec_to_input": on_input}))
    sae = read_sae(tmp_path)
    exact = {name: value.double() for name, value in tensors.items()}
    inputs = rows.double() - exact["b_dec"] if on_input else rows.double()
    latents = (inputs @ exact["W_enc"] + exact["b_enc"]).clamp_min(0)
    # Not subtracted, inputs of 300 are multiplied, and float32 carries their product to 300 times 6e-8.
    tolerance = 3e-6 if on_input else 1e-4
    torch.testing.assert_close(sae.encode(rows).double(), latents, rtol=1e-6, atol=tolerance)
    reconstruction = latents @ exact["W_dec"] + exact["b_dec"]
    torch.testing.assert_close(sae.reconstruct(rows)[0].double(), reconstruction, rtol=1e-6, atol=10 * tolerance)
    assert torch.equal(sae.reconstruct(rows)[1], sae.encode(rows))
