"""Two-view and multi-view geometry of joints: pure batched functions, float64 where cameras are estimated."""
