"""MPI-INF-3DHP, test set: six people, one camera each, 2 929 valid frames; and the joints of the official PCK.

What the files mean is taken from the README and the MATLAB scripts in the release's test_util (mpii_test_predictions,
mpii_get_joints, mpii_compute_3d_pck, mpii_get_pck_auc_joint_groups, mpii_get_activity_name) and from public readers.

- ``annot_data.mat`` is MATLAB 7.3, that is HDF5 with its axes reversed: annot2 (frame, 1, 17, 2), annot3 and
  univ_annot3 (frame, 1, 17, 3) in millimetres in the camera's axes, valid_frame and activity_annotation (frame, 1). Row
  k is ``img_<k + 1>.jpg``. TS3 and TS4 have one and two images more than annotations.
- ``annot3`` is the measured pose; ``univ_annot3`` is the same pose drawn to the size of Human3.6M's universal
  skeleton and does not project onto ``annot2`` (see mpi_inf_3dhp.py). THE OFFICIAL NUMBERS COMPARE univ_annot3, that is
  ``Selection(true_scale=False)``, pelvis on pelvis; many published ones take annot3, and are not comparable.
- TS1 and TS2 are in the studio with green screen, TS3 and TS4 without, TS5 and TS6 outdoors.
- Intrinsics come from test_util/camera_calibration (ts1-4cameras.calib, ts5-6cameras.calib); where these files lack,
  the same numbers, as several public readers quote them, stand below. TS5 and TS6 have distorted images. Whether annot2
  was projected with the distortion is not published: ``check`` measures it, and which pinhole fits annot2 best.
- The frame rate is not published; 25 per second stands in for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from epipose.camera import Camera, Rig
from epipose.datasets.base import CheckResult, DatasetInfo, GroundTruth, Selection, Take
from epipose.datasets.image_index import check_numbering, find_images, try_header
from epipose.datasets.mpi_inf_3dhp import MM_PER_METRE, rescaled_pixels, rows_of_h36m
from epipose.datasets.selection import check_names, selected
from epipose.errors import DamagedFileError, EpiposeError, InputError
from epipose.formats.containers import open_hdf5
from epipose.formats.skeletool import captury_camera, read_captury
from epipose.io.video import FOLDER_FPS
from epipose.poses import Poses2D, Poses3D
from epipose.skeletons import H36M17

# The release's own order (mpii_get_joints, 'relevant'); names as in mpi_inf_3dhp.JOINTS.
JOINTS = (
    "head_top", "neck",
    "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
    "pelvis", "spine", "head",
)  # fmt: skip

VALID_FRAMES = {"TS1": 603, "TS2": 540, "TS3": 505, "TS4": 553, "TS5": 276, "TS6": 452}  # published numbers

# activity_annotation 1..7, in the words of the release's README and of its script.
ACTIVITIES = {
    1: "Standing/Walking", 2: "Exercising", 3: "Sitting", 4: "Reaching/Crouching", 5: "On The Floor", 6: "Sports",
    7: "Miscellaneous",
}  # fmt: skip

# The joints that the official PCK and AUC count (mpii_get_pck_auc_joint_groups, the current release), as Human3.6M
# names them: its "head" is the dataset's head_top, its "thorax" the dataset's neck. Pelvis, spine and the middle of the
# head do not count (an earlier copy of the script counted all 17); the total weighs every joint alike. Poses are
# compared pelvis on pelvis. A joint is right where its error is LESS THAN 150 mm (strict), and the AUC is the mean over
# the 31 thresholds 0, 5 ... 150 mm, strict as well, so that the first always adds 0.
PCK_GROUPS: dict[str, tuple[str, ...]] = {
    "Head": ("head",),
    "Neck": ("thorax",),
    "Shou": ("right_shoulder", "left_shoulder"),
    "Elbow": ("right_elbow", "left_elbow"),
    "Wrist": ("right_wrist", "left_wrist"),
    "Hip": ("right_hip", "left_hip"),
    "Knee": ("right_knee", "left_knee"),
    "Ankle": ("right_ankle", "left_ankle"),
}
PCK_JOINTS = tuple(joint for group in PCK_GROUPS.values() for joint in group)

VIEW = "camera"
EXPECTED = "annot_data.mat of the MPI-INF-3DHP test set (annot2, annot3, univ_annot3, valid_frame, activity_annotation)"
REMEDY = "Run the release's get_testset.sh; epipose datasets prints how the files should lie."


class MpiInf3dhpTest:
    """The test set; a take is one person ("TS1"). Activities change within it, from frame to frame."""

    info = DatasetInfo(
        title="MPI-INF-3DHP, test set",
        licence="non-commercial research only (license.txt of the release); cite Mehta et al., 3DV 2017",
        source="https://vcai.mpi-inf.mpg.de/3dhp-dataset/",
        download="mpi_inf_3dhp.zip; read and edit conf.ig in it, then run get_testset.sh",
        tree=(
            "ROOT/TS1/annot_data.mat           (ROOT may also be the folder above mpi_inf_3dhp_test_set)\n"
            "ROOT/TS1/imageSequence/img_000001.jpg\n"
            "ROOT/TS2 ... ROOT/TS6\n"
            "ROOT/test_util/camera_calibration/ts1-4cameras.calib, ts5-6cameras.calib"
        ),
    )

    def recognises(self, root: Path) -> bool:
        """Whether there is a test sequence with its annotations."""
        return any((_base(root) / name / "annot_data.mat").exists() for name in VALID_FRAMES)

    def takes(self, root: Path, selection: Selection) -> Sequence[Take]:
        """The test sequences that are there, one view ("camera") at the origin of its world."""
        base = _base(root)
        there = [name for name in VALID_FRAMES if (base / name / "annot_data.mat").exists()]
        if not there:
            raise InputError(f"{root} holds no test sequence of MPI-INF-3DHP (TS1/annot_data.mat ... TS6). {REMEDY}")
        check_names("view", selection.views, {VIEW})
        return selected([_take(base, name, selection) for name in there], selection)

    def check(self, root: Path) -> list[CheckResult]:
        """Check every sequence: its valid frames, its images, and what projects onto annot2."""
        return [result for name in VALID_FRAMES for result in _check(_base(root), name)]


def fitted_intrinsics(
    xyz: Float64[Tensor, "point 3"], uv: Float64[Tensor, "point 2"]
) -> tuple[Float64[Tensor, "3 3"], float]:
    """The pinhole K (no skew) that projects camera-frame points best, and the median reprojection error in pixels.

    Linear least squares per axis: u z = f x + c z.
    """
    K = torch.eye(3, dtype=torch.float64)
    for axis in (0, 1):
        rays = torch.stack([xyz[:, axis] / xyz[:, 2], torch.ones(len(xyz), dtype=torch.float64)], -1)
        K[axis, axis], K[axis, 2] = torch.linalg.lstsq(rays, uv[:, axis, None]).solution[:, 0]
    seen = (xyz / xyz[:, 2:]) @ K.T
    return K, float((seen[:, :2] - uv).norm(dim=-1).median())


def published_camera(root: Path, take_name: str) -> Camera:
    """The camera of a take, at the origin, for images as they were published: TS1-4 2048 x 2048, TS5-6 1920 x 1080."""
    indoors = take_name in ("TS1", "TS2", "TS3", "TS4")
    size = (2048, 2048) if indoors else (1920, 1080)
    path = (
        _base(root) / "test_util" / "camera_calibration" / ("ts1-4cameras.calib" if indoors else "ts5-6cameras.calib")
    )
    if path.exists():
        return read_captury(path, *size)
    if indoors:
        return captury_camera(7.32506, 1.00044, (10.0, 10.0), (-0.0322884, 0.0929296), (0.0,) * 5, size)
    distortion = (-0.276859611, 0.131125256, -0.000360494, -0.001149441, -0.049318332)
    return captury_camera(8.770747185, 0.993236423, (10.0, 5.625), (-0.104908645, 0.104899704), distortion, size)


def _base(root: Path) -> Path:
    """The folder of TS1 ... TS6: the one given, or mpi_inf_3dhp_test_set in it (get_testset.sh puts one in another)."""
    while (inner := root / "mpi_inf_3dhp_test_set").is_dir():
        root = inner
    return root


def _take(base: Path, name: str, selection: Selection) -> Take:
    """One test sequence, as long as its annotations; its camera is scaled to the size of its images."""
    camera = published = published_camera(base, name)
    images = find_images(base / name, ("imageSequence",))
    seen = try_header(images)
    if seen is not None:
        camera = camera.resized(seen.width, seen.height)
    path = base / name / "annot_data.mat"
    try:
        frames = len(_column(path, "valid_frame"))
    except EpiposeError:  # reading the ground truth raises it
        frames = 0
    rig = Rig((VIEW,), camera[None], metric=True)
    key = "annot3" if selection.true_scale else "univ_annot3"
    ground_truth = partial(_ground_truth, path, key, rig, published, images, frames)
    return Take(name, name, "", rig, (images,), frames, FOLDER_FPS, ground_truth)


def _ground_truth(path: Path, key: str, rig: Rig, published: Camera, images: Path | None, frames: int) -> GroundTruth:
    """Read one sequence's annotations; annot2 refers to images of the published size."""
    valid = torch.from_numpy(_column(path, "valid_frame") == 1)
    if images is not None:
        check_numbering(images, frames)
    rows = rows_of_h36m(JOINTS)
    xyz = _joints(path, key, len(valid))[:frames, rows] / MM_PER_METRE
    uv = _joints(path, "annot2", len(valid))[:frames, rows]
    uv = rescaled_pixels(uv, published.size, rig.camera.size[0])
    conf = valid[:frames, None].float().expand(-1, len(rows)).clone()
    poses = Poses3D(xyz.float()[:, None], conf[:, None], H36M17, "world", True)
    poses2d = Poses2D(uv.float()[None, :, None], conf[None, :, None].clone(), H36M17, (VIEW,))
    doing = _column(path, "activity_annotation", len(valid))[:frames].astype(int).tolist()
    return GroundTruth(poses, poses2d, tuple(ACTIVITIES.get(number, "") for number in doing))


def _column(path: Path, variable: str, frames: int | None = None) -> np.ndarray:
    """One number for each frame, of which there must be ``frames`` where these are known."""
    with open_hdf5(path, EXPECTED) as file:
        if variable not in file or file[variable].size != max(file[variable].shape):
            raise DamagedFileError(
                f"{path} has no variable {variable} with a number for each frame; expected {EXPECTED}. {REMEDY}"
            )
        values = np.asarray(file[variable], np.float64).reshape(-1)
    if frames is not None and len(values) != frames:
        raise DamagedFileError(f"{path} has {len(values)} numbers of {variable} for {frames} frames. {REMEDY}")
    return values


def _joints(path: Path, variable: str, frames: int) -> Float64[Tensor, "frame joint axis"]:
    """The 17 joints in pixels or millimetres; what is not finite (in invalid frames) becomes zero."""
    shape = (frames, 1, len(JOINTS), 2 if variable == "annot2" else 3)
    with open_hdf5(path, EXPECTED) as file:
        found = file[variable].shape if variable in file else None
        if found != shape:
            raise DamagedFileError(f"{path}: {variable} should have shape {shape}, got {found or 'nothing'}. {REMEDY}")
        return torch.from_numpy(np.nan_to_num(np.asarray(file[variable], np.float64)[:, 0], posinf=0, neginf=0))


def _check(base: Path, name: str) -> list[CheckResult]:
    """The results of the check of one sequence."""
    path = base / name / "annot_data.mat"
    if not path.exists():
        return [CheckResult(False, f"{path} is missing. {REMEDY}")]
    try:
        valid = _column(path, "valid_frame") == 1
        activity = set(_column(path, "activity_annotation", len(valid))[valid].astype(int))
        results = [
            CheckResult(
                valid.sum() == VALID_FRAMES[name],
                f"{path} marks {valid.sum()} frames valid, {VALID_FRAMES[name]} are published",
            ),
            CheckResult(
                activity <= set(ACTIVITIES),
                f"{path}: the activities of these are {sorted(map(int, activity))} of 1 to 7",
            ),
            _projection(path, published_camera(base, name), torch.from_numpy(valid)),
            _check_images(base / name / "imageSequence", len(valid)),
        ]
    except EpiposeError as error:
        return [CheckResult(False, str(error))]
    return results


def _projection(path: Path, camera: Camera, valid: Tensor) -> CheckResult:
    """Reprojection errors against annot2: by the published intrinsics, and by the pinholes that fit best."""
    uv = _joints(path, "annot2", len(valid))[valid].reshape(-1, 2)
    measured, universal = (_joints(path, key, len(valid))[valid].reshape(-1, 3) for key in ("annot3", "univ_annot3"))
    if not len(uv) or not bool((measured[:, 2] > 0).all() and (universal[:, 2] > 0).all()):
        return CheckResult(False, f"{path}: some valid joints are not in front of the camera. {REMEDY}")
    error = float((camera.project_in_frame(measured) - uv).norm(dim=-1).median())
    K, fitted = fitted_intrinsics(measured, uv)
    other = fitted_intrinsics(universal, uv)[1]
    return CheckResult(
        fitted < 5,
        f"{path}: by the published intrinsics annot3 falls {error:.2f} pixels from annot2; by the best pinhole (fx "
        f"{K[0, 0]:.2f}, fy {K[1, 1]:.2f}, cx {K[0, 2]:.2f}, cy {K[1, 2]:.2f}) {fitted:.2f}, and "
        f"univ_annot3 by its own best pinhole {other:.2f} (medians)",
    )


def _check_images(folder: Path, frames: int) -> CheckResult:
    """Whether there is an image for every annotated frame."""
    seen = try_header(folder) if folder.is_dir() else None
    if seen is None:
        return CheckResult(False, f"{folder} is missing or holds no image that can be read. {REMEDY}")
    try:
        check_numbering(folder, seen.frames)
    except EpiposeError as error:
        return CheckResult(False, str(error))
    words = f"{folder} has {seen.frames} images of {seen.width} x {seen.height} for {frames} annotated frames"
    return CheckResult(seen.frames >= frames, words)
