"""The runner `saebench`: what it plans and what it measures."""

from runners.stages.saebench.plan import STAGE, main

__all__ = ["STAGE", "main"]
