"""Reading Gemma Scope (Lieberum et al. 2024, arXiv 2408.05147): a folder with `params.npz`, JumpReLU throughout.

    pi    = x W_enc + b_enc
    z     = ReLU(pi) H(pi - threshold)
    x_hat = z W_dec + b_dec

No file says of which model and place an SAE is; the published folders' names do
(`gemma-scope-2b-pt-res/layer_12/width_16k/average_l0_82`), and are believed as far as they are there. A transcoder's
file looks like an SAE's: it is read as a transcoder under `gemma-scope-...-transcoders` and as an SAE elsewhere.

SAEs of the embeddings (`embedding/width_4k/average_l0_6`) were trained before Gemma multiplies them by sqrt(d_model);
the model's `hook_embed` gives them after that, so that these SAEs divide by it first.
"""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

from runners.saes.architecture import Architecture, Parameters
from runners.saes.formats.folding import centred
from runners.saes.formats.npz import read_npz
from runners.saes.formats.sae_format import refuse_other_weights
from runners.saes.given.jump_relu_transcoder import JumpReLUTranscoder
from runners.saes.jump_relu import JumpReLU
from runners.saes.sae import Sae
from runners.saes.stated_facts import StatedFacts
from runners.saes.weights import checked, refused

WEIGHTS = "params.npz"

_HOOKS = {"res": "hook_resid_post", "mlp": "hook_mlp_out", "att": "attn.hook_z", "transcoders": "ln2.hook_normalized"}
_EMBEDDINGS = "hook_embed"
_REPOSITORY = re.compile(r"(?:.*--)?gemma-scope-(\d+b)-(pt|it)-(res|mlp|att|transcoders)")


def read(folder: Path) -> Sae:
    """Read one SAE or transcoder.

    Raises:
        GatekitError: `checkpoint.invalid`: weights that are not an SAE's, or of another width than the folder's name
            says.
    """
    path = folder / WEIGHTS
    stated, transcoder = _stated_facts(folder)
    refuse_other_weights(path)
    # The first releases wrote capital letters, later ones small ones.
    tensors = {re.sub(r"^w_", "W_", name): tensor for name, tensor in read_npz(path).items()}
    d_in, d_sae = size_of(path, tensors, "W_enc")
    refuse_other_width(path, d_sae, folder)
    architecture, parameters = jump_relu(path, tensors, d_in, d_sae, transcoder=transcoder, skip=False)
    scale = d_in**-0.5 if stated.hook == _EMBEDDINGS else 1.0
    return Sae(architecture, parameters, scale, facts={"gemma_scope": str(folder.name)}, stated=stated)


def size_of(path: Path, tensors: Parameters, encoder: str) -> tuple[int, int]:
    """Return the lengths of an encoder's two axes.

    Raises:
        GatekitError: `checkpoint.invalid`: it is not there, or has not two.
    """
    if encoder not in tensors:
        raise refused(path, f"no tensor {encoder!r}; it holds {', '.join(map(repr, tensors)) or 'none'}")
    if tensors[encoder].ndim != 2:
        raise refused(path, f"tensor {encoder!r} of shape {tuple(tensors[encoder].shape)} is no matrix")
    first, second = tensors[encoder].shape
    return first, second


def jump_relu(
    path: Path, tensors: Parameters, d_in: int, d_sae: int, transcoder: bool, skip: bool
) -> tuple[Architecture, Parameters]:
    """Return what these tensors compute, the input not being centred, under our names."""
    if "W_dec" in tensors and tensors["W_dec"].ndim != 2:
        raise refused(path, f"tensor 'W_dec' of shape {tuple(tensors['W_dec'].shape)}: it writes into several layers")
    architecture: Architecture = JumpReLU(d_in, d_sae, None)
    if transcoder:
        d_out = tensors["W_dec"].shape[1] if "W_dec" in tensors else d_in
        architecture = JumpReLUTranscoder(d_in, d_out, d_sae, skip)
    parameters = checked(path, tensors, architecture.shapes())
    # A latent is rectified too, so a negative threshold does what zero does.
    parameters["threshold"] = parameters["threshold"].clamp_min(0.0)
    return architecture, parameters if transcoder else centred(parameters)


def refuse_other_width(path: Path, d_sae: int, folder: Path) -> None:
    """Compare the number of latents, a power of two, with what the folders' names say: `width_65k`, `width_1m`.

    Raises:
        GatekitError: `checkpoint.invalid`: they differ.
    """
    for part in folder.absolute().parts:
        found = re.search(r"(?:^|_)width_(\d+)([km])(?:_|$)", part)
        # The names round down: 65k is 65,536 and 1m is 1,048,576.
        if found and d_sae != 1 << (int(found[1]) * (1000 if found[2] == "k" else 10**6)).bit_length():
            raise refused(path, f"{d_sae} latents in a folder that is named {part!r}")


def _stated_facts(folder: Path) -> tuple[StatedFacts, bool]:
    """Return what the folders' names say, and whether it is a transcoder."""
    parts = folder.absolute().parts
    repository = next((found for part in parts if (found := _REPOSITORY.fullmatch(part))), None)
    layer = next((int(found[1]) for part in parts if (found := re.fullmatch(r"layer_(\d+)", part))), None)
    embeddings = any(one == "embedding" and two.startswith("width_") for one, two in pairwise(parts))
    if repository is None:
        hook = _EMBEDDINGS if embeddings else None
        return StatedFacts(layer=layer, hook=hook, said_by=("folder name",) if layer is not None or hook else ()), False
    size, tuned, kind = repository.groups()
    transcoder = kind == "transcoders"
    suffix = "-it" if tuned == "it" else ""
    hook, target_hook = _EMBEDDINGS if embeddings else None, None
    if layer is not None:
        hook = f"blocks.{layer}.{_HOOKS[kind]}"
        target_hook = f"blocks.{layer}.hook_mlp_out" if transcoder else None
    return (
        StatedFacts(
            said_by=("folder name",),
            model=f"gemma-2-{size}{suffix}",
            hook=hook,
            target_hook=target_hook,
            layer=layer,
            flat_heads=kind == "att",
            normalisation="none",
        ),
        transcoder,
    )
