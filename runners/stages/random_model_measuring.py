"""The measuring half of the runner `random_model`: four arms of equal shape, scored pair of seeds by pair of seeds.

| arm | its decoders |
|---|---|
| trained | TopK SAEs trained on the model's activations: the candidate |
| random model | the same seeds, texts and training on the re-initialised model: the control |
| untrained | the trained arm's decoders before the first step |
| gaussian | rows drawn from a normal distribution; their score is what chance gives at this shape |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean

import numpy as np

from gatekit.errors import GatekitError
from runners.metrics.consistency import chance_corrected, mean_row_cosine
from runners.metrics.reconstruction import Reconstruction, measure_reconstruction
from runners.metrics.seed_pairs import PairScores, score_pairs
from runners.progress import showing
from runners.saes.checkpoint import SavedCheckpoint, save_stack
from runners.saes.topk import TopK
from runners.saes.training import SaeStack, train_stack
from runners.seeding import generator
from runners.stages.lifecycle import Surroundings
from runners.stages.random_model import KIND, RandomModelConfig, protocol_of, subject_of
from runners.subjects.activation_store import ActivationStore, TokenSet, store_activations
from runners.subjects.language_model import LanguageModel, find_model, load, load_reinitialised
from runners.subjects.text_corpus import Corpus, read_corpus, sae_probes_folder, shuffled
from runners.subjects.token_sets import draw_token_sets
from runners.summary_writing import Json, Measured, measurement


@dataclass(frozen=True)
class _Arm:
    """One model's activations and the SAEs trained on them."""

    model_name: str
    model_digest: str
    training: ActivationStore
    held_out: ActivationStore
    stack: SaeStack
    reconstruction: Reconstruction
    checkpoints: list[SavedCheckpoint]

    @property
    def decoders(self) -> np.ndarray:
        rows: np.ndarray = self.stack.parameters["W_dec"].cpu().numpy()
        return rows

    @property
    def checkpoint_entries(self) -> list[Json]:
        return [{"seed": saved.seed, "sha256": saved.sha256} for saved in self.checkpoints]


def measure(config: RandomModelConfig, surroundings: Surroundings) -> Measured:
    """Run the whole protocol and return what the summary says.

    Raises:
        GatekitError: model, hook or texts are not what the configuration says.
    """
    subject = config.subject
    files = find_model(subject.model.source, subject.model.name, subject.model.revision)
    corpus = read_corpus(sae_probes_folder())
    model = load(files, surroundings.device)
    training, held_out = draw_token_sets(
        model,
        shuffled(corpus, config.texts.seed),
        config.texts.held_out_tokens,
        config.texts.train_tokens,
        subject.max_tokens_per_text,
    )
    trained = _arm("model", model, training, held_out, config, surroundings)
    twin = load_reinitialised(files, model, config.controls.random_model_seed)
    random_model = _arm("random_model", twin, training, held_out, config, surroundings)
    measurements = _measurements(config, trained, random_model)
    datasets = [
        {"name": "sae-probes:training-texts", "sha256": training.texts_sha256, "rows": len(training.texts)},
        {"name": "sae-probes:held-out-texts", "sha256": held_out.texts_sha256, "rows": len(held_out.texts)},
    ]
    control = subject_of(config, random_model.model_name, random_model.model_digest, random_model.checkpoint_entries)
    return Measured(
        subject=subject_of(config, trained.model_name, trained.model_digest, trained.checkpoint_entries),
        protocol=protocol_of(config, datasets, control),
        measurements=measurements,
        inputs=_inputs(corpus, files.tokenizer_digest, training, held_out, trained, random_model),
        artifacts=[
            {
                "name": f"{arm}:seed-{saved.seed}",
                "sha256": saved.sha256,
                "bytes": saved.bytes,
                "uri": saved.path.relative_to(surroundings.artifacts).as_posix(),
            }
            for arm, done in (("model", trained), ("random-model", random_model))
            for saved in done.checkpoints
        ],
    )


def _arm(
    name: str,
    model: LanguageModel,
    training: TokenSet,
    held_out: TokenSet,
    config: RandomModelConfig,
    surroundings: Surroundings,
) -> _Arm:
    words = name.replace("_", " ")
    stores = []
    for tokens in (training, held_out):
        show = partial(showing, f"{words}: {tokens.name} activations", tokens.rows, "tokens")
        stores.append(store_activations(model, config.subject.hook, tokens, surroundings.cache, show))
    for store in stores:
        if store.d_model != config.subject.d_model:
            raise GatekitError(
                "runner.d_model",
                f"'{config.subject.hook}' is {store.d_model} wide; the configuration says {config.subject.d_model}",
            )
    sae, plan = config.sae, config.training
    architecture = TopK(config.subject.d_model, sae.d_sae, sae.k, sae.auxiliary_k)
    with showing(f"{words}: training", plan.steps * plan.batch_tokens * len(config.seeds), "tokens") as progress:
        stack = train_stack(architecture, stores[0].read(), config.seeds, plan, surroundings.device, progress)
    facts = {"model": model.name, "model_digest": model.digest, "hook": config.subject.hook}
    return _Arm(
        model_name=model.name,
        model_digest=model.digest,
        training=stores[0],
        held_out=stores[1],
        stack=stack,
        reconstruction=measure_reconstruction(stack.reconstruct, stores[1].read(), surroundings.device),
        checkpoints=save_stack(stack, surroundings.artifacts / name, facts),
    )


def gaussian_dictionaries(seeds: Sequence[int], d_sae: int, d_model: int, draw: int) -> np.ndarray:
    """Return one Gaussian dictionary per seed, (seeds, d_sae, d_model) float32, the `draw`-th of each seed."""
    import torch

    purpose = f"gaussian dictionary {draw}"
    return np.stack([torch.randn((d_sae, d_model), generator=generator(purpose, seed)).numpy() for seed in seeds])


def _measurements(config: RandomModelConfig, trained: _Arm, random_model: _Arm) -> Json:
    seeds, d_model, draws = config.seeds, config.subject.d_model, config.controls.gaussian_draws
    total = len(seeds) * (len(seeds) - 1) // 2 * (3 + draws)
    with showing("matching latents", total, "pairs") as progress:

        def score(decoders: np.ndarray, live: np.ndarray | None = None) -> PairScores:
            return score_pairs(decoders, seeds, d_model, config.controls.matched_cosine, progress, live)

        candidate = score(trained.decoders, trained.reconstruction.live)
        control = score(random_model.decoders, random_model.reconstruction.live)
        untrained = score(trained.stack.initial_decoders.cpu().numpy())
        gaussian = [score(gaussian_dictionaries(seeds, config.sae.d_sae, d_model, draw)) for draw in range(draws)]
    floor = {
        name: [fmean(values) for values in zip(*(getattr(draw, name) for draw in gaussian), strict=True)]
        for name in ("pw_mcc", "mmcs")
    }
    by_pair = {"seed_a": [a for a, _ in candidate.pairs], "seed_b": [b for _, b in candidate.pairs]}
    entries: dict[str, tuple[Sequence[float], Sequence[float] | None]] = {}
    for name in ("pw_mcc", "mmcs"):
        ours, theirs = getattr(candidate, name), getattr(control, name)
        live, their_live = getattr(candidate, f"{name}_live"), getattr(control, f"{name}_live")
        entries[name] = (ours, None)
        entries[f"{name}_live"] = (live, None)
        entries[f"{name}_above_control"] = (ours, theirs)
        entries[f"{name}_above_untrained"] = (ours, getattr(untrained, name))
        entries[f"{name}_above_gaussian"] = (ours, floor[name])
        entries[f"{name}_live_above_control"] = (live, their_live)
        entries[f"{name}_chance_corrected_above_control"] = (
            [chance_corrected(score, chance) for score, chance in zip(ours, floor[name], strict=True)],
            [chance_corrected(score, chance) for score, chance in zip(theirs, floor[name], strict=True)],
        )
    entries["matched_fraction"] = (candidate.matched_fraction, None)
    entries["matched_fraction_above_control"] = (candidate.matched_fraction, control.matched_fraction)
    entries["similarity_at_init"] = (untrained.pw_mcc, None)
    found = {name: measurement(KIND, name, by_pair, *values) for name, values in entries.items()}

    ours, theirs = trained.reconstruction, random_model.reconstruction
    initial = trained.stack.initial_decoders.cpu().numpy()
    moved = [mean_row_cosine(after, before, d_model) for after, before in zip(trained.decoders, initial, strict=True)]
    per_seed: dict[str, tuple[Sequence[float], Sequence[float] | None]] = {
        "r2": (ours.r2, None),
        "r2_above_control": (ours.r2, theirs.r2),
        "l0": (ours.l0, None),
        "dead_fraction": (ours.dead_fraction, None),
        "similarity_to_init": (moved, None),
    }
    found |= {name: measurement(KIND, name, {"seed": seeds}, *values) for name, values in per_seed.items()}
    return found


def _inputs(
    corpus: Corpus, tokenizer: str, training: TokenSet, held_out: TokenSet, trained: _Arm, random_model: _Arm
) -> list[Json]:
    """Return what the numbers were computed from, by digest."""
    entries = [
        (f"model:{trained.model_name}", trained.model_digest, 0),
        (f"model:{random_model.model_name}", random_model.model_digest, 0),
        ("tokenizer", tokenizer, 0),
        ("texts:sae-probes-files", corpus.source_sha256, 0),
        ("texts:in-no-registered-dataset", corpus.sha256, len(corpus.texts)),
        ("texts:training", training.texts_sha256, len(training.texts)),
        ("texts:held-out", held_out.texts_sha256, len(held_out.texts)),
    ]
    for label, arm in (("model", trained), ("random-model", random_model)):
        entries.append((f"activations:{label}:training", arm.training.sha256, arm.training.rows))
        entries.append((f"activations:{label}:held-out", arm.held_out.sha256, arm.held_out.rows))
    return [{"name": name, "sha256": digest, "rows": rows} for name, digest, rows in entries]
