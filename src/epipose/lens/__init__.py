"""Lens distortion models: normalised coordinates to distorted ones and back, batched and differentiable."""
