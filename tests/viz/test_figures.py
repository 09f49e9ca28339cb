"""Figures with matplotlib: what is drawn stands where the data say."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import epipose
from epipose.errors import InputError, MissingExtraError
from epipose.evaluation.evaluate import evaluate
from epipose.evaluation.result import Evaluation
from epipose.poses import Poses3D
from epipose.skeletons import H36M17
from epipose.viz.plots import drawn_bones
from tests.helpers.synthetic import moving_skeleton, rig

pyplot = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def no_window(monkeypatch: pytest.MonkeyPatch):
    pyplot.switch_backend("Agg")
    yield
    pyplot.close("all")


@pytest.fixture
def labels() -> Poses3D:
    xyz = moving_skeleton(10).float()[:, None]
    times = torch.arange(10, dtype=torch.float64) / 10
    return Poses3D(xyz, torch.ones(10, 1, 17), H36M17, metric=True, times=times)


def test_a_skeleton_is_drawn_bone_by_bone(labels: Poses3D) -> None:
    labels.conf[3, 0, H36M17.index("left_wrist")] = 0
    ax = epipose.plot.skeleton(labels, 3)
    ends = {tuple(np.round(np.array(line.get_data_3d()).T.ravel(), 4)) for line in ax.lines}
    bones = [b for b in drawn_bones(H36M17) if H36M17.index("left_wrist") not in b[:2]]
    expected = {tuple(np.round(labels.xyz[3, 0, [p, c]].double().numpy().ravel(), 4)) for p, c, _ in bones}
    assert ends == expected
    assert ax.get_title() == "frame 3, 0.30 s"
    sizes = [high - low for low, high in (ax.get_xlim(), ax.get_ylim(), ax.get_zlim())]
    np.testing.assert_allclose(sizes, sizes[0])


def test_camera_axes_are_shown_upright(labels: Poses3D) -> None:
    """y points down in a camera's axes, so that a head at y = -1 is up."""
    xyz = torch.zeros(1, 1, 17, 3)
    xyz[..., H36M17.index("head"), 1] = -1
    ax = epipose.plot.skeleton(Poses3D(xyz, torch.ones(1, 1, 17), H36M17, space="cam1"))
    heights = np.concatenate([line.get_data_3d()[2] for line in ax.lines])
    assert heights.max() == 1
    assert ax.get_zlabel() == "up"


def test_a_frame_that_is_not_there_is_named(labels: Poses3D) -> None:
    assert epipose.plot.skeleton(labels, -1).get_title() == "frame 9, 0.90 s"
    with pytest.raises(InputError, match="no frame 10; the poses have 10"):
        epipose.plot.skeleton(labels, 10)


def test_frusta_begin_at_the_cameras_and_show_what_these_see(labels: Poses3D) -> None:
    from dataclasses import replace

    cameras = replace(rig(), upright=True)
    ax = epipose.plot.rig(cameras, labels)
    lines = [np.array(line.get_data_3d()).T for line in ax.lines]
    starts = np.unique(np.round([line[0] for line in lines if len(line) == 2], 6), axis=0)
    np.testing.assert_allclose(starts, np.unique(np.round(cameras.camera.center.numpy(), 6), axis=0))
    outline = torch.from_numpy(next(line for line in lines if len(line) == 5)[:4])
    width, height = (cameras.camera.size[0] - 1).tolist()
    first = cameras.camera[0]
    in_frame = outline @ first.R.mT + first.t
    pixels = (in_frame @ first.K.mT)[:, :2] / in_frame[:, 2:]
    torch.testing.assert_close(
        pixels, torch.tensor([[0, 0], [width, 0], [width, height], [0, height]], dtype=torch.float64)
    )
    path = max(lines, key=len)
    np.testing.assert_allclose(path, labels.xyz[:, 0, H36M17.root].double().numpy())
    assert [text.get_text().strip() for text in ax.texts] == list(cameras.names)


@pytest.fixture
def evaluation(tmp_path: Path, labels: Poses3D) -> Evaluation:
    labels.save(tmp_path / "q.npz")
    noisy = labels.xyz + 0.02 * torch.randn(labels.xyz.shape, generator=torch.Generator().manual_seed(1))
    Poses3D(noisy, labels.conf, H36M17, metric=True).save(tmp_path / "p.npz")
    return evaluate(tmp_path / "p.npz", tmp_path / "q.npz")


def test_errors_are_bars_by_joint_and_a_line_at_their_mean(evaluation: Evaluation) -> None:
    ax = epipose.plot.errors(evaluation)
    assert [bar.get_width() for bar in ax.patches] == [row["mpjpe_mm"] for row in evaluation.joints.values()]
    assert [text.get_text() for text in ax.get_yticklabels()][1] == "right hip"
    assert ax.lines[0].get_xdata()[0] == evaluation.all["mpjpe_mm"]
    assert ax.get_xlabel() == "MPJPE mm"


def test_several_metrics_in_one_figure(evaluation: Evaluation) -> None:
    figure, axes = pyplot.subplots(1, 2)
    assert epipose.plot.errors(evaluation, "pmpjpe_mm", axes[1]) is axes[1]
    assert len(figure.axes) == 2
    with pytest.raises(InputError, match="There is no cps by joint; there are: mpjpe_mm"):
        epipose.plot.errors(evaluation, "cps")


def test_without_matplotlib_the_extra_is_named(labels: Poses3D, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(MissingExtraError, match=r"epipose\[plot\]"):
        epipose.plot.skeleton(labels)
