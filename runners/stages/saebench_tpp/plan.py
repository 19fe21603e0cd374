"""Runner `saebench_tpp`: SAEBench's targeted probe perturbation, on texts of several classes.

How much accuracy a class's probe loses once that class's latents are ablated, and how much the others'. What the result
establishes and what not is said in `runners.benchmarks.removal`.

Importing this module is cheap; torch is imported when the run starts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from runners.benchmarks.removal_plan import RemovalPlan
from runners.config import Bounds
from runners.saes.architecture_plan import ArchitecturePlan
from runners.saes.given_plan import GivenSaesPlan, GivenShape
from runners.saes.plan import TrainingPlan
from runners.stage.selection import SelectionPlan
from runners.subjects.plan import SubjectPlan, TextPlan


@dataclass(frozen=True)
class TppConfig:
    """Everything that determines the observations, on one device."""

    threads: Annotated[int, Bounds(1, 1024)]
    seeds: Annotated[tuple[int, ...], Bounds(0, 4294967295)]
    subject: SubjectPlan
    texts: TextPlan
    sae: ArchitecturePlan | GivenShape
    training: TrainingPlan | None
    tpp: RemovalPlan
    saes: GivenSaesPlan | None = None
    """SAEs from files, in place of `seeds`, `sae` and `training`."""
    selection: SelectionPlan | None = None
