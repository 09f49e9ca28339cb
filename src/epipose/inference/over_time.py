"""Refinement over time of the poses predicted in a video, image by image."""

from __future__ import annotations

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.geometry.constant_bones import clip_bone_lengths, with_bone_lengths
from epipose.inference.main_person import PersonKeypoints
from epipose.io.files import AnyPath
from epipose.network.pose_track import TrackInputs, filled, keypoints_in_metres
from epipose.network.pretrained import model_file
from epipose.network.temporal import WEIGHTS, TemporalRefiner, load_temporal
from epipose.skeleton import Skeleton

MAX_GAP_S = 0.5  # who was out of sight for longer begins a new track
USUAL_BONES = 4.13  # metres, all bones of a person together: the size of the people of the refiner's training


def temporal_refiner(model: AnyPath, skeleton: Skeleton, *, causal: bool = False) -> TemporalRefiner | None:
    """The temporal refiner in a model folder, or beside an ONNX file; None where there is none for these joints."""
    folder = Path(model) if Path(model).is_dir() else Path(model).parent
    found = load_temporal(model_file(folder, WEIGHTS["causal" if causal else "centred"]))
    return found if found is not None and found.skeleton == skeleton else None


def refined_over_time(
    refiner: TemporalRefiner,
    xyz: Float[Tensor, "frame joint 3"],
    uv: Float[Tensor, "frame joint 2"],
    person: PersonKeypoints,
    fps: float,
    error: Float[Tensor, "frame joint"] | None = None,
) -> Float[Tensor, "frame joint 3"]:
    """Root-relative poses of the frames in which the person was found (box with a side), refined; zeros elsewhere.

    ``xyz``: in the axes of the camera, of any unit. ``uv``: the same joints in pixels. ``error``: expected error of each
    joint in the unit of ``xyz``. The person's keypoints may have confidence 0. Tracks end where the person was out of
    sight for more than half a second. In each the bones get the lengths that they have in its median, left and right
    alike: that needs the whole track, also for a causal refiner.
    """
    refined = torch.zeros_like(xyz)
    found = person.box[:, 2] > 0
    keypoints = keypoints_in_metres(xyz, uv, person.xy, refiner.skeleton.root)
    judged = torch.zeros_like(person.conf) if error is None else error
    inputs = TrackInputs(*(part[None].float() for part in (xyz, keypoints, person.conf, judged, found)))
    for first, last in _tracks(found, MAX_GAP_S * fps):
        own = TrackInputs(*(field[:, first : last + 1] for field in inputs))
        unit = USUAL_BONES / refiner.skeleton.bone_lengths(own.xyz[own.seen > 0]).sum(-1).median().clamp(min=1e-9)
        scaled = own._replace(xyz=unit * own.xyz, keypoints=unit * own.keypoints, error=unit * own.error)
        with torch.inference_mode():
            poses = refiner(filled(scaled, causal=refiner.causal), torch.tensor([fps]))[0] / unit
        seen = own.seen[0, :, None]
        lengths = clip_bone_lengths(poses, seen.expand(poses.shape[:2]), refiner.skeleton)
        refined[first : last + 1] = with_bone_lengths(poses, lengths, refiner.skeleton) * seen[..., None]
    return refined.to(xyz)


def _tracks(found: Tensor, gap: float) -> list[tuple[int, int]]:
    """First and last frame of every stretch without a gap of more than so many frames."""
    tracks: list[tuple[int, int]] = []
    for frame in found.nonzero()[:, 0].tolist():
        if tracks and frame - tracks[-1][1] - 1 <= gap:
            tracks[-1] = (tracks[-1][0], frame)
        else:
            tracks.append((frame, frame))
    return tracks
