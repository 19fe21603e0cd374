"""The command line: parsing and printing only. One wrapper turns whatever happens into an exit code."""

from __future__ import annotations

from gatekit.cli.process import main

__all__ = ["main"]
