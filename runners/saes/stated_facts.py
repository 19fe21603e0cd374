"""What a checkpoint says of itself: the model, the place in it, and how its activations were made.

Nothing here is believed; it is kept so that whoever uses the SAE can compare it with the use, and refuse with both
named where they differ. `None` stands for what the files do not say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class StatedFacts:
    """The statements of one checkpoint, in the checkpoint's own words."""

    format: str | None = None
    """Name of the format that it was read as."""
    said_by: tuple[str, ...] = ()
    """Names of the files (or `folder name`) that say the rest."""
    model: str | None = None
    """Name of the language model, with or without its organisation, as written."""
    hook: str | None = None
    """Where inputs are taken, as TransformerLens names it."""
    module: str | None = None
    """Where inputs are taken, as a module path of Hugging Face transformers."""
    target_hook: str | None = None
    """Where what is predicted is taken, where that is not the input."""
    target_module: str | None = None
    """The same as a module path."""
    layer: int | None = None
    """0-based block of the model."""
    head: int | None = None
    """The one attention head that is read, where it is one."""
    d_in: int | None = None
    """Numbers per input."""
    d_sae: int | None = None
    """Number of latents."""
    flat_heads: bool = False
    """Inputs are all heads' activations, (heads, d_head), laid out as one row of d_in numbers."""
    context_size: int | None = None
    """Tokens per text."""
    positions: slice | None = None
    """Positions of a text that it was trained on, the token for the beginning counted; None where they are all."""
    prepend_bos: bool | None = None
    """Whether texts began with the token for a beginning."""
    normalisation: str | None = None
    """What is done to inputs before encoding, in the format's word."""
    dataset: str | None = None
    """Name of the training texts."""
    model_settings: Mapping[str, object] = field(default_factory=dict)
    """How the model was loaded, where that is not the loader's habit (SAELens: `model_from_pretrained_kwargs`)."""
    stored_as: str | None = None
    """Number type of the decoder in the file, such as `bfloat16`; everything is read into float32."""
