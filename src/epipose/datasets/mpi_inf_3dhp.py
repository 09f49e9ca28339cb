"""MPI-INF-3DHP, training set: eight people in two sequences each, seen by 14 cameras in a green-screen studio.

What the files mean is taken from the README and the MATLAB helpers that come with the release (mpii_get_joint_set,
mpii_get_camera_set, mpii_get_sequence_info) and from what public readers measured on the files.

- ``annot3`` are joints in millimetres in each camera's OWN axes (OpenCV's). Here they are transformed to the world by
  the first chosen view; all 14 agree. K times ``annot3`` gives ``annot2``, to 0.005 pixels. The release's pixels are
  taken as they are: whether its pixel centres are at integers or at halves is not published, half a pixel of 2048.
- ``univ_annot3`` ("universal") is every person drawn to the size of one and the same skeleton, the one of Human3.6M:
  poses relative to the pelvis are ``annot3`` times one number per person. These do NOT project onto ``annot2``, nor
  onto the images. The official test compares universal poses; geometry needs the measured ones
  (``Selection.true_scale``).
- ``camera.calibration`` is a Skeletool text file. Its extrinsic matrix is camera from world (x_cam = R x + t, mm), the
  world's y axis points up (turned here to z up), lens distortion was removed from the videos (``radial`` is 0). The
  release does not promise that the floor is at height 0; its cameras "at the knee" are 0.7 m high and those at the
  chest 1.4 m, so it is, near enough.
- Row k of the annotations is the k-th image (ffmpeg's number k + 1). Where annotations outnumber images (S3 Seq1, by
  one) the release's frame count holds, and a view that has fewer images lacks some. But the release's own video of
  camera 2 of S6 Seq2 breaks off after 3 911 frames, and with it the take, unless ``Selection.views`` leaves cam2 out.
- In S4 Seq2 left and right are swapped in frames 3 759 to 5 852, according to one public reader (Veges and Lorincz,
  2019); ``Selection.known_bad = False`` gives these frames confidence 0.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from epipose.camera import Camera, Rig, stack_cameras
from epipose.datasets.base import CheckResult, DatasetInfo, GroundTruth, Selection, Take
from epipose.datasets.image_index import check_numbering, find_images, try_header
from epipose.datasets.selection import selected
from epipose.errors import DamagedFileError, EpiposeError, InputError
from epipose.formats.containers import read_mat
from epipose.formats.skeletool import read_skeletool
from epipose.io.guard import reading
from epipose.poses import Poses2D, Poses3D
from epipose.skeletons import H36M17

# The release's own order (mpii_get_joint_set, 'all').
JOINTS = (
    "spine3", "spine4", "spine2", "spine", "pelvis", "neck", "head", "head_top",
    "left_clavicle", "left_shoulder", "left_elbow", "left_wrist", "left_hand",
    "right_clavicle", "right_shoulder", "right_elbow", "right_wrist", "right_hand",
    "left_hip", "left_knee", "left_ankle", "left_foot", "left_toe",
    "right_hip", "right_knee", "right_ankle", "right_foot", "right_toe",
)  # fmt: skip

# Human3.6M's joints that go by another name here, after the release's set 'relevant' ("Human3.6m compatible") and as
# published evaluations pair them: the root of the neck is Human3.6M's thorax, the middle of the head its neck/nose.
JOINT_ALIASES = {"thorax": "neck", "neck_nose": "head", "head": "head_top"}

# Frames of Seq1 and Seq2, and the sequences that were filmed at 50 frames per second, not 25 (mpii_get_sequence_info).
_FRAMES = {
    "S1": (6416, 12430), "S2": (6502, 6081), "S3": (12488, 12283), "S4": (6171, 6675),
    "S5": (12820, 12312), "S6": (6188, 6145), "S7": (6239, 6320), "S8": (6468, 6054),
}  # fmt: skip
_AT_50_FPS = {("S1", "Seq2"), ("S3", "Seq1"), ("S3", "Seq2"), ("S5", "Seq1"), ("S5", "Seq2")}
SEQUENCES = {
    (subject, action): (frames, 50.0 if (subject, action) in _AT_50_FPS else 25.0)
    for subject, both in _FRAMES.items()
    for action, frames in zip(("Seq1", "Seq2"), both, strict=True)
}

# mpii_get_camera_set, 'mm3d_chest': those of the dataset's paper.
CHEST_VIEWS = ("cam0", "cam2", "cam4", "cam7", "cam8")
TRUNCATED_VIDEOS = {("S6", "Seq2", "cam2"): 3911}
SWAPPED_FRAMES = {("S4", "Seq2"): slice(3759, 5853)}
Z_UP_FROM_Y_UP = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]], dtype=torch.float64)
MM_PER_METRE = 1000.0
EXPECTED = "annot.mat of an MPI-INF-3DHP sequence (annot2, annot3, univ_annot3, cameras, frames)"
REMEDY = "Run the release's get_dataset.sh; epipose datasets prints how the files should lie."


class SequenceName(NamedTuple):
    """One sequence of one person."""

    subject: str
    action: str

    @property
    def name(self) -> str:
        """The take's name."""
        return f"{self.subject}_{self.action}"


class MpiInf3dhp:
    """The training set; a take is one sequence of one person ("S1_Seq1"), its action "Seq1" or "Seq2"."""

    info = DatasetInfo(
        title="MPI-INF-3DHP, training set",
        licence="non-commercial research only (license.txt of the release); cite Mehta et al., 3DV 2017",
        source="https://vcai.mpi-inf.mpg.de/3dhp-dataset/",
        download="mpi_inf_3dhp.zip; read and edit conf.ig in it, then run get_dataset.sh (annotations and videos)",
        tree=(
            "ROOT/S1/Seq1/annot.mat\n"
            "ROOT/S1/Seq1/camera.calibration\n"
            "ROOT/S1/Seq1/imageSequence/video_0.avi   or a folder video_0 of its frames, here or in imageFrames\n"
            "ROOT/S1/Seq2 ... ROOT/S8/Seq2"
        ),
    )

    def recognises(self, root: Path) -> bool:
        """Whether there is a sequence with its annotations."""
        return any((root / subject / action / "annot.mat").exists() for subject, action in SEQUENCES)

    def takes(self, root: Path, selection: Selection) -> Sequence[Take]:
        """The sequences that are there, by subject; views are the five at the height of the chest unless named."""
        there = [SequenceName(*key) for key in SEQUENCES if (root / key[0] / key[1] / "annot.mat").exists()]
        if not there:
            raise InputError(f"{root} holds no sequence of MPI-INF-3DHP (S1/Seq1/annot.mat ... S8/Seq2). {REMEDY}")
        return [_take(root / key.subject / key.action, key, selection) for key in selected(there, selection)]

    def check(self, root: Path) -> list[CheckResult]:
        """Check every sequence: its calibration, its annotations and the images of the chest-height views."""
        return [result for key in SEQUENCES for result in _check(root / key[0] / key[1], SequenceName(*key))]


def rows_of_h36m(joints: tuple[str, ...]) -> list[int]:
    """Index of each joint of Human3.6M's 17 in a list of this dataset's joints, by name."""
    return [joints.index(JOINT_ALIASES.get(joint, joint)) for joint in H36M17.joints]


def images_of_view(folder: Path, view: str) -> Path | None:
    """The frames or the video of a view ("cam0"), wherever a common extraction puts them; None where there are none."""
    number, sequence = view.removeprefix("cam"), f"{folder.parent.name}_{folder.name}"
    video = f"video_{number}"
    folders = (f"imageSequence/{video}", f"imageFrames/{video}", f"Images/{video}", video)
    return find_images(folder, (*folders, f"images/{sequence}_V{number}", f"imageSequence/{video}.avi"))


def rescaled_pixels(
    uv: Float64[Tensor, "*batch 2"], before: Int64[Tensor, "*#batch 2"], after: Int64[Tensor, "*#batch 2"]
) -> Float64[Tensor, "*batch 2"]:
    """Pixels of images of the size ``before`` in the same images stretched to the size ``after`` (width, height)."""
    scale = after.double() / before.double()
    return torch.where(scale == 1, uv, (uv + 0.5) * scale - 0.5)


def world_from_camera(xyz: Float64[Tensor, "frame joint 3"], camera: Camera) -> Float64[Tensor, "frame joint 3"]:
    """Points in a camera's axes in the world, R^T (x - t)."""
    return (xyz - camera.t) @ camera.R


def _calibration(folder: Path) -> Rig:
    """All cameras of a sequence, "cam0" ..., metres, z up."""
    cameras = read_skeletool(folder / "camera.calibration", REMEDY)
    wrong = [name for name in cameras if not re.fullmatch(r"[0-9]{1,3}", name)]
    if wrong:
        raise DamagedFileError(f"{folder / 'camera.calibration'} calls cameras {wrong}; expected numbers. {REMEDY}")
    names = tuple(f"cam{name}" for name in cameras)
    rig = Rig(names, stack_cameras(list(cameras.values())), metric=True, upright=True)
    return rig.moved(1 / MM_PER_METRE, Z_UP_FROM_Y_UP, torch.zeros(3, dtype=torch.float64))


def _take(folder: Path, key: SequenceName, selection: Selection) -> Take:
    """One sequence, as long as is published; cameras are scaled to the size of its images."""
    rig = _calibration(folder).select(selection.views or CHEST_VIEWS)
    images = tuple(images_of_view(folder, view) for view in rig.names)
    frames, fps = SEQUENCES[key]
    cameras = []
    for view, path in enumerate(images):
        camera, seen = rig.camera[view], try_header(path)
        cameras.append(camera if seen is None else camera.resized(seen.width, seen.height))
        if path is not None:
            frames = min(frames, TRUNCATED_VIDEOS.get((key.subject, key.action, rig.names[view]), frames))
    sizes = rig.camera.size
    rig = Rig(rig.names, stack_cameras(cameras), metric=True, upright=True)
    ground_truth = partial(_ground_truth, folder, key, rig, sizes, images, frames, selection)
    return Take(key.name, *key, rig, images, frames, fps, ground_truth)


def _ground_truth(
    folder: Path,
    key: SequenceName,
    rig: Rig,
    sizes: Tensor,
    images: tuple[Path | None, ...],
    frames: int,
    selection: Selection,
) -> GroundTruth:
    """Read one sequence's annotations; ``sizes`` are those of the images that annot2 refers to."""
    for path in images:
        if path is not None and path.is_dir():
            check_numbering(path, frames)
    variable = "annot3" if selection.true_scale else "univ_annot3"
    annotations = _Annotations(folder / "annot.mat", variable)
    if annotations.frames < frames:
        raise DamagedFileError(
            f"{annotations.path} annotates {annotations.frames} frames, but {key.name} has {frames}. {REMEDY}"
        )
    rows = rows_of_h36m(JOINTS)
    in_camera = annotations.joints(variable, rig.names[0])[:frames, rows] / MM_PER_METRE
    xyz = world_from_camera(in_camera, rig.camera[0])
    uv = torch.stack([annotations.joints("annot2", view)[:frames, rows] for view in rig.names])
    uv = rescaled_pixels(uv, sizes[:, None, None], rig.camera.size[:, None, None])
    conf = torch.ones(frames, len(rows))
    if not selection.known_bad and key in SWAPPED_FRAMES:
        conf[SWAPPED_FRAMES[key]] = 0
    poses = Poses3D(xyz.float()[:, None], conf[:, None], H36M17, "world", True)
    seen = conf[None, :, None].expand(len(rig.names), -1, 1, -1).clone()
    return GroundTruth(poses, Poses2D(uv.float()[:, :, None], seen, H36M17, rig.names))


class _Annotations:
    """An annot.mat: per camera a cell of (frames, 28 x 2 or 3), x1 y1 (z1) x2 y2 ... in a row."""

    def __init__(self, path: Path, *variables: str) -> None:
        self.path = path
        self.content: Mapping[str, Any] = read_mat(path, EXPECTED, ("annot2", *variables, "cameras", "frames"))
        with reading(path, EXPECTED):
            self.cameras = np.atleast_1d(self.content["cameras"]).astype(int).tolist()
            numbers = np.atleast_1d(self.content["frames"]).astype(int)
        if (np.diff(numbers) != 1).any():
            raise DamagedFileError(f"{path}: its 'frames' do not count one by one. {REMEDY}")
        self.frames = len(numbers)

    def joints(self, variable: str, view: str) -> Float64[Tensor, "frame joint xyz"]:
        """The 28 joints of one camera, in millimetres or pixels."""
        number, cells = int(view.removeprefix("cam")), np.atleast_1d(self.content[variable])
        axes = 2 if variable == "annot2" else 3
        shape = (self.frames, len(JOINTS), axes)
        cell = cells[self.cameras.index(number)] if number in self.cameras and len(cells) == len(self.cameras) else None
        if not isinstance(cell, np.ndarray) or cell.size != np.prod(shape) or not np.isfinite(cell).all():
            raise DamagedFileError(
                f"{self.path}: {variable} of {view} should be {self.frames} rows of {len(JOINTS)} x {axes} finite "
                f"numbers, got {'nothing' if cell is None else f'shape {np.shape(cell)}'} "
                f"(its cameras are {self.cameras}). {REMEDY}"
            )
        return torch.from_numpy(np.asarray(cell, np.float64).reshape(shape))


def _check(folder: Path, key: SequenceName) -> list[CheckResult]:
    """The results of the check of one sequence."""
    if not folder.is_dir():
        return [CheckResult(False, f"{folder} is missing. {REMEDY}")]
    results = []
    try:
        rig = _calibration(folder)
        annotations = _Annotations(folder / "annot.mat", "annot3", "univ_annot3")
        fits = annotations.frames >= SEQUENCES[key][0]
        words = f"{annotations.path} annotates {annotations.frames} frames, {SEQUENCES[key][0]} are published"
        results += [CheckResult(fits, words), _agreement(annotations, rig)]
    except EpiposeError as error:
        results.append(CheckResult(False, str(error)))
    return results + [_check_images(folder, key, view) for view in CHEST_VIEWS]


def _agreement(annotations: _Annotations, rig: Rig) -> CheckResult:
    """Whether every camera's joints are the same points of the world, and project onto the annotated pixels."""
    apart = error = 0.0
    first: Tensor | None = None
    for view, name in enumerate(rig.names):
        camera, xyz = rig.camera[view], annotations.joints("annot3", name) / MM_PER_METRE
        world = world_from_camera(xyz, camera)
        first = world if first is None else first
        apart = max(apart, float((world - first).norm(dim=-1).median()))
        residual = camera.spread(2).project_in_frame(xyz) - annotations.joints("annot2", name)
        error = max(error, float(residual.norm(dim=-1).median()))
    return CheckResult(
        apart < 0.005 and error < 1,
        f"{annotations.path}: the cameras' joints are at most {MM_PER_METRE * apart:.2f} mm apart in the world, "
        f"and annot3 has a reprojection error of {error:.3f} pixels against annot2 (medians, of the worst camera)",
    )


def _check_images(folder: Path, key: SequenceName, view: str) -> CheckResult:
    """Whether a view has as many images as are published."""
    path, frames = images_of_view(folder, view), SEQUENCES[key][0]
    if path is None:
        return CheckResult(
            False, f"{folder} has neither imageSequence/video_{view[3:]}.avi nor a folder of its frames. {REMEDY}"
        )
    seen = try_header(path)
    if seen is None:
        return CheckResult(False, f"{path} cannot be read. Download or extract it again.")
    words = f"{path} has {seen.frames} frames of {seen.width} x {seen.height}, {frames} are published"
    try:
        if path.is_dir():
            check_numbering(path, seen.frames)
    except EpiposeError as error:
        return CheckResult(False, str(error))
    known = seen.frames == TRUNCATED_VIDEOS.get((key.subject, key.action, view))
    return CheckResult(
        seen.frames == frames or known, words + (" (the release's own video is that short)" if known else "")
    )
