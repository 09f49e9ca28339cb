"""Sample clip: four synchronised videos of a man balancing on a beam, with the lab's calibration kept apart.

They are the single-person demo of Pose2Sim (BSD-3-Clause, David Pagnon and contributors): 100 frames, 60 fps,
portrait, a bystander and a plastic skeleton in two views. The calibration is by wand.

The videos of cam01 and cam02 are not what their calibration describes. They are 1080x1920, the calibration says
1088x1920, and they carry black bars: the images were scaled by 1080/1088, which leaves 1906 rows, and 7 black rows
were put above and below. The lab's own 1088-pixel images of the same room, in the same package, show it:
matches in the static background follow this model with a median error below a tenth of a pixel, and are off by several
pixels from a crop or from K as it stands (benchmarks/geometry/sample_letterbox.py). So the cameras written here are
scaled and padded as the videos were.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

from epipose.camera import Rig, stack_cameras
from epipose.clip import Clip
from epipose.errors import InputError
from epipose.formats.qualisys import read_qualisys
from epipose.io.fetch import download, extract, first_that_works, has_hash
from epipose.io.files import AnyPath, read_object
from epipose.io.lock import folder_lock
from epipose.io.packages import Ways, by_client, cached_archives
from epipose.io.sources import POSE2SIM, POSE2SIM_FILES
from epipose.io.staged import staged

SERVER = POSE2SIM_FILES
WHEEL = POSE2SIM
FOLDER = "Pose2Sim/Demo_SinglePerson"

# file in the clip folder -> (path at the server, SHA-256); the wheel has the same path but for the licence
MEMBERS = {
    "videos/cam01.mp4": (
        f"{FOLDER}/videos/cam01.mp4",
        "cf4f2816c86bea4bfbea255333d8626ff32a3ecabdab8b0fb147cea9167fde3a",
    ),
    "videos/cam02.mp4": (
        f"{FOLDER}/videos/cam02.mp4",
        "94ff87cf978b8406e8aa36ab3c5362e72848994e87652f0dc7a33c315e8e0442",
    ),
    "videos/cam03.mp4": (
        f"{FOLDER}/videos/cam03.mp4",
        "b8b329f832f178f27ecb78d024d5026b96c6adb36c387bfe2c0af85eab8a11ca",
    ),
    "videos/cam04.mp4": (
        f"{FOLDER}/videos/cam04.mp4",
        "b5c0e7863fd70d008e7178d3c556b045b0ea5f78fcd61ca548a0b2e807e641f7",
    ),
    "reference/Calib.qca.txt": (
        f"{FOLDER}/calibration/Calib.qca.txt",
        "fd90e4bbae3278ef1dc0cdd42a34ee06bf88286f628a02c00a29407aa39e34c5",
    ),
    "LICENSE-pose2sim.txt": (
        "LICENSE",
        "7f8a9ede713463b96d261a39c3ec404748c8e4f528c795e5f8cb18898ed944cf",
    ),
}
_IN_WHEEL = {"LICENSE": "pose2sim-0.10.49.dist-info/licenses/LICENSE"}


def sample(out: AnyPath, wheel: AnyPath | None = None) -> Clip:
    """Write the sample clip to the folder ``out``; what is there already, whole, is left.

    Beside ``clip.json`` and ``videos/`` stand ``intrinsics.json`` (all that calibration may see) and ``reference/``
    (the wand calibration, metres: to measure against). ``wheel`` is the Pose2Sim wheel downloaded by hand; without
    it the files are unpacked from one in the cache, or downloaded one by one (4.4 MB), or the wheel is (51 MB), by pip.
    Raises InputError when nothing of that works, ``wheel`` is another file, or ``out`` is taken.
    """
    with folder_lock(out) as locked:
        return _sample(locked, wheel)


def _sample(out: Path, wheel: AnyPath | None) -> Clip:
    """`sample` with the folder's lock."""
    views = read_object(out / "clip.json").get("views", []) if (out / "clip.json").exists() else []
    if views and [view.get("name") for view in views] != ["cam01", "cam02", "cam03", "cam04"]:
        raise InputError(f"{out} holds another clip. Give an empty or new folder for the sample.")
    missing = [name for name, (_, sha256) in MEMBERS.items() if not has_hash(out / name, sha256)]
    if missing and wheel is not None:
        _unpack(_checked(Path(wheel)), missing, out)
    elif missing:
        _fetch(missing, out)
    clip = Clip.from_videos([out / "videos"])
    rig = reference_rig(out / "reference" / "Calib.qca.txt")
    with staged(out) as stage:
        rig.save(stage.path("intrinsics.json"), intrinsics_only=True)
        rig.save(stage.path("reference/rig.json"))
        clip.write_into(stage)
    return clip


def reference_rig(calibration: AnyPath) -> Rig:
    """The lab's calibration for the videos as they are: cam01 and cam02 scaled and padded (see above)."""
    rig = read_qualisys(calibration)
    views = [rig.camera[index] for index in range(len(rig.names))]
    views[:2] = [view.resized(1080, 1906).cropped(0, -7, 1080, 1920) for view in views[:2]]
    return replace(rig, camera=stack_cameras(views))


def _fetch(missing: Iterable[str], out: Path) -> None:
    """Write the files that are missing, all of them by the first way that works; none is tried twice."""
    ways: Ways = {str(path): partial(_unpack, path, missing, out) for path in cached_archives(WHEEL)}
    ways[SERVER] = partial(_download, missing, out)
    ways[WHEEL.client] = lambda: _unpack(by_client(WHEEL), missing, out)
    first_that_works("The sample", ways, WHEEL.by_hand)


def _download(names: Iterable[str], out: Path) -> None:
    for name in names:
        path, sha256 = MEMBERS[name]
        download(f"{SERVER}/{path}", out / name, sha256)


def _unpack(wheel: Path, names: Iterable[str], out: Path) -> None:
    for name in names:
        path, sha256 = MEMBERS[name]
        extract(wheel, _IN_WHEEL.get(path, path), out / name, sha256)


def _checked(by_hand: Path) -> Path:
    if not has_hash(by_hand, WHEEL.sha256 or ""):
        raise InputError(
            f"{by_hand} is missing or is not pose2sim 0.10.49 (SHA-256 {WHEEL.sha256}). Get it by "
            f"`{WHEEL.download_line}`."
        )
    return by_hand
