"""Tables and figures of the guides: from small results, and every figure that a page shows is one that is drawn."""

import re

import matplotlib.pyplot as plt
import pytest

from benchmarks.docs import guide_figures, guide_tables
from tests.helpers.documents import ROOT

ROW = {
    "value": 2, "clips": 8, "rotation_deg_median": 0.5, "rotation_deg_max": 1.0, "label_pmpjpe_mm": 16.25,
    "label_true_cameras_mm": None, "trust": 0, "check": 7, "reject": 1,
}  # fmt: skip


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_a_filmed_row_has_errors_and_verdicts():
    last = guide_tables.filmed({"cameras": [ROW]}, "cameras").splitlines()[-1]
    assert last == "| 2 | 0.50 | 1.00 | 16.2 | - | 0 / 7 / 1 |"


def test_rates_of_the_verdict_are_shares_of_clips():
    found = {"verdict_gross_rejected_share": 0.875, "verdict_good_rejected_share": 0.044, "good_trusted_share": 0.4}
    verdicts = {**found, "runs": 99, "per_kind": {"none": {}, "seated": {}}}
    lines = guide_tables.verdict_rates({"verdicts": verdicts, "trusted_worst_deg": 11.15}).splitlines()
    assert lines[0] == "| 99 simulated clips of 2 kinds, most of them failures | measured |"
    assert lines[2] == "| cameras off by more than 10 degrees: rejected | 88 % |"
    assert lines[-1] == "| largest error of a rotation with the verdict trust | 11.2 degrees |"


def test_errors_and_verdicts_are_drawn_on_axes_that_begin_at_zero():
    rows = [ROW, {**ROW, "value": 3, "label_pmpjpe_mm": 10.0}]
    cameras, labels, verdicts = guide_figures.errors_and_verdicts(rows, "cameras").axes
    assert labels.get_lines()[0].get_ydata().tolist() == [16.25, 10.0]
    assert cameras.get_ylim()[0] == labels.get_ylim()[0] == 0
    heights = [[bar.get_height() for bar in word] for word in verdicts.containers]
    assert heights == [[0, 0], [7 / 8, 7 / 8], [1 / 8, 1 / 8]]


def test_every_figure_of_the_guides_and_of_the_method_is_drawn_by_the_script():
    shown = set()
    for page in [ROOT / "docs" / "method.md", *(ROOT / "docs" / "guides").glob("*.md")]:
        shown |= set(re.findall(r"images/((?:filming|method)_\w+)\.png", page.read_text(encoding="utf-8")))
    assert shown == set(guide_figures.figures())
    assert all((ROOT / "docs" / "images" / f"{name}.png").exists() for name in shown)


def test_figures_are_drawn_from_the_committed_results():
    for name in ("filming_angles", "filming_lenses", "method_pooling", "method_ablation", "method_methods"):
        assert guide_figures.figures()[name]().axes, name
