"""What a policy's `selection: {method: husai}` says."""

from __future__ import annotations

from dataclasses import dataclass

from gatekit.evidence.strict_yaml import Node, YamlDocument
from gatekit.policy import fields

KEYS = ("weights", "min_seeds_per_group", "uncertainty", "require_both")
WEIGHTS = ("saebench", "cebench", "train_ev")


@dataclass(frozen=True)
class HusaiSettings:
    """HUSAI's selector, which scores against the pool at hand."""

    weight_saebench: float
    weight_cebench: float
    weight_train_ev: float
    min_seeds_per_group: int
    use_lower_bound: bool
    """Score mean - 1.96 sd / sqrt(n) in place of the mean."""
    require_both: bool
    """Leave out what lacks one of the two external benchmarks."""


def read_settings(document: YamlDocument, node: Node) -> HusaiSettings:
    """Read the section.

    Raises:
        GatekitError: `policy.*` at the place of the fault.
    """
    what = "a legacy selection"
    given = fields.mapping(document, node, what, ("method", *KEYS))
    weights_node = fields.required(document, node, given, "weights", what)
    weights = fields.mapping(document, weights_node, "weights", WEIGHTS)
    shares = {}
    for key in WEIGHTS:
        shares[key] = fields.number(document, fields.required(document, weights_node, weights, key, "weights"), key)
    uncertainty = fields.required(document, node, given, "uncertainty", what)
    minimum = fields.required(document, node, given, "min_seeds_per_group", what)
    both = fields.required(document, node, given, "require_both", what)
    return HusaiSettings(
        weight_saebench=shares["saebench"],
        weight_cebench=shares["cebench"],
        weight_train_ev=shares["train_ev"],
        min_seeds_per_group=fields.integer(document, minimum, "min_seeds_per_group", 1, 10_000),
        use_lower_bound=fields.choice(document, uncertainty, "uncertainty", ["point", "lcb"]) == "lcb",
        require_both=fields.flag(document, both, "require_both"),
    )
