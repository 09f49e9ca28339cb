"""Filters and fills of 3D paths on a known motion: error, jerk, and what becomes of the fastest moments.

Motion capture (CMU Graphics Lab: a walk, a run, jumps, punches) is seen by the four cameras of Human3.6M's S1 with the
errors of a real detector (benchmarks/geometry/noise_model.py), labelled with the true cameras, and filtered as
`epipose export --filter` does. Most of a label's error lasts for many frames, and no filter removes that part.

What a filter takes away from the motion itself shows on the true paths, filtered as well: by how much it moves joints,
and the speed kept, velocity along the true direction over the true speed, in the fiftieth of the moments in which
wrists and ankles are fastest. Fill: paths of labels are cut, and what is put into the gap is compared with the truth.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from scipy.interpolate import CubicSpline, PchipInterpolator, interp1d
from torch import Tensor

from benchmarks.geometry.noise_model import NoiseModel
from benchmarks.geometry.simulation import Noise, detected
from epipose.errors import InputError
from epipose.io.files import write_json
from epipose.motion import motion_files, motion_name, read_motion
from epipose.poses import Poses2D, Poses3D
from epipose.reconstruction.fill import fill_gaps
from epipose.reconstruction.label import label_poses
from epipose.reconstruction.trajectory_filter import filtered, parse_filter
from epipose.skeletons import H36M17
from tests.helpers.synthetic import rig

_RESULT = Path(__file__).resolve().parents[1] / "results" / "filters.json"
MOTIONS = {"walk": "02_01", "run": "02_03", "jump": "02_04", "punch": "02_05"}
FILTERS = (
    "butterworth:4", "butterworth:6", "butterworth:8", "butterworth:12", "savgol:9:3", "savgol:15:3", "gaussian:1.5",
    "gaussian:2.5", "median:5", "median:9",
)  # fmt: skip
SMOOTH = "smooth paths of label"
FPS = 60.0
GAPS = (3, 6, 12, 24)
_ENDS = [H36M17.index(f"{side}_{joint}") for side in ("left", "right") for joint in ("wrist", "ankle")]
_LONGEST_S = 8.0


class Labelled(NamedTuple):
    """A known motion and its labels: every frame for itself, and on smooth paths as `label` makes them."""

    truth: Float[Tensor, "frame joint 3"]
    labels: Poses3D
    smooth: Poses3D | None = None


class Scores(NamedTuple):
    """Mean error and root mean square jerk of labels, and what becomes of the true paths."""

    error_mm: float
    jerk_m_s3: float
    moved_mm: float
    speed_kept: float


def main() -> None:
    """Measure all filters and fills; write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mocap", type=Path, required=True, help="folder with subject 02 of the CMU database")
    parser.add_argument("--seeds", type=int, default=3, help="how often the detector's errors are drawn")
    parser.add_argument("--out", type=Path, default=_RESULT)
    options = parser.parse_args()
    clips = {
        kind: [labelled(motion(options.mocap, name), seed) for seed in range(options.seeds)]
        for kind, name in MOTIONS.items()
    }
    write_json(
        options.out,
        {
            "fps": FPS,
            "motions": MOTIONS,
            "seeds": options.seeds,
            "truth_jerk_m_s3": {kind: round(_jerk(several[0].truth), 1) for kind, several in clips.items()},
            "filters": {text: _by_motion(clips, text) for text in ("none", SMOOTH, *FILTERS)},
            "fill": fills([clip for several in clips.values() for clip in several]),
        },
    )


def motion(mocap: Path, name: str) -> Float[Tensor, "frame joint 3"]:
    """A motion at `FPS`, in the middle of the room; InputError where the folder has none of that name."""
    files = [path for path in motion_files(mocap) if motion_name(path).endswith(name)]
    if not files:
        raise InputError(f"{mocap} has no motion {name}. Give a folder with subject 02 of the CMU database.")
    found = read_motion(files[0])
    xyz = torch.from_numpy(found.xyz[:: round(found.fps / FPS)][: round(_LONGEST_S * FPS)].copy())
    middle = xyz[:, :1].mean(0, keepdim=True) * torch.tensor([1.0, 1.0, 0.0], dtype=xyz.dtype)
    return xyz - middle


def labelled(truth: Float[Tensor, "frame joint 3"], seed: int) -> Labelled:
    """The motion as four cameras with a real detector's errors label it."""
    cameras = rig()
    noise = Noise(model=NoiseModel.load())
    xy, conf = detected(cameras, truth.expand(4, *truth.shape), FPS, noise, np.random.default_rng(seed))
    poses = Poses2D(xy[:, :, None].float(), conf[:, :, None].float(), H36M17, cameras.names)
    return Labelled(truth, *(label_poses(poses, cameras, smooth=on) for on in (False, True)))


def scores(clip: Labelled, text: str) -> Scores:
    """What a filter, or "none", makes of labels and of the true paths.

    `SMOOTH`: the labels on smooth paths; what they keep of the true speed they show themselves, errors included.
    """
    if text == SMOOTH:
        assert clip.smooth is not None
        found = fill_gaps(clip.smooth, len(clip.truth))[0].xyz[:, 0].double()
        return Scores(_apart_mm(found, clip.truth), _jerk(found), 0.0, _kept(found, clip.truth))
    whole, _ = fill_gaps(clip.labels, len(clip.truth))  # hardly a joint is missing
    true = Poses3D(clip.truth[:, None], torch.ones(len(clip.truth), 1, len(H36M17.joints)), H36M17)
    found, alone = (_run(text, poses).xyz[:, 0].double() for poses in (whole, true))
    return Scores(_apart_mm(found, clip.truth), _jerk(found), _apart_mm(alone, clip.truth), _kept(alone, clip.truth))


def _run(text: str, poses: Poses3D) -> Poses3D:
    return poses if text == "none" else filtered(poses, parse_filter(text), FPS)


def _apart_mm(found: Float[Tensor, "frame joint 3"], truth: Float[Tensor, "frame joint 3"]) -> float:
    return 1000 * float((found - truth).norm(dim=-1).mean())


def _jerk(xyz: Float[Tensor, "frame joint 3"]) -> float:
    return float((xyz.diff(n=3, dim=0) * FPS**3).square().sum(-1).mean().sqrt())


def _kept(found: Float[Tensor, "frame joint 3"], truth: Float[Tensor, "frame joint 3"]) -> float:
    velocity, true = (((xyz[2:] - xyz[:-2])[:, _ENDS] * FPS / 2) for xyz in (found, truth))
    speed = true.norm(dim=-1)
    fast = speed >= speed.flatten().quantile(0.98)
    return float(((velocity * true).sum(-1)[fast] / speed[fast].square()).mean())


def _by_motion(clips: dict[str, list[Labelled]], text: str) -> dict[str, dict[str, float]]:
    rows = {kind: np.mean([scores(clip, text) for clip in several], 0) for kind, several in clips.items()}
    return {kind: dict(zip(Scores._fields, np.round(row, 4).tolist(), strict=True)) for kind, row in rows.items()}


Interpolant = Callable[[Float[np.ndarray, " n"], Float[np.ndarray, "n joint 3"], Float[np.ndarray, " m"]], np.ndarray]
INTERPOLANTS: dict[str, Interpolant] = {
    "straight line": lambda at, xyz, where: interp1d(at, xyz, axis=0)(where),
    "cubic spline": lambda at, xyz, where: CubicSpline(at, xyz)(where),
    "monotone cubic (PCHIP)": lambda at, xyz, where: PchipInterpolator(at, xyz)(where),
}


def fills(clips: list[Labelled]) -> dict[str, dict[str, float]]:
    """Mean error in mm of what is put into gaps of each length: by epipose, by others, and of the labels cut out."""
    found: dict[str, dict[str, list[float]]] = {}
    for clip in clips:
        for gap in GAPS:
            row = found.setdefault(str(gap), {})
            for first in range(12, len(clip.truth) - gap - 12, gap + 24):
                for name, xyz in _filled(clip.labels, first, gap).items():
                    off = np.linalg.norm(xyz - clip.truth[first : first + gap].numpy(), axis=-1)
                    row.setdefault(name, []).append(1000 * float(off.mean()))
    return {gap: {name: round(float(np.mean(off)), 2) for name, off in row.items()} for gap, row in found.items()}


def _filled(labels: Poses3D, first: int, gap: int) -> dict[str, Float[np.ndarray, "gap joint 3"]]:
    inside = slice(first, first + gap)
    conf = labels.conf.clone()
    conf[inside] = 0
    ours, _ = fill_gaps(Poses3D(labels.xyz, conf, labels.skeleton), gap)
    xyz = labels.xyz[:, 0].double().numpy()
    kept = np.r_[first - 12 : first, first + gap : first + gap + 12]
    where = np.arange(first, first + gap)
    others = {name: run(kept, xyz[kept], where) for name, run in INTERPOLANTS.items()}
    return {"the labels": xyz[inside], "epipose": ours.xyz[inside, 0].double().numpy(), **others}


if __name__ == "__main__":
    main()
