"""HUSAI: the research system's recorded JSON as `reported` measurements.

Its files hold means and its own bounds, not observations, so nothing here can pass a gate that does not say
`allow_reported: true`. What the files do not record stays unrecorded: no model digest, a checkpoint digest only where
one is written, the time of writing as `started` and `finished`. Two worlds share its release decisions, a modular
addition transformer and Pythia-70m; they come out as different subjects.

Shapes imported: release_policy (random_model only; the rest of that file repeats other files), selected_candidate,
selection_summary, assignment_v3, ood_stress_summary, transcoder_stress_summary, transcoder sweep, SAEBench and
CE-Bench summaries, raw CE-Bench results, frontier and scaling results, the three-seed summary. Others are refused by
name, with the reason.
"""

from __future__ import annotations

from gatekit_husai.importing.shapes import import_files

__all__ = ["import_files"]
