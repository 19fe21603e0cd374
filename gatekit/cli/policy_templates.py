"""First policies for common questions, each with the claim that it would carry: `gatekit init --template NAME`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True)
class PolicyTemplate:
    """A file of gatekit/templates/policies, and what a paper would say when it passes."""

    sentence: str
    gates: tuple[str, ...]
    """The gates that the sentence needs."""


POLICY_TEMPLATES: Mapping[str, PolicyTemplate] = {
    "reproducibility": PolicyTemplate(
        "The features of our SAEs are reproducible across seeds.", ("agreement", "independent_start", "health")
    ),
    "probing": PolicyTemplate(
        "Sparse probes on our latents do as well as the baseline.", ("no_worse", "informative", "health")
    ),
    "transcoder": PolicyTemplate(
        "Our SAEs are as reproducible as matched transcoders.",
        ("not_less_reproducible", "not_bought_with_reconstruction", "health"),
    ),
    "release": PolicyTemplate(
        "Our SAEs are reproducible and useful.", ("random_model", "transcoder", "ood", "external", "health")
    ),
    "regression": PolicyTemplate(
        "The new version is no worse than the last one.", ("reconstruction", "agreement", "alive")
    ),
}

STARTER_CLAIM = (
    "reproducible",
    "The features of our SAEs are reproducible across seeds.",
    "release",
    "random_model, health",
)
"""Id, sentence, policy and gates of the claim in gatekit/templates/claims.yaml, which stands in evidence.md too."""


def policy_text(name: str) -> bytes:
    """Return the policy of a template, as `policies/NAME.yaml` is to hold it."""
    return (files("gatekit") / "templates" / "policies" / f"{name}.yaml").read_bytes()


def about(name: str, text: str) -> str:
    """Return the starter's registry, or its document, with the claim of a template in place of the starter's."""
    template = POLICY_TEMPLATES[name]
    claim, sentence, policy, gates = STARTER_CLAIM
    return (
        text.replace(sentence, template.sentence)
        .replace(f"id: {claim}\n", f"id: {name}\n")
        .replace(f"gatekit:claim {claim} ", f"gatekit:claim {name} ")
        .replace(f"policy: {policy}\n", f"policy: {name}\n")
        .replace(f"gates: [{gates}]", f"gates: [{', '.join(template.gates)}]")
        .replace("gatekit explain health", f"gatekit explain {template.gates[0]}")
    )
