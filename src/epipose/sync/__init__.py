"""Time offsets between videos, from motion and sound."""
