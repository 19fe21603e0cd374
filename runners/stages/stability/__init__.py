"""The runner `stability`: what it plans and what it measures."""

from runners.stages.stability.stage import STAGE, main

__all__ = ["STAGE", "main"]
