"""The runner `ablation`: what it plans and what it measures."""

from runners.stages.ablation.stage import STAGE, main

__all__ = ["STAGE", "main"]
