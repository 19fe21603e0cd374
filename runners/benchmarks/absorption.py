"""SAEBench's first-letter absorption (Chanin et al. 2409.14507) on a live model, by SAEBench's own functions.

A dense probe learns the first letter of words from the model's activations at the word; sparse probes find the latents
of each letter. On words that the dense probe gets right, a letter's latents may be silent while another latent carries
its direction: that is absorption.

What a score establishes: how often that happens for first letters at this hook. What it does not: anything about other
features; SAEBench recommends models of 2 B parameters and more, since smaller ones know too few letters.

SAEBench reads words at a fixed place from the end of a prompt, padding included. Here the place is found with the
model's tokeniser, prompts of any length stand flush right, and the hook is that of the SAE, not always resid_post.
"""

from __future__ import annotations

import contextlib
import random
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from gatekit.errors import GatekitError, Location
from runners.benchmarks.absorption_plan import (
    BATCH_TEXTS,
    EPOCHS,
    EXAMPLES,
    L1,
    LEARNING_RATE,
    SPARSE_BATCH,
    AbsorptionPlan,
)
from runners.benchmarks.removal import as_saebench
from runners.benchmarks.standing_in import StandingIn, layer_of
from runners.digests import sequence_sha256, text_sha256
from runners.places import config_error
from runners.progress import Progress
from runners.saes.sae import Sae
from runners.subjects.language_model import LanguageModel, activations, tokenize

LETTERS = "abcdefghijklmnopqrstuvwxyz"
_TRAIN_SHARE = 0.8
_LONGEST_PROMPT = 1_000_000

MEASURES = {
    "absorption_fraction": "mean_absorption_fraction",
    "full_absorption_rate": "full_absorption_rate",
    "num_split_features": "num_split_feats",
}
"""Ours, per letter -> SAEBench's column."""
MEANS = {
    "mean_absorption_fraction_score": "absorption_fraction",
    "mean_full_absorption_score": "full_absorption_rate",
    "mean_num_split_features": "num_split_features",
}
"""Ours, per SAE -> what it is the mean of over letters."""


@dataclass(frozen=True)
class Words:
    """The words, in the order of the alphabet or of their file."""

    words: tuple[str, ...]
    left_out: int
    """Words that the model's tokeniser makes more or fewer tokens of than of most: SAEBench takes one length."""

    def of_letter(self, letter: str) -> tuple[str, ...]:
        """Return the words that begin with it."""
        return tuple(word for word in self.words if word.strip()[0].lower() == letter)

    def sha256_of(self, letter: str) -> str:
        """Return the digest over the words of a letter."""
        return sequence_sha256(text_sha256(f"|{word}|") for word in self.of_letter(letter))


@dataclass(frozen=True)
class AbsorptionScores:
    """What was measured of every SAE."""

    letters: tuple[str, ...]
    """Those that the dense probe knows, the same for every SAE."""
    by_sae: tuple[dict[str, dict[str, float]], ...]
    """Measure -> letter -> score, of each SAE."""


def read_words(plan: AbsorptionPlan, model: LanguageModel) -> Words:
    """Return the words to ask for.

    Raises:
        GatekitError: `words.file`, `words.letters`: the file cannot be read, or a line is no word;
            `absorption.too_few_words`: of a letter.
    """
    if plan.words is None:
        with as_saebench():
            from sae_bench.evals.absorption.vocab import get_alpha_tokens

            # A vocabulary has no order of its own that two processes would agree on.
            found = sorted(set(get_alpha_tokens(model.tokenizer)))
    else:
        found = _of_file(Path(plan.words))
    lengths = Counter(lines := [_tokens(model, plan.template.format(word=word)) for word in found])
    usual = max(lengths, key=lambda length: (lengths[length], -length), default=0)
    kept = [word for word, length in zip(found, lines, strict=True) if length == usual]
    words = Words(tuple(_drawn(plan, kept)), len(found) - len(kept))
    _check_letters(plan, words)
    return words


def score_absorption(
    plan: AbsorptionPlan,
    model: LanguageModel,
    hook: str,
    saes: Sequence[Sae],
    words: Words,
    progress: Progress,
    positions: int | None = None,
) -> AbsorptionScores:
    """Train the dense probe once, and measure every SAE with the draws that it would meet alone.

    Args:
        plan: of the configuration.
        model: that the SAEs were trained on.
        hook: that they read.
        saes: each of which `runners.benchmarks.standing_in.why_no_stand_in` lets pass.
        words: to ask for.
        progress: told of every SAE.
        positions: that the model has; None where nobody says.

    Raises:
        GatekitError: `absorption.letters`: the dense probe knows too few letters; `runner.positions`: a prompt has more
            tokens than the model has positions.
    """
    layer = layer_of(hook)
    prompted: Any = _Prompted(model, hook, saes[0].architecture.d_in, positions)
    place = -1 - _tokens(model, plan.template.partition("{word}")[2])
    with (
        as_saebench(),
        torch.random.fork_rng(devices=[]),
        _python_draws(),
        torch.enable_grad(),
        tempfile.TemporaryDirectory(prefix="absorption-") as made,
    ):
        from sae_bench.evals.absorption import common, feature_absorption, k_sparse_probing
        from sae_bench.evals.absorption.feature_absorption_calculator import FeatureAbsorptionCalculator
        from sae_bench.evals.absorption.main import _aggregate_results_df
        from sae_bench.evals.absorption.prompting import first_letter_formatter

        random.seed(plan.seed)
        torch.manual_seed(plan.seed)
        folder = Path(made)
        common.create_and_train_probe(
            model=prompted,
            formatter=first_letter_formatter(),
            hook_point=prompted.hook_name(layer),
            probes_dir=folder / "probes",
            vocab=list(words.words),
            batch_size=BATCH_TEXTS,
            num_epochs=EPOCHS,
            lr=LEARNING_RATE,
            device=torch.device(model.device),
            base_template=plan.template,
            pos_idx=place,
        )
        drawn = random.getstate(), torch.get_rng_state()
        shared = {"model": prompted, "layer": layer, "probes_dir": folder / "probes", "device": model.device}
        by_sae = []
        for number, each in enumerate(saes):
            random.setstate(drawn[0])
            torch.set_rng_state(drawn[1])
            sae: Any = StandingIn(each, model, hook, BATCH_TEXTS)
            name = f"sae-{number}"
            probes = k_sparse_probing.run_k_sparse_probing_experiment(
                **shared,
                sae=sae,
                sae_name=name,
                max_k_value=plan.most_latents,
                prompt_template=plan.template,
                prompt_token_pos=place,
                experiment_dir=folder / "sparse",
                f1_jump_threshold=plan.f1_jump,
                k_sparse_probe_l1_decay=L1,
                k_sparse_probe_batch_size=SPARSE_BATCH,
                k_sparse_probe_num_epochs=EPOCHS,
            )
            known = tuple(sorted(probes.loc[probes["f1_probe"] > plan.least_probe_f1, "letter"]))
            if len(known) < plan.least_letters:
                message = (
                    f"probes of the model's own activations know {len(known)} letters with an F1 over "
                    f"{plan.least_probe_f1:g}, of {plan.least_letters} that absorption needs"
                )
                raise config_error(plan, "least_letters", message, error_id="absorption.letters")
            calculator = FeatureAbsorptionCalculator(
                model=prompted,
                icl_word_list=list(words.words),
                max_icl_examples=EXAMPLES,
                base_template=plan.template,
                answer_formatter=first_letter_formatter(),
                word_token_pos=place,
                full_absorption_probe_cos_sim_threshold=feature_absorption.FULL_ABSORPTION_PROBE_COS_THRESHOLD,
                absorption_fraction_probe_cos_sim_threshold=feature_absorption.ABSORPTION_FRACTION_PROBE_COS_THRESHOLD,
                probe_projection_proportion_threshold=feature_absorption.ABSORPTION_PROBE_PROJECTION_PROPORTION_THRESHOLD,
                absorption_fraction_max_absorbing_latents=feature_absorption.ABSORPTION_FRACTION_MAX_ABSORBING_LATENTS,
                batch_size=BATCH_TEXTS,
            )
            rows = feature_absorption.load_and_run_calculate_projections_and_cos_sims(
                **shared,
                sae=sae,
                calculator=calculator,
                metrics_df=probes,
                sae_name=name,
                sparse_probing_task_output_dir=folder / "sparse" / name,
            )
            table = _aggregate_results_df(rows).set_index("letter")
            by_sae.append(
                {
                    measure: {letter: float(table.loc[letter, column]) for letter in known}
                    for measure, column in MEASURES.items()
                }
            )
            progress.advance(1)
    return AbsorptionScores(known, tuple(by_sae))


class _Prompted:
    """A model with the names that SAEBench reads; activations of prompts stand flush right."""

    def __init__(self, model: LanguageModel, hook: str, width: int, positions: int | None) -> None:
        self._model, self._hook, self._positions = model, hook, positions
        self.tokenizer = model.tokenizer
        self.cfg = SimpleNamespace(model_name="model", d_model=width)

    @staticmethod
    def hook_name(layer: int) -> str:
        """Return the name under which SAEBench asks for the activations, whatever the SAE's hook."""
        return f"blocks.{layer}.hook_resid_post"

    def run_with_cache(self, prompts: list[str], names_filter: list[str]) -> tuple[None, dict[str, torch.Tensor]]:
        """Return activations, (prompts, longest, width), of what the tokeniser did not add."""
        texts = tokenize(self._model, prompts, [""] * len(prompts), _LONGEST_PROMPT)
        longest, device = max(len(text.ids) for text in texts), self._model.device
        if self._positions is not None and longest > self._positions:
            message = f"a prompt has {longest} tokens, {self._model.name} has {self._positions} positions"
            raise GatekitError("runner.positions", message)
        ids = torch.zeros((len(texts), longest), dtype=torch.long)
        read = torch.zeros_like(ids)
        for row, text in enumerate(texts):
            ids[row, : len(text.ids)], read[row, : len(text.ids)] = torch.tensor(text.ids), 1
        values = activations(self._model, self._hook, ids.to(device), read.to(device))
        aligned = torch.zeros_like(values)
        for row, text in enumerate(texts):
            aligned[row, longest - len(text.kept) :] = values[row, list(text.kept)]
        return None, {names_filter[0]: aligned}

    def to_tokens(self, prompt: str) -> torch.Tensor:
        """Return the tokens of the last line, (1, tokens): the place of the word is counted from the end."""
        return torch.tensor([self.tokenizer(prompt.rpartition("\n")[2], add_special_tokens=False)["input_ids"]])


def _drawn(plan: AbsorptionPlan, words: list[str]) -> list[str]:
    """Return at most as many words as are asked for, as many of each letter; more take the same and others."""
    if plan.most_words is None:
        return words
    shuffled = random.Random(plan.seed).sample(words, len(words))
    taken: dict[str, list[str]] = {letter: [] for letter in LETTERS}
    for word in shuffled:
        there = taken[word.strip()[0].lower()]
        if len(there) < plan.most_words // len(LETTERS):
            there.append(word)
    chosen = {word for there in taken.values() for word in there}
    return [word for word in words if word in chosen]


def _tokens(model: LanguageModel, text: str) -> int:
    return len(model.tokenizer(text, add_special_tokens=False)["input_ids"])


def _of_file(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise GatekitError("words.file", f"the words cannot be read: {reason}", Location(str(path))) from None
    for number, line in enumerate(lines, 1):
        word = line.removeprefix(" ")
        if not (word.isascii() and word.isalpha()):
            raise GatekitError("words.letters", "a line is one word of the letters a to z", Location(str(path), number))
    return list(dict.fromkeys(lines))


def _check_letters(plan: AbsorptionPlan, words: Words) -> None:
    """Refuse words of which a letter would be missing on a side of SAEBench's split: its probes need all 26."""
    if len(words.words) <= EXAMPLES:
        message = f"{len(words.words)} words are too few for {EXAMPLES} examples"
        raise config_error(plan, "words", message, error_id="absorption.too_few_words")
    # SAEBench's own draw, the first one after the seed is set.
    order = random.Random(plan.seed).sample(words.words, len(words.words))
    cut = int(len(order) * _TRAIN_SHARE)
    for side, there in (("train", order[:cut]), ("test", order[cut:])):
        missing = sorted(set(LETTERS) - {word.strip()[0].lower() for word in there})
        if missing:
            have = len(words.of_letter(missing[0]))
            message = f"no word of the letter '{missing[0]}' is drawn to {side} on; there are {have}"
            remedy = "give more words, or another seed"
            raise config_error(plan, ("words", "seed"), message, remedy, error_id="absorption.too_few_words")


@contextlib.contextmanager
def _python_draws() -> Iterator[None]:
    """Give Python's own generator back as it was."""
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)
