"""Extrinsic self-calibration from human motion, and how far to trust it."""
