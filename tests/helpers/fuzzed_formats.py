"""Readers of other programs' cameras, keypoints, markers and motions, with a good sample each."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from epipose.formats.calibration_toml import Style, write_calibration_toml
from epipose.formats.cameras import files_of, read_cameras
from epipose.formats.colmap import write_colmap
from epipose.formats.easymocap import write_easymocap
from epipose.formats.joint_map import read_joint_map
from epipose.formats.keypoint_files import keypoint_series, series_label
from epipose.formats.opencv_storage import write_opencv
from epipose.formats.qualisys import write_qualisys
from epipose.formats.rig_json import h36m_rig, read_rigs
from epipose.formats.skeletool import read_captury, read_skeletool
from epipose.formats.trc import read_trc, write_trc
from epipose.formats.vicon import write_vicon
from epipose.motion import read_motion
from epipose.motion.motion import Motion
from epipose.motion.packed import write_packed
from tests.helpers import keypoint_files as keypoints
from tests.helpers.camera_files import lab_rig
from tests.helpers.fuzzed import FuzzedReader
from tests.helpers.mpi_inf_3dhp_files import sequence

Write = Callable[[Path], Path]


def _cameras(path: Path) -> Any:
    return files_of(path), read_cameras(path), read_cameras(path, poses=True)


def _toml(style: Style) -> Write:
    def write(folder: Path) -> Path:
        write_calibration_toml(lab_rig("four"), folder / "c.toml", style)
        return folder / "c.toml"

    return write


def _one(write_: Callable[[Any, Path], Any], name: str, lens: str = "none") -> Write:
    def write(folder: Path) -> Path:
        write_(lab_rig(lens), folder / name)
        return folder / name if "." in name and (folder / name).exists() else folder

    return write


def _opencv_xml(folder: Path) -> Path:
    (folder / "a.xml").write_text(
        '<?xml version="1.0"?><opencv_storage><image_width>640</image_width><image_height>480</image_height>'
        '<camera_matrix type_id="opencv-matrix"><rows>3</rows><cols>3</cols><dt>d</dt>'
        "<data>500. 0. 320. 0. 500. 240. 0. 0. 1.</data></camera_matrix></opencv_storage>"
    )
    return folder / "a.xml"


def _opencv_json(folder: Path) -> Path:
    matrix = {
        "type_id": "opencv-matrix",
        "rows": 3,
        "cols": 3,
        "dt": "d",
        "data": [500.0, 0, 320, 0, 500, 240, 0, 0, 1],
    }
    content = {"image_width": 640, "image_height": 480, "camera_matrix": matrix, "distortion": [0.1, 0.2, 0, 0]}
    (folder / "a.json").write_text(json.dumps(content))
    return folder / "a.json"


def _rigs(folder: Path) -> Path:
    rig, cameras = h36m_rig(), {}
    for k, name in enumerate(rig.names):
        camera = rig.camera[k]
        entry = {"K": camera.K.tolist(), "dist": camera.distortion[:5].tolist(), "R": camera.R.tolist()}
        cameras[f"S1/{name}"] = {**entry, "t": (1000 * camera.t[:, None]).tolist()}
    (folder / "cameras.json").write_text(json.dumps({"cameras": cameras}))
    return folder / "cameras.json"


def _skeletool(folder: Path) -> Path:
    sequence(folder / "Seq1")
    (folder / "Seq1" / "annot.mat").unlink()
    return folder / "Seq1" / "camera.calibration"


def _captury(folder: Path) -> Path:
    from tests.datasets.test_mpi_inf_3dhp_testset import CAPTURY

    (folder / "a.calib").write_text(CAPTURY)
    return folder / "a.calib"


def _joint_map(folder: Path) -> Path:
    joints = {"a": "left_hip", "b": "right_hip", "2": "left_shoulder", "3": "right_shoulder", "4": "nose"}
    lines = ['name = "some"', "[joints]", *(f'"{key}" = "{name}"' for key, name in joints.items())]
    (folder / "map.toml").write_text("\n".join([*lines, "[parents]", 'nose = "left_shoulder"']))
    return folder / "map.toml"


def _read_joint_map(path: Path) -> Any:
    return read_joint_map(str(path)).applied(("a", "b", "c", "d", "e"), 5)


def _keypoints(path: Path) -> Any:
    return series_label(keypoint_series(path))


def _walking(write_: Callable[..., Path], name: str, *more: Any, joints: int = 17) -> Write:
    def write(folder: Path) -> Path:
        write_(folder / name, keypoints.walking(joints, frames=4), *more)
        return folder

    return write


def _openpose(folder: Path) -> Path:
    keypoints.openpose(folder / "left", keypoints.walking(25, frames=3))
    return folder


def _deeplabcut(name: str, format: str | None) -> Write:
    def write(folder: Path) -> Path:
        values = np.random.default_rng(0).uniform(0, 100, (4, 2, 3, 3))
        parts, who = ("nose", "tail", "ear"), ("a", "b")
        more = {} if format is None else {"format": format}
        keypoints.deeplabcut(folder / name, values, parts, who, **more)
        return folder

    return write


def _sleap(folder: Path) -> Path:
    random = np.random.default_rng(0)
    nodes = ("nose", "left_hip", "right_hip")
    keypoints.sleap(folder / "left.h5", random.uniform(0, 99, (4, 2, 3, 2)), np.ones((4, 2, 3)), nodes, ("a", "b"))
    return folder


def _sports2d(folder: Path) -> Path:
    people = np.random.default_rng(0).uniform(1, 99, (4, 3, 2))
    keypoints.sports2d(folder / "left_px_person00.trc", people, ("Nose", "LHip", "RHip"))
    return folder


def _coco_annotations(folder: Path) -> Path:
    from tests.datasets.test_coco import annotation, write

    people = [annotation(1, 1, {"nose": (3, 4, 2), "left_hip": (5, 6, 1)})]
    return write(folder, "train", people, {1: "left_0001.jpg"})


def _trc(folder: Path) -> Path:
    write_trc(folder / "a.trc", ("Hip", "Knee"), np.random.default_rng(0).normal(size=(5, 2, 3)), np.arange(5) / 50)
    return folder / "a.trc"


def _amc(folder: Path) -> Path:
    from tests.motion.test_motion import cmu_files

    return cmu_files(folder, turned="rx")


def _deepmimic(folder: Path) -> Path:
    from tests.motion.test_motion import deepmimic_file

    return deepmimic_file(folder)


def _bvh(folder: Path) -> Path:
    from tests.motion.test_bvh import bvh

    return bvh(folder / "a.bvh", bent={"LeftUpLeg": (20.0, 0.0, 5.0)})


def _packed(folder: Path) -> Path:
    random = np.random.default_rng(0)
    motion = Motion(
        "a", random.normal(size=(6, 17, 3)), 30.0, random.normal(size=(6, 2, 3)), random.normal(size=(6, 2, 3))
    )
    write_packed(motion, folder / "a.motion.npz")
    return folder / "a.motion.npz"


def _motion(path: Path) -> Any:
    read_motion.cache_clear()
    return read_motion(path)


READERS = [
    FuzzedReader("cameras: json", _one(lambda rig, out: rig.save(out), "rig.json"), _cameras),
    *(
        FuzzedReader(f"cameras: toml, {style}", _toml(style), _cameras)
        for style in ("pose2sim", "anipose", "caliscope")
    ),
    FuzzedReader("cameras: opencv", _one(write_opencv, "x.yml", "five"), _cameras),
    FuzzedReader("cameras: opencv, XML", _opencv_xml, read_cameras),
    FuzzedReader("cameras: opencv, JSON", _opencv_json, read_cameras),
    FuzzedReader(
        "cameras: easymocap", _one(write_easymocap, "calibration"), lambda path: _cameras(path / "calibration")
    ),
    FuzzedReader("cameras: qualisys", _one(write_qualisys, "a.qca.txt"), _cameras),
    FuzzedReader("cameras: vicon", _one(write_vicon, "a.xcp", "four"), _cameras, cost=10),
    FuzzedReader("cameras: colmap", _one(write_colmap, "model"), lambda path: _cameras(path / "model")),
    FuzzedReader("rigs of the studio", _rigs, read_rigs),
    FuzzedReader("skeletool", _skeletool, read_skeletool),
    FuzzedReader("captury", _captury, lambda path: read_captury(path, 640, 480)),
    FuzzedReader("joint map", _joint_map, _read_joint_map),
    FuzzedReader("OpenPose JSON", _openpose, _keypoints),
    FuzzedReader("COCO results", _walking(keypoints.coco_results, "left.json"), _keypoints),
    FuzzedReader("COCO annotations", _coco_annotations, _keypoints, targets=("*.json",)),
    FuzzedReader("AlphaPose JSON", _walking(keypoints.alphapose, "left.json"), _keypoints),
    FuzzedReader("MMPose JSON", _walking(keypoints.mmpose, "left.json"), _keypoints),
    FuzzedReader("MediaPipe JSON", _walking(keypoints.mediapipe, "left.json", (640, 480), joints=33), _keypoints),
    FuzzedReader("DeepLabCut, CSV", _deeplabcut("left.csv", None), _keypoints),
    FuzzedReader("DeepLabCut, HDF5 table", _deeplabcut("left.h5", "table"), _keypoints, cost=3),
    FuzzedReader("DeepLabCut, HDF5 fixed", _deeplabcut("left.h5", "fixed"), _keypoints, cost=3),
    FuzzedReader("SLEAP analysis", _sleap, _keypoints, cost=2),
    FuzzedReader("Sports2D pixels (TRC)", _sports2d, _keypoints),
    FuzzedReader("markers (TRC)", _trc, read_trc),
    FuzzedReader("motion: *.amc", _amc, _motion, cost=3),
    FuzzedReader("motion: humanoid3d_*.txt", _deepmimic, _motion),
    FuzzedReader("motion: *.bvh", _bvh, _motion, cost=2),
    FuzzedReader("motion: *.motion.npz", _packed, _motion, cost=2),
]
