"""Rows of the temporal benchmark: error and jitter of tracks as they are, filtered, and refined over time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.network.filters import GRID, Filter
from epipose.evaluation.metrics import acceleration_error_mm, mpjpe_mm, pmpjpe_mm
from epipose.geometry.constant_bones import RunningBones, clip_bone_lengths, with_bone_lengths
from epipose.network.pose_track import TrackInputs
from epipose.network.temporal import TemporalRefiner
from epipose.skeletons import H36M17


class Tracks(NamedTuple):
    """Tracks of one length and rate with true poses (metres) and weights; ``counted``: the frames that are measured."""

    inputs: TrackInputs
    true: Float[Tensor, "track frame joint 3"]
    weight: Float[Tensor, "track frame joint"]
    fps: float
    counted: slice = slice(None)


Row = dict[str, float | str]


def measured(poses: Float[Tensor, "track frame joint 3"], tracks: Tracks) -> Row:
    """Means over the frames that are counted: PMPJPE and MPJPE in mm, acceleration error in mm/frame^2 and m/s^2."""
    root, part = H36M17.root, (slice(None), tracks.counted)
    own, true, weight = poses[part], tracks.true[part], tracks.weight[part]
    jitter = float(acceleration_error_mm(own, true, root, weight).mean())
    return {
        "pmpjpe_mm": round(float(pmpjpe_mm(own, true, weight).mean()), 2),
        "mpjpe_mm": round(float(mpjpe_mm(own, true, root, weight).mean()), 2),
        "acceleration_mm_per_frame2": round(jitter, 2),
        "acceleration_m_per_s2": round(jitter * tracks.fps**2 / 1000, 2),
    }


def choose_filters(tracks: Tracks) -> dict[str, tuple[str, Filter]]:
    """The parameters of each kind of filter with the least PMPJPE on these tracks."""
    chosen = {}
    for kind, grid in GRID.items():
        errors = [measured(filtered(tracks, run), tracks)["pmpjpe_mm"] for _, run in grid]
        chosen[kind] = grid[min(range(len(grid)), key=lambda at: float(errors[at]))]
    return chosen


def filtered(tracks: Tracks, run: Filter) -> Float[Tensor, "track frame joint 3"]:
    """Every track's poses, filtered."""
    return torch.stack(
        [torch.tensor(run(own.double().numpy(), tracks.fps).astype(np.float32)) for own in tracks.inputs.xyz]
    )


def constant(poses: Float[Tensor, "track frame joint 3"]) -> Float[Tensor, "track frame joint 3"]:
    """The poses with constant, symmetric bone lengths, those of each track's median."""
    one = torch.ones(poses.shape[1:3])
    return torch.stack([with_bone_lengths(own, clip_bone_lengths(own, one, H36M17), H36M17) for own in poses])


def constant_so_far(poses: Float[Tensor, "track frame joint 3"]) -> Float[Tensor, "track frame joint 3"]:
    """The same with the medians of the frames up to the present one."""
    tracks = []
    for own in poses:
        bones = RunningBones(H36M17)
        tracks.append(torch.stack([bones.push(pose) for pose in own]))
    return torch.stack(tracks)


def refined(refiner: TemporalRefiner, tracks: Tracks) -> Float[Tensor, "track frame joint 3"]:
    """The tracks' poses by a temporal refiner."""
    with torch.inference_mode():
        return refiner(tracks.inputs, torch.full((len(tracks.true),), tracks.fps))


def all_rows(
    tracks: Tracks,
    filters: dict[str, tuple[str, Filter]],
    refiners: dict[str, TemporalRefiner],
    detector: Row,
) -> dict[str, Row]:
    """Every row, with ``temporal_gain`` (1 - PMPJPE after / before) and ``jitter_over_detector``.

    ``detector``: the row of the detector's own 3D as it is, whose acceleration error is the measure of jitter.
    """
    poses = {"as it is": tracks.inputs.xyz, "constant bones": constant(tracks.inputs.xyz)}
    for kind, (name, run) in filters.items():
        poses[f"{kind}, {name}"] = filtered(tracks, run)
    for kind in list(poses)[2:]:
        if "centred" in kind:
            poses[f"{kind}, constant bones"] = constant(poses[kind])
    for name, refiner in refiners.items():
        poses[f"temporal, {name}"] = own = refined(refiner, tracks)
        poses[f"temporal, {name}, constant bones"] = constant_so_far(own) if refiner.causal else constant(own)
    rows = {name: measured(own, tracks) for name, own in poses.items()}
    before = float(rows["as it is"]["pmpjpe_mm"])
    noise = float(detector["acceleration_mm_per_frame2"])
    for row in rows.values():
        row["temporal_gain"] = round(1 - float(row["pmpjpe_mm"]) / before, 4)
        row["jitter_over_detector"] = round(float(row["acceleration_mm_per_frame2"]) / noise, 3)
    return rows


def printed(title: str, rows: dict[str, Row]) -> str:
    """Rows as lines of text."""
    lines = [title]
    for name, row in rows.items():
        lines.append(f"  {name:44s} " + "  ".join(f"{key} {value}" for key, value in row.items()))
    return "\n".join(lines)
