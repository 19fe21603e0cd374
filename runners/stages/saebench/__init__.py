"""The runner `saebench`: what it plans and what it measures."""

from runners.stages.saebench.stage import STAGE, main

__all__ = ["STAGE", "main"]
