"""The runner `transcoder`: what it plans and what it measures."""

from runners.stages.transcoder.plan import STAGE, main

__all__ = ["STAGE", "main"]
