"""The runner `saebench_tpp`: what it plans; `runners.stage.removal_measuring` measures."""

from runners.stages.saebench_tpp.stage import STAGE, main

__all__ = ["STAGE", "main"]
