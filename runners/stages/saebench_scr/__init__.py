"""The runner `saebench_scr`: what it plans; `runners.stage.removal_measuring` measures."""

from runners.stages.saebench_scr.plan import STAGE, main

__all__ = ["STAGE", "main"]
