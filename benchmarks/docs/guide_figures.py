"""Figures of docs/guides and docs/method.md, drawn from the JSON in benchmarks/results.

    python -m benchmarks.docs.guide_figures

writes docs/images/filming_*.png and docs/images/method_*.png. Needs matplotlib. What is drawn and not measured (places
to stand, the loss) says so in its page. The epipolar lines are of one simulated clip, which method_figures.py makes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.docs import method_figures
from benchmarks.docs.figure_style import BLUE, GREEN, GREY, INK, ORANGE, RED, STYLE, finished
from epipose.io.files import read_json

_ROOT = Path(__file__).resolve().parents[2]
_RESULTS, _OUT = _ROOT / "benchmarks" / "results", _ROOT / "docs" / "images"
Result = Mapping[str, Any]
_VERDICTS = {"trust": GREEN, "check": ORANGE, "reject": RED}


def errors_and_verdicts(rows: Sequence[Result], words: str, *, logarithmic: bool = False) -> Figure:
    """Rotation error, median and worst pair; the labels' error; how often each verdict was given."""
    figure, (cameras, labels, verdicts) = plt.subplots(1, 3, figsize=(10.5, 2.9))
    values = [row["value"] for row in rows]
    _from_zero(cameras, values, _of(rows, "rotation_deg_max"), "o--", color=BLUE, alpha=0.5, label="worst pair")
    cameras.plot(values, _of(rows, "rotation_deg_median"), "o-", color=BLUE, label="median pair")
    cameras.set(xlabel=words, title="rotation between cameras, degrees")
    cameras.legend()
    _from_zero(labels, values, _of(rows, "label_pmpjpe_mm"), "s-", color=ORANGE)
    labels.set(xlabel=words, title="labels, PMPJPE mm")
    for axes in (cameras, labels):
        if logarithmic:
            axes.set_xscale("log")
        axes.set_xticks(values, [f"{value:g}" for value in values])
        axes.minorticks_off()
    _verdict_bars(verdicts, rows, words)
    return finished(figure)


def _from_zero(axes: Axes, x: Sequence[float], y: Sequence[float], style: str, **options: Any) -> None:
    """A line on an axis that begins at 0 and ends above it."""
    axes.plot(x, y, style, **options)
    axes.set_ylim(0, 1.15 * float(np.nanmax(y)))


def _verdict_bars(axes: Axes, rows: Sequence[Result], words: str) -> None:
    """Stacked bars: share of the clips with each verdict."""
    place, below = np.arange(len(rows)), np.zeros(len(rows))
    for word, colour in _VERDICTS.items():
        share = np.array([row[word] / row["clips"] for row in rows])
        axes.bar(place, share, 0.75, bottom=below, color=colour, label=word)
        below += share
    axes.set_xticks(place, [f"{row['value']:g}" for row in rows])
    axes.set(xlabel=words, ylim=(0, 1), title="verdicts, share of the clips")
    axes.legend(loc="lower right", frameon=True)


def angles(filming: Result) -> Figure:
    """Left: two cameras by the angle between them; right: four cameras by the arc that they share."""
    figure, panels = plt.subplots(2, 2, figsize=(9.0, 4.8))
    titles = ("two cameras: degrees between them", "four cameras: degrees of the arc they stand on")
    lines = (("label_pmpjpe_mm", "labels, PMPJPE mm", ORANGE), ("rotation_deg_median", "rotation, degrees", BLUE))
    for (key, quantity, colour), row_of_panels in zip(lines, panels, strict=True):
        for axes, part, words in zip(row_of_panels, ("pair_deg", "arc_deg"), titles, strict=True):
            values = [row["value"] for row in filming[part]]
            _from_zero(axes, values, _of(filming[part], key), "o-", color=colour)
            axes.set(xlabel=words, ylabel=quantity, xticks=values)
    return finished(figure)


def lenses(geometry: Result) -> Figure:
    """Rotation error by the number of cameras, with intrinsics given and estimated."""
    figure, axes = plt.subplots(figsize=(5.0, 3.0))
    for given, colour, words in ((True, BLUE, "intrinsics given"), (False, RED, "intrinsics estimated")):
        rows = [row for row in geometry["uncertainty"]["table"] if row["given"] == given]
        axes.plot([row["views"] for row in rows], _of(rows, "error_deg_median"), "o-", color=colour, label=words)
    axes.set(xlabel="cameras", ylabel="rotation, median, degrees", ylim=(0, None), xticks=(2, 3, 4, 8))
    axes.legend()
    return finished(figure)


def places() -> Figure:
    """Drawn, not measured: from above, where cameras stand and where the person walks; good, and three that are not."""
    figure, panels = plt.subplots(1, 4, figsize=(11.0, 2.9))
    walk = np.stack(
        [1.3 * np.sin(2 * np.linspace(0, 2 * np.pi, 200)), 1.5 * np.sin(np.linspace(0, 2 * np.pi, 200))], -1
    )
    spot = 0.12 * walk
    scenes = (
        ("four all round, the person walks", (45, 135, 225, 315), walk, GREEN),
        ("three on one side work, too", (200, 260, 330), walk, GREEN),
        ("two that face each other: little depth", (0, 180), walk, RED),
        ("a person on one spot: weak cameras", (45, 135, 225, 315), spot, RED),
    )
    for axes, (title, directions, path, colour) in zip(panels, scenes, strict=True):
        axes.plot(*path.T, color=GREY, lw=1.2)
        for direction in np.radians(directions):
            _camera(axes, 4 * np.array([np.cos(direction), np.sin(direction)]), colour)
        axes.set(xlim=(-4.4, 4.4), ylim=(-4.4, 4.4), aspect="equal")
        axes.axis("off")
        axes.set_title(title, fontsize=9, color=INK)
    figure.subplots_adjust(left=0, right=1, bottom=0, top=0.9, wspace=0.02)
    return figure


def _camera(axes: Axes, at: np.ndarray, colour: str) -> None:
    """A camera from above that looks at the middle, with its field of view (58 degrees)."""
    forward = -at / np.linalg.norm(at)
    corners = [at]
    for turn in np.radians((-29, 29)):
        corners.append(at + 5 * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ forward)
    axes.fill(*np.stack(corners).T, color=colour, lw=0, alpha=0.09)
    axes.plot(*at, "o", color=colour, ms=9)


def _of(rows: Sequence[Result], column: str) -> list[float]:
    """A column; what is missing is not drawn."""
    return [np.nan if row[column] is None else row[column] for row in rows]


def _read(name: str) -> Result:
    return read_json(_RESULTS / f"{name}.json")


def figures() -> dict[str, Callable[[], Figure]]:
    """Every figure by its file's name without the ending."""
    return {
        "filming_places": places,
        "filming_cameras": lambda: errors_and_verdicts(_read("filming")["cameras"], "cameras"),
        "filming_angles": lambda: angles(_read("filming")),
        "filming_path": lambda: errors_and_verdicts(_read("filming")["path_m"], "extent of the path, m"),
        "filming_seconds": lambda: errors_and_verdicts(_read("filming")["seconds"], "seconds", logarithmic=True),
        "filming_lenses": lambda: lenses(_read("geometry")),
        "method_pooling": lambda: method_figures.pooling(_read("pooling")),
        "method_robust": method_figures.robust,
        "method_ablation": lambda: method_figures.ablation(_read("ablation")),
        "method_methods": lambda: method_figures.methods(_read("geometry")),
        "method_epipolar": method_figures.epipolar_lines,
    }


def main() -> None:
    """Draw all figures, or some."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", choices=list(figures()), default=list(figures()))
    parser.add_argument("--out", type=Path, default=_OUT, help="folder to write")
    options = parser.parse_args()
    with plt.rc_context(STYLE):
        for name in options.only:
            figure = figures()[name]()
            figure.savefig(options.out / f"{name}.png", metadata={"Software": None})
            plt.close(figure)
            print(name)


if __name__ == "__main__":
    main()
