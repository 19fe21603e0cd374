"""Sparse autoencoders: one file per architecture (see `registry`), training, checkpoints, formats of other libraries.

In memory and on disk every SAE has SAELens's orientation: `W_enc` (d_in, d_sae), `W_dec` (d_sae, d_in), `b_enc`
(d_sae,), `b_dec` (d_in,). A stack of seeds has the seed as an additional first axis of each.
"""
