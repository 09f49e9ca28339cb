"""The benchmark of filters and fills, on a generated motion, and its tables."""

import numpy as np
import pytest
import torch

from benchmarks.docs import format_tables
from benchmarks.formats import filters
from epipose.errors import EpiposeError
from epipose.io.files import read_json
from epipose.motion import Motion
from epipose.motion.packed import write_packed
from epipose.poses import Poses3D
from epipose.skeletons import H36M17
from tests.helpers.documents import ROOT
from tests.helpers.synthetic import moving_skeleton


@pytest.fixture(scope="module")
def clip() -> filters.Labelled:
    truth = moving_skeleton(120)
    noise = 0.01 * torch.randn(truth.shape, generator=torch.Generator().manual_seed(0), dtype=truth.dtype)
    labels = Poses3D((truth + noise)[:, None].float(), torch.ones(120, 1, 17), H36M17)
    return filters.Labelled(truth, labels)


def test_scores_of_no_filter_and_of_a_strong_one(clip: filters.Labelled) -> None:
    none, strong = filters.scores(clip, "none"), filters.scores(clip, "butterworth:1")
    assert none.error_mm == pytest.approx(16, rel=0.05), "the mean length of three errors of 10 mm"
    assert (none.moved_mm, none.speed_kept) == (0, pytest.approx(1))
    assert strong.moved_mm > 10
    assert strong.speed_kept < 0.8
    assert strong.jerk_m_s3 < 0.1 * none.jerk_m_s3
    gentle = filters.scores(clip, "butterworth:8")
    assert gentle.error_mm < none.error_mm
    assert gentle.speed_kept > 0.97


def test_fills_are_compared_with_the_truth_in_the_gap(clip: filters.Labelled) -> None:
    found = filters.fills([clip])
    assert list(found) == ["3", "6", "12", "24"]
    assert found["3"]["the labels"] == pytest.approx(16, rel=0.1)
    assert found["24"]["epipose"] < found["24"]["straight line"]
    exact = filters.fills([clip._replace(labels=Poses3D(clip.truth[:, None], clip.labels.conf, H36M17))])
    assert exact["3"]["the labels"] == 0
    assert exact["3"]["cubic spline"] < 1
    assert exact["3"]["epipose"] < exact["6"]["epipose"] < exact["12"]["epipose"]


def test_labels_of_a_real_detectors_errors_are_near_the_truth() -> None:
    truth = moving_skeleton(30)
    labels, smooth = filters.labelled(truth, 0)[1:]
    assert smooth is not None
    assert np.isfinite(labels.xyz.numpy()).all()
    errors = [float((found.xyz[:, 0] - truth).norm(dim=-1).mean()) for found in (labels, smooth)]
    assert errors[1] < errors[0] < 0.05


def test_tables_have_a_row_for_each_filter_and_fill() -> None:
    result = read_json(ROOT / "benchmarks" / "results" / "filters.json")
    rows = format_tables.filters(result).splitlines()
    assert len(rows) == 2 + len(filters.FILTERS) + 3
    assert len({row.count("|") for row in rows}) == 1
    assert rows[2].startswith("| none | ")
    assert rows[3].startswith(f"| {filters.SMOOTH} | ")
    assert len(format_tables.fills(result).splitlines()) == 2 + 2 + len(filters.INTERPOLANTS)


def test_motions_are_found_by_name_and_put_in_the_middle(tmp_path) -> None:
    aside = moving_skeleton(200).numpy() + np.array([5.0, 0.0, 0.0])
    write_packed(Motion("02_03", aside, 120.0), tmp_path / "02_03.motion.npz")
    found = filters.motion(tmp_path, "02_03")
    assert found.shape == (100, 17, 3)
    assert float(found[:, 0, :2].mean(0).norm()) < 1e-6
    with pytest.raises(EpiposeError, match="has no motion 02_01"):
        filters.motion(tmp_path, "02_01")
