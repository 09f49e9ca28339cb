"""Failures of cameras and images: wrong intrinsics, moved cameras, images that were flipped, squeezed or cropped.

Every function takes a good clip and spoils it the way it happens. The poses of the rig stay the ground truth; its
intrinsics are those that calibration is given, wrong where that is the failure.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from benchmarks.geometry.failure_subjects import again
from benchmarks.geometry.simulation import Simulated, detected
from epipose.camera import Camera, Rig
from epipose.geometry.rotation import exp
from epipose.skeletons import H36M17

_ASPECTS = (3 / 4, 4 / 3)  # pixel aspects of widescreen PAL and NTSC recordings, and of HDV, nearly


def videos_swapped(clip: Simulated, rng: np.random.Generator) -> Simulated:
    """Two videos bear each other's names, of cameras whose focal lengths differ by 15 to 40 per cent."""
    i, j = rng.permutation(len(clip.rig.names))[:2].tolist()
    clip = _with_longer_lens(clip, j, float(rng.uniform(1.15, 1.4)), rng)
    order = list(range(len(clip.rig.names)))
    order[i], order[j] = order[j], order[i]
    poses = replace(clip.poses, xy=clip.poses.xy[order], conf=clip.poses.conf[order])
    # The images are of each other's cameras: with the right K each has the other's pose.
    R, t = clip.rig.camera.R[order], clip.rig.camera.t[order]
    return replace(clip, poses=poses, rig=Rig(clip.rig.names, clip.rig.camera.with_pose(R, t), clip.rig.metric))


def mirrored_video(clip: Simulated, rng: np.random.Generator) -> Simulated:
    """One video is flipped; the detector sees a person with left and right swapped."""
    view, flip = int(rng.integers(len(clip.rig.names))), list(H36M17.flip)
    xy = clip.poses.xy[view, :, 0][:, flip].clone()
    xy[..., 0] = clip.rig.camera.size[view, 0] - 1 - xy[..., 0]
    return clip.with_view(view, xy, clip.poses.conf[view, :, 0][:, flip])


def focal_wrong_in_one(clip: Simulated, rng: np.random.Generator) -> Simulated:
    """One camera's focal length is given 10 per cent too long or too short."""
    factors = np.ones(len(clip.rig.names))
    factors[int(rng.integers(len(factors)))] = rng.choice([0.9, 1.1])
    return _with_focal(clip, factors)


def focal_wrong_in_all(clip: Simulated, rng: np.random.Generator) -> Simulated:
    """All cameras' focal lengths are given 10 per cent too long or too short."""
    return _with_focal(clip, np.full(len(clip.rig.names), rng.choice([0.9, 1.1])))


def camera_moved(clip: Simulated, rng: np.random.Generator) -> Simulated:
    """One camera is knocked in the middle of the clip or a little later: 5 to 15 degrees and 0.1 to 0.5 m."""
    view, when = int(rng.integers(len(clip.rig.names))), int(len(clip.xyz) * rng.uniform(0.5, 0.65))
    axis = torch.from_numpy(rng.standard_normal(3))
    turn = exp(axis / axis.norm() * float(np.deg2rad(rng.uniform(5, 15))))
    shift = torch.from_numpy(rng.standard_normal(3))
    camera = clip.rig.camera
    R, t = camera.R.clone(), camera.t.clone()
    R[view] = turn @ R[view]
    t[view] = turn @ t[view] + shift / shift.norm() * float(rng.uniform(0.1, 0.5))
    bodies = clip.xyz.expand(len(R), *clip.xyz.shape)
    xy, conf = detected(Rig(clip.rig.names, camera.with_pose(R, t)), bodies, clip.fps, clip.noise, rng)
    new_xy, new_conf = clip.poses.xy[view, :, 0].clone(), clip.poses.conf[view, :, 0].clone()
    new_xy[when:], new_conf[when:] = xy[view, when:], conf[view, when:]
    return clip.with_view(view, new_xy, new_conf)


def two_cameras(clip: Simulated, rng: np.random.Generator) -> Simulated:
    """Only two views."""
    chosen = np.sort(rng.permutation(len(clip.rig.names))[:2]).tolist()
    names = tuple(clip.rig.names[i] for i in chosen)
    poses = replace(clip.poses, xy=clip.poses.xy[chosen], conf=clip.poses.conf[chosen], views=names)
    return replace(clip, poses=poses, rig=clip.rig.select(names))


def _with_longer_lens(clip: Simulated, view: int, factor: float, rng: np.random.Generator) -> Simulated:
    """One camera has a longer lens and stands as much farther away, so that the person is as large as before."""
    camera = clip.rig.camera
    K, t = camera.K.clone(), camera.t.clone()
    K[view, :2, :2] *= factor
    t[view] *= factor
    longer = Camera(K, camera.distortion, camera.R, t, camera.size)
    return again(replace(clip, rig=Rig(clip.rig.names, longer, clip.rig.metric)), clip.xyz, rng)


def _with_focal(clip: Simulated, factors: np.ndarray) -> Simulated:
    """Intrinsics that are wrong by these factors; the poses of the cameras stay the ground truth."""
    K = clip.rig.camera.K.clone()
    K[:, :2, :2] *= torch.from_numpy(factors)[:, None, None]
    return replace(clip, rig=Rig(clip.rig.names, replace(clip.rig.camera, K=K), clip.rig.metric))


def near_cameras(clip: Simulated, rng: np.random.Generator) -> Simulated:
    """Only two views, whose cameras are 5 to 15 degrees apart as seen from the person."""
    return two_cameras(near_pair(clip, rng), rng)


def near_pair(clip: Simulated, rng: np.random.Generator) -> Simulated:
    """The second camera stands 5 to 15 degrees beside the first, as seen from the person."""
    camera = clip.rig.camera
    middle = clip.xyz[:, 0].mean(0)
    angle = float(np.deg2rad(rng.uniform(5, 15)) * rng.choice([-1, 1]))
    turn = exp(torch.tensor([0.0, 0.0, angle], dtype=torch.float64))
    R, t = camera.R.clone(), camera.t.clone()
    R[1] = R[0] @ turn.mT
    t[1] = -R[1] @ (middle + turn @ (camera.center[0] - middle))
    rig = Rig(clip.rig.names, camera.with_pose(R, t), clip.rig.metric)
    return again(replace(clip, rig=rig), clip.xyz, rng)


def squeezed(clip: Simulated, rng: np.random.Generator) -> Simulated:
    """All images are squeezed or stretched in width, as non-square pixels are, and the intrinsics know nothing of it."""
    return _squeezed(clip, np.full(len(clip.rig.names), rng.choice(_ASPECTS)), known=False)


def squeezed_in_one(clip: Simulated, rng: np.random.Generator) -> Simulated:
    """One view's images are squeezed or stretched in width, and the intrinsics know nothing of it."""
    factors = np.ones(len(clip.rig.names))
    factors[int(rng.integers(len(factors)))] = rng.choice(_ASPECTS)
    return _squeezed(clip, factors, known=False)


def squeezed_and_known(clip: Simulated, rng: np.random.Generator) -> Simulated:
    """All images are squeezed in width, and the intrinsics say so: good."""
    return _squeezed(clip, np.full(len(clip.rig.names), rng.choice(_ASPECTS)), known=True)


def half_size(clip: Simulated, rng: np.random.Generator) -> Simulated:
    """Keypoints of images at half the size, with the intrinsics of the full one."""
    return replace(clip, poses=replace(clip.poses, xy=clip.poses.xy / 2))


def normalised(clip: Simulated, rng: np.random.Generator) -> Simulated:
    """Keypoints as shares of the image's width and height."""
    return replace(clip, poses=replace(clip.poses, xy=clip.poses.xy / clip.rig.camera.size[:, None, None, None]))


def cropped_off_centre(clip: Simulated, rng: np.random.Generator) -> Simulated:
    """All images have lost a tenth to a quarter on one side, across and down; K is that of the middle of what is left."""
    size = clip.rig.camera.size
    lost = torch.from_numpy(rng.uniform(0.1, 0.25, 2)).expand(len(size), 2) * size
    begin = lost * torch.from_numpy(rng.integers(0, 2, 2).astype(float))
    kept = (size - lost).round().to(size.dtype)
    K = clip.rig.camera.K.clone()
    K[:, :2, 2] = (kept - 1) / 2
    xy = clip.poses.xy - begin[:, None, None, None]
    inside = ((xy >= 0) & (xy < kept[:, None, None, None])).all(-1)
    poses = replace(clip.poses, xy=torch.where(inside[..., None], xy, 0.0), conf=clip.poses.conf * inside)
    rig = Rig(clip.rig.names, replace(clip.rig.camera, K=K, size=kept), clip.rig.metric)
    return replace(clip, poses=poses, rig=rig)


def _squeezed(clip: Simulated, factors: np.ndarray, known: bool) -> Simulated:
    """Images narrower by these factors; ``known``: K says so, else it has square pixels and the middle in the middle."""
    factor: Tensor = torch.from_numpy(factors)
    camera = clip.rig.camera
    xy, K, size = clip.poses.xy.clone(), camera.K.clone(), camera.size.clone()
    xy[..., 0] *= factor[:, None, None, None]
    size[:, 0] = (size[:, 0] * factor).round().to(size.dtype)
    K[:, 0, 2] *= factor
    if known:
        K[:, 0, 0] *= factor
    rig = Rig(clip.rig.names, replace(camera, K=K, size=size), clip.rig.metric)
    return replace(clip, poses=replace(clip.poses, xy=xy), rig=rig)
