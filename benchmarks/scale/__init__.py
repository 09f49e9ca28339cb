"""Measurements of scale: time and memory of long recordings, many cameras and several people, and of live use."""
