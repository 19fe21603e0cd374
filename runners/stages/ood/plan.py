"""Runner `ood`: how much of its probing quality does an SAE lose on shifted texts?

What the result establishes: over the seeds and datasets measured, how far the AUC of sparse probes falls from held-out
texts of the distribution that they were fitted on to shifted texts, in absolute terms, as a share of the advantage over
chance, and beside the dense probe's own fall on the same texts. What it does not: how they would fare under another
shift, nor that a probe which loses little was good before; `id_auc` says that.

Whether a dataset takes part is decided by the dense probe's validation AUC inside the rows that are fitted on, where
neither a test row nor the SAE has a say: where the model itself does not hold the label, every drop is near 0 and would
only dilute the others.

Importing this module is cheap; torch is imported when the run starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

from gatekit.evidence.dataset_families import dataset_families
from runners.config import ABSENT_WHERE_NONE, Bounds
from runners.places import first_repeat, refuse_first, taking
from runners.saes.architecture_plan import ArchitecturePlan
from runners.saes.given_plan import GivenSaesPlan, GivenShape
from runners.saes.plan import TrainingPlan
from runners.stage.sae_subject import (
    check_saes,
    reads_one_hook,
    shrink_saes,
    training_settings,
    width_key,
)
from runners.stage.selection import SelectionPlan, selection_json
from runners.subjects.own_set_faults import own_set_faults
from runners.subjects.plan import OwnShiftedPlan, SubjectPlan, TextPlan, stated_families
from runners.summary_writing import Json

KIND = "ood"
PROTOCOL = "ood/1"
ALL = "all"


@dataclass(frozen=True)
class ShiftPlan:
    """Datasets, their shifts, and probes."""

    shifted: tuple[str, ...] | None
    """Datasets with a shifted test set in sae-probes, or `all` alone: those whose shifted set is sound."""
    longer: tuple[str, ...] | None
    """Registered datasets whose longer half of texts counts as shifted."""
    least_dense_auc: Annotated[float, Bounds(0.5, 1.0)]
    """Of the dense probe, by validation inside the rows that are fitted on; a dataset below it does not take part."""
    rows: Annotated[int, Bounds(8, 1_000_000)]
    """In distribution, at most, as many of either class."""
    test_fraction: Annotated[float, Bounds(0.05, 0.95)]
    """Of the rows in distribution."""
    max_tokens: Annotated[int, Bounds(3, 1_000_000)]
    """Of each text, special tokens included."""
    pooling: Literal["last", "mean"]
    """Latents of the last token of a text, or the mean of the latents of all its tokens."""
    ks: Annotated[tuple[int, ...], Bounds(1, 1_000_000)]
    """Probe sizes; which of them is tested is decided by validation inside the rows that are fitted on."""
    penalty: Literal["l1", "l2"]
    """Of the sparse probes; dense ones have l2."""
    seed: Annotated[int, Bounds(0, 4294967295)]
    """Of rows, split and probes; the same for every SAE."""
    own: tuple[OwnShiftedPlan, ...] | None = field(default=None, metadata=ABSENT_WHERE_NONE)
    """Datasets of one's own with shifted texts."""


@dataclass(frozen=True)
class OodConfig:
    """Everything that determines the observations, on one device."""

    threads: Annotated[int, Bounds(1, 1024)]
    seeds: Annotated[tuple[int, ...], Bounds(0, 4294967295)]
    subject: SubjectPlan
    texts: TextPlan
    sae: ArchitecturePlan | GivenShape
    training: TrainingPlan | None
    shift: ShiftPlan
    saes: GivenSaesPlan | None = None
    """SAEs from files, in place of `seeds`, `sae` and `training`."""
    selection: SelectionPlan | None = None


def check(config: OodConfig) -> None:
    """Refuse values that do not go together.

    Raises:
        GatekitError: `config.together`.
    """
    check_saes(config)
    plan = config.shift
    shifted, longer = plan.shifted or (), plan.longer or ()
    twice = {name: first_repeat(each) for name, each in (("shifted", shifted), ("longer", longer))}
    key = next((f"shift.{name}[{place}]" for name, place in twice.items() if place is not None), "shift")
    refuse_first(
        config,
        ("shift", "no dataset: give 'shifted', 'longer' or 'own'", not shifted and not longer and not plan.own),
        *own_set_faults("shift.own", plan.own or ()),
        (key, "'shifted' or 'longer' names a dataset twice", key != "shift"),
        (
            "shift.longer" if ALL in longer else "shift.shifted",
            "'all' stands alone, and for 'shifted' only",
            (ALL in shifted and len(shifted) > 1) or ALL in longer,
        ),
        ("shift.ks", "'ks' must be different and in increasing order", list(plan.ks) != sorted(set(plan.ks))),
        (
            ("shift.ks", width_key(config.sae)),
            f"a probe of {max(plan.ks)} latents exceeds d_sae={config.sae.width}",
            max(plan.ks) > config.sae.width,
        ),
        (
            "sae.architecture",
            f"an SAE of architecture '{config.sae.label}' does not read one hook alone",
            not reads_one_hook(config),
        ),
    )


def shrink(config: OodConfig, small: OodConfig) -> OodConfig:
    """Return the configuration's model and hook at the smoke configuration's size, datasets and probes."""
    return taking(shrink_saes(config, small), small, "shift")


def protocol_of(config: OodConfig, datasets: Sequence[Json], left_out: Sequence[str], not_shifted: int) -> Json:
    """Return a summary's protocol: what must be equal before two of its numbers are compared."""
    plan = config.shift
    return {
        "name": PROTOCOL,
        "seeds": list(config.seeds),
        "rows": plan.rows,
        "datasets": list(datasets),
        **dataset_families([each["name"] for each in datasets], stated_families(plan.own, "own:")),
        "ks": list(plan.ks),
        "baseline": {"kind": "dense_probe", "subject": None},
        "selection": selection_json(config.selection),
        "settings": {
            "baseline": "logistic regression on all of the model's activations, fitted and tested on the same rows",
            "left_out_below_least_dense_auc": " ".join(left_out) or None,
            "least_dense_auc": plan.least_dense_auc,
            "test_fraction": plan.test_fraction,
            "probe_max_tokens": plan.max_tokens,
            "pooling": f"{plan.pooling} of the tokens that the tokeniser did not add",
            "probe_penalty": plan.penalty,
            "probe_seed": plan.seed,
            "dense_penalty": "l2",
            "k_by": "validation AUC inside the rows that are fitted on, the smaller k where equal",
            "capped": "a drop below 0 counts as 0",
            "texts_in_sae_training": 0,
            "texts_in_two_parts": 0,
            "shifted_texts_dropped_as_not_shifted": not_shifted,
            **training_settings(config),
        },
    }
