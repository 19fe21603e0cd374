"""The verdict of `gatekit check`, one module per format."""
