"""SAEBench `core` on a live model: how much worse it predicts with the SAE's reconstruction in its activations' place.

SAEBench's own functions measure and write; the model and the tokens are handed in, where SAEBench would fetch both by
name. Of its numbers `explained_variance` is not used: it subtracts the square of a mean of squares, so that it depends
on the units of the activations (our r2 stands beside it in the file), and `mse` is divided by the tokens of a batch
once too often.

Only a model whose files hold a causal language-model head has predictions to lose. A model without one can be loaded
all the same, with a head that nobody trained; its loss would say nothing.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import torch

from runners.benchmarks.probing import quiet
from runners.benchmarks.saebench_plan import CorePlan
from runners.benchmarks.standing_in import StandingIn, why_no_stand_in
from runners.places import config_error
from runners.saes.sae import Sae
from runners.subjects.activation_store import TokenSet
from runners.subjects.hook_names import is_module
from runners.subjects.language_model import LanguageModel
from runners.subjects.model_files import ModelFiles

MEASURES = {
    "ce_loss_score": "model_performance_preservation",
    "kl_div_score": "model_behavior_preservation",
    "cossim": "reconstruction_quality",
}
"""Ours, under SAEBench's names -> its category."""

_CAUSAL_HEADS = ("ForCausalLM", "LMHeadModel")


def why_not(files: ModelFiles, sae: Sae, hook: str = "") -> str | None:
    """Return why core cannot be measured at a hook, or None where it can."""
    if is_module(hook):
        return "SAEBench replaces activations through TransformerLens, and the hook is a module of transformers"
    config = json.loads((files.folder / "config.json").read_text(encoding="utf-8"))
    classes = [str(name) for name in config.get("architectures") or ()]
    if not any(name.endswith(_CAUSAL_HEADS) for name in classes):
        held = ", ".join(classes) or "no class"
        return f"the model's files hold {held} and no causal language-model head, so there is no loss to recover"
    return why_no_stand_in(sae)


@dataclass(frozen=True)
class CoreResult:
    """What SAEBench measured of one SAE."""

    scores: dict[str, float]
    """By the names of `MEASURES`."""
    path: Path
    """Of the file in SAEBench's format."""


def measure_core(
    model: LanguageModel, hook: str, sae: Sae, tokens: TokenSet, plan: CorePlan, r2: float, name: str, folder: Path
) -> CoreResult:
    """Run SAEBench's core evaluation of one SAE and write its result file.

    Args:
        model: with a causal language-model head.
        hook: that the SAE reads.
        sae: to put in the place of the activations.
        tokens: texts that the SAE was not trained on.
        plan: how many.
        r2: of the SAE on held-out tokens, to stand beside SAEBench's own field.
        name: of the SAE, and of the file.
        folder: of the file.

    Raises:
        GatekitError: `core.too_few_tokens`; `core.not_finite`: a score is no number, as where nothing is lost by
            ablation.
    """
    rows = packed(tokens, plan)
    # SAEBench draws progress bars of its own on stderr; they would mix with ours.
    with quiet(), contextlib.redirect_stderr(io.StringIO()):
        from sae_bench.evals.core import main as core
        from sae_bench.evals.core.eval_config import CoreEvalConfig

        config = CoreEvalConfig(
            model_name=model.name,
            batch_size_prompts=plan.batch_texts,
            n_eval_reconstruction_batches=plan.batches,
            # As many as for reconstruction: both passes then see the same rows (`_Rows`).
            n_eval_sparsity_variance_batches=plan.batches,
            dataset=tokens.name,
            context_size=plan.context,
            compute_kl=True,
            compute_ce_loss=True,
            compute_l2_norms=True,
            compute_sparsity_metrics=True,
            compute_variance_metrics=True,
            compute_featurewise_density_statistics=True,
            compute_featurewise_weight_based_metrics=True,
            exclude_special_tokens_from_reconstruction=True,
        )
        standing_in = StandingIn(sae, model, hook, plan.context)
        # Those that the SAE's training left out: what the tokeniser adds to every text.
        added = {text.ids[place] for text in tokens.texts for place in set(range(len(text.ids))) - set(text.kept)}
        metrics, features = core.run_evals(
            sae=standing_in,
            activation_store=_Rows(rows.to(model.device), plan),
            model=model.bridge,
            eval_config=config,
            ignore_tokens=added,
        )
        metrics["misc_metrics"] = core.calculate_misc_metrics(features)
        scores = {measure: float(metrics[category][measure]) for measure, category in MEASURES.items()}
        for measure, value in scores.items():
            if not math.isfinite(value):
                raise config_error(plan, "", f"{name}: {measure} is {value}", error_id="core.not_finite")
        folder.mkdir(parents=True, exist_ok=True)
        # Some file systems allow no colon in a name.
        path = folder / f"{name.replace(':', '_')}_eval_results.json"
        result = {"eval_cfg": config, "metrics": metrics, "feature_metrics": features, "sae_set": "gatekit"}
        core.save_single_eval_result(
            {**result, "sae_id": name}, name, version("sae-lens"), version("sae-bench"), str(path), standing_in
        )
    document = json.loads(path.read_text(encoding="utf-8"))
    # The field that SAEBench's format leaves free.
    document["eval_result_unstructured"] = {"r2": r2, "r2_is": "1 - SSE/SST about the mean of each dimension"}
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return CoreResult(scores, path)


def packed(tokens: TokenSet, plan: CorePlan) -> torch.Tensor:
    """Return whole texts end to end, cut into rows without padding: (batches * batch_texts, context) int64."""
    ids = torch.tensor([token for text in tokens.texts for token in text.ids])
    rows = plan.batches * plan.batch_texts
    if len(ids) < rows * plan.context:
        message = f"{rows} rows of {plan.context} tokens are asked for; {len(ids)} tokens are held out"
        raise config_error(plan, "batches", message, error_id="core.too_few_tokens")
    # Tokens beyond the last row are left out.
    return ids[: rows * plan.context].view(rows, plan.context)


class _Rows:
    """Hands out the rows in order, once for each of SAEBench's two passes."""

    def __init__(self, rows: torch.Tensor, plan: CorePlan) -> None:
        self._rows, self._next = rows, 0
        self.context_size = plan.context
        self.store_batch_size_prompts = plan.batch_texts

    def get_batch_tokens(self, batch_size: int) -> torch.Tensor:
        batch = self._rows[self._next : self._next + batch_size]
        self._next += batch_size
        return batch

    def reset_input_dataset(self) -> None:
        self._next = 0
