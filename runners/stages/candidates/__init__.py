"""The runner `candidates`: what it plans and what it measures."""

from runners.stages.candidates.plan import STAGE, main

__all__ = ["STAGE", "main"]
