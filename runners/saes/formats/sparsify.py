"""Reading checkpoints of EleutherAI's sparsify: a folder with `cfg.json` and `sae.safetensors`.

Its encoder has the orientation (d_sae, d_in). A coder with `transcode` does not subtract b_dec from its input; one
without does. `num_latents` 0 stands for d_in times `expansion_factor`.
"""

from __future__ import annotations

from pathlib import Path

from runners.saes.architecture import Architecture, Shapes
from runners.saes.formats.folding import transposed
from runners.saes.sae import Sae
from runners.saes.topk import TopK
from runners.saes.transcoder import Transcoder
from runners.saes.weights import checked, read_json, read_safetensors, refused, whole_number

_NAMES = {"encoder.weight": "W_enc", "encoder.bias": "b_enc", "W_dec": "W_dec", "b_dec": "b_dec"}


def read(folder: Path) -> Sae:
    """Read one coder.

    Raises:
        GatekitError: `checkpoint.invalid`: anything but a TopK coder, or weights that are not what the file says.
    """
    config_path, path = folder / "cfg.json", folder / "sae.safetensors"
    config = read_json(config_path)
    for name, needed in (("activation", "topk"), ("signed", False)):
        if config.get(name, needed) != needed:
            raise refused(config_path, f"'{name}' is {config[name]!r}; only {needed!r} is known here")
    transcode, skip = config.get("transcode", False), config.get("skip_connection", False)
    if not isinstance(transcode, bool) or not isinstance(skip, bool) or (skip and not transcode):
        raise refused(config_path, f"'transcode' {transcode!r} with 'skip_connection' {skip!r}")
    d_in, k = whole_number(config_path, config, "d_in"), whole_number(config_path, config, "k")
    if config.get("num_latents"):
        d_sae = whole_number(config_path, config, "num_latents")
    else:
        d_sae = d_in * whole_number(config_path, config, "expansion_factor")
    shapes: Shapes = {
        "encoder.weight": (d_sae, d_in),
        "encoder.bias": (d_sae,),
        "W_dec": (d_sae, d_in),
        "b_dec": (d_in,),
    }
    if skip:
        shapes["W_skip"] = (d_in, d_in)
    tensors = checked(path, read_safetensors(path), shapes)
    try:
        architecture: Architecture = (
            Transcoder(d_in, d_in, d_sae, k, auxiliary_k=0, skip=skip) if transcode else TopK(d_in, d_sae, k, 0)
        )
    except ValueError as error:
        raise refused(config_path, str(error)) from None
    names = {**_NAMES, "W_skip": "W_skip"} if skip else _NAMES
    parameters = transposed(tensors, names, frozenset({"encoder.weight"}))
    return Sae(architecture, checked(path, parameters, architecture.shapes()), facts={"sparsify": config})
