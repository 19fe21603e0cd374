"""One module per runner, each with a `main(argv) -> exit code`; the entry points `gatekit.runners` name them."""
