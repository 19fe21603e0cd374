"""One gate in full sentences: what it asks, what was observed, and what would change its outcome."""
