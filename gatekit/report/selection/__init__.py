"""The selection of a candidate, one module per format."""
