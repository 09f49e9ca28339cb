"""Folders that the viewer's tests look at; made once, so no test may change them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.viewed_clip import save_clip


@pytest.fixture(scope="session")
def viewed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip folder: four drawn videos, a rig and poses in a world without scale, and keypoints."""
    path = tmp_path_factory.mktemp("clip")
    save_clip(path)
    return path
