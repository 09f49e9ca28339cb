"""Comparisons of two files that mean different things: the cause is named, and a sound comparison is left alone."""

from pathlib import Path

import numpy as np
import pytest
import torch

from epipose.errors import InputError
from epipose.evaluation.evaluate import evaluate
from epipose.evaluation.result import Evaluation
from epipose.evaluation.tables import as_csv, as_latex, as_text
from epipose.geometry.rotation import exp
from epipose.poses import Poses3D
from epipose.skeletons import H36M17
from tests.helpers.synthetic import moving_skeleton

TRUE = moving_skeleton(80)
SOUND = TRUE + 0.03 * torch.randn(TRUE.shape, generator=torch.Generator().manual_seed(1), dtype=TRUE.dtype)
ROOT = H36M17.root


def compared(folder: Path, predicted: torch.Tensor, true: torch.Tensor = TRUE, **fields) -> Evaluation:
    for name, xyz in (("p", predicted), ("q", true)):
        points = xyz.float()[:, None]
        Poses3D(points, torch.ones(points.shape[:-1]), H36M17, "camera", metric=True).save(folder / f"{name}.npz")
    return evaluate(folder / "p.npz", folder / "q.npz", **fields)


def legs_exchanged(xyz: torch.Tensor) -> torch.Tensor:
    """The order of a skeleton that has the left leg before the right one."""
    order = list(range(17))
    order[1:4], order[4:7] = order[4:7], order[1:4]
    return xyz[:, order]


def test_a_sound_prediction_is_not_odd(tmp_path: Path) -> None:
    found = compared(tmp_path, SOUND)
    assert found.warnings == ()
    assert "warning" not in as_text(found)


def test_zeros_for_who_was_not_found_are_named(tmp_path: Path) -> None:
    predicted = TRUE.clone()
    predicted[: len(TRUE) // 4] = 0
    (warning,) = (w for w in compared(tmp_path, predicted).warnings if "in one place in" in w)
    assert warning.startswith("All joints are in one place in 25.0%")


def test_a_poor_prediction_in_the_right_axes_has_none_of_these_causes(tmp_path: Path) -> None:
    """Errors of 100 mm are large, but of no kind that one change explains."""
    noise = 0.06 * torch.randn(TRUE.shape, generator=torch.Generator().manual_seed(2), dtype=TRUE.dtype)
    found = compared(tmp_path, TRUE + noise)
    assert 80 < found.all["mpjpe_mm"] < 130
    assert found.warnings == ()


@pytest.mark.parametrize(("factor", "tall", "unit"), [(1000, "1 7", "millimetres"), (100, "17", "centimetres")])
def test_another_unit_is_named_and_no_millimetres_are_given(tmp_path: Path, factor: int, tall: str, unit: str) -> None:
    found = compared(tmp_path, factor * SOUND)
    assert len(found.warnings) == 1
    assert f"is {tall}" in found.warnings[0].replace("\N{NO-BREAK SPACE}", " ")
    assert unit in found.warnings[0]
    assert "mpjpe_mm" not in found.all
    assert found.all["pmpjpe_mm"] == pytest.approx(compared(tmp_path, SOUND).all["pmpjpe_mm"], rel=1e-3)
    assert "no metres, although it says so" in found.statement.scale


def test_a_ground_truth_in_millimetres_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"person of the ground truth is 1.7.. m tall: its lengths are millimetres"):
        compared(tmp_path, 1000 * SOUND, 1000 * TRUE)


def test_a_larger_person_is_named_but_counted(tmp_path: Path) -> None:
    found = compared(tmp_path, 1.6 * SOUND)
    assert "MPJPE holds that error" in found.warnings[0]
    assert found.all["mpjpe_mm"] > 150


@pytest.mark.parametrize(
    ("turn", "words"),
    [
        (torch.tensor([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]), "(x, y, z) is the prediction's (x, z, -y)"),
        (exp(torch.tensor([0.0, 0.9, 0.0], dtype=torch.float64)), "turned by 52 degrees"),
    ],
)
def test_other_axes_are_named(tmp_path: Path, turn: torch.Tensor, words: str) -> None:
    """The turn brings the ground truth's axes into the prediction's; the words are about the way back."""
    found = compared(tmp_path, SOUND @ turn.double())
    assert len(found.warnings) == 1
    assert words in found.warnings[0]
    assert "One rotation for all frames" in found.warnings[0]


def test_axes_of_each_pose_are_named(tmp_path: Path) -> None:
    """Poses turned to face the same way, as some networks give them."""
    generator = torch.Generator().manual_seed(4)
    turns = exp(3 * torch.randn(len(TRUE), 3, generator=generator, dtype=TRUE.dtype))
    centred = SOUND - SOUND[:, ROOT : ROOT + 1]
    found = compared(tmp_path, centred @ turns)
    assert "each pose has axes of its own" in found.warnings[0]


def test_a_weak_network_that_turns_people_a_little_is_no_matter_of_axes(tmp_path: Path) -> None:
    """Every pose turned by some 15 degrees: NMPJPE is twice PMPJPE, as with networks that learned from few views."""
    generator = torch.Generator().manual_seed(6)
    turns = exp(0.25 * torch.randn(len(TRUE), 3, generator=generator, dtype=TRUE.dtype))
    found = compared(tmp_path, (SOUND - SOUND[:, ROOT : ROOT + 1]) @ turns)
    assert found.all["nmpjpe_mm"] > 2 * found.all["pmpjpe_mm"]
    assert found.all["nmpjpe_mm"] > 120
    assert found.warnings == ()


def test_another_root_is_named(tmp_path: Path) -> None:
    """A pelvis that was left at the origin of the world."""
    moved = SOUND.clone()
    moved[:, ROOT] = 0
    found = compared(tmp_path, moved)
    assert len(found.warnings) == 1
    assert "predicted pelvis is not where" in found.warnings[0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda xyz: xyz[:, list(H36M17.flip)], "left and right exchanged"),
        (legs_exchanged, "left and right leg exchanged"),
        (lambda xyz: xyz * torch.tensor([1.0, 1.0, -1.0], dtype=xyz.dtype), "mirrored"),
    ],
)
def test_exchanged_sides_and_a_mirrored_world_are_told_apart(tmp_path: Path, change, words: str) -> None:
    found = compared(tmp_path, change(SOUND))
    assert len(found.warnings) == 1
    assert words in found.warnings[0]


def test_another_order_of_joints_is_named(tmp_path: Path) -> None:
    order = torch.randperm(17, generator=torch.Generator().manual_seed(5))
    found = compared(tmp_path, SOUND[:, order])
    assert any("same order" in text for text in found.warnings)


def test_warnings_come_first_in_every_form_and_back_from_the_file(tmp_path: Path) -> None:
    found = compared(tmp_path, 1000 * SOUND)
    assert as_text(found).startswith("warning: The person of the prediction")
    assert as_csv(found).startswith("# warning: ")
    assert as_latex(found).startswith("% warning: ")
    assert "warning 1" in repr(found)
    found.save(tmp_path / "e.json")
    assert Evaluation.load(tmp_path / "e.json").warnings == found.warnings


def test_a_protocol_with_one_metric_is_looked_at_too(tmp_path: Path) -> None:
    assert compared(tmp_path, legs_exchanged(SOUND), protocol="h36m-p2").warnings


def test_a_collapsed_prediction_keeps_its_millimetres(tmp_path: Path) -> None:
    """All joints in one place is a failure to be measured, not a unit."""
    found = compared(tmp_path, torch.zeros_like(TRUE))
    assert np.isfinite(found.all["mpjpe_mm"])
