"""Files of cameras that were written here, projected by the programs that they are for, against our own projection.

Every function gives a `CameraCheck`: the largest distance in pixels over all cameras and points in the images. OpenCV
and COLMAP's are checked in this process; aniposelib, Pose2Sim and Caliscope by a Python that has them
(oracle_readers/project_cameras.py). Vicon's and Qualisys' own programs cannot be had: their files are read by Pose2Sim,
whose converters were written against such files of laboratories, and by our own readers.

    python -m benchmarks.formats.cameras [--aniposelib PYTHON] [--pose2sim PYTHON] [--caliscope PYTHON]
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from epipose.camera import Rig
from epipose.exporters.options import ExportOptions
from epipose.formats.calibration_toml import camera_numbers
from epipose.formats.cameras import read_cameras
from epipose.formats.rig_json import h36m_rig
from epipose.pipeline.export import export

_WORKER = Path(__file__).parent / "oracle_readers" / "project_cameras.py"
_POINTS, _SEED = 2000, 0
_LENSES = {  # that the cameras of Human3.6M are given
    "k1 to p2": [-0.2, 0.24, -0.0014, -0.001],
    "k1 to k3": [-0.2, 0.24, -0.0014, -0.001, -0.003],
    "k1 to k6": [0.31, 0.12, 0.0004, -0.0002, 0.01, 0.36, 0.17, 0.02],
    "fisheye": [-0.013, 0.021, -0.014, 0.0027],
}
OUT = {".toml": "Calib.toml", ".yml": "rig.yml", "colmap": "colmap", "easymocap": "easymocap", ".qca.txt": "Calib.qca.txt",
       ".xcp": "rig.xcp"}  # fmt: skip


@dataclass(frozen=True)
class CameraCheck:
    """One file, one reader: ``error_px`` is the largest difference of projections; ``lens`` what the cameras had."""

    format: str
    style: str
    lens: str
    oracle: str
    version: str
    compared: str
    error_px: float


def rig_with(lens: str) -> Rig:
    """Human3.6M's four cameras (metres, z up) with one kind of lens."""
    rig = h36m_rig()
    distortion = torch.tensor(_LENSES[lens], dtype=torch.float64).repeat(len(rig.names), 1)
    camera = replace(rig.camera, distortion=distortion, fisheye=torch.full((len(rig.names),), lens == "fisheye"))
    return replace(rig, camera=camera)


def world_points() -> np.ndarray:
    """Points where people were: four metres by four, up to two metres high."""
    return np.random.default_rng(_SEED).uniform([-2, -2, 0], [2, 2, 2], (_POINTS, 3))


def round_trip(ending: str, lens: str) -> CameraCheck:
    """A file written and read again by ourselves."""
    rig = rig_with(lens)
    with tempfile.TemporaryDirectory() as folder:
        written = export(rig, Path(folder) / OUT[ending])
        source = Path(folder) if len(written.files) == len(rig.names) else Path(folder) / OUT[ending]
        again = read_cameras(source, poses=True).rig
        seen = again.camera.spread(1).project(torch.from_numpy(world_points())).numpy()
    error = _difference(rig, list(again.names), seen)
    return CameraCheck(ending, "", lens, "epipose", version("epipose"), "projection", error)


def opencv(lens: str) -> CameraCheck:
    """``cv2.FileStorage`` on the ``.yml``, ``cv2.projectPoints`` (``cv2.fisheye``) with what it read."""
    import cv2

    rig, points = rig_with(lens), world_points()
    project = cv2.fisheye.projectPoints if lens == "fisheye" else cv2.projectPoints
    seen = []
    with tempfile.TemporaryDirectory() as folder:
        for path in export(rig, Path(folder) / OUT[".yml"]).files:
            storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_READ)
            K, k, R, t = (storage.getNode(key).mat() for key in ("camera_matrix", "distortion_coefficients", "R", "T"))
            seen.append(project(points.reshape(-1, 1, 3), cv2.Rodrigues(R)[0], t, K, k)[0].reshape(-1, 2))
    error = _difference(rig, list(rig.names), np.stack(seen))
    return CameraCheck(".yml", "", lens, "OpenCV", cv2.__version__, "projection", error)


def colmap(lens: str) -> CameraCheck:
    """pycolmap on the model's folder, its projection of every image, and half a pixel between its origin and ours."""
    import pycolmap

    rig, points = rig_with(lens), world_points()
    with tempfile.TemporaryDirectory() as folder:
        export(rig, Path(folder) / OUT["colmap"])
        model = pycolmap.Reconstruction(str(Path(folder) / OUT["colmap"]))
        images = list(model.images.values())
        seen = [image.camera.img_from_cam(image.cam_from_world() * points) - 0.5 for image in images]
    names = [Path(image.name).stem for image in images]
    error = _difference(rig, names, np.stack(seen))
    return CameraCheck("colmap", "", lens, "pycolmap", pycolmap.__version__, "projection", error)


def by_another_python(
    python: Path, tool: str, ending: str, lens: str, style: str = "pose2sim"
) -> tuple[CameraCheck, ...]:
    """A file read by a tool that another interpreter has: aniposelib, pose2sim, pose2sim-distorted or caliscope.

    The second check, if there is one, is of the file that the tool wrote from what it had read, and that we read.
    Raises CalledProcessError where the tool fails on the file.
    """
    rig, points = rig_with(lens), world_points()
    with tempfile.TemporaryDirectory() as folder:
        source, given, answer = Path(folder) / OUT[ending], Path(folder) / "points.npz", Path(folder) / "pixels.npz"
        export(rig, source, ExportOptions(style=style))  # type: ignore[arg-type]
        np.savez(given, xyz=points)
        rewritten = Path(folder) / "again.toml"
        command = [str(python), str(_WORKER), tool, *map(str, (source, given, answer, rewritten))]
        subprocess.run(command, check=True, capture_output=True, text=True)
        with np.load(answer) as file:
            names, seen, distorted, found = (file[key] for key in ("names", "pixels", "distorted", "version"))
        again = read_cameras(rewritten, poses=True).rig if rewritten.exists() else None
    numbers = {str(number): name for number, name in zip(camera_numbers(rig.names), rig.names, strict=True)}
    named = [numbers.get(str(name), str(name)) for name in names]
    error = _difference(rig, named, seen, distorted=bool(distorted))
    compared = "projection" if distorted else "projection without distortion"
    words, package = style if ending == ".toml" else "", tool.partition("-")[0]
    checks = [CameraCheck(ending, words, lens, package, str(found), compared, error)]
    if again is not None:
        seen = again.camera.spread(1).project(torch.from_numpy(points)).numpy()
        error = _difference(rig, [_own_name(name, rig.names) for name in again.names], seen)
        checks.append(CameraCheck(ending, words, lens, package, str(found), "its own file, read by us", error))
    return tuple(checks)


def _own_name(name: str, names: Sequence[str]) -> str:
    """The rig's name of a camera that the tool knows by number alone."""
    by_number = {f"cam_{number}": own for number, own in zip(camera_numbers(names), names, strict=True)}
    return by_number.get(name, name)


def _difference(rig: Rig, names: Sequence[str], seen: np.ndarray, *, distorted: bool = True) -> float:
    """The largest distance of ``seen`` (camera point 2) from the rig's projection, of points inside the images."""
    camera, points = rig.select(tuple(names)).camera.spread(1), torch.from_numpy(world_points())
    projected = camera.project(points)
    inside = camera.inside(projected) & (camera.into_frame(points)[..., 2] > 0)
    if not distorted:
        in_frame = camera.into_frame(points)
        projected = camera.to_pixels(in_frame[..., :2] / in_frame[..., 2:])
    return float((torch.from_numpy(seen) - projected).norm(dim=-1)[inside].max())


def light_checks() -> Iterator[Callable[[], tuple[CameraCheck, ...]]]:
    """What this process can check: our own readers, OpenCV, COLMAP."""
    for lens in _LENSES:
        for ending in OUT:
            if lens != "fisheye" or ending in (".toml", ".yml", "colmap"):
                yield lambda ending=ending, lens=lens: (round_trip(ending, lens),)
        yield lambda lens=lens: (opencv(lens),)
        yield lambda lens=lens: (colmap(lens),)


def heavy_checks(tools: dict[str, Path]) -> Iterator[Callable[[], tuple[CameraCheck, ...]]]:
    """What other interpreters check, by tool; tools that are not in ``tools`` are left out."""
    for lens in _LENSES:
        if "aniposelib" in tools:
            yield lambda lens=lens: by_another_python(tools["aniposelib"], "aniposelib", ".toml", lens, "anipose")
        if "caliscope" in tools:
            yield lambda lens=lens: by_another_python(tools["caliscope"], "caliscope", ".toml", lens, "caliscope")
        if "pose2sim" in tools and lens != "fisheye":
            for ending in (".toml", ".qca.txt", ".xcp", "easymocap"):
                yield lambda lens=lens, end=ending: by_another_python(tools["pose2sim"], "pose2sim", end, lens)
        if "pose2sim" in tools and lens == "k1 to p2":  # all that its own writer keeps
            yield lambda lens=lens: by_another_python(tools["pose2sim"], "pose2sim-distorted", ".toml", lens)


def main() -> None:
    """Print every check, one a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    for tool in ("aniposelib", "pose2sim", "caliscope"):
        parser.add_argument(f"--{tool}", type=Path, help="interpreter that has it")
    given = vars(parser.parse_args())
    tools = {tool: python for tool, python in given.items() if python is not None}
    for check in (*light_checks(), *heavy_checks(tools)):
        try:
            for one in check():
                print(asdict(one))
        except subprocess.CalledProcessError as error:
            print(f"failed: {error.stderr.strip().splitlines()[-1:]}")


if __name__ == "__main__":
    main()
