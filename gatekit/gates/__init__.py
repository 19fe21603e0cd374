"""Gates: policies and summaries in, a verdict out."""
