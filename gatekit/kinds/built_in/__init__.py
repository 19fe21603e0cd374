"""The kinds that gatekit itself measures, one module per table."""
