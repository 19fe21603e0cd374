"""What a threshold and a score share: the settings that `defaults` holds, and the measurement that is named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from gatekit.errors import did_you_mean
from gatekit.evidence.strict_yaml import Node, YamlDocument
from gatekit.kinds import Kind, Kinds, MeasureSpec
from gatekit.policy import fields
from gatekit.policy.model import DEFAULT_CONFIDENCE, DEFAULT_MIN_SEEDS

SETTING_KEYS = ("confidence", "min_seeds", "max_age", "allow_reported", "generalize_over", "selected_from")
"""What `defaults` may set and a threshold may override."""
FACTORS = ("seed", "dataset", "row")
MOST_RANDOM_MODELS = 1000
"""So many a summary holds."""


@dataclass(frozen=True)
class Settings:
    """How a measurement is read: see the fields of `Threshold`."""

    confidence: float = DEFAULT_CONFIDENCE
    min_seeds: int = DEFAULT_MIN_SEEDS
    max_age: timedelta | None = None
    allow_reported: bool = False
    generalize_over: tuple[str, ...] = FACTORS
    selected_from: int = 1


def settings_from(document: YamlDocument, given: Mapping[str, Node], base: Settings) -> Settings:
    """Return the settings given, each missing one from `base`."""
    factors = base.generalize_over
    if "generalize_over" in given:
        items = fields.sequence(document, given["generalize_over"], "generalize_over")
        factors = tuple(fields.choice(document, item, "factor", FACTORS) for item in items)
        if len(set(factors)) != len(factors):
            raise fields.refusal(document, given["generalize_over"], "value", "generalize_over names a factor twice")
    found = replace(base, generalize_over=factors)
    if "confidence" in given:
        found = replace(found, confidence=fields.confidence(document, given["confidence"]))
    if "min_seeds" in given:
        found = replace(found, min_seeds=fields.integer(document, given["min_seeds"], "min_seeds", 1, 10_000))
    if "max_age" in given:
        found = replace(found, max_age=fields.duration(document, given["max_age"], "max_age"))
    if "allow_reported" in given:
        found = replace(found, allow_reported=fields.flag(document, given["allow_reported"], "allow_reported"))
    if "selected_from" in given:
        chosen_from = fields.integer(document, given["selected_from"], "selected_from", 1, 1_000_000)
        found = replace(found, selected_from=chosen_from)
    return found


def min_random_models_from(document: YamlDocument, given: Mapping[str, Node], kind: Kind, measure: MeasureSpec) -> int:
    """Return on how many re-initialised models a rule asks for its control, 1 where it does not say.

    Raises:
        GatekitError: it says so of a measure that is compared with none.
    """
    if "min_random_models" not in given:
        return 1
    node = given["min_random_models"]
    found = fields.integer(document, node, "min_random_models", 1, MOST_RANDOM_MODELS)
    if not measure.on_random_model:
        message = f"{kind.name}.{measure.name} is compared with no re-initialised model, so nothing could meet this"
        raise fields.refusal(document, node, "value", message)
    return found


def kind_from(document: YamlDocument, node: Node, kinds: Kinds) -> Kind:
    """Return the kind of summary that a node names."""
    name = fields.text(document, node, "kind of summary")
    kind = kinds.get(name)
    if kind is None:
        raise fields.refusal(document, node, "value", f"unknown kind of summary '{name}'", kinds.remedy(name))
    return kind


def measure_from(document: YamlDocument, node: Node, kind: Kind) -> MeasureSpec:
    """Return the measure of a kind that a node names."""
    name = fields.text(document, node, "measure")
    known = kind.by_name
    if name not in known:
        remedy = did_you_mean(name, known) or f"known: {', '.join(sorted(known))}"
        raise fields.refusal(document, node, "unknown_measure", f"unknown measure '{name}' of {kind.name}", remedy)
    return known[name]
