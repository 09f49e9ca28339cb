"""Data of a scene for a page or a video: thinned evenly, and rounded to 16-bit numbers, so that long recordings stay small.

`SceneData.json` is what the page's script (``web/scene.js``) reads. An object with

    format                 "epipose-scene-1"
    fps, first, stride     frames per second of the clip, its first frame that is shown, frames per step
    steps, joints, people  number of steps, number of joints, names of the people
    bones                  [parent, child, side (0 left, 1 right, 2 middle), radius in metres]
    head, neck             joints in whose middle the head is drawn, and joints in whose middle the neck begins
    metric                 whether a metre is one; else the scale is nominal
    unit, xyz              metres per unit; base64 of little-endian int16 (step, person, joint, 3); -32768 is missing
    cameras                see `CameraData`; without reports their numbers are null
    uv, uv_of              base64 of int16 (camera, step, person, joint, 2): 10 000 is the image's width, or its height;
                           of the "labels", projected, or of the "keypoints" where there are no labels
    error_px               by camera and step, median over the joints between projection and keypoint; null where unknown
    path                   [x, y, 0] of the first person's hips over the floor
    floor, frustum         half the side of the grid in metres (0: none), length of a camera's frustum
    viewpoint              target, azimuth, elevation (radians) and distance to begin with

All in stage axes (`epipose.viz.scene`): z up, the floor at 0, metres.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int16
from torch import Tensor

from epipose.camera import Rig
from epipose.poses import Poses2D, Poses3D
from epipose.skeleton import Skeleton
from epipose.viz.limbs import bone_radii, ground_path
from epipose.viz.plots import drawn_bones
from epipose.viz.reprojection import projected, reprojection_errors
from epipose.viz.scene import Scene
from epipose.viz.scene_cameras import CameraData, Viewpoint, camera_data, reach_of, viewpoint

FORMAT = "epipose-scene-1"
MISSING = -32768
MAX_FPS, MAX_STEPS = 30.0, 6000  # steps beyond are thinned out evenly
UV_UNIT = 10_000  # of an image's side
_PATH_STEPS = 400
# In this order; a skeleton with a neck of its own has its bones up to the head.
_HEADS = (("left_ear", "right_ear"), ("neck_nose", "head"), ("neck", "head"), ("nose",))
_NECKS = (("neck", "neck"), ("thorax", "thorax"), ("left_shoulder", "right_shoulder"))
_LARGEST = 32_000  # of a number that is written
_SIDES = {"left": 0, "right": 1, "middle": 2}


@dataclass(frozen=True)
class SceneData:
    """What is drawn of a scene; the fields are described above. Arrays are kept as such until `json`."""

    fps: float
    frames: range
    people: tuple[str, ...]
    bones: tuple[tuple[int, int, int, float], ...]
    joints: int
    head: tuple[int, ...]
    neck: tuple[int, ...]
    metric: bool
    unit: float
    xyz: Int16[Tensor, "step person joint 3"]
    cameras: tuple[CameraData, ...]
    uv: Int16[Tensor, "camera uv_step uv_person uv_joint 2"]
    uv_of: str
    error_px: tuple[tuple[float | None, ...], ...]
    path: tuple[tuple[float, float, float], ...]
    floor: int
    frustum: float
    viewpoint: Viewpoint

    @property
    def steps(self) -> int:
        """Number of steps that are shown."""
        return len(self.frames)

    def json(self) -> Mapping[str, object]:
        """The content of the JSON that ``web/scene.js`` reads."""
        return {
            "format": FORMAT,
            "fps": self.fps,
            "first": self.frames.start,
            "stride": self.frames.step,
            "steps": self.steps,
            "joints": self.joints,
            "head": self.head,
            "neck": self.neck,
            "people": self.people,
            "bones": self.bones,
            "metric": self.metric,
            "unit": self.unit,
            "xyz": _text(self.xyz),
            "cameras": [asdict(camera) for camera in self.cameras],
            "uv": _text(self.uv),
            "uv_of": self.uv_of,
            "error_px": self.error_px,
            "path": self.path,
            "floor": self.floor,
            "frustum": self.frustum,
            "viewpoint": asdict(self.viewpoint),
        }


def scene_data(scene: Scene, most_steps: int = MAX_STEPS, most_fps: float = MAX_FPS) -> SceneData:
    """What a page shows of a scene: at most ``most_steps`` steps and about ``most_fps`` of them a second.

    `load_scene` reads a scene from a clip folder. Takes one of any length; nothing is raised.
    """
    stride = max(1, round(scene.fps / most_fps), math.ceil(len(scene.frames) / most_steps))
    poses = None if scene.poses is None else _thinned(scene.poses, stride)
    views = _views(scene, poses, stride)
    unit, xyz = _rounded_places(poses)
    return SceneData(
        fps=scene.fps,
        frames=scene.frames[::stride],
        people=tuple(f"person {index}" for index in range(xyz.shape[1])),
        bones=() if views.skeleton is None else _bones(poses, views.skeleton),
        joints=0 if views.skeleton is None else len(views.skeleton.joints),
        head=_first_there(views.skeleton, _HEADS),
        neck=_first_there(views.skeleton, _NECKS),
        metric=any(part is not None and part.metric for part in (scene.rig, scene.poses)),
        unit=unit,
        xyz=xyz,
        cameras=() if scene.rig is None else camera_data(scene.rig, scene.reports),
        uv=_rounded_pixels(views, scene.rig),
        uv_of=views.of,
        error_px=views.errors,
        path=() if poses is None else tuple((round(x, 3), round(y, 3), 0.0) for x, y in _path(poses)),
        floor=0 if poses is None else min(40, math.ceil(reach_of(scene.rig) + 1.5)),
        frustum=0.17 * max(1.0, reach_of(scene.rig)),
        viewpoint=viewpoint(scene.rig),
    )


class _Views(NamedTuple):
    """What is drawn over the images: pixels of every camera of the rig, of labels or else of keypoints."""

    uv: Float[Tensor, "camera step person joint 2"]
    seen: Bool[Tensor, "camera step person joint"]
    skeleton: Skeleton | None
    of: str
    errors: tuple[tuple[float | None, ...], ...] = ()


def _views(scene: Scene, poses: Poses3D | None, stride: int) -> _Views:
    keypoints = None if scene.keypoints is None else _thinned_keypoints(scene.keypoints, stride)
    if scene.rig is None or (poses is None and keypoints is None):
        empty = torch.zeros(0, 0, 0, 0, 2)
        return _Views(empty, empty[..., 0] > 0, None if poses is None else poses.skeleton, "labels")
    if poses is not None:
        uv, seen = projected(scene.rig, poses)
        errors = () if keypoints is None else reprojection_errors(scene.rig.names, uv, seen, poses.skeleton, keypoints)
        return _Views(uv, seen, poses.skeleton, "labels", errors)
    assert keypoints is not None
    places = [keypoints.views.index(name) if name in keypoints.views else -1 for name in scene.rig.names]
    there = torch.tensor([place >= 0 for place in places])[:, None, None, None]
    return _Views(keypoints.xy[places], (keypoints.conf[places] > 0) & there, keypoints.skeleton, "keypoints")


def _thinned(poses: Poses3D, stride: int) -> Poses3D:
    return replace(poses, xyz=poses.xyz[::stride], conf=poses.conf[::stride], times=None)


def _thinned_keypoints(keypoints: Poses2D, stride: int) -> Poses2D:
    return replace(keypoints, xy=keypoints.xy[:, ::stride], conf=keypoints.conf[:, ::stride])


def _bones(poses: Poses3D | None, skeleton: Skeleton) -> tuple[tuple[int, int, int, float], ...]:
    bones = drawn_bones(skeleton)
    radii = [0.02] * len(bones) if poses is None else bone_radii(poses).tolist()
    return tuple((p, c, _SIDES[side], round(radius, 4)) for (p, c, side), radius in zip(bones, radii, strict=True))


def _first_there(skeleton: Skeleton | None, choices: tuple[tuple[str, ...], ...]) -> tuple[int, ...]:
    """Indices of the first joints of the choices that a skeleton has all of; none where it has none."""
    names = () if skeleton is None else skeleton.joints
    found = next((choice for choice in choices if set(choice) <= set(names)), ())
    return tuple(sorted({names.index(name) for name in found}))


def _path(poses: Poses3D) -> list[list[float]]:
    return ground_path(poses, _PATH_STEPS).tolist()


def _rounded_places(poses: Poses3D | None) -> tuple[float, Int16[Tensor, "step person joint 3"]]:
    """Metres of a unit, and the places in units: millimetres, or more in a world that is wider than 60 m."""
    if poses is None:
        return 0.001, torch.zeros(0, 0, 0, 3, dtype=torch.int16)
    seen = poses.conf > 0
    farthest = float(poses.xyz[seen].abs().max()) if bool(seen.any()) else 0.0
    unit = max(0.001, farthest / _LARGEST)
    return unit, _packed(poses.xyz / unit, seen)


def _rounded_pixels(views: _Views, rig: Rig | None) -> Int16[Tensor, "camera step person joint 2"]:
    """Pixels as shares of the image's sides, the outer edge of its first pixel at 0."""
    if rig is None or not views.uv.numel():
        return torch.zeros(0, 0, 0, 0, 2, dtype=torch.int16)
    share = (views.uv + 0.5) / rig.camera.size[:, None, None, None].to(views.uv)
    return _packed(UV_UNIT * share, views.seen & (share.abs() < _LARGEST / UV_UNIT).all(-1))


def _packed(values: Tensor, seen: Tensor) -> Tensor:
    whole = values.clamp(-_LARGEST, _LARGEST).round()
    return torch.where(seen[..., None], whole, MISSING).to(torch.int16)


def _text(values: Tensor) -> str:
    return base64.b64encode(values.numpy().astype("<i2").tobytes()).decode("ascii")
