"""The runner `scaling`: what it plans and what it measures."""

from runners.stages.scaling.stage import STAGE, main

__all__ = ["STAGE", "main"]
