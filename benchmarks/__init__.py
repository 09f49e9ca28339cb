"""Measurements whose results stand in the documentation; docs/benchmarks.md says how they are run."""
