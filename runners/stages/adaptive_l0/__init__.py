"""The runner `adaptive_l0`: what it plans and what it measures."""

from runners.stages.adaptive_l0.stage import STAGE, main

__all__ = ["STAGE", "main"]
