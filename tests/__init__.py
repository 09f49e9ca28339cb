"""Tests, laid out as src/epipose is."""
