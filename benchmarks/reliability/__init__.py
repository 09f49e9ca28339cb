"""Faults that results must survive: kills, full disks, hostile files."""
