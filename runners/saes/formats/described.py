"""Reading any state dict by a YAML file that says what its tensors are: `sae.yaml` in a folder, or `NAME.yaml`.

    schema: gatekit.sae/1
    weights: sae.pt                 # .safetensors, .npz, .pt, or the .index.json of shards
    activation: topk                # relu, topk, batch_topk, jump_relu, gated, group_max
    k: 32
    tensors: {W_enc: encoder.weight.T, b_enc: encoder.bias, W_dec: decoder.weight.T, b_dec: bias}
    b_dec_on_input: true            # whether b_dec is subtracted from the input
    normalisation: none             # layer_norm, constant_norm_rescale, or the number that inputs are multiplied by
    model: EleutherAI/pythia-70m    # from here on statements of use, all of them optional
    hook: blocks.3.hook_resid_post
    context_size: 1024

`.T` after a tensor's name turns it into our orientation: W_enc is (d_in, d_sae), W_dec is (d_sae, d_out) and W_skip is
(d_out, d_in). A bias that the SAE does not have is `none`. Every tensor of the file is named, under `tensors` or
under `unused`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import torch

from gatekit.errors import GatekitError, did_you_mean
from gatekit.evidence.strict_yaml import YamlDocument, read_yaml
from runners.saes.architecture import Architecture, Parameters
from runners.saes.batch_topk import BatchTopK
from runners.saes.formats.folding import centred
from runners.saes.formats.tensor_files import read_tensors
from runners.saes.gated import Gated
from runners.saes.given.group_max import GroupMax
from runners.saes.given.jump_relu_transcoder import JumpReLUTranscoder
from runners.saes.given.per_token import PerToken
from runners.saes.jump_relu import JumpReLU
from runners.saes.relu import ReLU
from runners.saes.sae import Sae
from runners.saes.stated_facts import StatedFacts
from runners.saes.topk import TopK
from runners.saes.transcoder import Transcoder
from runners.saes.weights import checked, refused

SCHEMA = "gatekit.sae/1"
FILE = "sae.yaml"

_ACTIVATIONS = ("relu", "topk", "batch_topk", "jump_relu", "gated", "group_max")
_BIASES = ("b_enc", "b_dec")
_USE: dict[str, type] = {
    **dict.fromkeys(("model", "hook", "module", "target_hook", "target_module", "dataset"), str),
    **dict.fromkeys(("layer", "head", "context_size"), int),
    **dict.fromkeys(("prepend_bos", "flat_heads"), bool),
}
_KEYS: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("schema", "weights", "within", "activation"), str),
    "k": int,
    "threshold": (int, float),
    "transcoder": bool,
    "tensors": dict,
    "unused": list,
    "b_dec_on_input": bool,
    "normalisation": (str, int, float),
    **_USE,
}


def read(path: Path) -> Sae:
    """Read one SAE.

    Args:
        path: the description, or a folder that holds it as `sae.yaml`.

    Raises:
        GatekitError: `yaml.*`, `checkpoint.description`: a description that is none, with its line;
            `checkpoint.invalid`: weights that are not what it says.
    """
    document = read_yaml(path / FILE if path.is_dir() else path)
    description = _Description(document)
    weights = Path(document.path).parent / description.text("weights")
    stored = read_tensors(weights, description.values.get("within"))
    stored_as = None
    tensors: Parameters = {}
    for ours, theirs in description.tensors().items():
        if theirs == "none" and ours in _BIASES:
            continue
        name = theirs.removesuffix(".T") if theirs not in stored else theirs
        if name not in stored:
            raise refused(weights, f"no tensor {name!r}; it holds {', '.join(map(repr, list(stored)[:8]))}")
        tensors[ours] = stored[name].mT if name != theirs else stored[name]
        if ours == "W_dec":
            stored_as = str(stored[name].dtype).removeprefix("torch.")
    used = {theirs.removesuffix(".T") if theirs not in stored else theirs for theirs in description.tensors().values()}
    for name in stored:
        if name not in used and name not in description.unused():
            raise refused(weights, f"tensor {name!r} is neither under 'tensors' nor under 'unused' of {document.path}")
    architecture, parameters = _built(description, weights, tensors)
    scale = 1.0
    match description.values["normalisation"]:
        case "none":
            pass
        case ("layer_norm" | "constant_norm_rescale") as kind if not description.transcoder:
            architecture = PerToken(architecture, kind)
        case float() | int() as factor if not isinstance(factor, bool) and math.isfinite(factor) and factor > 0:
            scale = float(factor)
        case other:
            of = " of a transcoder" if description.transcoder else ""
            description.refuse("normalisation", f"normalisation {other!r} is not read{of}")
    stated = StatedFacts(
        said_by=(Path(document.path).name,),
        normalisation=str(description.values["normalisation"]),
        stored_as=stored_as,
        **{name: description.values[name] for name in _USE if name in description.values},
    )
    return Sae(architecture, parameters, scale, facts={"described": description.values}, stated=stated)


class _Description:
    """A parsed description, each value of the type that it must have."""

    def __init__(self, document: YamlDocument) -> None:
        self.document = document
        plain = document.plain()
        if not isinstance(plain, dict):
            self.refuse(None, "no description of an SAE: it has no keys")
        self.values: dict[str, Any] = plain
        for key, value in self.values.items():
            if key not in _KEYS:
                self.refuse(key, f"unknown key '{key}'", did_you_mean(key, _KEYS))
            if not isinstance(value, _KEYS[key]) or (isinstance(value, bool) and _KEYS[key] not in (bool,)):
                self.refuse(key, f"'{key}' is {value!r}")
        for key in ("schema", "weights", "activation", "tensors", "normalisation"):
            if key not in self.values:
                self.refuse(None, f"no '{key}'")
        if self.values["schema"] != SCHEMA:
            self.refuse("schema", f"schema {self.values['schema']!r}; known: {SCHEMA}")
        if self.values["activation"] not in _ACTIVATIONS:
            self.refuse("activation", f"activation {self.values['activation']!r}; known: {', '.join(_ACTIVATIONS)}")
        self.transcoder: bool = self.values.get("transcoder", False)
        if self.transcoder == ("b_dec_on_input" in self.values):
            self.refuse(
                "b_dec_on_input" if self.transcoder else None,
                "'b_dec_on_input' of a transcoder, whose b_dec is no input's"
                if self.transcoder
                else "no 'b_dec_on_input'",
            )

    def refuse(self, key: str | None, what: str, remedy: str | None = None) -> NoReturn:
        """Refuse a value with its line."""
        node = self.document.node_at(() if key is None else (key,))
        raise GatekitError("checkpoint.description", what, self.document.location(node), remedy)

    def text(self, key: str) -> str:
        """Return a text that is there."""
        value: str = self.values[key]
        return value

    def tensors(self) -> dict[str, str]:
        """Return the file's name of each tensor by ours."""
        named: dict[str, str] = self.values["tensors"]
        wrong = next((ours for ours, theirs in named.items() if not isinstance(theirs, str)), None)
        if wrong is not None:
            self.refuse("tensors", f"'{wrong}' under 'tensors' is {named[wrong]!r} and no name")
        missing = next((ours for ours in ("W_enc", "W_dec") if ours not in named), None)
        if missing is not None:
            self.refuse("tensors", f"no '{missing}' under 'tensors'")
        return named

    def unused(self) -> list[str]:
        """Return the names of tensors of the file that are no part of the SAE."""
        names: list[str] = self.values.get("unused", [])
        return names

    def k(self) -> int:
        """Return the number of latents kept."""
        k = self.values.get("k")
        if k is None:
            self.refuse("activation", f"activation '{self.values['activation']}' without 'k'")
        number: int = k
        return number


def _built(description: _Description, weights: Path, tensors: Parameters) -> tuple[Architecture, Parameters]:
    """Return the architecture that the description names, and its parameters in our form."""
    for name in ("W_enc", "W_dec"):
        if tensors[name].ndim != 2:
            description.refuse("tensors", f"'{name}' is no matrix")
    (d_in, d_sae), d_out = tensors["W_enc"].shape, tensors["W_dec"].shape[1]
    architecture = _architecture(description, d_in, d_sae, d_out, "W_skip" in tensors)
    shapes = architecture.shapes()
    for name in _BIASES:
        if description.tensors().get(name) == "none" and name in shapes:
            tensors[name] = torch.zeros(shapes[name])
    if "threshold" in shapes:
        tensors["threshold"] = _threshold(description, weights, tensors, shapes["threshold"])
    for key, meant in (("threshold", "threshold" in shapes), ("k", hasattr(architecture, "k"))):
        if key in description.values and not meant:
            description.refuse(key, f"'{key}' of activation '{description.text('activation')}', which has none")
    parameters = checked(weights, tensors, shapes)
    if description.values.get("b_dec_on_input") is False:
        parameters = centred(parameters)
    return architecture, parameters


def _architecture(description: _Description, d_in: int, d_sae: int, d_out: int, skip: bool) -> Architecture:
    name, across = description.text("activation"), description.transcoder
    if (across and name in ("batch_topk", "gated")) or (skip and not across):
        description.refuse("activation", f"activation '{name}' with " + ("'W_skip'" if skip else "'transcoder'"))
    try:
        match name:
            case "relu":
                return Transcoder(d_in, d_out, d_sae, d_sae, 0, skip) if across else ReLU(d_in, d_sae, None)
            case "topk":
                k = description.k()
                return Transcoder(d_in, d_out, d_sae, k, 0, skip) if across else TopK(d_in, d_sae, k, 0)
            case "batch_topk":
                return BatchTopK(d_in, d_sae, description.k(), 0)
            case "jump_relu":
                return JumpReLUTranscoder(d_in, d_out, d_sae, skip) if across else JumpReLU(d_in, d_sae, None)
            case "gated":
                return Gated(d_in, d_sae, None)
            case _:
                return GroupMax(d_in, d_sae, description.k(), across, skip)
    except ValueError as error:
        description.refuse("k", str(error))


def _threshold(
    description: _Description, weights: Path, tensors: Mapping[str, torch.Tensor], shape: tuple[int, ...]
) -> torch.Tensor:
    """Return a threshold from the file or from the description, one for all latents being written out for each."""
    given = description.values.get("threshold")
    if (given is None) == ("threshold" not in tensors):
        twice = "'threshold' is named twice, as a number and as a tensor"
        missing = f"activation '{description.text('activation')}' without 'threshold', a number or a tensor"
        description.refuse("activation" if given is None else "threshold", missing if given is None else twice)
    threshold = tensors["threshold"] if given is None else torch.tensor(float(given))
    if threshold.numel() == 1:
        threshold = threshold.reshape(()).expand(shape)
    if bool((threshold < 0).any()):
        raise refused(weights, "a threshold is negative")
    return threshold
