"""Verdicts along a branch, in every format: one module per format."""
