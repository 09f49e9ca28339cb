"""Synthetic clips on disk: videos of an animated person in a random scene, with ground truth.

A clip is a clip folder like any other (videos, clip.json, intrinsics.json), so every verb runs on it, and has a folder
``truth/`` that they do not read: the cameras, the keypoints and the joints in the world. A clip is made under
another name and renamed when it is whole; what is there is skipped when the same command runs again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, cast, get_args

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8

from epipose.camera import Camera, Rig
from epipose.clip import Clip
from epipose.errors import InputError
from epipose.io.files import AnyPath, already_done, read_object, write_record
from epipose.io.lock import folder_lock
from epipose.io.processes import worker_pool
from epipose.io.progress import progress
from epipose.io.ranges import Count, FrameRate, FromZero, NotNegative, OptionRecord, Range, Seed, check_value
from epipose.io.staged import new_folder
from epipose.io.video import write_video
from epipose.io.writable import check_folder
from epipose.poses import Poses2D, Poses3D
from epipose.skeletons import H36M17
from epipose.studio.actor import CAPTURED_ALONE, FULL_CHANCE_S, Actor, Cast, random_actor, within_view
from epipose.studio.bodies import Skinning
from epipose.studio.camera_effects import Imaging, Occluder, imaged, random_imaging, random_occluder
from epipose.studio.renderer import Renderer
from epipose.studio.rigs import RigKind, random_rig
from epipose.studio.room import Light, random_light, random_room

_SHUTTER_SAMPLES = 3  # images that are averaged where the shutter is open for long


@dataclass(frozen=True)
class ClipSpec(OptionRecord):
    """Specification of the clips to make; ``size`` is (width, height), None for the rig's own.

    ``cast`` makes the person to film, with motions as `random_stretch`.
    """

    frames: Annotated[int, Range(least=2, most=10**7)]
    views: Annotated[int, Range(least=2, most=1000)]
    fps: FrameRate
    size: tuple[int, int] | None
    rig: RigKind | Path
    motions: tuple[Path, ...]
    photos: tuple[Path, ...]
    seed: Seed
    cast: Cast = random_actor
    full_chance_s: NotNegative = FULL_CHANCE_S


def film(out: AnyPath, clips: int, spec: ClipSpec, workers: int = 0) -> list[Path]:
    """Make clips ``out/clip0000`` and so on, and return their folders; those that are there are left alone.

    ``workers`` processes (0: one per core). Clip k follows from (seed, k) alone. Raises InputError for impossible
    specifications, and where ``out`` holds clips of another one.
    """
    out = Path(out)
    _check(spec)
    check_folder(out)
    check_value("clips", clips, Count)
    check_value("workers", workers, FromZero)
    with folder_lock(out):
        return _film(out, clips, spec, workers)


def _film(out: Path, clips: int, spec: ClipSpec, workers: int) -> list[Path]:
    """`film` with the folder's lock."""
    folders = [out / f"clip{number:04d}" for number in range(clips)]
    _record_spec(out, spec)
    missing = [number for number, folder in enumerate(folders) if not folder.exists()]
    workers = min(workers or os.cpu_count() or 1, len(missing))
    with progress(total=len(missing), desc="filming", unit="clip") as bar:
        if workers <= 1:
            with Renderer() as renderer:
                for number in missing:
                    _film_one(renderer, folders[number], number, spec)
                    bar.update()
        else:
            with worker_pool(workers, _open_renderer) as pool:
                for done in as_completed(pool.submit(_film_in_worker, folders[n], n, spec) for n in missing):
                    done.result()
                    bar.update()
    return folders


def image_size(text: str | None) -> tuple[int, int] | None:
    """(width, height) of "640x480"; None for None. Raises InputError for anything else."""
    if text is None:
        return None
    width, _, height = text.lower().partition("x")
    if not (width.isdigit() and height.isdigit()):
        raise InputError(f"Got the size '{text}'; expected WIDTHxHEIGHT, such as 640x480.")
    return int(width), int(height)


def rig_named(text: str) -> RigKind | Path:
    """A kind of rig, or the file of that name; raises InputError when there is neither."""
    if text in get_args(RigKind):
        return cast(RigKind, text)
    if not Path(text).exists():
        raise InputError(f"There is no rig '{text}': expected {', '.join(get_args(RigKind))}, or a file of cameras.")
    return Path(text)


def _check(spec: ClipSpec) -> None:
    if spec.size is not None and (min(spec.size) < 64 or spec.size[0] % 2 or spec.size[1] % 2):
        raise InputError(f"Got images of {spec.size[0]}x{spec.size[1]}: videos want even sizes from 64 on.")


def _record_spec(out: Path, spec: ClipSpec) -> None:
    """Write the specification into the folder, or compare with it: clips of two specifications must not mix."""
    options = {
        name: [path.name for path in value] if name in ("motions", "photos") else str(value)
        for name, value in vars(spec).items()
        if name != "cast"
    }
    record = out / "studio.json"
    if already_done(record, options, "", ()):
        return
    if record.exists():
        old = read_object(record).get("options", {})
        changed = [f"{name} {old.get(name)} (now {value})" for name, value in options.items() if old.get(name) != value]
        raise InputError(f"{out} holds clips with other options: {', '.join(changed)}. Give another --out.")
    write_record(record, options, "")


_renderer: Renderer | None = None  # one per worker process: compiling shaders takes a second


def _open_renderer() -> None:
    global _renderer
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    _renderer = Renderer()


def _film_in_worker(folder: Path, number: int, spec: ClipSpec) -> None:
    assert _renderer is not None
    _film_one(_renderer, folder, number, spec)


def _film_one(renderer: Renderer, folder: Path, number: int, spec: ClipSpec) -> None:
    rng = np.random.default_rng((spec.seed, number))
    rig = random_rig(rng, spec.rig, spec.views, spec.size)
    actor = within_view(spec.cast(rng, spec.motions, spec.frames, spec.fps, spec.full_chance_s, CAPTURED_ALONE), rig)
    reach = float(rig.camera.center[:, :2].norm(dim=-1).max()) + 0.5
    renderer.dress(actor.body, actor.look)
    renderer.place(actor.seat)
    renderer.furnish(random_room(rng, reach, spec.photos))
    light = random_light(rng)
    xy = rig.camera.spread(2).project(torch.from_numpy(actor.xyz))
    conf = torch.zeros(xy.shape[:-1])
    with new_folder(folder) as part:
        for view, name in enumerate(rig.names):
            camera = rig.camera[view]
            width, height = (int(length) for length in camera.size)
            occluder = random_occluder(rng, (width, height), _box(xy[view].numpy()))
            imaging = random_imaging(rng, height)
            noise = np.random.default_rng((spec.seed, number, view))
            images = _images(renderer, actor, camera, light, spec.fps, imaging, occluder, noise)
            write_video(part / f"{name}.mp4", images, spec.fps)
            conf[view] = torch.from_numpy(_visible(xy[view].numpy(), (width, height), occluder)).float()
        _write_ground_truth(part, rig, xy, conf, actor)


def _write_ground_truth(
    folder: Path,
    rig: Rig,
    xy: Float[torch.Tensor, "view frame joint 2"],
    conf: Float[torch.Tensor, "view frame joint"],
    actor: Actor,
) -> None:
    Clip.from_videos([folder / f"{name}.mp4" for name in rig.names]).save(folder)
    rig.save(folder / "intrinsics.json", intrinsics_only=True)
    truth = folder / "truth"
    rig.save(truth / "rig.json")
    Poses2D(xy[:, :, None].float(), conf[:, :, None], H36M17, rig.names).save(truth / "poses2d.npz")
    xyz = torch.from_numpy(actor.xyz)[:, None].float()
    Poses3D(xyz, torch.ones(xyz.shape[:-1]), H36M17, "world", True).save(truth / "poses3d.npz")


def _images(
    renderer: Renderer,
    actor: Actor,
    camera: Camera,
    light: Light,
    fps: float,
    imaging: Imaging,
    occluder: Occluder | None,
    rng: np.random.Generator,
) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
    """The frames of one camera. An open shutter averages over its time, centred on the frame's moment."""
    for frame in range(len(actor.xyz)):
        if imaging.shutter > 0:
            moments = frame + imaging.shutter * fps * (np.arange(_SHUTTER_SAMPLES) / (_SHUTTER_SAMPLES - 1) - 0.5)
            drawn = [renderer.draw(_between(actor.skinning, moment), camera, light) for moment in moments]
            image = np.asarray(np.sum(drawn, 0, dtype=np.uint16) // _SHUTTER_SAMPLES, np.uint8)
        else:
            image = renderer.draw(actor.skinning[frame], camera, light)
        yield imaged(image, imaging, rng, occluder)


def _between(skinning: Skinning, moment: float) -> np.ndarray:
    """The pose between two frames, near enough to interpolate matrices linearly."""
    moment = float(np.clip(moment, 0, len(skinning) - 1))
    before = min(int(moment), len(skinning) - 2)
    share = np.float32(moment - before)
    return (1 - share) * skinning[before] + share * skinning[before + 1]


def _box(xy: Float[np.ndarray, "frame joint 2"]) -> Float[np.ndarray, "3"]:
    """About the person's box in most frames: centre and side of a square, pixels."""
    low, high = np.quantile(xy.reshape(-1, 2), [0.05, 0.95], axis=0)
    return np.array([*((low + high) / 2), (high - low).max()])


def _visible(
    xy: Float[np.ndarray, "frame joint 2"], size: tuple[int, int], occluder: Occluder | None
) -> Bool[np.ndarray, "frame joint"]:
    """Joints within the image and not behind the occluder (the person's own body may hide them)."""
    inside = np.asarray(((xy >= 0) & (xy <= np.array(size) - 1)).all(-1))
    if occluder is None:
        return inside
    column, row = np.clip(np.rint(xy).astype(int), 0, np.array(size) - 1).transpose(2, 0, 1)
    return inside & ~occluder.mask[row, column]
