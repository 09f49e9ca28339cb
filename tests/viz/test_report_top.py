"""The top of a report: the part of a clip that is shown, and images with the joints where the person is."""

from __future__ import annotations

import base64
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from epipose.calibration.calibrate import check_rig
from epipose.calibration.result import Calibration
from epipose.clip import Clip
from epipose.io.video import write_video
from epipose.poses import Poses2D, Poses3D
from epipose.skeletons import H36M17
from epipose.viz import report_top
from epipose.viz.html_report import Report
from epipose.viz.report_top import excerpt_of, image_grid, moving_images, start_step, top_section
from tests.helpers.dot_videos import SIZE, small_rig
from tests.helpers.synthetic import detections, moving_skeleton

FRAMES = 30


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    """Grey videos of four views, one named after HTML."""
    folder = tmp_path_factory.mktemp("grey")
    grey = np.full((SIZE, SIZE, 3), 90, np.uint8)
    names = small_rig().names
    for name in names:
        write_video(folder / f"{name}.mp4", (grey for _ in range(FRAMES)), 30.0)
    return Clip.from_videos([folder / f"{name}.mp4" for name in names])


@pytest.fixture(scope="module")
def keypoints() -> Poses2D:
    uv, conf = detections(small_rig(), moving_skeleton(FRAMES))
    return Poses2D(uv[:, :, None], conf[:, :, None], H36M17, small_rig().names)


@pytest.fixture(scope="module")
def calibration(keypoints: Poses2D) -> Calibration:
    return check_rig(keypoints, small_rig())


@pytest.fixture
def labels() -> Poses3D:
    return Poses3D(moving_skeleton(FRAMES)[:, None].float(), torch.ones(FRAMES, 1, 17), H36M17)


def content(page: str) -> dict:
    """The data that the page's script reads."""
    found = re.search('<script type="application/json" id="top-data">(.*?)</script>', page)
    assert found
    return json.loads(found[1])


def test_short_clips_are_shown_whole_and_long_ones_where_the_subject_is(
    keypoints: Poses2D, labels: Poses3D, clip: Clip
):
    whole = excerpt_of(small_rig(), clip, keypoints, labels)
    assert whole.frames == range(30)
    assert torch.equal(whole.poses.xyz, labels.xyz)
    slow = replace(clip, fps=1.0)  # so that ten seconds are ten frames
    hidden = keypoints.conf.clone()
    hidden[:, :18] = 0
    part = excerpt_of(small_rig(), slow, replace(keypoints, conf=hidden), labels)
    assert part.frames == range(18, 28)
    assert torch.equal(part.poses.xyz, labels.xyz[18:28])
    fast = excerpt_of(small_rig(), replace(clip, fps=120.0), keypoints, labels)
    assert fast.frames == range(0, 29, 4)
    assert torch.equal(fast.poses.xyz, labels.xyz[::4])


def test_without_labels_the_joints_are_triangulated(keypoints: Poses2D, clip: Clip) -> None:
    found = excerpt_of(small_rig(), clip, keypoints, None).poses
    assert found.xyz.shape == (FRAMES, 1, 17, 3)
    apart = (found.xyz[:, 0].double() - moving_skeleton(FRAMES)).norm(dim=-1)[found.conf[:, 0] > 0]
    assert float((found.conf > 0).float().mean()) > 0.9
    assert float(apart.median()) < 0.02


def test_the_joints_are_drawn_where_the_rig_projects_them(clip: Clip, keypoints: Poses2D, labels: Poses3D) -> None:
    excerpt = excerpt_of(small_rig(), clip, keypoints, labels)
    moving = moving_images(clip, small_rig(), excerpt)
    assert len(moving.jpegs) == 4
    assert {len(of_view) for of_view in moving.jpegs} == {len(moving.moments)}
    assert len(moving.moments) <= report_top.MOST_MOMENTS
    assert moving.sizes == ((320, 320),) * 4
    for view, jpegs in enumerate(moving.jpegs):
        for moment in (0, len(moving.moments) - 1):
            image = np.asarray(Image.open(io.BytesIO(base64.b64decode(jpegs[moment]))), dtype=float)
            uv = small_rig().camera[view].project(moving_skeleton(FRAMES)[moving.moments[moment]])
            joints = ((uv + 0.5) * 320 / SIZE - 0.5).round().long().tolist()
            changed = [np.abs(image[y - 1 : y + 2, x - 1 : x + 2] - 90).max() > 40 for x, y in joints]
            assert all(changed)
            assert np.abs(image[:20, :20] - 90).max() < 12, "nothing is drawn far from the person"


def test_the_page_starts_where_most_joints_are_and_has_the_image_of_that(
    clip: Clip, keypoints: Poses2D, labels: Poses3D, calibration: Calibration
) -> None:
    labels.conf[:, 0, 3] = 0
    labels.conf[17, 0, 3] = 1
    report = Report("t")
    top_section(report, calibration, clip, keypoints, labels, images=True)
    page = report.html()
    shown = content(page)
    assert shown["start"] == 17
    assert 17 in shown["moments"]
    first = shown["moments"].index(17)
    images = re.findall(r'<img src="data:image/jpeg;base64,([^"]*)"', page)
    assert images == [of_view[first] for of_view in shown["jpegs"]]
    assert shown["scene"]["steps"] == FRAMES
    assert [camera["name"] for camera in shown["scene"]["cameras"]] == list(clip.names)
    assert "Shown: all 30 frames." in page
    assert not re.search(r"https?://|<script[^>]* src|\bfetch\(|url\(", page)


def test_names_never_become_html(clip: Clip, keypoints: Poses2D, labels: Poses3D, calibration: Calibration) -> None:
    bad = ("</script><script>alert(1)</script>", "<img src=x>", 'a"b', "c&d")
    rig = replace(calibration.rig, names=bad)
    cameras = tuple(replace(camera, name=name) for camera, name in zip(calibration.cameras, bad, strict=True))
    views = tuple(replace(view, name=name) for view, name in zip(clip.views, bad, strict=True))
    report = Report("t")
    changed = replace(calibration, rig=rig, cameras=cameras)
    top_section(report, changed, replace(clip, views=views), replace(keypoints, views=bad), labels, images=True)
    page = report.html()
    assert "<script>alert" not in page
    assert "<img src=x>" not in page
    assert [camera["name"] for camera in content(page)["scene"]["cameras"]] == list(bad)
    assert "<figcaption>c&amp;d</figcaption>" in page
    assert 'alt="a&quot;b"' in page


def test_videos_that_have_gone_leave_out_the_images_alone(
    clip: Clip, keypoints: Poses2D, labels: Poses3D, calibration: Calibration, tmp_path: Path
) -> None:
    gone = replace(clip, views=tuple(replace(view, video=tmp_path / "gone.mp4") for view in clip.views))
    report = Report("t")
    top_section(report, calibration, gone, keypoints, labels, images=True)
    page = report.html()
    assert "could not be read" in page
    assert "<img" not in page
    assert 'id="scene"' in page
    assert content(page)["moments"] == []


def test_nobody_seen_shows_the_cameras_alone(clip: Clip, keypoints: Poses2D, calibration: Calibration) -> None:
    report = Report("t")
    top_section(report, calibration, clip, replace(keypoints, conf=0 * keypoints.conf), None, images=True)
    assert len(content(report.html())["scene"]["cameras"]) == 4


def test_images_are_as_large_as_they_can_be_beside_the_scene() -> None:
    for views in range(1, 13):
        for size in ((180, 320), (320, 180), (320, 320)):
            columns, wide = image_grid([size] * views)
            rows = -(-views // columns)
            side = (wide + 8) / columns - 8
            assert wide <= 520
            assert rows * (side * size[1] / size[0] + 8) - 8 <= 485 + rows
    assert image_grid([(180, 320)] * 4)[0] == 2
    assert image_grid([(320, 180)] * 4)[0] == 2
    assert image_grid([(320, 180)] * 2)[0] == 1


def test_the_start_is_the_earliest_of_the_best(keypoints: Poses2D, labels: Poses3D, clip: Clip) -> None:
    assert start_step(excerpt_of(small_rig(), clip, keypoints, labels)) == 0
