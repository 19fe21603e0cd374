"""All architectures, in one place: a new one is a file and a line here.

The declared class decides what a checkpoint is; no shape is ever guessed at. Classes are named and imported on demand,
because a summary depends on every module that was imported for it: a change of one architecture must not make the
evidence of another stale. For the same reason nothing but the list lies here (see `runners.sources`).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

ARCHITECTURES = {
    "relu": "runners.saes.relu:ReLU",
    "topk": "runners.saes.topk:TopK",
    "batch_topk": "runners.saes.batch_topk:BatchTopK",
    "jump_relu": "runners.saes.jump_relu:JumpReLU",
    "gated": "runners.saes.gated:Gated",
    "matryoshka": "runners.saes.matryoshka:Matryoshka",
    "hierarchical_topk": "runners.saes.hierarchical_topk:HierarchicalTopK",
    "route": "runners.saes.route:RouteSAE",
    "transcoder": "runners.saes.transcoder:Transcoder",
    "relu_in_parts": "runners.saes.in_parts.relu:ReLUInParts",
    "topk_in_parts": "runners.saes.in_parts.topk:TopKInParts",
    "jump_relu_in_parts": "runners.saes.in_parts.jump_relu:JumpReLUInParts",
    "gated_in_parts": "runners.saes.in_parts.gated:GatedInParts",
    "hierarchical_topk_in_parts": "runners.saes.in_parts.hierarchical_topk:HierarchicalTopKInParts",
    "control": "runners.saes.controls:Control",
    "aligned": "runners.saes.alignment:Aligned",
}

IN_PARTS = "_in_parts"
"""How the name of an architecture ends whose loss is computed part by part (`runners.saes.in_parts`)."""

PRICES = {
    "relu": "l1_coefficient",
    "gated": "l1_coefficient",
    "jump_relu": "l0_coefficient",
    "relu_in_parts": "l1_coefficient",
    "gated_in_parts": "l1_coefficient",
    "jump_relu_in_parts": "l0_coefficient",
}
"""The option that decides an architecture's L0, where no k does."""

WRAPPERS = frozenset({"control", "aligned"})
"""Around another architecture: held in part, or drawn to a reference. Stages set these up themselves."""

if TYPE_CHECKING:
    Configurable = str
else:
    Configurable = Literal[tuple(name for name in ARCHITECTURES if name not in WRAPPERS)]
"""The names that a configuration may give."""


def architecture_class(name: str) -> type[Any]:
    """Return the class that is registered under a name.

    Raises:
        KeyError: none is.
    """
    module, _, class_name = ARCHITECTURES[name].partition(":")
    found: type[Any] = getattr(import_module(module), class_name)
    return found
