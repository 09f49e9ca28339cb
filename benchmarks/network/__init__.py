"""Benchmarks of the network, the metrics and the studio."""
