"""Synthetic clips with exact ground truth: bodies, their motion, their looks, and the cameras that film them."""
