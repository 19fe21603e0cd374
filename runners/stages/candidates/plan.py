"""Runner `candidates`: everything that a release policy asks for, measured on the same SAEs, for several architectures.

For every architecture the stages random_model, transcoder, ood, saebench and cebench run one after the other on SAEs
that are trained once, and each writes its own summary, `OUT/ARCHITECTURE/KIND.json`. All five are then about one
subject, which is what a joint gate needs; `gatekit select` chooses among the architectures.

Importing this module is cheap; torch is imported when the run starts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from runners.benchmarks.saebench_plan import ProbingPlan
from runners.config import Bounds
from runners.saes.architecture_plan import ArchitecturePlan
from runners.saes.given_plan import GivenSaesPlan, GivenShape
from runners.saes.plan import TrainingPlan
from runners.stages.cebench import plan as cebench
from runners.stages.ood import plan as ood
from runners.stages.random_model import plan as random_model
from runners.stages.saebench import plan as saebench
from runners.stages.transcoder import plan as transcoder
from runners.subjects.plan import SubjectPlan, TextPlan


@dataclass(frozen=True)
class CandidatesConfig:
    """What the stages share, and the block of each."""

    threads: Annotated[int, Bounds(1, 1024)]
    seeds: Annotated[tuple[int, ...], Bounds(0, 4294967295)]
    subject: SubjectPlan
    texts: TextPlan
    sae: ArchitecturePlan | GivenShape
    """The first architecture; `architectures` names the others."""
    training: TrainingPlan | None
    controls: random_model.ControlPlan
    transcoder: transcoder.TranscoderPlan
    shift: ood.ShiftPlan
    probing: ProbingPlan
    baseline: saebench.BaselinePlan
    scoring: cebench.PairScoringPlan
    architectures: tuple[ArchitecturePlan, ...] | None = None
    saes: GivenSaesPlan | None = None
    """SAEs from files, in place of `seeds`, `sae` and `training`: one candidate."""
