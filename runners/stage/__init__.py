"""The life of a run and the parts of a configuration, the same for every runner."""
