"""Reading circuit-tracer's per-layer transcoders: `layer_N.safetensors`, one of several, beside `config.yaml`.

    z     = activation(x W_enc^T + b_enc)           ReLU, or x H(x - threshold) where a threshold is stored
    y_hat = z W_dec + b_dec [+ x W_skip^T]

`W_enc` is stored as (latents, d_model). The configuration names the model and the two hooks within a block. Some
published repositories have only `wandb-config.yaml` (or, misspelt, `wanb-config.yaml`), which names neither; the
repository's name then says the model: `qwen3-14b-transcoders`. Of cross-layer transcoders a file holds a part only, and
they are refused.
"""

from __future__ import annotations

import re
from pathlib import Path

from gatekit.evidence.strict_yaml import read_yaml
from runners.saes.architecture import Architecture
from runners.saes.formats.gemma_scope import size_of
from runners.saes.formats.settings import said_text
from runners.saes.given.jump_relu_transcoder import JumpReLUTranscoder
from runners.saes.sae import Sae
from runners.saes.stated_facts import StatedFacts
from runners.saes.transcoder import Transcoder
from runners.saes.weights import checked, read_safetensors, refused

CONFIG = "config.yaml"
FILE_NAME = re.compile(r"layer_(\d+)\.safetensors")

_THRESHOLD = "activation_function.threshold"

_REPOSITORY = re.compile(r"(?:.*--)?qwen3-(\d+(?:\.\d+)?)b-transcoders(?:-\w+)?")


def read(path: Path) -> Sae:
    """Read one layer's transcoder.

    Args:
        path: `layer_N.safetensors`; `config.yaml` lies in the same folder.

    Raises:
        GatekitError: `checkpoint.invalid`: a folder, another kind of transcoder, or weights that are not one's;
            `yaml.*`: a configuration that is no plain YAML.
    """
    name = FILE_NAME.fullmatch(path.name)
    if name is None or not path.is_file():
        raise refused(path, "is no layer_N.safetensors; name the one file of a layer")
    config_path = path.parent / CONFIG
    named = not config_path.is_file()
    config = _from_names(path) if named else read_yaml(config_path).plain()
    if not isinstance(config, dict):
        raise refused(config_path, "is no mapping")
    if config.get("model_kind", "transcoder_set") != "transcoder_set":
        raise refused(config_path, f"'model_kind' is {config['model_kind']!r}; only 'transcoder_set' is read")
    layer = int(name[1])
    hooks = [said_text(config_path, config, f"feature_{end}_hook") for end in ("input", "output")]
    hook, target = (None if place is None else f"blocks.{layer}.{place}" for place in hooks)
    stored = read_safetensors(path)
    tensors = {("threshold" if name == _THRESHOLD else name): tensor for name, tensor in stored.items()}
    d_sae, d_in = size_of(path, tensors, "W_enc")
    stored_as = str(tensors["W_enc"].dtype).removeprefix("torch.")
    tensors["W_enc"] = tensors["W_enc"].mT
    skip = "W_skip" in tensors
    architecture: Architecture = (
        JumpReLUTranscoder(d_in, d_in, d_sae, skip)
        if "threshold" in tensors
        else Transcoder(d_in, d_in, d_sae, d_sae, 0, skip=skip)
    )
    parameters = checked(path, tensors, architecture.shapes())
    if "threshold" in parameters and bool((parameters["threshold"] < 0).any()):
        raise refused(path, f"'{_THRESHOLD}' has a negative number: latents may be negative, which is not read")
    return Sae(
        architecture,
        parameters,
        facts={"circuit_tracer": config},
        stated=StatedFacts(
            said_by=("folder name" if named else config_path.name, path.name),
            model=said_text(config_path, config, "model_name"),
            hook=hook,
            target_hook=target,
            layer=layer,
            normalisation="none",
            stored_as=stored_as,
        ),
    )


def _from_names(path: Path) -> dict[str, str]:
    """Return what the name of a published repository says, in the form of its siblings' configuration."""
    found = next((found for part in path.absolute().parts if (found := _REPOSITORY.fullmatch(part))), None)
    if found is None:
        return {}
    return {
        "model_name": f"Qwen/Qwen3-{found[1]}B",
        "feature_input_hook": "mlp.hook_in",
        "feature_output_hook": "hook_mlp_out",
    }
