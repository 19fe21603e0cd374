"""The science: each runner measures one thing on real activations and writes one summary for the gate to judge.

Importing this package is cheap; torch and the model libraries are imported by the modules that need them, after
`runners.determinism.prepare_environment` has set what must be set before.
"""
