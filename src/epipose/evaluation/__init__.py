"""Pose metrics, evaluation protocols and their tables."""
