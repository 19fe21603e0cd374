"""The runner `layer_routing`: what it plans and what it measures."""

from runners.stages.layer_routing.stage import STAGE, main

__all__ = ["STAGE", "main"]
