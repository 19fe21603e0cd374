"""The runner `frontier`: what it plans and what it measures."""

from runners.stages.frontier.stage import STAGE, main

__all__ = ["STAGE", "main"]
