"""Measurements of what happens to results and readers when files, disks and processes fail."""
