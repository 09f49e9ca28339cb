"""Speed and memory of all metrics over a million poses, beside a plain NumPy loop over poses.

    python -m benchmarks.network.metrics_speed

The poses are a moving skeleton with errors of 60 mm, one joint in twenty missing. Both ways compute the same list of
metrics; the loop computes a part of the poses, in turns with ours, and its values must be the same. Poses go through
in parts, so that memory does not grow with their number.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from epipose.evaluation import metrics
from epipose.evaluation.structure_score import PoseStructureScore
from epipose.io.files import write_json
from epipose.skeletons import H36M17

ROOT = H36M17.root
OUT = Path(__file__).parents[1] / "results" / "metrics.json"
_PART = 50_000
_KINDS = 50
_BONES = list(H36M17.bones)
_SIDED = [(bone, other) for bone, other in enumerate(H36M17.bone_flip) if other > bone]


def main() -> None:
    """Measure, print, and write benchmarks/results/metrics.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--poses", type=int, default=1_000_000)
    parser.add_argument("--loop-poses", type=int, default=2_000, help="how many the plain loop computes in a round")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    score = PoseStructureScore(_made(_KINDS, 9)[1], H36M17, 0, 10, _KINDS)
    ratios = []
    for round_ in range(arguments.rounds):
        part, loop_poses = _made(_PART, round_), _made(arguments.loop_poses, round_)
        started = time.perf_counter()
        p, q, w = (field.numpy() for field in loop_poses)
        by_loop = looped(p, q, w, score.centres.numpy())
        loop_s = (time.perf_counter() - started) / arguments.loop_poses
        started = time.perf_counter()
        computed(*part, score)
        ratios.append(loop_s / ((time.perf_counter() - started) / _PART))
        for name, ours in computed(*loop_poses, score).items():
            same = np.isclose(ours.numpy(), by_loop[name], rtol=1e-3, atol=2e-2)
            assert same.mean() > 0.999, name  # a joint at a limit, a pose between two kinds: rounding decides
    began, counted = time.perf_counter(), 0
    making = 0.0
    for number in range(-(-arguments.poses // _PART)):
        started = time.perf_counter()
        part = _made(min(_PART, arguments.poses - counted), number)
        making += time.perf_counter() - started
        counted += len(computed(*part, score)["mpjpe"])
    seconds = time.perf_counter() - began - making
    result = {
        "poses": counted,
        "metrics": list(computed(*_made(2, 0), score)),
        "threads": torch.get_num_threads(),
        "seconds": round(seconds, 1),
        "poses_per_s": round(counted / seconds),
        "speed_over_loop": round(statistics.median(ratios), 1),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    write_json(OUT, result)
    print(result)


def computed(
    p: Float[Tensor, "pose joint 3"], q: Float[Tensor, "pose joint 3"], w: Float[Tensor, "pose joint"],
    score: PoseStructureScore,
) -> dict[str, Tensor]:  # fmt: skip
    """Ours: every metric for every pose."""
    rooted, scaled, aligned = (metrics.distances_mm(p, q, ROOT, how, w) for how in ("root", "scale", "similarity"))
    return {
        "mpjpe": metrics.mean_over_joints(rooted, w),
        "nmpjpe": metrics.mean_over_joints(scaled, w),
        "pmpjpe": metrics.mean_over_joints(aligned, w),
        "mpjve": metrics.mpjve_mm(p, q, ROOT, w),
        "pck": metrics.pck(rooted, w),
        "npck": metrics.pck(scaled, w),
        "auc": metrics.auc(rooted, w),
        "cps": metrics.cps(aligned, w),
        "bone length": metrics.bone_length_error_mm(p, q, H36M17, w),
        "symmetry": metrics.symmetry_error_mm(p, H36M17, w),
        "pss": score.score(p, q).float(),
    }


def looped(p: np.ndarray, q: np.ndarray, w: np.ndarray, centres: np.ndarray) -> dict[str, np.ndarray]:
    """The same by the definitions, one pose after the other, each with NumPy's own operations over its joints."""
    rows = [_one(p[i], q[i], w[i], centres) for i in range(len(p))]
    found = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    found["mpjve"] = np.array([_velocity(p, q, w, i) for i in range(len(p) - 1)])
    return found


def _one(p: np.ndarray, q: np.ndarray, w: np.ndarray, centres: np.ndarray) -> dict[str, float]:
    p0, q0 = p - p[ROOT], q - q[ROOT]
    scale = (w[:, None] * p0 * q0).sum() / (w[:, None] * p0 * p0).sum()
    rooted = 1000 * np.linalg.norm(p0 - q0, axis=-1)
    scaled = 1000 * np.linalg.norm(scale * p0 - q0, axis=-1)
    aligned = 1000 * np.linalg.norm(_procrustes(p, q, w) - q, axis=-1)
    length = [np.array([np.linalg.norm(x[c] - x[a]) for a, c in _BONES]) for x in (p, q)]
    bone = np.array([min(w[a], w[c]) for a, c in _BONES])
    left, right = (list(side) for side in zip(*_SIDED, strict=True))
    both = np.minimum(bone[left], bone[right])
    kinds = [np.argmin(((x / np.linalg.norm(x) - centres) ** 2).sum((1, 2))) for x in (p0, q0)]
    worst = aligned[w > 0].max()
    return {
        "mpjpe": np.average(rooted, weights=w),
        "nmpjpe": np.average(scaled, weights=w),
        "pmpjpe": np.average(aligned, weights=w),
        "pck": np.average(rooted <= 150, weights=w),
        "npck": np.average(scaled <= 150, weights=w),
        "auc": float(np.mean([np.average(rooted <= limit, weights=w) for limit in range(0, 151, 5)])),
        "cps": float(np.sum(worst <= np.arange(1, 301))),
        "bone length": 1000 * np.average(np.abs(length[0] - length[1]), weights=bone),
        "symmetry": 1000 * (both * np.abs(length[0][left] - length[0][right])).sum() / max(both.sum(), 1e-12),
        "pss": float(kinds[0] == kinds[1]),
    }


def _procrustes(p: np.ndarray, q: np.ndarray, w: np.ndarray) -> np.ndarray:
    share = w / w.sum()
    mean_p, mean_q = share @ p, share @ q
    a, b = p - mean_p, q - mean_q
    U, D, Vt = np.linalg.svd((share[:, None] * b).T @ a)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(U @ Vt))])
    scale = (D * sign).sum() / (share[:, None] * a * a).sum()
    return scale * a @ (U @ (sign[:, None] * Vt)).T + mean_q


def _velocity(p: np.ndarray, q: np.ndarray, w: np.ndarray, i: int) -> float:
    step = [(x[i + 1] - x[i + 1, ROOT]) - (x[i] - x[i, ROOT]) for x in (p, q)]
    return 1000 * np.average(np.linalg.norm(step[0] - step[1], axis=-1), weights=np.minimum(w[i], w[i + 1]))


def _made(count: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Predictions, ground truth (metres) and weights."""
    random = torch.Generator().manual_seed(seed)
    phase = 0.02 * torch.arange(count)[:, None, None] + torch.arange(17)[:, None] * torch.tensor([0.3, 0.7, 1.1])
    q = torch.sin(phase + seed) * 0.2 + torch.randn(1, 17, 3, generator=random) * 0.3
    p = q + 0.06 * torch.randn(count, 17, 3, generator=random)
    w = (torch.rand(count, 17, generator=random) > 0.05).float()
    w[:, [ROOT, *(H36M17.index(name) for name in ("thorax", "left_hip", "right_hip"))]] = 1
    return p, q, w


if __name__ == "__main__":
    main()
