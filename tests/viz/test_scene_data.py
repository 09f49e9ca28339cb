"""Data of a scene: places, pixels and errors against independent sources."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from epipose.camera import Rig
from epipose.clip import Clip
from epipose.poses import Poses3D
from epipose.skeletons import COCO17, H36M17
from epipose.viz.limbs import bone_radii, ground_path
from epipose.viz.plots import drawn_bones
from epipose.viz.reprojection import reprojection_errors
from epipose.viz.scene import Scene, load_scene
from epipose.viz.scene_cameras import camera_data, viewpoint
from epipose.viz.scene_data import MISSING, UV_UNIT, scene_data
from tests.helpers import synthetic
from tests.helpers.viewed_clip import FRAMES, decoded, keypoints_of


def upright_rig() -> Rig:
    return replace(synthetic.rig(), upright=True, metric=True)


def walking(frames: int = FRAMES, people: int = 1) -> Poses3D:
    xyz = torch.stack([synthetic.moving_skeleton(frames, seed).float() for seed in range(people)], 1)
    return Poses3D(xyz, torch.ones(frames, people, 17), H36M17, metric=True)


def scene_of(poses: Poses3D | None, rig: Rig | None = None, clip: Clip | None = None) -> Scene:
    frames = 1 if poses is None else len(poses.xyz)
    return Scene(rig or upright_rig(), poses, clip, range(frames))


def test_places_are_right_to_half_a_millimetre() -> None:
    poses = walking()
    content = scene_data(scene_of(poses)).json()
    assert content["format"] == "epipose-scene-1"
    shown = decoded(str(content["xyz"]), FRAMES, 1, 17, 3) * float(str(content["unit"]))
    assert np.abs(shown - poses.xyz.numpy()).max() <= 0.00051


def test_a_wide_world_has_coarser_units_and_no_overflow() -> None:
    poses = replace(walking(), xyz=walking().xyz + torch.tensor([5000.0, 0, 0]))
    data = scene_data(scene_of(poses))
    assert np.abs(data.xyz.numpy() * data.unit - poses.xyz.numpy()).max() <= 0.51 * data.unit


def test_a_nominal_scale_is_said_to_be_one() -> None:
    nominal = replace(upright_rig(), metric=False)
    assert scene_data(scene_of(walking())).json()["metric"] is True
    assert scene_data(scene_of(replace(walking(), metric=False), nominal)).json()["metric"] is False


def test_pixels_are_those_of_opencv() -> None:
    rig, poses = upright_rig(), walking()
    data = scene_data(scene_of(poses))
    uv = decoded(str(data.json()["uv"]), 4, FRAMES, 1, 17, 2)
    assert bool(rig.camera.distortion[:, :5].any())
    for index in range(4):
        camera = rig.camera[index]
        rotation, distortion = cv2.Rodrigues(camera.R.numpy())[0], camera.distortion[:5].numpy()
        xyz = poses.xyz.double().numpy().reshape(-1, 3)
        pixels = cv2.projectPoints(xyz, rotation, camera.t.numpy(), camera.K.numpy(), distortion)[0][:, 0]
        shown = uv[index].reshape(-1, 2) / UV_UNIT * camera.size.numpy() - 0.5
        assert np.abs(shown - pixels).max() < 0.2


def test_what_is_missing_or_behind_a_camera_is_marked() -> None:
    poses, rig = walking(), upright_rig()
    poses.conf[4, 0, 3] = 0
    camera = rig.camera
    poses.xyz[5, 0, 2] = (camera.center[0] - camera.R[0, 2]).float()
    data = scene_data(scene_of(poses, rig))
    assert data.xyz[4, 0, 3].tolist() == [MISSING] * 3
    assert (data.uv[:, 4, 0, 3] == MISSING).all()
    assert data.uv[0, 5, 0, 2].tolist() == [MISSING] * 2
    assert int((data.xyz == MISSING).any(-1).sum()) == 1


def test_errors_are_the_distances_from_the_keypoints() -> None:
    rig, poses = upright_rig(), walking()
    keypoints = keypoints_of(rig, poses, shift=3.0)
    keypoints.conf[1, 2] = 0
    errors = scene_data(replace(scene_of(poses, rig), keypoints=keypoints)).error_px
    assert errors[1][2] is None
    assert errors[0] == pytest.approx([3.0] * FRAMES, abs=0.05)


def test_a_frame_with_swapped_sides_counts_as_put_right() -> None:
    rig, poses = upright_rig(), walking()
    keypoints = keypoints_of(rig, poses, shift=3.0)
    flipped = keypoints.with_sides_swapped(torch.tensor([True, False, False, False]))
    keypoints.xy[0, 5] = flipped.xy[0, 5]
    uv = rig.camera.spread(3).project(poses.xyz.double()).float()
    errors = reprojection_errors(rig.names, uv, torch.ones(uv.shape[:-1], dtype=torch.bool), H36M17, keypoints)
    assert errors[0][5] == pytest.approx(3.0, abs=0.05)


def test_views_without_keypoints_have_no_errors() -> None:
    rig, poses = upright_rig(), walking()
    named = replace(keypoints_of(rig, poses), views=("other", *rig.names[1:]))
    errors = scene_data(replace(scene_of(poses, rig), keypoints=named)).error_px
    assert errors[0] == (None,) * FRAMES
    assert errors[1][0] == pytest.approx(0.0, abs=0.05)


def test_without_labels_the_keypoints_are_shown(viewed: Path) -> None:
    scene = replace(load_scene(viewed), poses=None)
    assert scene.keypoints is not None
    data = scene_data(scene)
    assert data.uv_of == "keypoints"
    assert data.people == ()
    assert data.floor == 0
    assert data.bones
    shown = data.uv[2, 4, 0].numpy() / UV_UNIT * np.array(data.cameras[2].size) - 0.5
    assert np.abs(shown - scene.keypoints.xy[2, 4, 0].numpy()).max() < 0.2


def test_long_recordings_are_thinned_evenly() -> None:
    clip = Clip((), 1000, 60.0)
    data = scene_data(scene_of(walking(1000), clip=clip))
    assert data.frames == range(0, 1000, 2)
    assert data.xyz.shape[0] == data.uv.shape[1] == 500
    assert scene_data(scene_of(walking(1000), clip=clip), most_steps=100).frames == range(0, 1000, 10)
    assert scene_data(scene_of(walking(1000), clip=clip), most_fps=1e9).frames == range(1000)


def test_corners_and_axis_of_a_camera_are_seen_where_they_are() -> None:
    rig = synthetic.rig()
    pinhole = replace(rig, camera=replace(rig.camera, distortion=torch.zeros(4, 8, dtype=torch.float64)))
    for index, camera in enumerate(camera_data(pinhole)):
        seen = pinhole.camera[index]
        middle = seen.size.double() / 2
        corners = torch.tensor(camera.corners).double() + torch.tensor(camera.position).double()
        spread = seen.project(corners) - seen.K[:2, 2]
        assert torch.allclose(spread.abs(), middle.expand(4, 2), atol=1.0)
        assert spread.sign().tolist() == [[-1, -1], [1, -1], [1, 1], [-1, 1]]
        ahead = seen.into_frame(torch.tensor(camera.axis).double() + torch.tensor(camera.position).double())
        assert torch.allclose(ahead, torch.tensor([0.0, 0, 1]).double(), atol=1e-3)


def test_one_looks_from_the_widest_gap_between_the_cameras() -> None:
    rig = synthetic.rig()
    azimuth = viewpoint(rig).azimuth
    center = rig.camera.center
    angles = torch.atan2(center[:, 1], center[:, 0])
    apart = torch.remainder(angles - azimuth + torch.pi, 2 * torch.pi) - torch.pi
    assert float(apart.abs().min()) > torch.deg2rad(torch.tensor(60.0))  # the gaps are 134, 46, 133 and 48 degrees


def test_heads_and_necks_are_found_in_every_skeleton() -> None:
    poses = walking()
    assert scene_data(scene_of(poses)).head == tuple(sorted(map(H36M17.index, ("neck_nose", "head"))))
    coco = scene_data(scene_of(poses.mapped_to(COCO17)))
    assert coco.neck == tuple(map(COCO17.index, ("left_shoulder", "right_shoulder")))


def test_bones_are_as_thick_as_people_and_the_path_is_that_of_the_hips() -> None:
    poses = walking()
    poses.conf[3, 0, H36M17.index("left_hip")] = 0
    radii = bone_radii(poses)
    assert len(radii) == len(drawn_bones(H36M17))
    assert bool(((radii >= 0.006) & (radii <= 0.035)).all())
    path = ground_path(poses, 100)
    assert len(path) == FRAMES - 1
    hips = poses.xyz[0, 0, [H36M17.index("left_hip"), H36M17.index("right_hip")]]
    assert torch.allclose(path[0], hips.mean(0)[:2], atol=0.05)
