"""A batch's latents, of which only is kept on how many tokens each is active."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch


class CountedLatents(torch.Tensor):
    """Counts of active tokens, (..., d_sae) int64, in the place of latents, (..., tokens, d_sae).

    Training asks a batch's latents for these counts and for nothing else (`runners.saes.kept_latents.active_counts`),
    in the words `(latents > 0).sum(dim=-2)`. They are answered; whatever else is asked raises, so that counts are never
    taken for latents.
    """

    @classmethod
    def of(cls, counts: torch.Tensor) -> CountedLatents:
        """Return latents that are active so often, (..., d_sae)."""
        return counts.as_subclass(cls)

    @classmethod
    def __torch_function__(
        cls,
        function: Callable[..., Any],
        types: Sequence[type],
        arguments: tuple[Any, ...] = (),
        named: Mapping[str, Any] | None = None,
    ) -> Any:
        """Answer the comparison with zero by itself, and the sum over tokens by the counts.

        Raises:
            NotImplementedError: something else is asked.
        """
        asked = (function.__name__, arguments[1:], dict(named or {}))
        if asked == ("gt", (0,), {}):
            return arguments[0]
        if asked == ("sum", (), {"dim": -2}):
            with torch._C.DisableTorchFunctionSubclass():
                return arguments[0].as_subclass(torch.Tensor)
        raise NotImplementedError(f"of a batch in parts only counts of active tokens are kept: no '{asked[0]}'")
