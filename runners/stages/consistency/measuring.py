"""The measuring half of the runner `consistency`: agreement with and without a shared reference, and what it costs.

| measured | of which SAEs | what it can show |
|---|---|---|
| `pw_mcc...`, `mmcs...` | each seed toward its own reference | agreement that no common reference hands over |
| `shared_reference_...` | the same seeds toward one reference | agreement through the reference; a copy has all of it |
| `alignment_to_reference...` | each seed with its own reference | how far it follows, and it alone |
| `r2...` | each seed toward its own reference | the price, against no term and against a copied decoder |

A reference was trained too, so whoever follows one had twice the training: `..._above_longer_training` compares with
plain SAEs of twice the steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

import numpy as np

from runners.arms.activations import datasets_json, inputs_json
from runners.arms.trained_saes import artifacts_json
from runners.arrays import Flags, Floats
from runners.metrics.consistency import chance_corrected, match
from runners.metrics.gaussian import gaussian_dictionaries
from runners.metrics.seed_pairs import PairScores, score_pairs
from runners.progress import Progress, showing
from runners.stage.run_environment import RunEnvironment
from runners.stages.consistency.arms import Arms, train_arms
from runners.stages.consistency.plan import KIND, ConsistencyConfig, protocol_of
from runners.summary_writing import Json, RunResult, measurement

Entries = dict[str, tuple[Sequence[float], Sequence[float] | None]]
"""Measure -> candidate and baseline, where it has one."""


def measure(config: ConsistencyConfig, environment: RunEnvironment) -> RunResult:
    """Measure one cell and return what its summary says.

    Raises:
        GatekitError: model, hook or texts are not what the configuration says.
    """
    arms = train_arms(config, environment)
    return RunResult(
        subject=arms.subject(config),
        protocol=protocol_of(config, datasets_json(arms.aligned.inputs.source), arms.control.subject(config)),
        measurements=_measurements(config, arms, environment.device),
        inputs=inputs_json([arms.aligned.inputs]),
        artifacts=artifacts_json(arms.all, environment),
    )


def _measurements(config: ConsistencyConfig, arms: Arms, device: str) -> Json:
    seeds, draws = config.seeds, config.scoring.gaussian_draws
    aligned, control, longer, copying = (
        arm.reconstruction(device) for arm in (arms.aligned, arms.control, arms.longer, arms.copying)
    )
    per_seed: Entries = {
        "r2": (aligned.r2, None),
        "r2_above_control": (aligned.r2, control.r2),
        "r2_above_longer_training": (aligned.r2, longer.r2),
        "r2_above_copying": (aligned.r2, copying.r2),
        "l0": (aligned.l0, None),
        "dead_fraction": (aligned.dead_fraction, None),
        **{name: (values, None) for name, values in aligned.apart.items()},
    }
    d_model, pairs = config.subject.d_model, len(seeds) * (len(seeds) - 1) // 2
    total = pairs * (6 + draws) + len(seeds) * (len(seeds) + 1)
    with showing("matching latents", total, "pairs") as progress:

        def score(decoders: Floats, live: Flags | None = None) -> PairScores:
            return score_pairs(decoders, seeds, d_model, config.scoring.matched_cosine, progress, live)

        ours = score(arms.aligned.decoders, aligned.live)
        theirs = score(arms.control.decoders, control.live)
        theirs_longer = score(arms.longer.decoders)
        copies = score(arms.copying.decoders)
        mediated = score(arms.shared.decoders)
        # A decoder that is held to the shared reference is the shared reference, whatever the seed.
        same_copy = score(np.repeat(arms.shared_reference.decoders, len(seeds), axis=0))
        floors = [score(gaussian_dictionaries(seeds, config.sae.width, d_model, n)) for n in range(draws)]
        per_seed |= _alignment(arms, d_model, progress)
    floor = [fmean(values) for values in zip(*(draw.pw_mcc for draw in floors), strict=True)]
    per_pair: Entries = {
        "pw_mcc": (ours.pw_mcc, None),
        "pw_mcc_above_control": (ours.pw_mcc, theirs.pw_mcc),
        "pw_mcc_above_longer_training": (ours.pw_mcc, theirs_longer.pw_mcc),
        "pw_mcc_above_copying": (ours.pw_mcc, copies.pw_mcc),
        "pw_mcc_above_gaussian": (ours.pw_mcc, floor),
        "pw_mcc_chance_corrected_above_control": (
            [chance_corrected(value, chance) for value, chance in zip(ours.pw_mcc, floor, strict=True)],
            [chance_corrected(value, chance) for value, chance in zip(theirs.pw_mcc, floor, strict=True)],
        ),
        "pw_mcc_live": (ours.pw_mcc_live, None),
        "pw_mcc_live_above_control": (ours.pw_mcc_live, theirs.pw_mcc_live),
        "mmcs": (ours.mmcs, None),
        "mmcs_above_control": (ours.mmcs, theirs.mmcs),
        "matched_fraction": (ours.matched_fraction, None),
        "matched_fraction_above_control": (ours.matched_fraction, theirs.matched_fraction),
        "shared_reference_pw_mcc": (mediated.pw_mcc, None),
        "shared_reference_pw_mcc_above_copying": (mediated.pw_mcc, same_copy.pw_mcc),
    }
    by_pair = {"seed_a": [a for a, _ in ours.pairs], "seed_b": [b for _, b in ours.pairs]}
    found = {name: measurement(KIND, name, by_pair, *values) for name, values in per_pair.items()}
    return found | {name: measurement(KIND, name, {"seed": seeds}, *values) for name, values in per_seed.items()}


def _alignment(arms: Arms, d_model: int, progress: Progress) -> Entries:
    """Return PW-MCC of every seed with its own reference, beside its control's and its own with the others'."""
    references = arms.references.decoders

    def agreement(decoder: Floats, reference: Floats) -> float:
        progress.advance(1)
        return match(decoder, reference, d_model).mean

    places = range(len(references))
    table = [[agreement(decoder, reference) for reference in references] for decoder in arms.aligned.decoders]
    own = [table[place][place] for place in places]
    others = [fmean(table[place][other] for other in places if other != place) for place in places]
    control = [agreement(*rows) for rows in zip(arms.control.decoders, references, strict=True)]
    return {
        "alignment_to_reference": (own, None),
        "alignment_to_reference_above_control": (own, control),
        "alignment_to_reference_above_others": (own, others),
    }
