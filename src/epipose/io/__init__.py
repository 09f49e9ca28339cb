"""Files, videos, images and downloads."""
