"""Reading checkpoints of dictionary_learning: a folder with `ae.pt` and `config.json`.

`ae.pt` is a pickle; it is read as weights only, which runs no code. What the class named in the configuration does:

| dict_class | after training | b_dec in the input |
|---|---|---|
| AutoEncoder | ReLU, decoder rows brought to unit length | subtracted |
| AutoEncoderNew | ReLU | not subtracted |
| AutoEncoderTopK | per-token TopK, although a threshold is stored | subtracted |
| BatchTopKSAE, MatryoshkaBatchTopKSAE | the stored threshold | subtracted |
| JumpReluAutoEncoder | its thresholds | not subtracted |
| GatedAutoEncoder | gate and magnitude | subtracted |

Where it is not subtracted, the encoder's bias takes up the difference (see `runners.saes.formats.folding`). Every
trainer of the library writes one of these classes. AutoEncoder's rows are brought to unit length because the library
does so when it loads one (and SAEBench with it), so that latents of its April update trainer are of comparable size.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from runners.saes.architecture import Architecture, Parameters, Shapes
from runners.saes.batch_topk import BatchTopK
from runners.saes.formats.folding import centred, transposed, with_unit_rows
from runners.saes.formats.sae_format import refuse_other_weights
from runners.saes.formats.settings import said_flag, said_number, said_text
from runners.saes.gated import Gated
from runners.saes.jump_relu import JumpReLU
from runners.saes.matryoshka import Matryoshka
from runners.saes.relu import ReLU
from runners.saes.sae import Sae
from runners.saes.stated_facts import StatedFacts
from runners.saes.topk import TopK
from runners.saes.weights import checked, read_json, read_torch, refused, whole_number

_LINEAR = frozenset({"encoder.weight", "decoder.weight"})


def read(folder: Path) -> Sae:
    """Read one dictionary.

    Raises:
        GatekitError: `checkpoint.invalid`: a class that is not in the table, a threshold that was never set, or weights
            that are not what the configuration says.
    """
    config_path, path = folder / "config.json", folder / "ae.pt"
    config = read_json(config_path)
    trainer = config.get("trainer")
    if not isinstance(trainer, dict):
        raise refused(config_path, "no 'trainer'")
    name = trainer.get("dict_class")
    if not isinstance(name, str) or name not in _READERS:
        raise refused(config_path, f"'dict_class' is {name!r}; known: {', '.join(_READERS)}")
    d_in = whole_number(config_path, trainer, "activation_dim")
    d_sae = whole_number(config_path, trainer, "dict_size")
    stated = _stated_facts(config_path, config, trainer)
    refuse_other_weights(path)
    try:
        architecture, parameters = _READERS[name](_Source(config_path, path, trainer, read_torch(path), d_in, d_sae))
    except ValueError as error:
        raise refused(config_path, str(error)) from None
    parameters = checked(path, parameters, architecture.shapes())
    return Sae(architecture, parameters, facts={"dictionary_learning": config}, stated=stated)


def _stated_facts(config_path: Path, config: Mapping[str, Any], trainer: Mapping[str, Any]) -> StatedFacts:
    """Return what the configuration says of the SAE's use.

    Raises:
        GatekitError: `checkpoint.invalid`: it names two layers, or the dictionary maps inputs to outputs.
    """
    buffer = config.get("buffer") or {}
    if not isinstance(buffer, dict):
        raise refused(config_path, f"'buffer' is {buffer!r} and no JSON object")
    submodule = said_text(config_path, trainer, "submodule_name")
    layer = said_number(config_path, trainer, "layer")
    residual = re.fullmatch(r"resid_post_layer_(\d+)", submodule or "")
    if residual and layer is not None and int(residual[1]) != layer:
        raise refused(config_path, f"'layer' is {layer} and 'submodule_name' is {submodule!r}")
    end = said_text(config_path, buffer, "io") or "out"
    if end not in ("in", "out"):
        raise refused(config_path, f"'io' of the buffer is {end!r}: what predicts something else is not read")
    hook = f"blocks.{residual[1]}.hook_resid_{'post' if end == 'out' else 'pre'}" if residual else None
    return StatedFacts(
        said_by=(config_path.name,),
        model=said_text(config_path, trainer, "lm_name"),
        hook=hook,
        module=f"{submodule}.input" if submodule is not None and end == "in" else submodule,
        layer=layer,
        context_size=said_number(config_path, buffer, "ctx_len"),
        # With special tokens the tokeniser decided what a text began with.
        prepend_bos=False if said_flag(config_path, buffer, "add_special_tokens") is False else None,
        normalisation="none",
    )


class _Source:
    """One checkpoint being read."""

    def __init__(
        self,
        config_path: Path,
        path: Path,
        trainer: Mapping[str, Any],
        tensors: Parameters,
        d_in: int,
        d_sae: int,
    ) -> None:
        self.config_path, self.path, self.trainer, self.tensors = config_path, path, trainer, tensors
        self.d_in, self.d_sae = d_in, d_sae

    def weights(self, **shapes: tuple[int, ...]) -> Parameters:
        """Take the tensors of these names (a double underscore for a dot) and shapes; no others may be left."""
        wanted: Shapes = {name.replace("__", "."): shape for name, shape in shapes.items()}
        return checked(self.path, self.tensors, wanted)

    def linear(self, **others: tuple[int, ...]) -> Parameters:
        """Take a linear encoder and decoder beside the other tensors."""
        return self.weights(encoder__weight=(self.d_sae, self.d_in), decoder__weight=(self.d_in, self.d_sae), **others)

    def k(self) -> int:
        """Take the number of latents kept, which stands in the configuration and among the tensors."""
        declared = whole_number(self.config_path, self.trainer, "k")
        stored = self.tensors.pop("k", None)
        if stored is not None and (stored.numel() != 1 or stored.item() != declared):
            raise refused(self.path, f"k is {stored.tolist()} where the configuration says {declared}")
        return declared

    def threshold(self) -> torch.Tensor:
        """Take a BatchTopK threshold; negative stands for one that training never set."""
        stored = self.tensors.pop("threshold", None)
        if stored is None or stored.numel() != 1 or not bool(torch.isfinite(stored).all()) or float(stored) < 0:
            shown = None if stored is None else stored.tolist()
            raise refused(self.path, f"a threshold of {shown}: training never set it, and no latent count follows")
        return stored.reshape(()).float()


def _auto_encoder(source: _Source) -> tuple[Architecture, Parameters]:
    tensors = source.linear(encoder__bias=(source.d_sae,), bias=(source.d_in,))
    names = {"encoder.weight": "W_enc", "encoder.bias": "b_enc", "decoder.weight": "W_dec", "bias": "b_dec"}
    parameters = transposed(tensors, names, _LINEAR)
    norms = parameters["W_dec"].norm(dim=1)
    if not torch.allclose(norms, torch.ones_like(norms)):
        parameters = with_unit_rows(source.path, parameters)
    return ReLU(source.d_in, source.d_sae, None), parameters


def _auto_encoder_new(source: _Source) -> tuple[Architecture, Parameters]:
    tensors = source.linear(encoder__bias=(source.d_sae,), decoder__bias=(source.d_in,))
    names = {"encoder.weight": "W_enc", "encoder.bias": "b_enc", "decoder.weight": "W_dec", "decoder.bias": "b_dec"}
    return ReLU(source.d_in, source.d_sae, None), centred(transposed(tensors, names, _LINEAR))


def _top_k(source: _Source) -> tuple[Architecture, Parameters]:
    k = source.k()
    source.tensors.pop("threshold", None)
    return TopK(source.d_in, source.d_sae, k, 0), _linear_parameters(source)


def _batch_top_k(source: _Source) -> tuple[Architecture, Parameters]:
    k, threshold = source.k(), source.threshold()
    return BatchTopK(source.d_in, source.d_sae, k, 0), {**_linear_parameters(source), "threshold": threshold}


def _linear_parameters(source: _Source) -> Parameters:
    tensors = source.linear(encoder__bias=(source.d_sae,), b_dec=(source.d_in,))
    names = {"encoder.weight": "W_enc", "encoder.bias": "b_enc", "decoder.weight": "W_dec", "b_dec": "b_dec"}
    return transposed(tensors, names, _LINEAR)


def _matryoshka(source: _Source) -> tuple[Architecture, Parameters]:
    k, threshold, sizes = source.k(), source.threshold(), source.tensors.pop("group_sizes", None)
    declared = source.trainer.get("group_sizes")
    if sizes is None or sizes.is_floating_point() or (declared is not None and sizes.tolist() != declared):
        raise refused(source.path, f"group sizes of {sizes} where the configuration says {declared}")
    widths = tuple(sizes.cumsum(0).tolist())
    if not widths or widths[-1] != source.d_sae:
        raise refused(source.path, f"group sizes {sizes.tolist()} of {source.d_sae} latents")
    parameters = source.weights(**_canonical(source))
    return Matryoshka(source.d_in, widths, k, 0), {**parameters, "threshold": threshold}


def _jump_relu(source: _Source) -> tuple[Architecture, Parameters]:
    parameters = centred(source.weights(**_canonical(source), threshold=(source.d_sae,)))
    # A latent is rectified too, so a negative threshold does what zero does.
    parameters["threshold"] = parameters["threshold"].clamp_min(0.0)
    return JumpReLU(source.d_in, source.d_sae, None), parameters


def _gated(source: _Source) -> tuple[Architecture, Parameters]:
    each = (source.d_sae,)
    tensors = source.linear(gate_bias=each, mag_bias=each, r_mag=each, decoder_bias=(source.d_in,))
    names = {
        "encoder.weight": "W_enc",
        "gate_bias": "b_gate",
        "r_mag": "r_mag",
        "mag_bias": "b_mag",
        "decoder.weight": "W_dec",
        "decoder_bias": "b_dec",
    }
    return Gated(source.d_in, source.d_sae, None), transposed(tensors, names, _LINEAR)


def _canonical(source: _Source) -> Shapes:
    d_in, d_sae = source.d_in, source.d_sae
    return {"W_enc": (d_in, d_sae), "b_enc": (d_sae,), "W_dec": (d_sae, d_in), "b_dec": (d_in,)}


_READERS: dict[str, Callable[[_Source], tuple[Architecture, Parameters]]] = {
    "AutoEncoder": _auto_encoder,
    "AutoEncoderNew": _auto_encoder_new,
    "AutoEncoderTopK": _top_k,
    "BatchTopKSAE": _batch_top_k,
    "MatryoshkaBatchTopKSAE": _matryoshka,
    "JumpReluAutoEncoder": _jump_relu,
    "GatedAutoEncoder": _gated,
}
