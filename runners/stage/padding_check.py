"""Given token ids that begin with padding: refused, since it would be in the model's input and nothing would say so.

Padding at the end is cut where the ids are taken (`runners.subjects.own_token_sets`); what stands before a text's own
tokens shifts their positions, and is attended to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runners.places import config_error

if TYPE_CHECKING:
    from runners.subjects.language_model import LanguageModel, TokenizedText
    from runners.subjects.plan import TextPlan


def gives_token_ids(config: Any) -> bool:
    """Whether a stage's configuration gives token ids instead of texts."""
    plan: TextPlan | None = getattr(config, "texts", None)
    return plan is not None and plan.own and plan.of_token_ids


def refuse_padding(config: Any, device: str) -> None:
    """Refuse rows of given token ids that have padding before the last token of their own.

    Where the tokeniser pads by the token that ends or begins texts, or stands for what is unknown, as those without a
    padding token of their own do, one of them is a beginning or a text's own; two at the front are padding.

    Args:
        config: of a stage whose texts are token ids.
        device: of the run, whose model and rows are then those that it measures.

    Raises:
        GatekitError: `texts.padding`; or as `runners.arms.activations.open_source`.
    """
    from runners.arms.activations import open_source

    source = open_source(config, device)
    for tokens in (source.held_out, source.training):
        padded = sum(_is_padded(source.model, text) for text in tokens.texts)
        if padded:
            token = source.model.tokenizer.pad_token_id
            message = (
                f"{padded} of {len(tokens.texts)} {tokens.name} rows have padding (token {token}) before their own "
                "tokens, where the model would read it"
            )
            remedy = "leave the padding out when the ids are written, or put it at the end"
            raise config_error(config, ("texts.paths", "texts"), message, remedy, error_id="texts.padding")


def _is_padded(model: LanguageModel, text: TokenizedText) -> bool:
    tokenizer, ids = model.tokenizer, text.ids
    padding = tokenizer.pad_token_id
    if padding is None or padding not in ids:
        return False
    if padding not in (tokenizer.eos_token_id, tokenizer.bos_token_id, tokenizer.unk_token_id):
        return any(one == padding and at < text.kept[-1] for at, one in enumerate(ids)) if text.kept else True
    # The beginning that `prepend_bos` puts there stands before the padding.
    begins = int(ids[0] == tokenizer.bos_token_id != padding)
    return ids[begins : begins + 2] == (padding, padding)
