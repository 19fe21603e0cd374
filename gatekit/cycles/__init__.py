"""Cycles: a plan of many measurements, its stop rules, and what became of it."""
