"""The runner `known_circuit`: what it plans and what it measures."""

from runners.stages.known_circuit.stage import STAGE, main

__all__ = ["STAGE", "main"]
