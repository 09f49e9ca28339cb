"""Retargeting errors of motion capture: every clip of a folder on several random bodies.

    python -m benchmarks.network.retarget --mocap DIR

Per clip: the largest angle between a limb's direction in the capture and between the body's own joints after posing;
how far the lowest vertex (all vertices, every ``--every``-th frame) sinks below the floor, and how high it is at most
while the captured person is on the floor.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from epipose.io.files import write_json
from epipose.motion import Motion, motion_files, motion_name, read_motion
from epipose.skeletons import H36M17
from epipose.studio.bodies import Body, random_body
from epipose.studio.grounding import captured_clearance
from epipose.studio.retarget import retarget

_PAIRS = (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist"))
_LIMBS = [(f"{side}_{a}", f"{side}_{b}") for side in ("left", "right") for a, b in _PAIRS]


def main() -> None:
    """Measure every clip and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mocap", type=Path, required=True, help="folder of motions")
    parser.add_argument("--bodies", type=int, default=3)
    parser.add_argument("--every", type=int, default=10, help="of how many frames one is checked vertex by vertex")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/retarget.json"))
    a = parser.parse_args()
    bodies = [random_body(np.random.default_rng(seed)) for seed in range(a.bodies)]
    clips = {}
    for path in motion_files(a.mocap):
        motion = read_motion(path)
        clips[motion_name(path)] = _worst([measured(body, motion, a.every) for body in bodies])
        print(motion_name(path), clips[motion_name(path)], flush=True)
    worst = {
        key: max(clip[key] for clip in clips.values()) for key in ("limb_direction_deg", "sinking_mm", "floating_mm")
    }
    frames = sum(clip["frames"] for clip in clips.values())
    sizes = {"bodies": a.bodies, "every": a.every, "clips": len(clips), "frames": frames}
    write_json(a.out, {**sizes, **worst, "by_clip": clips})


def measured(body: Body, motion: Motion, every: int) -> dict[str, float]:
    """The errors of one clip on one body."""
    skinning = retarget(body, motion)
    on_floor = captured_clearance(motion.xyz)[::every] == 0
    low = np.array([body.posed(pose)[:, 2].min() for pose in skinning[::every]])
    return {
        "frames": len(motion.xyz),
        "limb_direction_deg": round(_limb_angle(body.joints(skinning, "h36m17"), motion.xyz), 3),
        "sinking_mm": round(max(-1000 * float(low.min()), 0.0), 1),
        "floating_mm": round(1000 * float(low[on_floor].max()) if on_floor.any() else 0.0, 1),
        "on_floor_share": round(float(on_floor.mean()), 3),
    }


def _worst(records: list[dict[str, float]]) -> dict[str, float]:
    return {key: max(record[key] for record in records) for key in records[0]}


def _limb_angle(posed: Float64[np.ndarray, "frame joint 3"], captured: Float64[np.ndarray, "frame joint 3"]) -> float:
    """Largest angle between the directions of a limb, degrees."""
    starts, ends = ([H36M17.index(limb[end]) for limb in _LIMBS] for end in (0, 1))
    a, b = (xyz[:, ends] - xyz[:, starts] for xyz in (posed, captured))
    chord = a / np.linalg.norm(a, axis=-1, keepdims=True) - b / np.linalg.norm(b, axis=-1, keepdims=True)
    return float(np.degrees(2 * np.arcsin(np.linalg.norm(chord, axis=-1) / 2)).max())


if __name__ == "__main__":
    main()
