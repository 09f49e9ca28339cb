"""Aniposelib, Pose2Sim and Caliscope read a file of cameras and project points: run by a Python that has the one asked for.

Takes the tool, the file and POINTS.npz (xyz), writes PIXELS.npz: names of the cameras in the tool's order, pixels (camera
point 2), whether they are with the distortion of the lens, and the tool's version; and the cameras that it has read with
its own writer to AGAIN.toml, where it has one. Knows nothing of this library.
"""

# pyright: reportMissingImports=false
import sys
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np


def main(tool: str, cameras: str, points: str, target: str, again: str) -> None:
    """One tool on one file."""
    with np.load(points) as file:
        xyz = file["xyz"]
    read = {
        "aniposelib": _aniposelib,
        "pose2sim": _pose2sim,
        "pose2sim-distorted": _pose2sim_lens,
        "caliscope": _caliscope,
    }
    names, pixels, distorted = read[tool](Path(cameras), xyz)
    write = {"aniposelib": _write_aniposelib, "pose2sim-distorted": _write_pose2sim, "caliscope": _write_caliscope}
    if tool in write:
        write[tool](Path(cameras), again)
    package = tool.partition("-")[0]
    np.savez(target, names=names, pixels=pixels, distorted=distorted, version=version(package))


def _aniposelib(path: Path, xyz: np.ndarray) -> tuple[list[str], np.ndarray, bool]:
    """Its own reader and projection."""
    from aniposelib.cameras import CameraGroup

    group = CameraGroup.load(str(path))
    return group.get_names(), np.stack([camera.project(xyz.copy()).reshape(-1, 2) for camera in group.cameras]), True


def _caliscope(path: Path, xyz: np.ndarray) -> tuple[list[str], np.ndarray, bool]:
    """Its own reader and projection; cameras have numbers."""
    from caliscope.cameras.camera_array import CameraArray
    from caliscope.core.reprojection import project_points

    cameras = CameraArray.from_toml(path).posed_cameras
    pixels = [
        project_points(
            xyz, cv2.Rodrigues(one.rotation)[0].ravel(), one.translation, one.matrix, one.distortions, one.fisheye
        )
        for one in cameras.values()
    ]
    return [str(number) for number in cameras], np.stack(pixels), True


def _pose2sim(path: Path, xyz: np.ndarray) -> tuple[list[str], np.ndarray, bool]:
    """The projection matrices of its triangulation; of other programs' files, what its converters make of them."""
    from Pose2Sim.common import computeP

    homogeneous = np.hstack([xyz, np.ones((len(xyz), 1))])
    if path.suffix == ".toml":
        names, matrices = _names_in(path), computeP(path)
    else:
        names, K, R, T = _converted(path)
        matrices = [k @ np.column_stack([cv2.Rodrigues(np.array(r))[0], t]) for k, r, t in zip(K, R, T, strict=True)]
    pixels = [homogeneous @ matrix.T for matrix in matrices]
    return names, np.stack([seen[:, :2] / seen[:, 2:] for seen in pixels]), False


def _pose2sim_lens(path: Path, xyz: np.ndarray) -> tuple[list[str], np.ndarray, bool]:
    """The camera parameters that it undistorts keypoints with, in OpenCV's projection."""
    from Pose2Sim.common import retrieve_calib_params

    found = retrieve_calib_params(path)
    pixels = [
        cv2.projectPoints(xyz.reshape(-1, 1, 3), rotation, translation, K, lens)[0].reshape(-1, 2)
        for rotation, translation, K, lens in zip(*(found[key] for key in ("R", "T", "K", "dist")), strict=True)
    ]
    return _names_in(path), np.stack(pixels), True


def _write_aniposelib(path: Path, again: str) -> None:
    from aniposelib.cameras import CameraGroup

    CameraGroup.load(str(path)).dump(again)


def _write_caliscope(path: Path, again: str) -> None:
    from caliscope.cameras.camera_array import CameraArray

    CameraArray.from_toml(path).to_toml(again)


def _write_pose2sim(path: Path, again: str) -> None:
    from Pose2Sim.calibration import toml_write
    from Pose2Sim.common import retrieve_calib_params

    found = retrieve_calib_params(path)
    toml_write(again, _names_in(path), *(found[key] for key in ("S", "dist", "K", "R", "T")))


def _converted(path: Path) -> tuple[list[str], list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """Names, K, R and T by Pose2Sim's converter of Vicon's, Qualisys' or EasyMocap's files."""
    from Pose2Sim.calibration import calib_easymocap_fun, calib_qca_fun, calib_vicon_fun

    if path.suffix == ".xcp":
        found = calib_vicon_fun(str(path))
    elif path.is_dir():
        found = calib_easymocap_fun([str(path / "extri.yml"), str(path / "intri.yml")])
    else:
        found = calib_qca_fun(str(path))
    _, names, _, _, K, R, T = found
    return names, K, R, T


def _names_in(path: Path) -> list[str]:
    import tomllib

    content = tomllib.loads(path.read_text())
    return [table["name"] for key, table in content.items() if key != "metadata"]


if __name__ == "__main__":
    main(*sys.argv[1:])
