"""gatekit: release gates for interpretability claims.

A policy (YAML) says what must hold, summaries (JSON) say what was measured, and `gatekit check` turns the two
into a verdict. A verdict states that the recorded observations meet the policy's bounds; it does not state that the
observations were made honestly, which is what digests, signatures and review are for.
"""

__version__ = "0.1.0"
