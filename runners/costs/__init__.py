"""What a run would take in tokens, bytes, arithmetic and time, said before anything starts."""
