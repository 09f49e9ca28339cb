"""Pose2Sim and aniposelib on keypoints of a file: run by a Python that has both (see benchmarks/formats/rivals.py).

Reads KEYPOINTS.npz (xy without distortion, conf, K, R, t, size, joints, parents, fps), writes POINTS.npz: per method xyz
(frame joint 3, NaN where it has none), the CPU seconds of its triangulation alone and, where it reads and writes files,
of the whole step. Knows nothing of this library.
Pose2Sim is unmodified and runs on a project folder: cameras as TOML, keypoints in OpenPose's JSON, its own Config.toml
with the joints as a CUSTOM skeleton.
"""

# pyright: reportMissingImports=false
import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import aniposelib
import cv2
import numpy as np
import Pose2Sim
import Pose2Sim.triangulation as triangulation
import rtoml
from Pose2Sim.filtering import filter_all

MIN_CONFIDENCE = 0.3  # Pose2Sim's default, and ours
_YUP_TO_ZUP = [2, 0, 1]


def main(source: str, target: str, methods: str) -> None:
    """Every method of a comma-separated list."""
    with np.load(source) as file:
        given = {key: file[key] for key in file.files}
    answer = {}
    for method in methods.split(","):
        for name, (xyz, alone, whole) in (_pose2sim if method == "pose2sim" else _aniposelib)(given, method).items():
            answer |= {f"{name}/xyz": xyz, f"{name}/cpu_seconds": alone, f"{name}/step_cpu_seconds": whole}
    np.savez(target, **answer)


def _aniposelib(given: dict, method: str) -> dict[str, tuple[np.ndarray, float, float]]:
    """Its linear triangulation, with RANSAC, or the fit with smooth paths and bones of constant length."""
    cameras = [
        aniposelib.cameras.Camera(K, np.zeros(5), size.tolist(), cv2.Rodrigues(R)[0].ravel(), t, name=f"cam{index}")
        for index, (K, R, t, size) in enumerate(zip(*(given[key] for key in ("K", "R", "t", "size")), strict=True))
    ]
    group = aniposelib.cameras.CameraGroup(cameras)
    seen = given["conf"] >= MIN_CONFIDENCE
    points = np.where(seen[..., None], given["xy"].astype(float), np.nan)
    flat = points.reshape(len(points), -1, 2)
    shape = points.shape[1:3]
    bones = [[int(parent), child] for child, parent in enumerate(given["parents"]) if parent >= 0]
    calls = {
        "linear": lambda: group.triangulate(flat.copy()).reshape(*shape, 3),
        "ransac": lambda: group.triangulate_ransac(flat.copy(), min_cams=3)[0].reshape(*shape, 3),
        "optim": lambda: group.triangulate_optim(points.copy(), constraints=bones, scores=given["conf"]),
        "optim_ransac": lambda: group.triangulate_optim(points.copy(), init_ransac=True, constraints=bones),
    }
    group.triangulate(flat[:, :2].copy())  # what is compiled at the first call does not count
    begin = time.process_time()
    xyz = calls[method.removeprefix("aniposelib_")]()
    seconds = time.process_time() - begin
    return {method: (xyz, seconds, seconds)}


def _pose2sim(given: dict, method: str) -> dict[str, tuple[np.ndarray, float, float]]:
    """Its triangulation, and that with its default filter; of the seconds the first are of points' triangulation."""
    spent, of_points = [0.0], triangulation.triangulation_from_best_cameras

    def timed(*arguments):
        begin = time.process_time()
        found = of_points(*arguments)
        spent[0] += time.process_time() - begin
        return found

    triangulation.triangulation_from_best_cameras = timed
    with TemporaryDirectory() as folder:
        config = _project(Path(folder), given)
        begin = time.process_time()
        triangulation.triangulate_all(config)
        whole = time.process_time() - begin
        filter_all(config)
        filtering = time.process_time() - begin - whole
        count = given["xy"].shape[1], given["xy"].shape[2]
        names = list(map(str, given["joints"]))
        raw, filtered = (_read_trc(Path(folder), pattern, count, names) for pattern in ("raw", "filt"))
    triangulation.triangulation_from_best_cameras = of_points
    return {
        method: (raw, spent[0], whole),
        f"{method}_filtered": (filtered, spent[0] + filtering, whole + filtering),
    }


def _project(folder: Path, given: dict) -> dict:
    """A project folder, and its configuration: Pose2Sim's own, without figures."""
    config = rtoml.load(Path(str(Pose2Sim.__file__)).parent / "Demo_SinglePerson" / "Config.toml")
    (folder / "calibration").mkdir()
    cameras = {
        f"cam{index:02d}": {
            "name": f"cam{index:02d}",
            "size": size.tolist(),
            "matrix": K.tolist(),
            "distortions": [0.0] * 4,
            "rotation": cv2.Rodrigues(R)[0].ravel().tolist(),
            "translation": t.tolist(),
            "fisheye": False,
        }
        for index, (K, R, t, size) in enumerate(zip(*(given[key] for key in ("K", "R", "t", "size")), strict=True))
    }
    rtoml.dump(cameras, folder / "calibration" / "Calib.toml")
    for camera, name in enumerate(cameras):
        place = folder / "pose" / f"{name}_json"
        place.mkdir(parents=True)
        table = np.concatenate([given["xy"][camera], given["conf"][camera][..., None]], -1)
        for frame, row in enumerate(table):
            people = [{"person_id": [-1], "pose_keypoints_2d": row.ravel().tolist()}]
            (place / f"{name}_{frame:06d}.json").write_text(json.dumps({"version": 1.3, "people": people}))
    config["project"] |= {"project_dir": str(folder), "frame_rate": int(given["fps"]), "frame_range": "all"}
    config["pose"] |= {"pose_model": "CUSTOM", "CUSTOM": _tree(given)}
    config["triangulation"] |= {"make_c3d": False, "show_interp_indices": False}
    config["filtering"] |= {"display_figures": False, "save_filt_plots": False, "make_c3d": False}
    rtoml.dump(config, folder / "Config.toml")
    return config


def _tree(given: dict) -> dict:
    """The skeleton as its configuration has it; side names are right_..., left_..., as ours."""
    nodes = [{"name": str(name), "id": index, "children": []} for index, name in enumerate(given["joints"])]
    for child, parent in enumerate(given["parents"]):
        if parent >= 0:
            nodes[parent]["children"].append(nodes[child])
    return nodes[list(given["parents"]).index(-1)]


def _read_trc(folder: Path, pattern: str, count: tuple[int, int], names: list[str]) -> np.ndarray:
    """Points of the one file, in the joints' order and z up; frames that it leaves out are NaN."""
    paths = [path for path in (folder / "pose-3d").glob("*.trc") if ("filt" in path.name) == (pattern == "filt")]
    lines = paths[0].read_text().splitlines()
    markers = [name for name in lines[3].split("\t")[2::3] if name.strip()]
    xyz = np.full((*count, 3), np.nan)
    for line in lines[5:]:
        cells = [float(cell) if cell.strip() else np.nan for cell in line.split("\t")]
        points = np.array(cells[2 : 2 + 3 * len(markers)]).reshape(-1, 3)[:, _YUP_TO_ZUP]
        xyz[int(cells[0]), [names.index(marker) for marker in markers]] = points
    return xyz


if __name__ == "__main__":
    main(*sys.argv[1:])
