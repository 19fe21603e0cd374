"""Candidates: which of several subjects is put before the gates, and what the gates must pay for the choice."""

from __future__ import annotations

from gatekit.candidates.confirming import ConfirmedEvidence, confirm, read_candidate
from gatekit.candidates.documents import candidate_document, selection_document
from gatekit.candidates.front import CandidateOnFront, ParetoFront, pareto_front
from gatekit.candidates.judging import judge_candidate
from gatekit.candidates.robustness import Robustness, StableRange, robustness
from gatekit.candidates.scoring import Value
from gatekit.candidates.selecting import CandidateStatus, ComparedCandidate, SelectionResult, select

__all__ = [
    "CandidateOnFront",
    "CandidateStatus",
    "ComparedCandidate",
    "ConfirmedEvidence",
    "ParetoFront",
    "Robustness",
    "SelectionResult",
    "StableRange",
    "Value",
    "candidate_document",
    "confirm",
    "judge_candidate",
    "pareto_front",
    "read_candidate",
    "robustness",
    "select",
    "selection_document",
]
