"""Reading checkpoints that runners of gatekit wrote: `seed_N.safetensors` beside `seed_N.json`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from runners.saes.checkpoint import load_sae
from runners.saes.formats.settings import said_text
from runners.saes.sae import Sae
from runners.saes.stated_facts import StatedFacts


def read(path: Path) -> Sae:
    """Read one seed's SAE.

    Raises:
        GatekitError: `checkpoint.*`: as `runners.saes.checkpoint.load_sae`.
    """
    sae = load_sae(path)
    config_path = path.with_suffix(".json")
    stated = StatedFacts(
        said_by=(config_path.name,),
        model=said_text(config_path, sae.facts, "model"),
        hook=said_text(config_path, sae.facts, "hook"),
        normalisation="scale",
    )
    return replace(sae, stated=stated)
