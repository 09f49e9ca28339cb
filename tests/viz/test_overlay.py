"""Overlays: the skeleton stands where the pixels say after scaling, sheets and videos have the promised sizes."""

from pathlib import Path

import numpy as np
import torch

from epipose.io.images import read_image, write_image
from epipose.io.video import probe, read_frames, write_video
from epipose.skeletons import H36M17
from epipose.viz.overlay import contact_sheet, overlay


def _pose() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return 60 + 40 * torch.rand(17, 2, generator=generator), torch.rand(17, 3, generator=generator) - 0.5


def test_skeleton_is_drawn_at_the_scaled_pixels() -> None:
    uv, xyz = _pose()
    image = np.full((200, 151, 3), 50, np.uint8)
    drawn = overlay(image, uv, xyz, torch.ones(17), H36M17, height=400)
    assert drawn.shape == (400, 302 + 200, 3)
    for x, y in ((uv + 0.5) * 2 - 0.5).round().long().tolist():
        assert np.abs(drawn[y - 1 : y + 2, x - 1 : x + 2].astype(int) - 50).max() > 60
    assert (drawn[:80, :302] == 50).all(), "nothing is drawn far from the joints"


def test_missing_joints_leave_the_image_alone() -> None:
    uv, xyz = _pose()
    image = np.full((100, 100, 3), 50, np.uint8)
    drawn = overlay(image, uv, xyz, torch.zeros(17), H36M17, height=100)
    assert (drawn[:, :100] == 50).all()


def test_side_view_shows_depth() -> None:
    """A pose flat in depth is a line in the side view, and not in the front view."""
    uv, xyz = _pose()
    xyz[:, 2] = 0
    panel = overlay(np.zeros((400, 300, 3), np.uint8), uv, xyz, torch.ones(17), H36M17, height=400)[:, 300:]
    background = panel[399, 0]
    used = (panel[30:] != background).any(-1)  # below the title
    front, side = used[:170], used[200:]
    assert np.ptp(np.flatnonzero(front.any(0))) > 100
    assert np.ptp(np.flatnonzero(side.any(0))) < 20


def test_sheet_and_files(tmp_path: Path) -> None:
    images = [np.full((50, width, 3), 10 * width % 255, np.uint8) for width in (40, 60, 50, 70, 30)]
    sheet = contact_sheet(images, columns=3, height=100)
    assert sheet.shape == (200, 3 * 140, 3)
    assert (sheet[50, 10] == images[0][0, 0]).all()
    assert (sheet[150, 150] == images[4][0, 0]).all()
    write_image(tmp_path / "sheet.png", sheet)
    assert np.array_equal(read_image(tmp_path / "sheet.png"), sheet)


def test_video_has_the_frames_in_order(tmp_path: Path) -> None:
    frames = [np.full((64, 96, 3), value, np.uint8) for value in (20, 120, 220)]
    write_video(tmp_path / "v.mp4", frames, 29.97)
    info = probe(tmp_path / "v.mp4")
    assert (info.width, info.height, info.frames) == (96, 64, 3)
    assert abs(info.fps - 29.97) < 0.01
    assert [round(float(f.mean()) / 100) for f in read_frames(tmp_path / "v.mp4")] == [0, 1, 2]
