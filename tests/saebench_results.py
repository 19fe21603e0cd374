"""SAEBench 0.6 result files of six evals, made by hand from its output dataclasses with numbers that agree.

`tests/runners/test_saebench_schemas.py` holds them against the schemas that SAEBench ships.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Json = dict[str, Any]

HOOK = "blocks.1.hook_resid_post"
SCR_DATASET = "LabHC/bias_in_bios_class_set1"
PAIRS = [["professor", "nurse"], ["architect", "journalist"]]
THRESHOLDS = (2, 5, 10, 20, 50, 100, 500)


def _file(eval_type: str, config: Json, metrics: Json, seed: int, **more: Any) -> Json:
    """Everything that all evals write."""
    metadata = (
        "SAEMetadata({'sae_lens_version': '6.6.1', 'model_name': 'gemma-2-2b', "
        f"'hook_name': '{HOOK}', 'hook_layer': 1, 'seqpos_slice': (None,)}})"
    )
    return {
        "eval_type_id": eval_type,
        "eval_config": {"model_name": "gemma-2-2b", "random_seed": 42, "llm_dtype": "bfloat16", **config},
        "eval_id": f"0bbaeb30-8970-4139-b203-e76193d7ab{seed:02d}",
        "datetime_epoch_millis": 1_795_250_468_183 + seed,
        "eval_result_metrics": metrics,
        "eval_result_details": [],
        "sae_bench_commit_hash": "a" * 40,
        "sae_lens_id": "custom_sae",
        "sae_lens_release_id": f"lab_seed{seed}",
        "sae_lens_version": "6.6.1",
        "sae_cfg_dict": {"d_in": 32, "d_sae": 64, "k": 8, "dtype": "torch.float32", "metadata": metadata},
        "eval_result_unstructured": None,
        **more,
    }


def absorption(seed: int) -> Json:
    """Two letters: fractions .1 and .3, rates .2 and .4, 1 and 3 latents, moved a little by the seed."""
    shift = seed / 100
    details = [
        {
            "first_letter": letter,
            "mean_absorption_fraction": fraction + shift,
            "full_absorption_rate": rate + shift,
            "num_full_absorption": 4,
            "num_probe_true_positives": 20,
            "num_split_features": split,
        }
        for letter, fraction, rate, split in (("a", 0.1, 0.2, 1), ("b", 0.3, 0.4, 3))
    ]
    mean = {
        "mean_absorption_fraction_score": 0.2 + shift,
        "mean_full_absorption_score": 0.3 + shift,
        "mean_num_split_features": 2.0,
        "std_dev_absorption_fraction_score": 0.1414,
        "std_dev_full_absorption_score": 0.1414,
        "std_dev_num_split_features": 1.4142,
    }
    config = {
        "f1_jump_threshold": 0.03,
        "max_k_value": 10,
        "prompt_template": "{word} has the first letter:",
        "prompt_token_pos": -6,
        "llm_batch_size": 10,
        "k_sparse_probe_l1_decay": 0.01,
        "k_sparse_probe_batch_size": 4096,
        "k_sparse_probe_num_epochs": 50,
        "min_GT_probe_f1": 0.6,
        "min_feats_for_eval": 2,
        "eval_k_sparse_probe_batch_size": 24,
        "precalc_k_sparse_probe_sae_acts": False,
    }
    return _file("absorption_first_letter", config, {"mean": mean}, seed, eval_result_details=details)


def _removal_config(scr: bool) -> Json:
    return {
        "dataset_names": [SCR_DATASET],
        "perform_scr": scr,
        "early_stopping_patience": 20,
        "train_set_size": 4000,
        "test_set_size": 1000,
        "context_length": 128,
        "probe_train_batch_size": 16,
        "probe_test_batch_size": 500,
        "probe_epochs": 20,
        "probe_lr": 0.001,
        "probe_l1_penalty": 0.001,
        "sae_batch_size": 125,
        "llm_batch_size": 32,
        "lower_vram_usage": False,
        "n_values": list(THRESHOLDS),
        "column1_vals_lookup": {SCR_DATASET: PAIRS},
    }


def scr(seed: int) -> Json:
    """Two pairs of classes; at k latents scr_metric is k/1000 for the first and -1 for the second, plus the seed's."""
    shift = seed / 100
    details: list[Json] = []
    for first, value in zip(PAIRS, (1.0, -1.0), strict=True):
        entry: Json = {"dataset_name": f"{SCR_DATASET}_scr_{first[0]}_{first[1]}_results"}
        for k in THRESHOLDS:
            score = k / 1000 + shift if value > 0 else -1.0
            entry[f"scr_dir1_threshold_{k}"] = score
            entry[f"scr_metric_threshold_{k}"] = score
            entry[f"scr_dir2_threshold_{k}"] = score / 2
        details.append(entry)
    mean = {key: (details[0][key] + details[1][key]) / 2 for key in details[0] if key != "dataset_name"}
    return _file("scr", _removal_config(True), {"scr_metrics": mean}, seed, eval_result_details=details)


def tpp(seed: int) -> Json:
    """One dataset; at k latents the intended loss is k/1000 plus the seed's, the unintended .01."""
    scores: Json = {}
    for k in THRESHOLDS:
        intended = k / 1000 + seed / 100
        scores[f"tpp_threshold_{k}_total_metric"] = intended - 0.01
        scores[f"tpp_threshold_{k}_intended_diff_only"] = intended
        scores[f"tpp_threshold_{k}_unintended_diff_only"] = 0.01
    details = [{"dataset_name": f"{SCR_DATASET}_tpp_results", **scores}]
    per_class = {SCR_DATASET: {"0": dict(scores)}}
    more = {"eval_result_details": details, "eval_result_unstructured": per_class}
    return _file("tpp", _removal_config(False), {"tpp_metrics": dict(scores)}, seed, **more)


def ravel(seed: int) -> Json:
    """Cause .6 and isolation .8 plus the seed's."""
    shift = seed / 100
    scores = {
        "disentanglement_score": 0.7 + shift,
        "cause_score": 0.6 + shift,
        "isolation_score": 0.8 + shift,
    }
    config = {
        "entity_attribute_selection": {"city": ["Country", "Continent"]},
        "top_n_entities": 500,
        "top_n_templates": 90,
        "full_dataset_downsample": None,
        "num_pairs_per_attribute": 5000,
        "train_test_split": 0.7,
        "force_dataset_recompute": False,
        "llm_batch_size": 2048,
        "learning_rate": 0.001,
        "num_epochs": 2,
        "train_mdas": False,
        "n_generated_tokens": 6,
        "artifact_dir": f"/home/someone/artifacts/{seed}",
    }
    return _file("ravel", config, {"ravel": scores}, seed)


def unlearning(seed: int) -> Json:
    """Run on the tuned model, as SAEBench recommends."""
    config = {
        "model_name": "gemma-2-2b-it",
        "dataset_names": ["wmdp-bio", "high_school_us_history"],
        "intervention_method": "clamp_feature_activation",
        "retain_thresholds": [0.001, 0.01],
        "n_features_list": [10, 20],
        "multipliers": [25, 50, 100, 200],
        "dataset_size": 1024,
        "seq_len": 1024,
        "n_batch_loss_added": 50,
        "target_metric": "correct",
        "save_metrics": True,
        "llm_batch_size": 4,
    }
    return _file("unlearning", config, {"unlearning": {"unlearning_score": 0.1 + seed / 100}}, seed)


def autointerp(seed: int) -> Json:
    """Two latents, judged .7 and .9 plus the seed's."""
    scores = [0.7 + seed / 100, 0.9 + seed / 100]
    latents = {
        str(latent): {"latent": latent, "explanation": "words", "predictions": [1], "correct seqs": [1], "score": score}
        for latent, score in zip((3, 8), scores, strict=True)
    }
    config = {
        "n_latents": 2,
        "override_latents": None,
        "dead_latent_threshold": 15,
        "dataset_name": "monology/pile-uncopyrighted",
        "llm_context_size": 128,
        "llm_batch_size": 32,
        "buffer": 10,
        "no_overlap": True,
        "act_threshold_frac": 0.01,
        "total_tokens": 2_000_000,
        "scoring": True,
        "max_tokens_in_explanation": 30,
        "use_demos_in_explanation": True,
        "n_top_ex_for_generation": 10,
        "n_iw_sampled_ex_for_generation": 5,
        "n_top_ex_for_scoring": 2,
        "n_random_ex_for_scoring": 10,
        "n_iw_sampled_ex_for_scoring": 2,
    }
    # torch averages in float32
    metrics = {"autointerp": {"autointerp_score": 0.8 + seed / 100 + 3e-8, "autointerp_std_dev": 0.1}}
    return _file("autointerp", config, metrics, seed, eval_result_unstructured=latents)


RESULTS: Mapping[str, Callable[[int], Json]] = {
    "absorption": absorption,
    "scr": scr,
    "tpp": tpp,
    "ravel": ravel,
    "unlearning": unlearning,
    "autointerp": autointerp,
}
