"""Tracks for training and testing the temporal refiner: simulated videos with what single-image methods answered.

``sequences.npz`` holds crops' answers frame by frame (benchmarks.network.gpu_pairs), ``sequence_cameras.npz`` camera and
true joints of every sequence. The split is by sequence: the last fifth is for the report, the sixteen before it are for
choosing, the rest is for training.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from epipose.camera import Camera
from epipose.motion import motion_files, motion_name
from epipose.network.crops import pose_from_crop, pose_to_crop, turned
from epipose.network.pose_track import TrackInputs, keypoints_in_metres
from epipose.skeletons import BLAZEPOSE33, H36M17
from epipose.training.track_batches import Motions, TrackPairs

FPS = 25.0
CHOOSING, TESTING = 180, 196  # the first sequence for choosing, and for the report
SOURCES = ("reading", "keypoints", "blazepose")  # the network's; with the detector's (u, v); the detector's own 3D
_FRAMES, _FRAMES_PLAYED = 48, 200
_RANDOM_MOTION = 0.2


class Sequences(NamedTuple):
    """Tracks by source of the pose, true poses of the size that the poses have, and true joints in metres."""

    tracks: dict[str, TrackPairs]
    xyz: Float[Tensor, "track frame joint 3"]


def read_sequences(answers: Path, cameras: Path, bone_lengths: Float[Tensor, " bone"]) -> Sequences:
    """All whole sequences; poses are metric as ``bone_lengths`` are, which a network has."""
    known = np.load(cameras)
    count = len(known["K"])
    rows = count * _FRAMES
    file = np.load(answers)
    data = {key: torch.from_numpy(file[key][:rows].astype(np.float32)) for key in file.files}
    K, distortion, size = (
        torch.from_numpy(known[key]).repeat_interleave(_FRAMES, 0) for key in ("K", "distortion", "size")
    )
    still = torch.eye(3).expand(rows, 3, 3), torch.zeros(rows, 3)
    camera = Camera(K.float(), distortion.float(), *still, size)
    mapping, angle = BLAZEPOSE33.mapping_to(H36M17), data["box"][:, 3]
    found = torch.einsum("tj,bjc->btc", mapping, data["full_landmarks"])
    conf = torch.where(mapping > 0, data["full_seen"][:, None], torch.inf).amin(-1)
    world = torch.einsum("tj,bjc->btc", mapping, data["full_world"])
    read = data["full_reading"]
    truth = pose_to_crop(torch.from_numpy(known["xyz"]).flatten(0, 1), camera, data["box"], H36M17.root)
    crops = {"reading": read, "keypoints": torch.cat([found, read[..., 2:]], -1), "truth": truth}
    poses = {name: pose_from_crop(uvd, camera, data["box"], H36M17, bone_lengths) for name, uvd in crops.items()}
    poses["blazepose"] = torch.cat([turned(world[..., :2], angle), world[..., 2:]], -1)
    poses["blazepose"] -= poses["blazepose"][:, H36M17.root, None]
    places = {"reading": read[..., :2], "keypoints": found, "blazepose": found, "truth": truth[..., :2]}
    upright = {name: turned(uv, angle) for name, uv in places.items()}
    true_keypoints = keypoints_in_metres(poses["truth"], upright["truth"], upright["truth"], H36M17.root)
    shares = _metres(read, bone_lengths)
    error = data["full_scale"].norm(dim=-1) * shares[:, None]

    def by_track(values: Tensor) -> Tensor:
        return values.unflatten(0, (count, _FRAMES))

    tracks = {}
    for source in SOURCES:
        keypoints = keypoints_in_metres(poses[source], upright[source], upright["keypoints"], H36M17.root)
        judged = error if source == "reading" else torch.zeros_like(error)
        fields = [by_track(field) for field in (poses[source], keypoints, conf, judged)]
        inputs = TrackInputs(*fields, seen=torch.ones(count, _FRAMES))
        tracks[source] = TrackPairs(inputs, by_track(poses["truth"]), by_track(true_keypoints))
    return Sequences(tracks, torch.from_numpy(known["xyz"]))


def read_stills(answers: Path, bone_lengths: Float[Tensor, " bone"]) -> TrackPairs:
    """Single crops' answers of both detectors as tracks of one frame, in the crop's axes, without perspective."""
    file = np.load(answers)
    data = {key: torch.from_numpy(file[key].astype(np.float32)) for key in file.files}
    mapping, root, truth = BLAZEPOSE33.mapping_to(H36M17), H36M17.root, data["truth"]
    parts = []
    for variant in ("full", "heavy"):
        found = torch.einsum("tj,bjc->btc", mapping, data[f"{variant}_landmarks"])
        world = torch.einsum("tj,bjc->btc", mapping, data[f"{variant}_world"])
        conf = torch.where(mapping > 0, data[f"{variant}_seen"][:, None], torch.inf).amin(-1)
        read, scale = data[f"{variant}_reading"], data[f"{variant}_scale"].norm(dim=-1)
        for pose, unit, judged in (
            (read, _metres(read, bone_lengths), scale),
            (torch.cat([found, read[..., 2:]], -1), None, torch.zeros_like(scale)),
            (world, torch.ones(len(world)), torch.zeros_like(scale)),
        ):
            unit = _metres(pose, bone_lengths) if unit is None else unit
            own = (pose - pose[:, root, None]) * unit[:, None, None]
            places = read[..., :2] if pose is read else found
            keypoints = keypoints_in_metres(own, places, found, root)
            right = (truth - truth[:, root, None]) * _metres(truth, bone_lengths)[:, None, None]
            fields = (own, keypoints, conf, judged * unit[:, None], torch.ones(len(own)))
            inputs = TrackInputs(*(field[:, None] for field in fields))
            parts.append(TrackPairs(inputs, right[:, None], right[:, None, :, :2]))
    return joined_pairs(parts)


def _metres(pose: Float[Tensor, "pose joint 3"], bone_lengths: Float[Tensor, " bone"]) -> Float[Tensor, " pose"]:
    """Metres per crop width."""
    return bone_lengths.sum() / H36M17.bone_lengths(pose).sum(-1)


def rows_of(pairs: TrackPairs, rows: slice) -> TrackPairs:
    """Some of the tracks."""
    return TrackPairs(
        TrackInputs(*(field[rows] for field in pairs.inputs)), pairs.true[rows], pairs.true_keypoints[rows]
    )


def joined_pairs(parts: Sequence[TrackPairs]) -> TrackPairs:
    """Several sets of tracks as one."""
    inputs = TrackInputs(*(torch.cat(field) for field in zip(*(part.inputs for part in parts), strict=True)))
    return TrackPairs(
        inputs, torch.cat([part.true for part in parts]), torch.cat([part.true_keypoints for part in parts])
    )


def play_motions(folder: Path, left_out: Sequence[str], people: int, seed: int) -> Motions:
    """Random bodies that play motions of a folder, but for those left out by name; three stretches each, one at 50 fps."""
    from epipose.studio.actor import random_stretch
    from epipose.studio.bodies import random_body
    from epipose.studio.retarget import retarget

    rng = np.random.default_rng(seed)
    files = [path for path in motion_files(folder) if motion_name(path) not in set(left_out)]
    xyz, rates = [], []
    for _ in range(people):
        body = random_body(rng)
        for fps in (25.0, 25.0, 50.0):
            motion = random_stretch(rng, () if rng.random() < _RANDOM_MOTION else files, _FRAMES_PLAYED, fps)
            xyz.append(body.joints(retarget(body, motion), H36M17.name).astype(np.float32))
            rates.append(fps)
    return Motions(torch.from_numpy(np.stack(xyz)), torch.tensor(rates))
