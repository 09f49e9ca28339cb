"""caliscope on keypoints of a file: run by the Python that has the package (see caliscope_rival.py).

Reads KEYPOINTS.npz (xy, seen, K, distortion, size), writes RIG.npz (R, t, seconds of wall and of CPU, imports not
counted) or, where caliscope gives up, nothing and says why. Knows nothing of this library.
"""

import logging
import sys
import time

import numpy as np
import pandas as pd  # pyright: ignore[reportMissingImports]  # not of this environment
from caliscope.api import (  # pyright: ignore[reportMissingImports]
    CalibrationError,
    CameraArray,
    CameraData,
    CaptureVolume,
    ImagePoints,
    calibrate_extrinsics,
)


def image_points(xy: np.ndarray, seen: np.ndarray) -> ImagePoints:
    """Its table of keypoints, one row each: every frame is a moment, every joint a keypoint of object 0."""
    view, frame, joint = np.nonzero(seen)
    return ImagePoints(
        pd.DataFrame(
            {
                "sync_index": frame,
                "cam_id": view,
                "frame_index": frame,
                "object_id": 0,
                "keypoint_id": joint,
                "img_loc_x": xy[view, frame, joint, 0],
                "img_loc_y": xy[view, frame, joint, 1],
            }
        )
    )


def solved(points: ImagePoints, cameras: CameraArray, whole: bool) -> CaptureVolume:
    """Bootstrap from epipolar geometry, optimise, filter, optimise; ``whole``: its one call, with a robust pass."""
    if whole:
        return calibrate_extrinsics(points, cameras, None, refine_intrinsics=False).capture_volume
    return CaptureVolume.bootstrap(points, cameras).optimize().filter_by_percentile_error(2.5).optimize()


def main(source: str, target: str, steps: str) -> None:
    """One calibration."""
    logging.disable(logging.WARNING)
    with np.load(source) as given:
        xy, seen, K, distortion, size = (given[name] for name in ("xy", "seen", "K", "distortion", "size"))
    wall, cpu = time.perf_counter(), time.process_time()
    cameras = CameraArray(
        {
            view: CameraData(view, tuple(size[view].tolist()), matrix=K[view], distortions=distortion[view])
            for view in range(len(K))
        }
    )
    try:
        posed = solved(image_points(xy, seen), cameras, steps == "whole").camera_array.posed_cameras
    except CalibrationError as error:
        sys.exit(str(error))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    if len(posed) < len(K):
        sys.exit(f"placed {len(posed)} of {len(K)} cameras")
    R, t = (np.stack([getattr(posed[view], name) for view in range(len(K))]) for name in ("rotation", "translation"))
    np.savez(target, R=R, t=t, seconds=wall, cpu_seconds=cpu)


if __name__ == "__main__":
    main(*sys.argv[1:])
