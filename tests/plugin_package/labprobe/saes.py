"""The lab's own SAEs: `labprobe.json`, with the matrices as lists and the place in the model that they read."""

import json
from pathlib import Path

import torch

from runners.saes.formats.sae_format import SaeFormat
from runners.saes.sae import Sae
from runners.saes.stated_facts import StatedFacts
from runners.saes.topk import TopK


def recognises(path: Path) -> bool:
    return (path / "labprobe.json").is_file()


def read(path: Path) -> Sae:
    stored = json.loads((path / "labprobe.json").read_text(encoding="utf-8"))
    parameters = {name: torch.tensor(stored[name]) for name in ("W_enc", "b_enc", "W_dec", "b_dec")}
    d_in, d_sae = parameters["W_enc"].shape
    stated = StatedFacts(said_by=("labprobe.json",), model=stored["model"], hook=stored["hook"])
    return Sae(TopK(d_in, d_sae, stored["k"], 0), parameters, stated=stated)


FORMAT = SaeFormat("labprobe", "labprobe.json", recognises, read)
