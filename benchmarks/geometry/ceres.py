"""Ceres' bundle adjustment, through COLMAP's Python binding, on the same arrays that ours takes."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor


class CeresResult(NamedTuple):
    """Ceres' result, and the CPU seconds of the solver alone (not of filling its data structures)."""

    R: Float[Tensor, "view 3 3"]
    t: Float[Tensor, "view 3"]
    xyz: Float[Tensor, "frame joint 3"]
    seconds: float


def ceres_bundle(
    R: Float[Tensor, "view 3 3"],
    t: Float[Tensor, "view 3"],
    xyz: Float[Tensor, "frame joint 3"],
    x: Float[Tensor, "view frame joint 2"],
    weight: Float[Tensor, "view frame joint"],
    noise: Float[Tensor, "view frame joint"],
    threads: int = 2,
) -> CeresResult:
    """COLMAP's bundle adjustment with constant intrinsics and a Cauchy loss of the median noise.

    COLMAP has one noise scale for all observations and no weights: an observation counts or it does not.
    """
    import pycolmap  # pyright: ignore[reportMissingImports]  # of the extra bench

    pycolmap.logging.minloglevel = pycolmap.logging.WARNING.value
    unit = float(noise[weight > 0].median())  # coordinates in units of the noise, so that residuals have size 1
    reconstruction, ids = _filled(R, t, xyz, x / unit, weight > 0, 1 / unit)
    options = pycolmap.BundleAdjustmentOptions(
        print_summary=False, refine_focal_length=False, refine_extra_params=False
    )
    options.ceres.loss_function_type = pycolmap.LossFunctionType.CAUCHY
    options.ceres.solver_options.num_threads = threads
    options.ceres.solver_options.function_tolerance = 1e-6
    options.ceres.min_num_residuals_for_cpu_multi_threading = 0
    config = pycolmap.BundleAdjustmentConfig()
    for view in range(len(R)):
        config.add_image(view + 1)
        config.set_constant_cam_intrinsics(view + 1)
    config.fix_gauge(pycolmap.BundleAdjustmentGauge.TWO_CAMS_FROM_WORLD)
    adjuster = pycolmap.create_default_bundle_adjuster(options, config, reconstruction)
    started = time.process_time()
    adjuster.solve()
    seconds = time.process_time() - started
    poses = [reconstruction.image(view + 1).cam_from_world() for view in range(len(R))]
    new_xyz = xyz.reshape(-1, 3).clone()
    for point, identity in ids.items():
        new_xyz[point] = torch.from_numpy(reconstruction.point3D(identity).xyz.copy())
    return CeresResult(
        torch.stack([torch.from_numpy(pose.rotation.matrix().copy()) for pose in poses]),
        torch.stack([torch.from_numpy(pose.translation.copy()) for pose in poses]),
        new_xyz.reshape(xyz.shape),
        seconds,
    )


def _filled(R: Tensor, t: Tensor, xyz: Tensor, x: Tensor, seen: Tensor, focal: float) -> tuple[Any, dict[int, int]]:
    """COLMAP's reconstruction of these arrays, and its number of every point that two views see."""
    import pycolmap  # pyright: ignore[reportMissingImports]  # of the extra bench

    reconstruction = pycolmap.Reconstruction()
    for view in range(len(R)):
        camera = pycolmap.Camera(model="SIMPLE_PINHOLE", width=10, height=10, params=[focal, 0, 0], camera_id=view + 1)
        reconstruction.add_camera_with_trivial_rig(camera)
        keypoints = x[view].reshape(-1, 2).numpy()
        image = pycolmap.Image(name=str(view), keypoints=keypoints, camera_id=view + 1, image_id=view + 1)
        pose = pycolmap.Rigid3d(pycolmap.Rotation3d(R[view].numpy()), t[view].numpy())
        reconstruction.add_image_with_trivial_frame(image, pose)
    visible, places = seen.flatten(1).numpy(), xyz.reshape(-1, 3).numpy()
    ids = {}
    for point in np.flatnonzero(visible.sum(0) >= 2).tolist():
        track = pycolmap.Track()
        for view in np.flatnonzero(visible[:, point]).tolist():
            track.add_element(view + 1, point)
        ids[point] = reconstruction.add_point3D(places[point], track)
    return reconstruction, ids
