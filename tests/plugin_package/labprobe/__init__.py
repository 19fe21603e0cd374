"""What a lab measures of its own, for gatekit."""
