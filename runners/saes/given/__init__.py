"""Architectures of checkpoints from elsewhere that are read and measured, and not trained here.

None of them is in `runners.saes.registry`: a recipe cannot name them.
"""
