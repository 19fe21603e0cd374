"""The page for who edits policies: what was measured and decided, and what other thresholds would decide."""
