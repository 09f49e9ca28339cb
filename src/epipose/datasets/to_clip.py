"""Import of a take as a clip folder, which every verb accepts: the dataset's own images and its ground truth.

Images are not copied: clip.json points to where the dataset lies. A folder is made under another name and renamed
when it is whole; one that is there from the same take and options is left, one from others is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from epipose.camera import Rig
from epipose.clip import Clip, View
from epipose.datasets.base import GroundTruth, Take
from epipose.datasets.image_index import MAX_END_DIFFERENCE_S
from epipose.errors import InputError
from epipose.io.files import AnyPath, already_done, read_object, write_record
from epipose.io.staged import Staged, new_folder
from epipose.io.video import probe
from epipose.poses import Poses2D, Poses3D


def import_take(take: Take, out: AnyPath, *, every: int = 1, options: Mapping[str, Any] | None = None) -> Path:
    """Write the clip folder ``out`` of every ``every``-th frame of the recording that a take shows, and return it.

    ``every`` counts frames of the recording, not images, where the take knows its step; take.json has the
    step that resulted. The folder has clip.json, intrinsics.json, truth/ (rig.json, and poses2d.npz, poses3d.npz where
    the take has any pose) and take.json. ``options`` are put into take.json and compared: whatever else the take
    depends on. Person 0 is the subject. Views without images are left out. Raises InputError for a take without any
    image or without cameras, for images of another size than the cameras', for too few of them, for an ``every``
    between the take's steps, and for a folder that is there already with other content.
    """
    out, take = Path(out), _with_images(take)
    every, stride = _thinning(take, every)
    places = [str(path.resolve()) for path in take.images if path is not None]
    requested = {
        **(options or {}), "take": take.name, "subject": take.subject, "action": take.action, "every": every,
        "views": list(take.rig.names) if take.rig else [], "images": places,
    }  # fmt: skip
    if _already_imported(out, requested):
        return out
    rig, views = _rig_and_views(take, stride)
    ground_truth = take.ground_truth()
    frames = min(len(ground_truth.poses.xyz), *(view.stride * (view.frames - 1) + 1 for view in views))
    if frames < 1:
        raise InputError(f"The take {take.name} has no frame with both images and poses. Run epipose datasets check.")
    count = (frames - 1) // stride + 1
    clip = Clip(tuple(replace(view, frames=count) for view in views), count, take.fps / stride)
    with new_folder(out) as part:
        clip.write_into(Staged(part, out))
        rig.save(part / "intrinsics.json", intrinsics_only=True)
        _write_ground_truth(part / "truth", rig, ground_truth, slice(0, frames, stride))
        write_record(part / "take.json", requested, "", frame_actions=list(ground_truth.actions[0:frames:stride]))
    _already_imported(out, requested)  # another process may have been first
    return out


def _thinning(take: Take, every: int) -> tuple[int, int]:
    """Number of frames of the recording, and of images, from one frame of the clip to the next."""
    if every < 1:
        raise InputError(f"--every is {every}; give 1 for every frame, 2 for every other, and so on.")
    every = max(every, take.step)
    if every % take.step:
        raise InputError(
            f"{take.name} has images of every {take.step}th frame of its recording alone, and --every is {every}, "
            f"which counts these frames: give a multiple, such as {take.step} (all there are) or {2 * take.step}."
        )
    return every, every // take.step


def _already_imported(out: Path, requested: Mapping[str, Any]) -> bool:
    """Whether the same import is there; raises InputError where something else is."""
    record = out / "take.json"
    if already_done(record, requested, "", (out / "clip.json", out / "truth" / "rig.json")):
        return True
    if not record.exists():
        if out.exists():
            raise InputError(f"{out} exists and is no import of a dataset. Give another --out, or remove it.")
        return False
    old = read_object(record).get("options", {})
    changed = [f"{name} {old.get(name)} (now {value})" for name, value in requested.items() if old.get(name) != value]
    raise InputError(
        f"{out} holds another import: {', '.join(changed) or 'it is not whole'}. Give another --out, or remove it."
    )


def _with_images(take: Take) -> Take:
    """The take without the views that have no images (Human3.6M has one whose video is damaged)."""
    if take.rig is None or not any(take.images):
        what = "cameras" if take.rig is None else "images"
        raise InputError(
            f"The take {take.name} has no {what} in this dataset, and a clip needs both. epipose datasets says what to "
            "download, and how the files should lie."
        )
    names = tuple(name for name, path in zip(take.rig.names, take.images, strict=True) if path is not None)
    return replace(take, rig=take.rig.select(names), images=tuple(path for path in take.images if path is not None))


def _rig_and_views(take: Take, stride: int) -> tuple[Rig, list[View]]:
    """The rig and the views of a take, after the first image and the number of frames of each are read."""
    assert take.rig is not None
    views = []
    for path, name, size in zip(take.images, take.rig.names, take.rig.camera.size.tolist(), strict=True):
        assert path is not None
        info = probe(path)
        if [info.width, info.height] != size:
            raise InputError(
                f"{path} has images of {info.width}x{info.height}; the dataset's camera {name} has "
                f"{size[0]}x{size[1]}. They must be as the dataset gives them, neither scaled nor cropped."
            )
        if info.frames + MAX_END_DIFFERENCE_S * take.fps < take.frames:
            raise InputError(
                f"{path} has {info.frames} frames; the take {take.name} has {take.frames}. Images are missing: "
                "download or extract them again."
            )
        count = (info.frames - 1) // stride + 1
        views.append(
            View(
                name, path.resolve(), info.width, info.height, count, take.fps / stride, stride=stride,
                sample_aspect_ratio=info.sample_aspect_ratio,
            )
        )  # fmt: skip
    return take.rig, views


def _write_ground_truth(folder: Path, rig: Rig, ground_truth: GroundTruth, rows: slice) -> None:
    rig.save(folder / "rig.json")
    poses, poses2d = ground_truth.poses, ground_truth.poses2d
    if not bool((poses.conf > 0).any()):
        return
    times = None if poses.times is None else poses.times[rows]
    poses = replace(poses, xyz=poses.xyz[rows], conf=poses.conf[rows], times=times)
    poses.save(folder / "poses3d.npz")
    if poses2d is None:
        projected(poses, rig).save(folder / "poses2d.npz")
        return
    kept = [poses2d.views.index(name) for name in rig.names]
    xy = poses2d.xy[kept][:, rows]
    conf = poses2d.conf[kept][:, rows] * rig.camera.spread(3).inside(xy)
    Poses2D(xy, conf, poses2d.skeleton, rig.names).save(folder / "poses2d.npz")


def projected(poses: Poses3D, rig: Rig) -> Poses2D:
    """World poses projected into the images of a rig: confidence 0 behind the camera and outside the image."""
    camera = rig.camera.spread(3)
    in_frame = camera.into_frame(poses.xyz.double())
    xy = camera.project_in_frame(in_frame)
    conf = poses.conf * camera.inside(xy) * (in_frame[..., 2] > 0)
    return Poses2D(torch.where(conf[..., None] > 0, xy, 0).float(), conf.float(), poses.skeleton, rig.names)
