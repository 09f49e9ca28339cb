"""Synthetic scenes of one random person in one random room, of which only the crops that a network takes are drawn.

Every pose of a scene is put somewhere in the image of a random camera, and drawn through the camera whose whole image
is the stored crop. So a crop costs what its own pixels cost, and labels are exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from epipose.camera import Camera
from epipose.network.choices import CropKind
from epipose.network.crops import box_around, pose_to_crop, roi_around, turned
from epipose.skeletons import H36M17
from epipose.studio.actor import CAPTURED_ALONE, FULL_CHANCE_S, Actor, Cast, MotionShares, random_actor
from epipose.studio.camera_effects import imaged, random_imaging, random_occluder
from epipose.studio.renderer import Renderer
from epipose.studio.rigs import RigKind, random_rig
from epipose.studio.room import random_light, random_room
from epipose.training.batches import StoredBatch
from epipose.training.samples import WINDOW

_POSES_PER_S = 3.0  # of the motion that become samples
_MIN_FACE_PX = 1.0  # smaller faces of the body are merged
_BOX_HEIGHT_M = 2.0  # about
_MAX_CAMERA_DISTANCE_M = 8.5  # of all cameras from the middle
_MIN_INSIDE_SHARE = 0.6  # of the joints, within the image
_OCCLUDED_SHARE, _BLURRED_SHARE = 0.25, 0.25  # of the images


@dataclass(frozen=True)
class StreamOptions:
    """Content of the scenes. ``side`` of a stored crop in pixels, which shows ``WINDOW`` x the box.
    ``crop``: upright boxes, or regions of interest as BlazePose tracks them, without the ``margin``.

    ``per_scene`` samples show the same person in the same room, ``lanes`` scenes are mixed.
    ``repeats``: how often each sample is given before its scene is dropped; its augmentation differs each time, and
    drawing is slow where there is no graphics card. Boxes are ``margin`` x the person, or up to ``loosest`` x, wide
    ones seldom: a network that is to find people must have seen them small. ``depth``: whether depth is labelled;
    without it the stream is for a pre-training in 2D. ``smooth``: outlines with four samples a pixel; free on a
    graphics card, twice the time without one. ``cast`` makes the person to draw, with motions as `random_stretch`, in
    the ``shares`` of `random_actor`.
    """

    side: int
    seed: int
    motions: tuple[Path, ...] = ()
    photos: tuple[Path, ...] = ()
    rigs: tuple[RigKind | Path, ...] = ("ring", "phones", "h36m")
    margin: float = 1.25
    loosest: float = 1.25
    repeats: int = 1
    depth: bool = True
    smooth: bool = False
    lanes: int = 16
    per_scene: int = 24
    cast: Cast = random_actor
    full_chance_s: float = FULL_CHANCE_S
    crop: CropKind = "upright"
    shares: MotionShares = CAPTURED_ALONE


def draw_scene(renderer: Renderer, options: StreamOptions, number: int) -> StoredBatch:
    """All samples of scene ``number``, a function of (seed, number).

    Raises what the options' ``cast`` raises, and InputError for a motion, photo or rig that cannot be read.
    """
    rng = np.random.default_rng((options.seed, number))
    actor = set_scene(renderer, options, rng, options.per_scene, _POSES_PER_S)
    parts = []
    for frame in rng.permutation(options.per_scene):
        camera = random_camera(options, rng)
        parts.append(_sample(renderer, options, rng, actor.skinning[frame], actor.xyz[frame], camera))
    return stacked(parts)


def set_scene(renderer: Renderer, options: StreamOptions, rng: np.random.Generator, frames: int, fps: float) -> Actor:
    """A random person with ``frames`` poses, ``fps`` of them a second, and a random room, given to the renderer."""
    actor = options.cast(rng, options.motions, frames, fps, options.full_chance_s, options.shares)
    renderer.dress(actor.body, actor.look, _MIN_FACE_PX * _BOX_HEIGHT_M * WINDOW / options.side)
    renderer.place(actor.seat)
    renderer.furnish(random_room(rng, _MAX_CAMERA_DISTANCE_M, options.photos))
    return actor


def random_camera(options: StreamOptions, rng: np.random.Generator) -> Camera:
    """One camera of a random rig."""
    kind = options.rigs[int(rng.integers(len(options.rigs)))]
    return random_rig(rng, kind, 1).camera[0]


def _sample(
    renderer: Renderer,
    options: StreamOptions,
    rng: np.random.Generator,
    pose: np.ndarray,
    xyz: np.ndarray,
    camera: Camera,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One crop of a pose that is put somewhere in the camera's image: stored crop, (u, v, d), weights."""
    offset, xy, inside = _placed(rng, xyz, camera)
    box = _box(options, rng, xy, inside)
    zoom = options.side / (WINDOW * float(box[2]))
    view = through(camera, box, options.side)
    moved = pose.copy()
    moved[..., 3] += offset.astype(np.float32)
    image = renderer.draw(moved, view, random_light(rng), offset)
    imaging = random_imaging(rng, options.side)
    imaging = replace(imaging, blur=math.hypot(imaging.blur, 0.4 * max(zoom - 1, 0)))  # few pixels, enlarged
    around = np.array([options.side / 2, options.side / 2, options.side / WINDOW])
    occluder = random_occluder(rng, (options.side, options.side), around, _OCCLUDED_SHARE)
    smear = rng.normal(0, 0.012 * options.side, 2) if rng.random() < _BLURRED_SHARE else None
    image = framed(imaged(image, imaging, rng, occluder, smear), camera, box)
    in_frame = camera.into_frame(torch.from_numpy(xyz + offset))
    uvd = pose_to_crop(in_frame, camera, box, H36M17.root)
    weight = inside.float()[:, None] * torch.tensor([1.0, float(options.depth)])
    return image, uvd.float().numpy(), weight.numpy()


def _box(
    options: StreamOptions,
    rng: np.random.Generator,
    xy: Float[Tensor, "joint 2"],
    inside: Bool[Tensor, " joint"],
) -> Float[Tensor, "4"]:
    if options.crop == "roi":  # BlazePose follows a body beyond the image's edge
        return roi_around(xy, torch.ones(len(xy)), H36M17)
    margin = options.margin * (options.loosest / options.margin) ** (rng.random() ** 3)
    return box_around(xy, inside.float(), margin)


def _placed(
    rng: np.random.Generator, xyz: np.ndarray, camera: Camera
) -> tuple[np.ndarray, Float[Tensor, "joint 2"], Bool[Tensor, " joint"]]:
    """The offset that puts this pose on the floor, its joints' pixels, and which of them are in the image."""
    hips = xyz[H36M17.root] * [1, 1, 0]
    offset, xy, inside = -hips, torch.zeros(0, 2), torch.zeros(0, dtype=torch.bool)
    for spread in (0.6, 0.3, 0.1, 0.0):  # nearer to the middle until enough of the person is seen
        offset = np.array([*rng.normal(0, spread, 2), 0.0]) - hips
        xy = camera.project(torch.from_numpy(xyz + offset))
        in_front = camera.into_frame(torch.from_numpy(xyz + offset))[:, 2] > 0.3
        inside = ((xy >= 0) & (xy <= camera.size - 1)).all(-1) & in_front
        if float(inside.double().mean()) >= _MIN_INSIDE_SHARE and bool(in_front.all()) and bool(inside[H36M17.root]):
            break
    return offset, xy, inside


def through(camera: Camera, box: Float[Tensor, "4"], side: int) -> Camera:
    """The camera whose image is the stored crop: ``side`` pixels that show ``WINDOW`` x the box, as `crop_image`.

    A turned box is a camera that is rolled about its axis, its tangential distortion with it; exact for square pixels.
    The studio's lenses are no fisheyes.
    """
    zoom = side / (WINDOW * box[2])
    K, angle = camera.K.clone(), box[3]
    roll = torch.eye(3, dtype=K.dtype)
    roll[:2, :2] = torch.stack([torch.stack([angle.cos(), angle.sin()]), torch.stack([-angle.sin(), angle.cos()])])
    from_centre = turned((K[:2, 2] - box[:2])[None], -angle)[0]
    K[:2] *= zoom
    K[:2, 2] = side / 2 - 0.5 + zoom * from_centre
    distortion = camera.distortion.clone()
    distortion[[3, 2]] = roll[:2, :2] @ distortion[[3, 2]]  # the vector (p2, p1) of the Brown-Conrady model
    size = torch.tensor([side, side])
    return Camera(K, distortion, roll @ camera.R, roll @ camera.t, size)


def framed(
    image: UInt8[np.ndarray, "side side 3"], camera: Camera, box: Float[Tensor, "4"]
) -> UInt8[np.ndarray, "side side 3"]:
    """A stored crop, black where the camera's image has ended, as in crops of real images."""
    side = len(image)
    v, u = np.meshgrid(*[(np.arange(side, dtype=np.float32) + 0.5) / side - 0.5] * 2, indexing="ij")
    width, cos, sin = WINDOW * float(box[2]), math.cos(float(box[3])), math.sin(float(box[3]))
    x, y = float(box[0]) + width * (cos * u - sin * v), float(box[1]) + width * (sin * u + cos * v)
    beyond = (x < -0.5) | (y < -0.5) | (x > int(camera.size[0]) - 0.5) | (y > int(camera.size[1]) - 0.5)
    image[beyond] = 0
    return image


def stacked(rows: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> StoredBatch:
    """Samples (stored crop, (u, v, d), weights) as a batch."""
    crops, uvd, weight = (np.stack(field) for field in zip(*rows, strict=True))
    return StoredBatch(crops, uvd, weight)
