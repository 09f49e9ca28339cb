"""Rows of errors of methods of single-image 3D pose (see `methods`), on the same images and joints.

Errors are those of epipose.evaluation, root included. Depth is along the line of sight to the root, and the rest is in
the image plane, both after the prediction is scaled to the reference (NMPJPE's alignment): 3D error is their
hypotenuse. Intervals are bootstraps over scenes, 95 %; those of differences are paired: the same scenes are drawn for
both methods.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from benchmarks.network.methods import MeanPose, Method, Poses, WorldLandmarks
from benchmarks.network.people_images import PeopleImages
from benchmarks.network.studio_results import merge_results
from epipose.evaluation.bootstrap import bootstrap_mean
from epipose.evaluation.metrics import Alignment, distances_mm, mean_over_joints
from epipose.io.files import read_json
from epipose.io.records import as_json, without_absent
from epipose.skeletons import H36M17

NETWORK = Path(__file__).parents[1] / "results" / "network.json"
COMPARED = "blazepose_heavy"  # differences are from this method
METRICS: dict[str, Alignment] = {"pmpjpe_mm": "similarity", "nmpjpe_mm": "scale", "mpjpe_mm": "root"}
LIMBS: dict[str, tuple[str, ...]] = {
    "left arm": ("left_elbow", "left_wrist"),
    "right arm": ("right_elbow", "right_wrist"),
    "left leg": ("left_knee", "left_ankle"),
    "right leg": ("right_knee", "right_ankle"),
    "trunk": ("left_hip", "right_hip", "spine", "thorax", "left_shoulder", "right_shoulder"),
    "head": ("neck_nose", "head"),
}
_OF_JOINTS = ("pmpjpe_mm", "nmpjpe_mm", "depth_mm")  # what is stated of joints and limbs
_MIN_SCENES = 4  # fewer give no interval

Range = tuple[float, float, float]  # mean, lower and upper end of the interval


@dataclass(frozen=True)
class MethodRow:
    """Errors of one method on a group of images: means in mm, and (mean, low, high) where intervals are.

    ``joints`` and ``limbs``: by name, None without a reference. ``over_blazepose_heavy``: this method's error minus that of
    BlazePose heavy on the same images. ``depth_mm``, ``plane_mm``: mean absolute parts of the error, see the module.
    """

    pmpjpe_mm: float
    nmpjpe_mm: float
    mpjpe_mm: float
    depth_mm: float
    plane_mm: float
    joints: dict[str, dict[str, float | None]]
    limbs: dict[str, dict[str, float | None]]
    intervals: dict[str, Range] | None = None
    over_blazepose_heavy: dict[str, Range] | None = None

    def _as_json(self) -> dict[str, object]:
        return without_absent(self)


def predictions(people: PeopleImages, methods: Sequence[Method], only: Sequence[str] = ()) -> dict[str, Poses]:
    """The poses of every method for all images of the set; with ``only``, of these and of what costs nothing."""
    chosen = [m for m in methods if not only or m.name in only or isinstance(m, WorldLandmarks | MeanPose)]
    return {method.name: method(people) for method in chosen}


def group_rows(people: PeopleImages, predicted: dict[str, Poses], chosen: Bool[Tensor, " image"]) -> dict[str, Any]:
    """The rows of all methods on those of the chosen images that count, how many they are, and who is found in them."""
    counted = people.counted & chosen
    test = people.rows(counted)
    errors = {name: method_errors(poses[counted], test) for name, poses in predicted.items()}
    known = (people.weight > 0).any(-1) & chosen
    return {
        "images": int(counted.sum()),
        "scenes": len(test.scene.unique()),
        "found_share": {name: float(of.found[known].float().mean()) for name, of in people.detected.items()},
        "rows": {name: as_json(_row(error, errors.get(COMPARED), test)) for name, error in errors.items()},
    }


def merge_groups(path: Path, groups: dict[str, Any]) -> None:
    """Put groups of rows into the JSON; rows of other methods, and groups of other scripts, stay."""
    before = read_json(path) if path.exists() else {}
    merged = {
        name: {**group, "rows": {**before.get(name, {}).get("rows", {}), **group["rows"]}} if "rows" in group else group
        for name, group in groups.items()
    }
    merge_results(path, merged)


def method_errors(predicted: Poses, people: PeopleImages) -> dict[str, Float[Tensor, "image 17"]]:
    """Distance of every joint from its reference by metric, and its parts in depth and in the image plane, mm."""
    root, true, weight = H36M17.root, people.xyz, people.weight
    found = {name: distances_mm(predicted, true, root, how, weight) for name, how in METRICS.items()}
    p, q = (pose - pose[:, root, None] for pose in (predicted, true))
    scale = (weight[..., None] * p * q).sum((-2, -1)) / (weight[..., None] * p * p).sum((-2, -1)).clamp(min=1e-12)
    apart = 1000 * (scale[:, None, None] * p - q)
    sight = torch.nn.functional.normalize(true[:, root], dim=-1)
    depth = (apart * sight[:, None]).sum(-1)
    plane = (apart - depth[..., None] * sight[:, None]).norm(dim=-1)
    return {**found, "depth_mm": depth.abs(), "plane_mm": plane}


def _row(errors: dict[str, Tensor], compared: dict[str, Tensor] | None, people: PeopleImages) -> MethodRow:
    per_image = {name: mean_over_joints(value, people.weight) for name, value in errors.items()}
    few = len(people.scene.unique()) < _MIN_SCENES
    others = None if compared is None else {name: mean_over_joints(v, people.weight) for name, v in compared.items()}
    return MethodRow(
        **{name: round(float(value.mean()), 2) for name, value in per_image.items()},
        joints={joint: _joint_means(errors, people.weight, (joint,)) for joint in H36M17.joints},
        limbs={limb: _joint_means(errors, people.weight, joints) for limb, joints in LIMBS.items()},
        intervals=None if few else {name: _interval(value, people) for name, value in per_image.items()},
        over_blazepose_heavy=None
        if few or others is None
        else {name: _interval(value - others[name], people) for name, value in per_image.items()},
    )


def _joint_means(errors: dict[str, Tensor], weight: Tensor, joints: Sequence[str]) -> dict[str, float | None]:
    """Means over all images in which these joints have a reference."""
    index = [H36M17.index(joint) for joint in joints]
    w = weight[:, index].double()
    total = float(w.sum())
    means = {name: (w * value[:, index]).sum() / total for name, value in errors.items() if name in _OF_JOINTS}
    return {name: round(float(mean), 1) if total else None for name, mean in means.items()}


def _interval(value: Float[Tensor, " image"], people: PeopleImages) -> Range:
    found = bootstrap_mean(value, people.scene)
    return round(found.mean, 2), round(found.low, 2), round(found.high, 2)


def printed(title: str, group: dict[str, Any]) -> str:
    """A group's rows as lines of text."""
    lines = [f"{title}: {group['images']} images, {group['scenes']} scenes, found {group['found_share']}"]
    for name, row in group["rows"].items():
        values = "  ".join(f"{row[key]:6.1f}" for key in (*METRICS, "depth_mm", "plane_mm"))
        interval = row.get("intervals", {}).get("pmpjpe_mm")
        lines.append(
            f"  {name:24s} {values}" + (f"   PMPJPE {interval[1]:.1f} to {interval[2]:.1f}" if interval else "")
        )
    return "\n".join(lines)
