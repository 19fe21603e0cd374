"""Trains five SAEs with dictionary_learning, as a lab would have them on disk.

    python examples/train_dictionary_learning.py models/tiny saes/dictionary_learning

The folders that it writes, one a seed, are printed at the end.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from activations import CONTEXT, LAYER, MODULE, activations_of, batches, example_texts

STEPS, BATCH = 300, 256


def train(model: Path, out: Path, seeds: Sequence[int] = range(5), texts: int = 500) -> list[Path]:
    """Train one TopK SAE per seed and return their folders.

    Args:
        model: folder of the causal model.
        out: folder of the SAEs.
        seeds: of initial weights and of the order of rows.
        texts: how many are read.
    """
    from dictionary_learning.trainers.top_k import TopKTrainer

    rows = activations_of(model, example_texts(texts))
    found = []
    for seed in seeds:
        trainer = TopKTrainer(
            steps=STEPS,
            activation_dim=rows.shape[1],
            dict_size=2 * rows.shape[1],
            k=4,
            layer=LAYER,
            lm_name=model.name,
            lr=3e-3,
            warmup_steps=20,
            threshold_start_step=100,
            seed=seed,
            device="cpu",
            submodule_name=MODULE,
        )
        for step, batch in zip(range(STEPS), batches(rows, BATCH, seed), strict=False):
            trainer.update(step, batch)
        found.append(out / f"seed_{seed}")
        found[-1].mkdir(parents=True)
        torch.save(trainer.ae.state_dict(), found[-1] / "ae.pt")
        config = {"trainer": trainer.config, "buffer": {"ctx_len": CONTEXT, "d_submodule": rows.shape[1]}}
        (found[-1] / "config.json").write_text(json.dumps(config, indent=1))
    return found


if __name__ == "__main__":
    for folder in train(Path(sys.argv[1]), Path(sys.argv[2])):
        sys.stdout.write(f"{folder}\n")
