"""The L0 at which architectures are compared, and the training that finds the price for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from runners.config import Bounds
from runners.saes.architecture_plan import ArchitecturePlan
from runners.saes.plan import TrainingPlan

if TYPE_CHECKING:
    from runners.arms.activations import Activations
    from runners.stage.run_environment import RunEnvironment


@dataclass(frozen=True)
class SparsityPlan:
    """The L0 at which architectures are compared."""

    target_l0: Annotated[float, Bounds(0.1, 1e6)]
    tolerance: Annotated[float, Bounds(0.001, 1.0)]
    """Largest |L0 / target - 1| of the SAE that the price was searched with."""
    seed: Annotated[int, Bounds(0, 4294967295)]
    """Of that SAE; none of those that are compared."""
    trials: Annotated[int, Bounds(1, 100)]


def at_wanted_l0(
    inputs: Activations,
    plan: ArchitecturePlan,
    training: TrainingPlan,
    sparsity: SparsityPlan,
    environment: RunEnvironment,
) -> ArchitecturePlan:
    """Return the plan at the price that gives the wanted L0; one with k comes back as it is.

    Raises:
        GatekitError: `sparsity.unmatched`.
    """
    from runners.arms.trained_saes import train
    from runners.saes.sparsity_matching import match_l0

    def measured(tried: ArchitecturePlan) -> float:
        # One seed that no comparison uses: the price is fitted to its L0.
        saes = train(inputs, tried, training, (sparsity.seed,), environment, "sparsity_search")
        # On held-out rows, where the comparison measures L0 too.
        return saes.reconstruction(environment.device).l0[0]

    return match_l0(plan, sparsity.target_l0, sparsity.tolerance, sparsity.trials, measured).plan
