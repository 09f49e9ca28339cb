"""3D viewer, HTML reports, plots and overlays."""
