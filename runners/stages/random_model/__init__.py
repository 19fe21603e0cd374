"""The runner `random_model`: what it plans and what it measures."""

from runners.stages.random_model.stage import STAGE, main

__all__ = ["STAGE", "main"]
