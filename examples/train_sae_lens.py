"""Trains five SAEs with SAELens, as a lab would have them on disk.

    python examples/train_sae_lens.py models/tiny saes/sae_lens

The folders that it writes, one a seed, are printed at the end.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from activations import CONTEXT, HOOK, activations_of, batches, example_texts

STEPS, BATCH = 300, 256


def train(model: Path, out: Path, seeds: Sequence[int] = range(5), texts: int = 500) -> list[Path]:
    """Train one TopK SAE per seed and return their folders.

    Args:
        model: folder of the causal model.
        out: folder of the SAEs.
        seeds: of initial weights and of the order of rows.
        texts: how many are read.
    """
    from sae_lens import TopKTrainingSAE, TopKTrainingSAEConfig
    from sae_lens.config import LoggingConfig, SAETrainerConfig
    from sae_lens.training.sae_trainer import SAETrainer

    rows = activations_of(model, example_texts(texts))
    found = []
    for seed in seeds:
        torch.manual_seed(seed)
        shape = TopKTrainingSAEConfig(d_in=rows.shape[1], d_sae=2 * rows.shape[1], k=4)
        shape.metadata.model_name = model.name
        shape.metadata.hook_name = HOOK
        shape.metadata.context_size = CONTEXT
        shape.metadata.prepend_bos = True
        sae = TopKTrainingSAE(shape)
        how = SAETrainerConfig(
            total_training_samples=STEPS * BATCH,
            train_batch_size_samples=BATCH,
            lr=3e-3,
            lr_end=3e-4,
            logger=LoggingConfig(log_to_wandb=False),
        )
        trained = SAETrainer(how, sae, batches(rows, BATCH, seed)).fit()
        found.append(out / f"seed_{seed}")
        trained.save_inference_model(found[-1])
    return found


if __name__ == "__main__":
    for folder in train(Path(sys.argv[1]), Path(sys.argv[2])):
        sys.stdout.write(f"{folder}\n")
