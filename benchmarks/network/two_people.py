"""References of the two people in Pose2Sim's multi-person demo, triangulated with the calibration that it has.

Its four videos (BSD-3-Clause, David Pagnon and contributors; 100 frames, 60 per second) look like new footage and are
not: they show the recording of the sample once more, into which a drawn woman was put, over the man where she is in
front of him. Frame k of both is the same moment. So the man is the sample's, partly covered; the woman is no real
person, but she is not from epipose's studio either. The images of the room lie up to 9 pixels from where the
calibration has them (matches of the backgrounds of both demos), which turns a line of sight by a third of a degree.

The reference: BlazePose heavy in every video, people associated across the views by the calibration, triangulation with
half the usual gate, so that joints on which two views do not agree well have no reference.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch

from epipose.camera import Rig
from epipose.clip import Clip
from epipose.datasets.sample import WHEEL
from epipose.errors import NoPersonError
from epipose.evaluation.metrics import pmpjpe_mm
from epipose.evaluation.protocols import MIN_JOINTS
from epipose.formats.qualisys import read_qualisys
from epipose.io.fetch import extract, has_hash
from epipose.io.packages import archive_of
from epipose.people.association import associate
from epipose.poses import Poses2D, Poses3D, poses_that_count
from epipose.reconstruction.label import GATE, label_poses
from epipose.skeletons import H36M17

_FOLDER = "Pose2Sim/Demo_MultiPerson"
# file -> SHA-256
_MEMBERS = {
    "videos/cam01.mp4": "543cee6a4c2c2b52dc9eac9137ee63d14f1f84e706a9a7264769edcb11e5ea53",
    "videos/cam02.mp4": "8895092a7cf26359205a427b7ac2f4a935c2e0bd36d9b7a5140cb33faa468a6b",
    "videos/cam03.mp4": "d3daf48cdf9f5603868ddb99166ddaf9b12279e7ce968922926560d5fd3f0c99",
    "videos/cam04.mp4": "1490149dc40e7301fa5ceae23862b044ba5c398a8b2a40df21ed894702728c09",
    "calibration/Calib.qca.txt": "fd90e4bbae3278ef1dc0cdd42a34ee06bf88286f628a02c00a29407aa39e34c5",
}
PEOPLE = ("man", "woman")  # persons of the reference


class TwoPeople(NamedTuple):
    """The demo's clip and cameras, the reference of man and woman, and how far the man's is from the sample's."""

    clip: Clip
    rig: Rig
    reference: Poses3D
    man_from_sample_mm: float  # PMPJPE: the same recording, seen through other keypoints


def two_person_clip(folder: Path) -> Clip:
    """The four videos and the calibration, extracted from the sample's wheel where they are not there yet."""
    for name, sha256 in _MEMBERS.items():
        if not has_hash(folder / name, sha256):
            extract(archive_of(WHEEL), f"{_FOLDER}/{name}", folder / name, sha256)
    return Clip.from_videos([folder / "videos"])


def two_people(folder: Path, keypoints: Poses2D, man: Poses3D) -> TwoPeople:
    """The reference of both from everybody whom a detector found in the videos.

    ``man``: the sample's reference, in the same world: which of the two is the man. Raises NoPersonError where the
    association does not find two people.
    """
    clip, rig = two_person_clip(folder), read_qualisys(folder / "calibration" / "Calib.qca.txt")
    everybody = associate(keypoints, rig, clip.fps)
    if len(everybody.real) != len(PEOPLE):
        raise NoPersonError(
            f"{folder}: the views agree on {len(everybody.real)} people, expected {len(PEOPLE)}. "
            + " ".join(everybody.sentences())
        )
    labels = label_poses(everybody.poses, rig, persons=everybody.real, gate=GATE / 2, smooth=False)
    apart = [_apart_mm(labels, man, person) for person in range(len(PEOPLE))]
    order = [apart.index(min(apart)), apart.index(max(apart))]
    reference = Poses3D(labels.xyz[:, order], labels.conf[:, order], H36M17, "world", True)
    return TwoPeople(clip, rig, reference, min(apart))


def _apart_mm(labels: Poses3D, man: Poses3D, person: int) -> float:
    """Mean PMPJPE of a person from the sample's subject, over joints that both have."""
    weight = ((labels.conf[:, person] > 0) & (man.conf[:, 0] > 0)).float()
    chosen = poses_that_count(weight, H36M17.root, MIN_JOINTS)
    apart = pmpjpe_mm(labels.xyz[chosen, person], man.xyz[chosen, 0], weight[chosen])
    return float(apart.mean()) if bool(chosen.any()) else torch.inf
