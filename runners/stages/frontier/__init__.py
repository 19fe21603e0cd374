"""The runner `frontier`: what it plans and what it measures."""

from runners.stages.frontier.plan import STAGE, main

__all__ = ["STAGE", "main"]
