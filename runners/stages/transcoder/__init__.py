"""The runner `transcoder`: what it plans and what it measures."""

from runners.stages.transcoder.stage import STAGE, main

__all__ = ["STAGE", "main"]
