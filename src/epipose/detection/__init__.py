"""2D keypoint detectors behind one protocol."""
