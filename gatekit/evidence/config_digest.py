"""What a registration calls a configuration: its digest without the seeds, which is the same at every look.

`producer.config_sha256` covers the whole configuration, seeds included, so five seeds and ten have two of those.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gatekit.evidence.canonical import sha256_of

SAYS_WHICH_SEEDS = ("seeds", "selection")
"""Keys of a recorded configuration that say on which seeds; how many it was chosen from stands in the protocol."""
GIVEN = "saes"
"""SAEs from files: which file is which seed stands under its `seeds`."""
SAYS_WHICH_SAES = (GIVEN, "sae", "training", "checkpoints")
"""Keys that say which SAEs are measured: trained in this way, or from these files."""
TEXTS, TRAINING_TOKENS = "texts", "train_tokens"
"""Of SAEs from files nothing is trained, so their configuration has other training tokens."""


def config_without_seeds_sha256(config: Mapping[str, Any]) -> str:
    """Return the digest (RFC 8785) of a recorded configuration without what says on which seeds it ran.

    Args:
        config: `producer.config` of a summary, or what a runner will write there.
    """
    kept = {key: value for key, value in config.items() if key not in SAYS_WHICH_SEEDS}
    given = kept.get(GIVEN)
    if isinstance(given, Mapping):
        kept[GIVEN] = {key: value for key, value in given.items() if key != "seeds"}
    return sha256_of(_without_unset(kept))


def config_without_saes_sha256(config: Mapping[str, Any]) -> str:
    """Return the digest of a recorded configuration without what says which SAEs are measured, and on which seeds.

    It is the same for SAEs that a run trains and for those SAEs from their files: model, texts and what is measured.

    Args:
        config: as of `config_without_seeds_sha256`.
    """
    kept = {key: value for key, value in config.items() if key not in (*SAYS_WHICH_SEEDS, *SAYS_WHICH_SAES)}
    texts = kept.get(TEXTS)
    if isinstance(texts, Mapping):
        kept[TEXTS] = {key: value for key, value in texts.items() if key != TRAINING_TOKENS}
    return sha256_of(_without_unset(kept))


def _without_unset(value: Any) -> Any:
    """Leave out keys whose value is null: a setting that a runner gains later, and that nobody set, changes nothing."""
    if isinstance(value, Mapping):
        return {key: _without_unset(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list | tuple):
        return [_without_unset(inner) for inner in value]
    return value
