"""External benchmarks: SAEBench with sae-probes, and CE-Bench."""
