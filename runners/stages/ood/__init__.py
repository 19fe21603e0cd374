"""The runner `ood`: what it plans and what it measures."""

from runners.stages.ood.stage import STAGE, main

__all__ = ["STAGE", "main"]
