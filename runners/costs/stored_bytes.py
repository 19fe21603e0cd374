"""Bytes on disk and in memory, by formula; `tests/runners/test_costs.py` compares them with files really written."""

from __future__ import annotations

HALF, SINGLE, DOUBLE = 2, 4, 8
"""Bytes of a number."""
NPY_HEADER = 128
"""Bytes before the numbers of an .npy file."""
NEIGHBOURS = 4096
"""At most so many bytes are a manifest beside an array, or the header of a safetensors file with its description."""
TOKEN = 46
"""Bytes that a token of a text takes in memory while texts are held as Python numbers (measured at 5 million)."""
FILED_TOKEN = 5
"""Bytes of disk that it takes in a file: its id and whether it is a row (`runners.subjects.filed_texts`)."""
TEXT = 5
"""Bytes of memory that the text of one token takes: all texts of a run are held, streamed or not."""
ROWS_PER_READ = 65_536
"""Rows that are read at once, in double precision, for scale, centre and variance."""


def activation_bytes(rows: int, d_model: int, shards: int = 1) -> int:
    """Return the bytes of stored activations: rows x d_model in half precision, and a header for every shard."""
    return rows * d_model * HALF + shards * NPY_HEADER


def checkpoint_bytes(parameters: int) -> int:
    """Return the bytes of one SAE's weights in single precision, header left out."""
    return parameters * SINGLE


def state_bytes(parameters: int, d_sae: int, order_rows: int) -> int:
    """Return the bytes of one seed's state in training: weights, Adam's two moments, idle counts, the order of rows."""
    return 3 * parameters * SINGLE + d_sae * SINGLE + order_rows * DOUBLE


def step_traffic_bytes(parameters: int, d_in: int, d_sae: int, batch_tokens: int, parts: int = 1) -> int:
    """Return the bytes that one dense step of one seed moves through the memory of one device, at least.

    Weights are read forward and backward, their gradients written, clipped (read, written) and read by Adam, which
    reads and writes weights and two moments: 12 passes over the parameters. Pre-activations, chosen latents and the
    latents' gradient are each written and read once: 6 passes over tokens x d_sae. The batch and its
    reconstruction: 4 passes.

    In N parts weights are read and gradients written for each, and added to a sum (two read, one written), which is
    divided by N and scaled in two passes more (read, written): 6 N + 13 passes over the parameters.
    """
    passes = 12 if parts == 1 else 6 * parts + 13
    return SINGLE * (passes * parameters + 6 * batch_tokens * d_sae + 4 * batch_tokens * d_in)


def device_bytes(parameters: int, d_in: int, d_sae: int, batch_tokens: int, parts: int = 1) -> int:
    """Return what one seed holds on the device: weights, gradients, two moments, and a step's tensors of latents.

    Four tensors of tokens x d_sae live at once in a dense step: rectified, chosen, the mask, and the gradient. In parts
    they are those of one part, and its gradient lies beside the sum.
    """
    held = 4 if parts == 1 else 5
    return SINGLE * (held * parameters + 4 * (batch_tokens // parts) * d_sae + 4 * batch_tokens * d_in)


def further_device_bytes(parameters: int, d_in: int, d_sae: int, batch_tokens: int, parts: int) -> int:
    """Return what one seed holds on each further device: weights, one part's gradient, and one part's tensors."""
    tokens = batch_tokens // parts
    return SINGLE * (2 * parameters + 4 * tokens * d_sae + 4 * tokens * d_in)


def exchanged_bytes(parameters: int, parts: int, devices: int) -> int:
    """Return the bytes that one step of one seed moves between devices: weights to each further one, gradients back.

    Part p is computed on device p mod devices; rows and counts, which are small, are left out.
    """
    elsewhere = parts - -(-parts // devices)
    return SINGLE * parameters * (devices - 1 + elsewhere)
