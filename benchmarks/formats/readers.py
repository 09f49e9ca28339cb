"""Formats that are read, and the test that reads files of each: one line per format."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

READERS_ROOT = Path(__file__).resolve().parents[2]
_CAMERAS, _TOML = "tests/formats/test_cameras.py", "tests/formats/test_calibration_toml.py"
_GIVEN = "tests/detection/test_given_formats.py"


class ReadFormat(NamedTuple):
    """A format, what it holds, and the test of its reader."""

    name: str
    holds: str
    test: str


READ = (
    ReadFormat("Pose2Sim .toml", "cameras", _TOML),
    ReadFormat("anipose, FreeMoCap .toml", "cameras", _TOML),
    ReadFormat("Caliscope .toml", "cameras", _TOML),
    ReadFormat("OpenCV .yml, .xml", "cameras", "tests/formats/test_opencv_storage.py"),
    ReadFormat("EasyMocap intri.yml, extri.yml", "cameras", "tests/formats/test_easymocap.py"),
    ReadFormat("Qualisys .qca.txt", "cameras", "tests/formats/test_qualisys.py"),
    ReadFormat("Vicon .xcp", "cameras", "tests/formats/test_vicon.py"),
    ReadFormat("COLMAP text folder", "cameras", "tests/formats/test_colmap.py"),
    ReadFormat("epipose rig.json", "cameras", _CAMERAS),
    ReadFormat("OpenPose JSON, Pose2Sim pose/", "keypoints", _GIVEN),
    ReadFormat("AlphaPose JSON", "keypoints", _GIVEN),
    ReadFormat("MMPose JSON", "keypoints", _GIVEN),
    ReadFormat("COCO results", "keypoints", _GIVEN),
    ReadFormat("COCO annotations", "keypoints", _GIVEN),
    ReadFormat("MediaPipe JSON", "keypoints", _GIVEN),
    ReadFormat("DeepLabCut .csv", "keypoints", _GIVEN),
    ReadFormat("DeepLabCut .h5", "keypoints", _GIVEN),
    ReadFormat("SLEAP analysis .h5", "keypoints", _GIVEN),
    ReadFormat("Sports2D .trc in pixels", "keypoints", _GIVEN),
    ReadFormat("epipose poses2d.npz", "keypoints", "tests/detection/test_precomputed.py"),
    ReadFormat("TRC", "markers", "tests/formats/test_trc_written.py"),
    ReadFormat("BVH", "motion", "tests/motion/test_bvh.py"),
    ReadFormat("ASF and AMC, DeepMimic", "motion", "tests/motion/test_motion.py"),
)
