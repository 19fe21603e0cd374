"""Downstream scores: logs of lm-evaluation-harness and of Inspect, made with an SAE in the model.

A log names no SAE: files are given as `SEED=FILE`, with a subject. A log without a seed is of the model without the SAE
and is the baseline of all seeds. Several logs of one seed, each of other tasks, are put together.
"""

from __future__ import annotations

from gatekit.evidence.adapters.downstream.inspect_log import import_files as import_inspect
from gatekit.evidence.adapters.downstream.lm_eval import import_files as import_lm_eval

__all__ = ["import_inspect", "import_lm_eval"]
