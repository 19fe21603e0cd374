"""The measuring half of the runner `adaptive_l0`: a search on some seeds, two arms on others.

| arm | its SAEs |
|---|---|
| searched | of every candidate k, on the search's seeds; they only serve to choose |
| candidate | of the chosen k, on the confirming seeds |
| control | of the fixed k, on the confirming seeds: same latents, texts, steps and order of rows |
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from gatekit.exit_codes import ExitCode
from runners.arms.activations import Activations, collect, datasets_json, inputs_json, open_source
from runners.arms.scored_arms import ScoredArm, score_arms
from runners.arms.trained_saes import artifacts_json, train
from runners.metrics.lower_bounds import lower_bound_over_pairs, lower_bound_over_seeds
from runners.places import config_error
from runners.stage.run_environment import RunEnvironment
from runners.stages.adaptive_l0.plan import KIND, AdaptiveL0Config, SearchPlan, protocol_of, with_k
from runners.summary_writing import Json, RunResult, measurement


@dataclass(frozen=True)
class SearchResult:
    """What the search saw of one k."""

    estimate: float
    """Mean over pairs of the chance-corrected PW-MCC."""
    lower: float
    """Its lower bound."""
    r2_lower: float
    """Lower bound of r2."""

    def __str__(self) -> str:
        return f"{self.estimate:.4f}, bound {self.lower:.4f}, r2 bound {self.r2_lower:.4f}"


def measure(config: AdaptiveL0Config, environment: RunEnvironment) -> RunResult:
    """Search, confirm, and return what the summary says.

    Raises:
        GatekitError: model, hook or texts are not what the configuration says; or, with exit code 3, the search leaves
            nothing to confirm.
    """
    source = open_source(config, environment.device)
    activations = collect(source, config, environment)
    search = config.search
    found = {} if len(search.ks) == 1 else searched(config, activations, environment)
    chosen = choose(found, search, config.sae.k) if found else search.ks[0]
    plans = {"model": with_k(config, chosen).sae, "control": config.sae}
    arms = [train(activations, plan, config.training, config.seeds, environment, name) for name, plan in plans.items()]
    candidate, control = score_arms(arms, config.subject.d_model, config.chance.gaussian_draws, environment.device)
    return RunResult(
        subject=candidate.saes.subject(config),
        protocol=protocol_of(config, datasets_json(source), control.saes.subject(config), _table(found)),
        measurements=_measurements(config.seeds, candidate, control),
        inputs=inputs_json([activations]),
        artifacts=artifacts_json(arms, environment),
    )


def choose(found: Mapping[int, SearchResult], search: SearchPlan, control_k: int | None) -> int:
    """Return the k with the largest lower bound among those whose r2 is surely above the floor.

    Raises:
        GatekitError: no k is, or the best one is the control's own; nothing else is taken in its place.
    """
    floor = search.r2_floor
    assert floor is not None
    seen = "; ".join(f"k={k}: {entry}" for k, entry in found.items())
    eligible = [k for k, entry in found.items() if entry.r2_lower >= floor]
    if not eligible:
        message = f"no k has an r2 bound of {floor:g} or more ({seen})"
        raise config_error(search, "r2_floor", message, error_id="adaptive_l0.floor", exit_code=ExitCode.INCONCLUSIVE)
    best = max(eligible, key=lambda k: found[k].lower)
    if best == control_k:
        message = f"the search chose the control's own k={best}, so there is nothing to confirm ({seen})"
        raise config_error(search, "ks", message, error_id="adaptive_l0.control", exit_code=ExitCode.INCONCLUSIVE)
    return best


def searched(
    config: AdaptiveL0Config, activations: Activations, environment: RunEnvironment
) -> dict[int, SearchResult]:
    """Train and score every candidate on the search's seeds."""
    search, seeds = config.search, config.search.seeds or ()
    with TemporaryDirectory() as folder:
        # Nothing is claimed of these SAEs, so their checkpoints are no artifacts; the cache keeps them.
        scratch = dataclasses.replace(environment, artifacts=Path(folder))
        arms = [
            train(activations, with_k(config, k).sae, config.training, seeds, scratch, f"search_k_{k}")
            for k in search.ks
        ]
    scored = score_arms(arms, config.subject.d_model, config.chance.gaussian_draws, environment.device)
    found = {}
    for k, arm in zip(search.ks, scored, strict=True):
        corrected = arm.agreement.corrected("pw_mcc")
        found[k] = SearchResult(
            sum(corrected) / len(corrected),
            lower_bound_over_pairs(arm.agreement.scores.pairs, corrected, search.confidence),
            lower_bound_over_seeds(arm.held_out.r2, search.confidence),
        )
    return found


def _table(found: Mapping[int, SearchResult]) -> Json:
    """Return what the search saw as settings, six digits of it."""
    return {
        f"search_k_{k}_{name}": round(value, 6)
        for k, entry in found.items()
        for name, value in dataclasses.asdict(entry).items()
    }


def _measurements(seeds: Sequence[int], candidate: ScoredArm, control: ScoredArm) -> Json:
    ours, theirs = candidate.agreement, control.agreement
    per_pair: dict[str, tuple[Sequence[float], Sequence[float] | None]] = {
        "mmcs_above_control": (ours.scores.mmcs, theirs.scores.mmcs)
    }
    for name in ("pw_mcc", "pw_mcc_live"):
        raw, corrected = (
            (getattr(ours.scores, name), getattr(theirs.scores, name)),
            (ours.corrected(name), theirs.corrected(name)),
        )
        per_pair |= {
            name: (raw[0], None),
            f"{name}_above_control": raw,
            f"{name}_chance_corrected": (corrected[0], None),
            f"{name}_chance_corrected_above_control": corrected,
        }
    per_seed: dict[str, tuple[Sequence[float], Sequence[float] | None]] = {
        "dead_fraction_above_control": (candidate.held_out.dead_fraction, control.held_out.dead_fraction),
        "dead_fraction": (candidate.held_out.dead_fraction, None),
        "l0": (candidate.held_out.l0, None),
        "r2": (candidate.held_out.r2, None),
        "r2_above_control": (candidate.held_out.r2, control.held_out.r2),
        **{name: (values, None) for name, values in candidate.held_out.apart.items()},
    }
    measured = {name: measurement(KIND, name, candidate.pair_keys, *values) for name, values in per_pair.items()}
    return measured | {name: measurement(KIND, name, {"seed": seeds}, *values) for name, values in per_seed.items()}
