"""Readers of epipose's own files, and of images and videos, with a good sample each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from epipose.camera import Rig
from epipose.clip import Clip, View
from epipose.evaluation.bare_arrays import BareArrays, poses_in
from epipose.evaluation.pairs import _made_with
from epipose.evaluation.structure_score import PoseStructureScore
from epipose.inference.prediction import Prediction
from epipose.io.files import already_done, read_npz, write_record
from epipose.io.images import read_image
from epipose.io.lens_metadata import focal_from
from epipose.io.records import as_json
from epipose.io.video import probe, read_frames
from epipose.poses import Poses2D, Poses3D
from epipose.skeletons import BLAZEPOSE33, H36M17
from epipose.sync.result import TimeOffsets
from tests.helpers.camera_files import lab_rig
from tests.helpers.fuzzed import FuzzedReader
from tests.helpers.h36m_files import write_video
from tests.helpers.synthetic import rig as rig_of_s1


def views() -> tuple[View, ...]:
    """Two views without videos, one of them with uneven times."""
    times = tuple(k / 25 + 0.001 * (k % 2) for k in range(30))
    return View("left", None, 640, 480, 30, 25.0), View("right", None, 640, 480, 30, 25.0, 0.1, times)


def poses2d() -> Poses2D:
    """Keypoints of one person in two views."""
    xy = torch.rand(2, 30, 1, 33, 2, generator=torch.Generator().manual_seed(0)) * 400
    return Poses2D(xy, torch.full(xy.shape[:-1], 0.9), BLAZEPOSE33, ("left", "right"), torch.zeros(2, 30, 1, 33, 3))


def poses3d() -> Poses3D:
    """A person in space."""
    xyz = torch.rand(8, 1, 17, 3, generator=torch.Generator().manual_seed(0))
    return Poses3D(xyz, torch.ones(8, 1, 17), H36M17, "world", True, torch.arange(8).double() / 25)


def _clip(folder: Path) -> Path:
    Clip(views(), 0, 0.0).synchronised([0.0, 0.1]).save(folder)
    return folder


def _read_clip(folder: Path) -> Any:
    clip = Clip.load(folder)
    return clip.moments, [clip.frame_numbers(view) for view in clip.views], [view.dropped() for view in clip.views]


def _saved(what: Any, name: str) -> Any:
    def write(folder: Path) -> Path:
        what().save(folder / name)
        return folder / name

    return write


def _record(folder: Path) -> Path:
    write_record(folder / "verb.json", {"size": [1, 2], "name": "x"}, "abc", videos=["a.mp4"])
    return folder / "verb.json"


def _prediction(folder: Path) -> Path:
    names = tuple(f"{k}.jpg" for k in range(8))
    Prediction(poses3d(), torch.rand(8, 17, 2), names, {"model": "x", "boxes": "y"}).save(folder)
    (folder / "predictions.json").unlink()
    return folder


def _score(folder: Path) -> Path:
    PoseStructureScore(torch.rand(5, 17, 3), H36M17, 0, 10, 50).save(folder / "kinds.npz")
    return folder / "kinds.npz"


def _bare(name: str) -> Any:
    def write(folder: Path) -> Path:
        xyz = np.random.default_rng(0).normal(size=(6, 17, 3))
        np.save(folder / name, xyz) if name.endswith("npy") else np.savez(folder / name, xyz=xyz, conf=np.ones((6, 17)))
        return folder / name

    return write


def _photo(suffix: str) -> Any:
    def write(folder: Path) -> Path:
        exif = Image.Exif()
        exif[0x0112] = 6
        exif.get_ifd(0x8769).update({41989: 26, 37386: (42, 10), 41486: 100.0, 41488: 3})
        pixels = np.random.default_rng(0).integers(0, 255, (24, 32, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"a{suffix}", exif=exif)
        return folder / f"a{suffix}"

    return write


def _gray(folder: Path) -> Path:
    Image.fromarray(np.arange(600, dtype=np.uint16).reshape(20, 30)).save(folder / "a.tif")
    return folder / "a.tif"


def _frames(folder: Path) -> Path:
    write_video(folder / "a.mp4", 6)
    return folder / "a.mp4"


def _calibrated(folder: Path) -> Path:
    """A calibrated clip folder, the page on which is made of all of its files."""
    from epipose.calibration.calibrate import check_rig
    from tests.viz.test_calibration_report import page_of, seen

    choice = {"candidates": 2, "chosen": 0, "reason": "x"}
    sync = TimeOffsets((0.0,) * 4, "motion", (1.0,) * 4, True, ("a warning",), ("a note",), 2.0, ())
    detected = {"sync": as_json(sync), "warnings": [], "options": {}, "notes": [str(choice)]}
    page_of(folder, check_rig(seen(rig_of_s1()), rig_of_s1()), detected)
    return folder


def _page(folder: Path) -> Any:
    from epipose.viz.calibration_report import calibration_page

    return calibration_page(folder).html()


def _video(path: Path) -> Any:
    return probe(path), [image.shape for image in read_frames(path)]


def _header(path: Path) -> Any:
    from epipose.datasets.image_index import read_header

    return read_header(path)


READERS = [
    FuzzedReader("clip.json", _clip, _read_clip),
    FuzzedReader("rig.json", _saved(lambda: lab_rig("five"), "rig.json"), Rig.load),
    FuzzedReader(
        "intrinsics.json", _saved(lambda: lab_rig("four"), "i.json"), lambda p: Rig.load(p, intrinsics_only=True)
    ),
    FuzzedReader("poses2d.npz", _saved(poses2d, "poses2d.npz"), Poses2D.load),
    FuzzedReader("poses3d.npz", _saved(poses3d, "poses3d.npz"), lambda path: Poses3D.load(path).fps),
    FuzzedReader("record", _record, lambda path: already_done(path, {"size": [1, 2]}, "abc", [])),
    FuzzedReader("npz", _bare("a.npz"), lambda path: read_npz(path, ("xyz",), "a verb", optional=("conf",))),
    FuzzedReader("predictions.npz", _prediction, Prediction.load),
    FuzzedReader("what predictions were made with", _prediction, lambda folder: _made_with(folder / "predictions.npz")),
    FuzzedReader("centres of poses", _score, PoseStructureScore.load),
    FuzzedReader("bare npz", _bare("a.npz"), lambda path: poses_in(path, BareArrays("h36m17"))),
    FuzzedReader("bare npy", _bare("a.npy"), lambda path: poses_in(path, BareArrays("h36m17"))),
    *(FuzzedReader(f"image {end}", _photo(end), read_image) for end in (".jpg", ".png", ".webp", ".tiff", ".bmp")),
    FuzzedReader("16-bit image", _gray, read_image),
    FuzzedReader("EXIF", _photo(".jpg"), lambda path: focal_from(path, 640, 480)),
    FuzzedReader("metadata of a video", _frames, lambda path: focal_from(path, 640, 480), cost=3),
    FuzzedReader("video", _frames, _video, cost=8),
    FuzzedReader("calibration page", _calibrated, _page, ("*.json", "*.npz"), cost=30),
    FuzzedReader("header of a video", _frames, _header, cost=5),
]
