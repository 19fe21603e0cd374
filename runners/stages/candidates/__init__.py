"""The runner `candidates`: what it plans and what it measures."""

from runners.stages.candidates.stage import STAGE, main

__all__ = ["STAGE", "main"]
