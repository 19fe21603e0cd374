"""Reading checkpoints of EleutherAI's sparsify: a folder with `cfg.json` and `sae.safetensors`.

Its encoder has the orientation (d_sae, d_in). A coder with `transcode` does not subtract b_dec from its input; one
without does; what it reads is the input of the module whose output it predicts. `num_latents` 0 stands for d_in times
`expansion_factor`. The folder has the name of the module whose output was taken (`layers.12`, `layers.12.mlp`), or lies
as `seed3` in a folder of that name; the `config.json` of the whole run, beside the modules' folders, names model and
texts.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from runners.saes.architecture import Architecture, Shapes
from runners.saes.formats.folding import transposed
from runners.saes.formats.sae_format import refuse_other_weights
from runners.saes.formats.settings import flag, said_number, said_text
from runners.saes.given.group_max import GroupMax
from runners.saes.sae import Sae
from runners.saes.stated_facts import StatedFacts
from runners.saes.topk import TopK
from runners.saes.transcoder import Transcoder
from runners.saes.weights import checked, read_json, read_safetensors, refused, whole_number

_EMBEDDINGS = re.compile(r"(?:\w+\.)*(?:embed_tokens|embed_in|wte)")
_NAMES = {"encoder.weight": "W_enc", "encoder.bias": "b_enc", "W_dec": "W_dec", "b_dec": "b_dec"}


def read(folder: Path) -> Sae:
    """Read one coder.

    Raises:
        GatekitError: `checkpoint.invalid`: an activation that is not known here, or weights that are not what the file
            says.
    """
    config_path, path = folder / "cfg.json", folder / "sae.safetensors"
    config = read_json(config_path)
    if config.get("signed", False) is not False:
        raise refused(config_path, f"'signed' is {config['signed']!r}; only False is known here")
    skip = flag(config_path, config, "skip_connection", False)
    if skip and not flag(config_path, config, "transcode", False):
        raise refused(config_path, "'skip_connection' True without 'transcode'")
    d_in = whole_number(config_path, config, "d_in")
    if config.get("num_latents"):
        d_sae = whole_number(config_path, config, "num_latents")
    else:
        d_sae = d_in * whole_number(config_path, config, "expansion_factor")
    stated = _stated_facts(folder, config_path, config)
    refuse_other_weights(path)
    shapes: Shapes = {
        "encoder.weight": (d_sae, d_in),
        "encoder.bias": (d_sae,),
        "W_dec": (d_sae, d_in),
        "b_dec": (d_in,),
    }
    if skip:
        shapes["W_skip"] = (d_in, d_in)
    tensors = checked(path, read_safetensors(path), shapes)
    architecture = _architecture(config_path, config, d_in, d_sae, skip)
    names = {**_NAMES, "W_skip": "W_skip"} if skip else _NAMES
    parameters = transposed(tensors, names, frozenset({"encoder.weight"}))
    return Sae(
        architecture, checked(path, parameters, architecture.shapes()), facts={"sparsify": config}, stated=stated
    )


def _architecture(config_path: Path, config: dict[str, Any], d_in: int, d_sae: int, skip: bool) -> Architecture:
    k = whole_number(config_path, config, "k")
    transcode = flag(config_path, config, "transcode", False)
    try:
        match config.get("activation", "topk"):
            case "topk" if transcode:
                return Transcoder(d_in, d_in, d_sae, k, auxiliary_k=0, skip=skip)
            case "topk":
                return TopK(d_in, d_sae, k, 0)
            case "groupmax":
                return GroupMax(d_in, d_sae, k, transcode, skip)
    except ValueError as error:
        raise refused(config_path, str(error)) from None
    raise refused(config_path, f"'activation' is {config['activation']!r}; known here: topk, groupmax")


def _stated_facts(folder: Path, config_path: Path, config: dict[str, Any]) -> StatedFacts:
    """Return what the folder's name and the run's configuration say.

    Raises:
        GatekitError: `checkpoint.invalid`: the run trained transcoders, and the coder's own configuration does not say
            that it is one, or the other way round: it decides whether b_dec is subtracted.
    """
    transcode = flag(config_path, config, "transcode", False)
    place = folder.parent if re.fullmatch(r"seed\d+", folder.name) else folder
    found = re.fullmatch(r"(?:\w+\.)*(?:layers|h)\.(\d+)(\..+)?", place.name)
    # The best coders of a run lie one folder deeper.
    above = place.parent.parent if place.parent.name == "best" else place.parent
    run_path = above / "config.json"
    run = read_json(run_path) if run_path.is_file() else {}
    coders = run.get("sae") if isinstance(run.get("sae"), dict) else {}
    for said in (run.get("transcode"), (coders or {}).get("transcode")):
        if isinstance(said, bool) and said != transcode:
            raise refused(config_path, f"'transcode' is {transcode}, and {said} in the run's {run_path.name}")
    module = place.name if found or _EMBEDDINGS.fullmatch(place.name) else None
    says = {"folder name": module is not None, run_path.name: bool(run)}
    said_by = tuple(name for name, it_does in says.items() if it_does)
    # Of a whole block the module's output is the residual stream after it.
    residual = f"blocks.{found[1]}.hook_resid_post" if found and found[2] is None else None
    return StatedFacts(
        said_by=said_by,
        model=said_text(run_path, run, "model"),
        hook=None if transcode else residual,
        module=f"{module}.input" if module is not None and transcode else module,
        target_hook=residual if transcode else None,
        target_module=module if transcode else None,
        layer=int(found[1]) if found else None,
        context_size=said_number(run_path, run, "ctx_len"),
        normalisation="none",
        dataset=said_text(run_path, run, "dataset"),
    )
