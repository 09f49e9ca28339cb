"""3D labels by triangulation, the world frame, and metric scale."""
