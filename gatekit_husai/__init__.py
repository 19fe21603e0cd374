"""HUSAI, the research system that gatekit replaces: an importer of its results and its own way to choose.

It is a plug-in as anyone's: `pyproject.toml` registers `importing` among the adapters, the kind of its assignment
sweeps among the kinds and `mode` among the policy modes, and gatekit imports nothing from here.
"""
