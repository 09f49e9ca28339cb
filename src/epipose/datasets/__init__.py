"""Readers of public datasets, and their takes as clip folders."""
