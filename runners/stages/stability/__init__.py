"""The runner `stability`: what it plans and what it measures."""

from runners.stages.stability.plan import STAGE, main

__all__ = ["STAGE", "main"]
