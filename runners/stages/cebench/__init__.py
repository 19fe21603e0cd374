"""The runner `cebench`: what it plans and what it measures."""

from runners.stages.cebench.stage import STAGE, main

__all__ = ["STAGE", "main"]
