"""The small causal models as TransformerLens's HookedTransformer: an implementation that the runners do not use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tiny_models import D_MODEL, Family


def hooked(family: Family, folder: Path, tokenizer: Any) -> Any:
    """The model as a HookedTransformer, its weights moved over by TransformerLens's own functions."""
    from transformer_lens import HookedTransformer, HookedTransformerConfig
    from transformer_lens.pretrained.weight_conversions import convert_gpt2_weights, convert_llama_weights
    from transformers import AutoModelForCausalLM

    network: Any = AutoModelForCausalLM.from_pretrained(folder).eval()
    config = network.config
    heads = config.num_attention_heads
    shared = {
        "n_layers": config.num_hidden_layers,
        "d_model": D_MODEL,
        "n_ctx": 96,
        "d_head": D_MODEL // heads,
        "n_heads": heads,
        "d_vocab": config.vocab_size,
        "model_name": folder.name,
        "default_prepend_bos": True,
    }
    if family == "gpt2":
        shape = HookedTransformerConfig(
            **shared,
            d_mlp=4 * D_MODEL,
            act_fn="gelu_new",
            normalization_type="LN",
            positional_embedding_type="standard",
            eps=config.layer_norm_epsilon,
        )
        weights = convert_gpt2_weights(network, shape)
    else:
        shape = HookedTransformerConfig(
            **shared,
            d_mlp=config.intermediate_size,
            act_fn="silu",
            normalization_type="RMS",
            positional_embedding_type="rotary",
            rotary_dim=D_MODEL // heads,
            rotary_adjacent_pairs=False,
            n_key_value_heads=config.num_key_value_heads,
            gated_mlp=True,
            final_rms=True,
            eps=config.rms_norm_eps,
        )
        weights = convert_llama_weights(network, shape)
    model = HookedTransformer(shape, tokenizer=tokenizer)
    model.load_and_process_state_dict(
        weights, fold_ln=False, center_writing_weights=False, center_unembed=False, fold_value_biases=False
    )
    return model.eval()
