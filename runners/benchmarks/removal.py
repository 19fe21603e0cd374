"""SCR and TPP of SAEBench 0.6 (Karvonen et al. 2411.18895) on texts that are handed in, by SAEBench's own functions.

SCR trains a probe on texts in which two attributes coincide (male professors, female nurses), ablates the latents of
one attribute, and asks how much of the accuracy that the coincidence cost comes back. TPP ablates the latents of one
class and asks how much accuracy that class's probe loses, and how much the others'.

What a score establishes: what these ablations do to these probes. What it does not: that the model's own behaviour
changes; Chanin (2605.18229) finds that TPP falls with training and SCR orders SAEs badly where many latents are
ablated. Probes are kept from the epoch that is best on the test rows, as SAEBench has it, so that clean accuracies are
on the high side.
"""

from __future__ import annotations

import contextlib
import io
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from runners.benchmarks.probing import quiet
from runners.benchmarks.removal_plan import (
    EPOCHS,
    L1_PENALTY,
    LEARNING_RATE,
    SAE_BATCH,
    TEST_BATCH,
    TRAIN_BATCH,
    RemovalPlan,
)
from runners.benchmarks.standing_in import StandingIn
from runners.digests import sequence_sha256, text_sha256
from runners.places import config_error
from runners.progress import Progress
from runners.saes.sae import Sae
from runners.subjects.attributed_plan import AttributedTextsPlan, Removal
from runners.subjects.attributed_texts import AttributedText, AttributedTexts, read_attributed
from runners.subjects.language_model import LanguageModel, activations, tokenize

MEASURES: dict[Removal, dict[str, str]] = {
    "scr": {name: f"{name}_threshold_{{}}" for name in ("scr_metric", "scr_dir1", "scr_dir2")},
    "tpp": {
        name: f"tpp_threshold_{{}}_{name}" for name in ("total_metric", "intended_diff_only", "unintended_diff_only")
    },
}
"""Our measure -> SAEBench's metric, with the number of ablated latents."""

_TEXTS_PER_PASS = 32

Classes = dict[str, list[str]]
"""SAEBench's name of a class -> its texts."""


@dataclass(frozen=True)
class RemovalTexts:
    """The texts of one observation a seed: a dataset for TPP, a dataset and a pair of values for SCR."""

    name: str
    train: Classes
    test: Classes

    @property
    def sha256(self) -> str:
        """Over side, class and text, in order."""
        sides = (("train", self.train), ("test", self.test))
        return sequence_sha256(
            f"{side} {label} {text_sha256(text)}"
            for side, classes in sides
            for label, texts in classes.items()
            for text in texts
        )

    @property
    def rows(self) -> int:
        """Texts to test on."""
        return sum(len(texts) for texts in self.test.values())


@dataclass(frozen=True)
class RemovalScores:
    """What was measured on one RemovalTexts."""

    texts: RemovalTexts
    clean: Mapping[str, float]
    """Accuracies without an ablation, by SAEBench's names."""
    by_sae: tuple[Mapping[str, float], ...]
    """Measure -> score of each SAE. SCR has no `scr_metric` where both directions start equal, as SAEBench has none."""
    accuracies: tuple[Any, ...]
    """Of each SAE, what SAEBench computes the scores from: ablated class -> latents -> probe -> accuracy."""


def read_removal(plan: RemovalPlan, kind: Removal, sae_probes: Path) -> list[RemovalTexts]:
    """Return the texts of every observation, drawn as SAEBench draws them.

    Raises:
        GatekitError: as `read_attributed`; `dataset.too_small`: a combination of values has too few texts.
    """
    found = []
    for at, dataset in enumerate(plan.datasets):
        texts = read_attributed(dataset, plan.seed, sae_probes)
        if kind == "tpp":
            found.append(_classes(plan, at, dataset, texts))
        else:
            found += [_pair(plan, at, dataset, texts, pair) for pair in dataset.pairs or ()]
    return found


def score_removal(
    plan: RemovalPlan,
    kind: Removal,
    model: LanguageModel,
    hook: str,
    saes: Sequence[Sae],
    texts: Sequence[RemovalTexts],
    progress: Progress,
) -> list[RemovalScores]:
    """Train the probes of every dataset once and ablate latents of every SAE.

    Every SAE meets the draws that it would meet in a run of SAEBench of its own.

    Args:
        plan: of the configuration.
        kind: `scr` or `tpp`.
        model: that the SAEs were trained on.
        hook: that they read.
        saes: each of which `runners.benchmarks.standing_in.why_no_stand_in` lets pass.
        texts: of every observation.
        progress: told of every SAE on every dataset.

    Raises:
        GatekitError: `dataset.no_tokens`.
    """
    found = []
    with as_saebench(), torch.random.fork_rng(devices=[]):
        from sae_bench.evals.scr_and_tpp import main as upstream
        from sae_bench.evals.sparse_probing import probe_training
        from sae_bench.sae_bench_utils import activation_collection, dataset_info

        scr = kind == "scr"
        standing = [_Removed(sae, model, hook, plan) for sae in saes]
        random.seed(plan.seed)
        torch.manual_seed(plan.seed)
        for each in texts:
            train, test = (_activations(plan, model, hook, side, each.name) for side in (each.train, each.test))
            means = [activation_collection.create_meaned_model_activations(side) for side in (train, test)]
            classes = list(dataset_info.PAIRED_CLASS_KEYS) if scr else list(each.train)
            with torch.enable_grad():
                probes, _ = probe_training.train_probe_on_activations(
                    *means,
                    use_sklearn=False,
                    batch_size=TRAIN_BATCH,
                    epochs=EPOCHS,
                    lr=LEARNING_RATE,
                    perform_scr=scr,
                    early_stopping_patience=EPOCHS,
                    l1_penalty=L1_PENALTY,
                )
            clean = upstream.get_probe_test_accuracy(probes, classes, means[1], TEST_BATCH, scr)
            state = torch.get_rng_state()
            scores, accuracies = [], []
            for sae in standing:
                torch.set_rng_state(state)
                with torch.no_grad():
                    effects = upstream.get_all_node_effects_for_one_sae(sae, probes, classes, scr, train, SAE_BATCH)
                    ablated = upstream.perform_feature_ablations(
                        probes, sae, SAE_BATCH, test, effects, [plan.latents], classes, TEST_BATCH, scr
                    )
                theirs = (
                    upstream.get_scr_plotting_dict(ablated, clean)
                    if scr
                    else upstream.create_tpp_plotting_dict(ablated, clean)[0]
                )
                named = {measure: name.format(plan.latents) for measure, name in MEASURES[kind].items()}
                scores.append({measure: float(theirs[name]) for measure, name in named.items() if name in theirs})
                accuracies.append(ablated)
                progress.advance(1)
            found.append(RemovalScores(each, clean, tuple(scores), tuple(accuracies)))
    return found


class _Removed(StandingIn):
    """An SAE that can leave padding out, which SAEBench sets to zero and then encodes."""

    def __init__(self, sae: Sae, model: LanguageModel, hook: str, plan: RemovalPlan) -> None:
        super().__init__(sae, model, hook, plan.max_tokens)
        self._ignores_padding = plan.padding == "ignored"

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        """Return latents, (..., d_sae); those of a row of zeros are zero where padding is left out."""
        latents = super().encode(x)
        return latents * (x != 0).any(dim=-1, keepdim=True) if self._ignores_padding else latents


def _activations(
    plan: RemovalPlan, model: LanguageModel, hook: str, classes: Classes, name: str
) -> dict[str, torch.Tensor]:
    """Return (texts, max_tokens, d_model) float32 of every class, zero wherever no token of a text's own stands."""
    found = {}
    for label, texts in classes.items():
        tokenized = tokenize(model, texts, [""] * len(texts), plan.max_tokens)
        if not all(text.kept for text in tokenized):
            message = f"a text of '{name}' has no token of its own"
            raise config_error(plan, "datasets", message, error_id="dataset.no_tokens")
        parts = []
        for start in range(0, len(tokenized), _TEXTS_PER_PASS):
            batch = tokenized[start : start + _TEXTS_PER_PASS]
            ids = torch.zeros((len(batch), plan.max_tokens), dtype=torch.long)
            read, kept = torch.zeros_like(ids), torch.zeros_like(ids)
            for row, text in enumerate(batch):
                ids[row, : len(text.ids)], read[row, : len(text.ids)] = torch.tensor(text.ids), 1
                kept[row, list(text.kept)] = 1
            values = activations(model, hook, ids.to(model.device), read.to(model.device))
            # Masked with `where`: a value that is not finite at padding would stay so in a product.
            parts.append(torch.where(kept.bool().to(values.device)[..., None], values, 0.0))
        found[label] = torch.cat(parts)
    return found


def _pair(
    plan: RemovalPlan, at: int, dataset: AttributedTextsPlan, texts: AttributedTexts, pair: tuple[str, ...]
) -> RemovalTexts:
    """Return SAEBench's six classes of texts for one pair of values of the attribute."""
    others = dataset.other_values or ()
    sides = []
    for words, rows, asked in (("train", texts.train, plan.train_rows), ("test", texts.test, plan.test_rows)):
        quarter = asked // 4
        for value in pair:
            for other in others:
                # Of the two combinations that a biased probe learns from, twice as many are taken, and one is left.
                least = 2 * quarter + 1 if (value, other) in zip(pair, others, strict=True) else quarter
                have = sum((row.value, row.other) == (value, other) for row in rows)
                if have < least:
                    message = f"'{dataset.name}' has {have} texts of {value} and {other} to {words} on, of {least}"
                    raise config_error(
                        plan, (f"datasets[{at}].pairs", f"{words}_rows"), message, error_id="dataset.too_small"
                    )
        with _known_to_saebench(dataset.name, pair, others), as_saebench():
            from sae_bench.evals.scr_and_tpp.dataset_creation import get_spurious_corr_data

            sides.append(get_spurious_corr_data(_frame(rows), pair, others, dataset.name, quarter, plan.seed))
    return RemovalTexts(f"{dataset.name}_scr_{pair[0]}_{pair[1]}", sides[0], sides[1])


def _classes(plan: RemovalPlan, at: int, dataset: AttributedTextsPlan, texts: AttributedTexts) -> RemovalTexts:
    """Return as many texts of every class, and of every value of the other attribute where there is one."""
    wanted = dataset.classes or ()
    sides = []
    for words, rows, asked in (("train", texts.train, plan.train_rows), ("test", texts.test, plan.test_rows)):
        chosen = [row for row in rows if row.value in wanted]
        others = sorted({row.other for row in chosen})
        each = asked // 2 if dataset.other is None else asked // 4
        for value in wanted:
            for other in others:
                have = sum((row.value, row.other) == (value, other) for row in chosen)
                if have < each:
                    what = value if dataset.other is None else f"{value} and {other}"
                    message = f"'{dataset.name}' has {have} texts of {what} to {words} on, of {each}"
                    raise config_error(
                        plan, (f"datasets[{at}].classes", f"{words}_rows"), message, error_id="dataset.too_small"
                    )
        if dataset.other is not None and len(others) != 2:
            message = f"column '{dataset.other}' has {len(others)} values; classes are balanced over two"
            raise config_error(plan, f"datasets[{at}].other", message, error_id="dataset.attribute")
        with _known_to_saebench(dataset.name, wanted, tuple(others)), as_saebench():
            from sae_bench.sae_bench_utils import dataset_utils

            if dataset.other is None:
                drawn = dataset_utils.gather_dataset_from_df(
                    _frame(chosen), list(wanted), each, "value", "text", plan.seed
                )
            else:
                drawn = dataset_utils.get_balanced_dataset(_frame(chosen), dataset.name, each, plan.seed)
        sides.append({value: drawn[value] for value in wanted})
    return RemovalTexts(f"{dataset.name}_tpp", sides[0], sides[1])


def _frame(rows: Sequence[AttributedText]) -> Any:
    import pandas as pd

    return pd.DataFrame(
        {"text": [r.text for r in rows], "value": [r.value for r in rows], "other": [r.other for r in rows]}
    )


@contextlib.contextmanager
def _known_to_saebench(name: str, values: Sequence[str], others: Sequence[str]) -> Iterator[None]:
    """Enter a dataset into the table in which SAEBench looks up columns and values, while the block runs."""
    from sae_bench.sae_bench_utils import dataset_info

    table: dict[str, Any] = dataset_info.dataset_metadata
    kept = table.get(name)
    table[name] = {
        "text_column_name": "text",
        "column1_name": "value",
        "column2_name": "other",
        "column1_mapping": {value: value for value in values},
        "column2_mapping": {value: value for value in others},
    }
    try:
        yield
    finally:
        if kept is None:
            del table[name]
        else:
            table[name] = kept


@contextlib.contextmanager
def as_saebench() -> Iterator[None]:
    """Run SAEBench's functions without what they print and draw, and leave torch's switches as they were."""
    gradients = torch.is_grad_enabled()
    said = io.StringIO()
    try:
        with quiet(), contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            yield
    finally:
        torch.set_grad_enabled(gradients)
