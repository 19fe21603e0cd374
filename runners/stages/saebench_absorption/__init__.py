"""The runner `saebench_absorption`: what it plans and what it measures."""

from runners.stages.saebench_absorption.stage import STAGE, main

__all__ = ["STAGE", "main"]
