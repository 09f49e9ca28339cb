"""Failure cases of filming, as functions on simulated clips, and many calibrations of them for the verdict's limits.

Every kind takes a good clip and spoils it the way it happens: the detections change, the true rig (and with it the
intrinsics that calibration is given, where those are not what is wrong) stays for judging. The error of a run is its
worst pair's rotation error in degrees. For "one camera moved" there are two ground truths: the camera is judged by its
pose in the larger part of the clip.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.geometry.noise_model import NoiseModel
from benchmarks.geometry.simulation import Simulated, another_motion, detected, simulate
from epipose.camera import Camera, Rig
from epipose.errors import EpiposeError
from epipose.experiments.errors import camera_errors
from epipose.geometry.rotation import exp
from epipose.skeletons import H36M17

Kind = Callable[[Simulated, np.random.Generator], Simulated]


def good(clip: Simulated, rng: np.random.Generator) -> Simulated:
    """Nothing wrong."""
    return clip


def wrong_person(clip: Simulated, rng: np.random.Generator) -> Simulated:
    """One view follows somebody else in the same room."""
    return _with_motion(clip, int(rng.integers(len(clip.rig.names))), another_motion(clip, rng), rng)


def out_of_sync(clip: Simulated, rng: np.random.Generator) -> Simulated:
    """One view runs 4 to 8 frames early or late."""
    return _shifted(clip, rng, int(rng.integers(4, 9)))


def slightly_out_of_sync(clip: Simulated, rng: np.random.Generator) -> Simulated:
    """One view runs a frame early or late: mild."""
    return _shifted(clip, rng, 1)


def videos_swapped(clip: Simulated, rng: np.random.Generator) -> Simulated:
    """Two videos bear each other's names, of cameras whose focal lengths differ by 15 to 40 per cent."""
    i, j = rng.permutation(len(clip.rig.names))[:2].tolist()
    clip = _with_longer_lens(clip, j, float(rng.uniform(1.15, 1.4)), rng)
    order = list(range(len(clip.rig.names)))
    order[i], order[j] = order[j], order[i]
    poses = replace(clip.poses, xy=clip.poses.xy[order], conf=clip.poses.conf[order])
    # The images are of each other's cameras: with the right K each has the other's pose.
    R, t = clip.rig.camera.R[order], clip.rig.camera.t[order]
    return replace(clip, poses=poses, rig=Rig(clip.rig.names, clip.rig.camera.with_pose(R, t), clip.rig.metric))


def another_take(clip: Simulated, rng: np.random.Generator) -> Simulated:
    """One video is of another take: the same person, half a clip later."""
    view, half = int(rng.integers(len(clip.rig.names))), len(clip.xyz) // 2
    xy, conf = clip.poses.xy[view, :, 0].roll(half, 0), clip.poses.conf[view, :, 0].roll(half, 0)
    return clip.with_view(view, xy, conf)


def mirrored_video(clip: Simulated, rng: np.random.Generator) -> Simulated:
    """One video is flipped; the detector sees a person with left and right swapped."""
    view, flip = int(rng.integers(len(clip.rig.names))), list(H36M17.flip)
    xy = clip.poses.xy[view, :, 0][:, flip].clone()
    xy[..., 0] = clip.rig.camera.size[view, 0] - 1 - xy[..., 0]
    return clip.with_view(view, xy, clip.poses.conf[view, :, 0][:, flip])


def focal_wrong_in_one(clip: Simulated, rng: np.random.Generator) -> Simulated:
    """One camera's focal length is given 10 per cent too long or too short."""
    factors = np.ones(len(clip.rig.names))
    factors[int(rng.integers(len(factors)))] = rng.choice([0.9, 1.1])
    return _with_focal(clip, factors)


def focal_wrong_in_all(clip: Simulated, rng: np.random.Generator) -> Simulated:
    """All cameras' focal lengths are given 10 per cent too long or too short."""
    return _with_focal(clip, np.full(len(clip.rig.names), rng.choice([0.9, 1.1])))


def standing_still(clip: Simulated, rng: np.random.Generator) -> Simulated:
    """The person stands in one place and hardly moves: a tenth of the movement, round the middle pose."""
    middle = clip.xyz[len(clip.xyz) // 2]
    return _again(clip, middle + 0.1 * (clip.xyz - clip.xyz.mean(0)), rng)


def small_in_the_image(clip: Simulated, rng: np.random.Generator) -> Simulated:
    """The person covers about 5 per cent of the image: cameras three times as far away, path a third as long."""
    center = clip.xyz[:, :1].mean(0)
    ground = (clip.xyz[:, :1] - center) * torch.tensor([1.0, 1.0, 0.0], dtype=torch.float64)
    camera = clip.rig.camera
    place = center + 3 * (camera.center - center)
    moved = camera.with_pose(camera.R, -(camera.R @ place[..., None])[..., 0])
    return _again(replace(clip, rig=Rig(clip.rig.names, moved, clip.rig.metric)), clip.xyz - 2 / 3 * ground, rng)


def camera_moved(clip: Simulated, rng: np.random.Generator) -> Simulated:
    """One camera is knocked in the middle of the clip or a little later: 5 to 15 degrees and 0.1 to 0.5 m."""
    view, when = int(rng.integers(len(clip.rig.names))), int(len(clip.xyz) * rng.uniform(0.5, 0.65))
    axis = torch.from_numpy(rng.standard_normal(3))
    turn = exp(axis / axis.norm() * float(np.deg2rad(rng.uniform(5, 15))))
    shift = torch.from_numpy(rng.standard_normal(3))
    camera = clip.rig.camera
    R, t = camera.R.clone(), camera.t.clone()
    R[view] = turn @ R[view]
    t[view] = turn @ t[view] + shift / shift.norm() * float(rng.uniform(0.1, 0.5))
    bodies = clip.xyz.expand(len(R), *clip.xyz.shape)
    xy, conf = detected(Rig(clip.rig.names, camera.with_pose(R, t)), bodies, clip.fps, clip.noise, rng)
    new_xy, new_conf = clip.poses.xy[view, :, 0].clone(), clip.poses.conf[view, :, 0].clone()
    new_xy[when:], new_conf[when:] = xy[view, when:], conf[view, when:]
    return clip.with_view(view, new_xy, new_conf)


def half_outliers(clip: Simulated, rng: np.random.Generator) -> Simulated:
    """Half of all detections are somewhere else on the person's scale (a quarter of the diagonal)."""
    xy = clip.poses.xy.clone()
    wild = torch.from_numpy(rng.random(xy.shape[:-1]) < 0.5)
    xy = xy + wild[..., None] * 100 * torch.from_numpy(rng.standard_normal(xy.shape))
    return replace(clip, poses=replace(clip.poses, xy=xy))


def two_cameras(clip: Simulated, rng: np.random.Generator) -> Simulated:
    """Only two views."""
    chosen = np.sort(rng.permutation(len(clip.rig.names))[:2]).tolist()
    names = tuple(clip.rig.names[i] for i in chosen)
    poses = replace(clip.poses, xy=clip.poses.xy[chosen], conf=clip.poses.conf[chosen], views=names)
    return replace(clip, poses=poses, rig=clip.rig.select(names))


def sides_swapped_in_one(clip: Simulated, rng: np.random.Generator) -> Simulated:
    """The detector takes left for right throughout in one view."""
    view, flip = int(rng.integers(len(clip.rig.names))), list(H36M17.flip)
    return clip.with_view(view, clip.poses.xy[view, :, 0][:, flip], clip.poses.conf[view, :, 0][:, flip])


def some_swaps(clip: Simulated, rng: np.random.Generator) -> Simulated:
    """Left and right swapped in a fifth of one view's frames: mild."""
    view, flip = int(rng.integers(len(clip.rig.names))), list(H36M17.flip)
    xy, conf = clip.poses.xy[view, :, 0].clone(), clip.poses.conf[view, :, 0].clone()
    begin, length = int(rng.integers(len(xy) * 4 // 5)), len(xy) // 5
    xy[begin : begin + length], conf[begin : begin + length] = (
        of[begin : begin + length][:, flip] for of in (xy.clone(), conf.clone())
    )
    return clip.with_view(view, xy, conf)


def often_missing(clip: Simulated, rng: np.random.Generator) -> Simulated:
    """A third of all joints are not found: mild."""
    conf = clip.poses.conf * torch.from_numpy(rng.random(clip.poses.conf.shape) > 1 / 3)
    return replace(clip, poses=replace(clip.poses, conf=conf))


LEVELS = (0.0, 1.0, 1.5)  # 0: "6 px + 3 % outliers"; others: the fitted detector's errors, times this
_WALKS = 1.5  # metres: half the extent of the path of a person who walks about

KINDS: dict[str, Kind] = {
    "none": good,
    "one frame out of sync": slightly_out_of_sync,
    "some swaps": some_swaps,
    "a third missing": often_missing,
    "wrong person in one view": wrong_person,
    "4-8 frames out of sync": out_of_sync,
    "two videos swapped": videos_swapped,
    "another take in one view": another_take,
    "one video mirrored": mirrored_video,
    "focal 10 % off in one": focal_wrong_in_one,
    "focal 10 % off in all": focal_wrong_in_all,
    "standing still": standing_still,
    "5 % of the image": small_in_the_image,
    "one camera moved": camera_moved,
    "half outliers": half_outliers,
    "two cameras": two_cameras,
    "sides swapped in one view": sides_swapped_in_one,
}


def _with_motion(clip: Simulated, view: int, xyz: torch.Tensor, rng: np.random.Generator) -> Simulated:
    xy, conf = detected(clip.rig, xyz.expand(len(clip.rig.names), *xyz.shape), clip.fps, clip.noise, rng)
    return clip.with_view(view, xy[view], conf[view])


def _again(clip: Simulated, xyz: torch.Tensor, rng: np.random.Generator) -> Simulated:
    """The same rig and detector with another motion."""
    xy, conf = detected(clip.rig, xyz.expand(len(clip.rig.names), *xyz.shape), clip.fps, clip.noise, rng)
    return replace(clip, xyz=xyz, poses=replace(clip.poses, xy=xy[:, :, None], conf=conf[:, :, None]))


def _shifted(clip: Simulated, rng: np.random.Generator, frames: int) -> Simulated:
    """One view early or late; where it has no image, the person is missing."""
    view, shift = int(rng.integers(len(clip.rig.names))), frames * int(rng.choice([-1, 1]))
    xy, conf = clip.poses.xy[view, :, 0].roll(shift, 0), clip.poses.conf[view, :, 0].roll(shift, 0)
    conf[(slice(0, shift) if shift > 0 else slice(shift, None))] = 0
    return clip.with_view(view, xy, conf)


def _with_longer_lens(clip: Simulated, view: int, factor: float, rng: np.random.Generator) -> Simulated:
    """One camera has a longer lens and stands as much farther away, so that the person is as large as before."""
    camera = clip.rig.camera
    K, t = camera.K.clone(), camera.t.clone()
    K[view, :2, :2] *= factor
    t[view] *= factor
    longer = Camera(K, camera.distortion, camera.R, t, camera.size)
    return _again(replace(clip, rig=Rig(clip.rig.names, longer, clip.rig.metric)), clip.xyz, rng)


def _with_focal(clip: Simulated, factors: np.ndarray) -> Simulated:
    """Intrinsics that are wrong by these factors; the poses of the cameras stay the ground truth."""
    K = clip.rig.camera.K.clone()
    K[:, :2, :2] *= torch.from_numpy(factors)[:, None, None]
    return replace(clip, rig=Rig(clip.rig.names, replace(clip.rig.camera, K=K), clip.rig.metric))


def spoiled(kind: str, seed: int, **options: Any) -> Simulated:
    """The clip of a seed, spoiled."""
    return KINDS[kind](simulate(seed, **options), np.random.default_rng([seed, sorted(KINDS).index(kind)]))


def verdict_runs(
    kinds: Iterable[str], seeds: Iterable[int], workers: int = 2, **options: Any
) -> Iterator[dict[str, Any]]:
    """One record per run: kind, seed, rotation error of the worst pair (None: refused) and calibration's report.

    The seed decides the noise (see `LEVELS`) and whether the person moves as captured or walks about. Each process has
    one thread.
    """
    jobs = [(kind, seed, options) for seed in seeds for kind in kinds]
    os.environ["OMP_NUM_THREADS"] = "1"
    with ProcessPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        yield from pool.map(_run, jobs)


def _run(job: tuple[str, int, dict[str, Any]]) -> dict[str, Any]:
    from epipose.calibration.calibrate import calibrate_rig
    from epipose.io.records import as_json

    kind, seed, options = job
    level = LEVELS[seed % len(LEVELS)]
    noise = {"model": NoiseModel.load(), "level": level} if level else {}
    roam = None if seed % 2 else _WALKS
    clip = spoiled(kind, seed, roam=roam, **noise, **options)
    record = {"kind": kind, "seed": seed, "level": level, "roam": roam, "motion": clip.motion}
    try:
        found = calibrate_rig(clip.poses, clip.given(), fps=clip.fps)
    except EpiposeError as error:
        return {**record, "rotation_deg_max": None, "refused": str(error)}
    errors = camera_errors(found.rig, clip.rig)
    return {**record, "rotation_deg_max": errors.rotation_deg_max, "report": {"evidence": as_json(found.evidence)}}


def main() -> None:
    """Run kinds and seeds and append one JSON line each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs=2, default=(0, 20), metavar=("FIRST", "END"))
    parser.add_argument("--kinds", nargs="*", default=list(KINDS))
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--mocap", type=Path)
    parser.add_argument("--rigs", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    a = parser.parse_args()
    with a.out.open("a", encoding="utf-8") as lines:
        for record in verdict_runs(a.kinds, range(*a.seeds), a.workers, frames=a.frames, mocap=a.mocap, rigs=a.rigs):
            lines.write(json.dumps(record) + "\n")
            lines.flush()
            print(record["kind"], record["seed"], record["rotation_deg_max"], flush=True)


if __name__ == "__main__":
    main()
