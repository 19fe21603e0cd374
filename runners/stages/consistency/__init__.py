"""The runner `consistency`: what it plans and what it measures."""

from runners.stages.consistency.stage import STAGE, main

__all__ = ["STAGE", "main"]
