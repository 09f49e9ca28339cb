"""Association of people across views: subject, tracklets, mirror images."""
