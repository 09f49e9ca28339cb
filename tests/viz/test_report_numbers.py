"""The three numbers that matter: each is what was measured, with its meaning, its grade and what to do."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from epipose.calibration.result import Calibration
from epipose.poses import Poses3D
from epipose.skeletons import H36M17
from epipose.viz.report_numbers import three_numbers
from tests.viz.test_calibration_report import recovered


def with_evidence(**changes: float) -> Calibration:
    return replace(recovered(), evidence=replace(recovered().evidence, **changes))


def labels(missing: int) -> Poses3D:
    """Ten frames, ``missing`` joints of each of them left out."""
    conf = torch.ones(10, 1, 17)
    conf[:, :, :missing] = 0
    return Poses3D(torch.zeros(10, 1, 17, 3), conf, H36M17)


@pytest.mark.slow
def test_always_three_and_each_with_meaning_and_advice() -> None:
    given = replace(recovered(), pairs=())
    error = "Reprojection error of the worst camera"
    wanted = {
        (error, "Camera uncertainty", "Room that the person covered"): (recovered(), None),
        (error, "Camera uncertainty", "Joints with a label"): (recovered(), labels(0)),
        (error, "Joints with inlier views", "Image covered least"): (given, None),
        (error, "Joints with inlier views", "Joints with a label"): (given, labels(0)),
    }
    for names, arguments in wanted.items():
        numbers = three_numbers(*arguments)
        assert tuple(number.label for number in numbers) == names
        assert all(number.meaning and number.advice for number in numbers)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mrad", "trust", "says"),
    [(5.9, "good", "Nothing to correct"), (14.9, "fair", "Look at"), (15.1, "poor", "Do not use")],
)
def test_the_error_is_the_worst_camera_s(mrad: float, trust: str, says: str) -> None:
    first, second, *others = recovered().cameras
    worst = replace(second, median_mrad=mrad, median_px=3.21)
    error = three_numbers(replace(recovered(), cameras=(first, worst, *others)))[0]
    assert (error.value, error.unit, error.trust) == (f"{mrad:.1f}", "mrad", trust)
    assert f"{worst.name}: half of the keypoints lie closer than 3.2 px" in error.meaning
    assert says in error.advice


@pytest.mark.slow
@pytest.mark.parametrize(("sigma", "trust"), [(0.99, "good"), (1.01, "fair"), (3.99, "fair"), (4.01, "poor")])
def test_the_uncertainty_has_the_limits_of_the_verdict_and_names_the_pair(sigma: float, trust: str) -> None:
    pairs = tuple(replace(pair, sigma_in_rig_deg=0.1) for pair in recovered().pairs)
    pairs = (*pairs[:2], replace(pairs[2], sigma_in_rig_deg=sigma), *pairs[3:])
    number = three_numbers(replace(with_evidence(worst_sigma_deg=sigma), pairs=pairs))[1]
    assert number.trust == trust
    assert " and ".join(pairs[2].views) in number.meaning
    assert ("--same-cameras" in number.advice) == (trust != "good")


@pytest.mark.slow
def test_a_rotation_of_one_degree_moves_a_point_by_seven_centimetres_at_four_metres() -> None:
    assert "4 m away by 7 cm" in three_numbers(with_evidence(worst_sigma_deg=1.0))[1].meaning


@pytest.mark.slow
@pytest.mark.parametrize(("missing", "value", "trust"), [(0, "100%", "good"), (5, "71%", "fair"), (9, "47%", "poor")])
def test_the_labels_are_counted(missing: int, value: str, trust: str) -> None:
    number = three_numbers(recovered(), labels(missing))[2]
    assert (number.value, number.trust) == (value, trust)
    assert "of 10 frames x 17 joints" in number.meaning


@pytest.mark.slow
@pytest.mark.parametrize(("roaming", "trust"), [(0.31, "good"), (0.26, "fair"), (0.2, "poor")])
def test_the_room_has_the_limits_of_the_verdict(roaming: float, trust: str) -> None:
    number = three_numbers(with_evidence(roaming=roaming))[2]
    assert number.trust == trust
    assert ("Film again" in number.advice) == (trust != "good")
