"""Synthetic people with perfect truth: bodies, their motion, their looks, and the cameras that film them."""
