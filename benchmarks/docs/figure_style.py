"""Style of the figures in the pages: colours, fonts, sizes."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

INK, GREY = "#222222", "#8a8f98"
BLUE, ORANGE, GREEN, RED = "#2166ac", "#d9730d", "#3a9d5d", "#c0392b"
STYLE: dict[Any, Any] = {
    "figure.dpi": 100,
    "savefig.dpi": 160,
    "savefig.facecolor": "white",
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
    "text.color": INK,
    "axes.labelcolor": INK,
    "legend.frameon": False,
    "legend.fontsize": 8,
}


def finished(figure: Figure) -> Figure:
    """The figure with its parts laid out."""
    figure.tight_layout()
    return figure
