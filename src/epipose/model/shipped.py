"""The network that comes with epipose: where it lies. Its card (CARD.md beside it) says what it learned and from what."""

from __future__ import annotations

from pathlib import Path

SHIPPED = Path(__file__).parent / "shipped_weights"
