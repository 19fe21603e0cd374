"""What GitHub reads and says: step outputs, annotations, summaries, comments and repository settings."""
