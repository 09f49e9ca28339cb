"""Benchmarks of cameras and labels: simulated rigs, real footage, rivals."""
