"""Short synthetic videos of one person for networks over time: every frame cropped at its region of interest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64, UInt8
from torch import Tensor

from epipose.camera import Camera
from epipose.network.crops import pose_to_crop, roi_around
from epipose.skeletons import H36M17
from epipose.studio.camera_effects import Imaging, Occluder, imaged, random_imaging, random_occluder
from epipose.studio.renderer import Renderer
from epipose.studio.room import Light, random_light
from epipose.training.samples import WINDOW
from epipose.training.studio_scenes import StreamOptions, framed, random_camera, set_scene, through

_MIN_DEPTH_M = 0.3  # of joints whose place in the image is computed
_OCCLUDED_FRAMES = (3, 16)  # how long something may be in front of the person, from and below
_OCCLUDED_SHARE = 0.4  # of the sequences


@dataclass(frozen=True)
class Sequence:
    """Frames of one camera: crops that show ``WINDOW`` x the box, (u, v, d), the boxes and the focal length (pixels)."""

    crops: UInt8[np.ndarray, "frame stored stored 3"]
    uvd: Float32[np.ndarray, "frame joint 3"]
    box: Float32[np.ndarray, "frame 4"]
    focal: float


@dataclass(frozen=True)
class _Shot:
    """What stays the same in all frames; the occluder is there from frame ``hidden[0]`` to before ``hidden[1]``."""

    camera: Camera
    light: Light
    imaging: Imaging
    occluder: Occluder | None
    hidden: tuple[int, int]


def draw_sequence(renderer: Renderer, options: StreamOptions, number: int, frames: int, fps: float) -> Sequence:
    """Sequence ``number``, a function of (seed, number): one person, room, light and camera.

    The crops are regions of interest, whatever ``options.crop`` says. Raises what the options' ``cast`` raises, and
    InputError for a motion, photo or rig that cannot be read.
    """
    rng = np.random.default_rng((options.seed, 7, number))
    actor = set_scene(renderer, options, rng, frames, fps)
    shot = _random_shot(options, rng, frames)
    uvd, box = _labels(actor.xyz, shot.camera)
    crops = []
    for frame, pose in enumerate(actor.skinning):
        image = renderer.draw(pose, through(shot.camera, box[frame], options.side), shot.light)
        occluder = shot.occluder if shot.hidden[0] <= frame < shot.hidden[1] else None
        crops.append(framed(imaged(image, shot.imaging, rng, occluder), shot.camera, box[frame]))
    return Sequence(np.stack(crops), uvd.float().numpy(), box.float().numpy(), float(shot.camera.focal))


def _random_shot(options: StreamOptions, rng: np.random.Generator, frames: int) -> _Shot:
    camera, side = random_camera(options, rng), options.side
    light, imaging = random_light(rng), random_imaging(rng, side)
    begin, length = int(rng.integers(frames)), int(rng.integers(*_OCCLUDED_FRAMES))
    around = np.array([side / 2, side / 2, side / WINDOW])
    occluder = random_occluder(rng, (side, side), around, _OCCLUDED_SHARE)
    return _Shot(camera, light, imaging, occluder, (begin, begin + length))


def _labels(
    xyz: Float64[np.ndarray, "frame joint 3"], camera: Camera
) -> tuple[Float[Tensor, "frame joint 3"], Float[Tensor, "frame 4"]]:
    """(u, v, d) and region of interest of every frame."""
    in_frame = camera.into_frame(torch.from_numpy(xyz))
    in_frame[..., 2].clamp_(min=_MIN_DEPTH_M)
    box = roi_around(camera.project_in_frame(in_frame), torch.ones(in_frame.shape[:2]), H36M17)
    return pose_to_crop(in_frame, camera[None], box, H36M17.root), box
