"""Scenes, files and processes that several tests share."""
