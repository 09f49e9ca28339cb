"""3D pose from single images with a trained network."""
