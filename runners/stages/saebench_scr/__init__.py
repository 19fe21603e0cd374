"""The runner `saebench_scr`: what it plans; `runners.stage.removal_measuring` measures."""

from runners.stages.saebench_scr.stage import STAGE, main

__all__ = ["STAGE", "main"]
