"""Reading attention SAEs of Kissane et al. (2024, arXiv 2406.17759): `NAME.pt` beside `NAME_cfg.json`.

ReLU SAEs on all heads' outputs before the output map (`attn.hook_z`), laid out as one row; b_dec is subtracted from
it. The configuration has `act_size`, `dict_size` and `act_name`; the published files' names begin with the model's
(`gpt2-small_L5_Hcat_z_lr1.20e-03_..._v9.pt`).
"""

from __future__ import annotations

import re
from pathlib import Path

from runners.saes.formats.settings import said_number, said_text
from runners.saes.relu import ReLU
from runners.saes.sae import Sae
from runners.saes.stated_facts import StatedFacts
from runners.saes.weights import checked, read_json, read_torch, whole_number

_NAME = re.compile(r"(.+?)_L\d+_Hcat_z_")


def config_of(path: Path) -> Path:
    """Return where the configuration of a file of weights lies."""
    return path.with_name(f"{path.stem}_cfg.json")


def read(path: Path) -> Sae:
    """Read one SAE.

    Raises:
        GatekitError: `checkpoint.invalid`: weights that are not what the configuration says.
    """
    config_path = config_of(path)
    config = read_json(config_path)
    hook = said_text(config_path, config, "act_name")
    named = _NAME.match(path.name)
    stated = StatedFacts(
        said_by=(config_path.name, *(["file name"] if named else [])),
        model=said_text(config_path, config, "model_name") or (named[1] if named else None),
        hook=hook,
        layer=said_number(config_path, config, "layer"),
        flat_heads=hook is None or hook.endswith("_z"),
        context_size=said_number(config_path, config, "seq_len"),
        normalisation="none",
    )
    architecture = ReLU(
        whole_number(config_path, config, "act_size"), whole_number(config_path, config, "dict_size"), None
    )
    parameters = checked(path, read_torch(path), architecture.shapes())
    return Sae(architecture, parameters, facts={"attention": config}, stated=stated)
