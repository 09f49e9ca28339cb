"""Benchmarks of reliability: kills, full disks, damaged files."""
