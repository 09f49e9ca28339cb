"""Human3.6M conventions shared by all its layouts: names of actions and takes, joints, cameras, known errors.

The release is irregular, and each layout spells it differently. An action was recorded twice; the two files are called
"Eating 1" and "Eating", or "Eating 1" and "Eating 2", differently for every subject, and S1 says TakingPhoto and
WalkingDog where others say Photo and WalkDog. Here a take is its subject, one of 15 actions and the trial, 1 or 2, as
the release's own table numbers them (the table ``mapping`` in its metadata.xml: "subaction"); a table says which file
is which trial. The joints are the 17 of the 32 that every published result uses.

Known errors, with sources:

- S9's Greeting 2, SittingDown 2 and Waiting 1 (files "Greeting", "SittingDown 1", "Waiting 1") have poses that stand
  some 0.2 m beside the person. Iskakov et al., "Learnable Triangulation of Human Pose", ICCV 2019, leave them out of
  tests with this list; Sárándi's MeTRAbs and PosePile shift them by 200 mm along x and name the same three files.
- S11's Directions 2 (file "Directions"): the video of camera 54138969 is damaged in the release (h36m-fetch,
  VideoPose3D, 3d-pose-baseline leave it out), so that view has no images here, whatever file is there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64, Shaped
from torch import Tensor

from epipose.camera import Rig
from epipose.datasets.base import GroundTruth, Selection, Take
from epipose.datasets.image_index import frame_step, image_rate
from epipose.errors import EpiposeError, InputError
from epipose.poses import Poses2D, Poses3D
from epipose.skeletons import H36M17

FPS = 50.0
SUBJECTS = ("S1", "S5", "S6", "S7", "S8", "S9", "S11")  # those whose poses are public
CAMERAS = ("54138969", "55011271", "58860488", "60457274")  # "ca_01" to "ca_04"
# Where the joints of `H36M17` stand among the 32 of the release.
JOINTS = (0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27)
# By the number that the release gives them, 2 to 16 ("act_02" to "act_16"; 1 is all of them in one file).
ACTIONS = {
    2: "Directions",
    3: "Discussion",
    4: "Eating",
    5: "Greeting",
    6: "Phoning",
    7: "Posing",
    8: "Purchases",
    9: "Sitting",
    10: "SittingDown",
    11: "Smoking",
    12: "Photo",
    13: "Waiting",
    14: "Walking",
    15: "WalkDog",
    16: "WalkTogether",
}
_OTHER_SPELLINGS = {"TakingPhoto": "Photo", "WalkingDog": "WalkDog", "WalkingTogether": "WalkTogether"}
# What follows the action in the files' names of trials 1 and 2, where it is not "Eating 1" and "Eating".
_FILES: dict[str, dict[str, tuple[str, str]]] = {
    "S1": {"Eating": ("2", ""), "Sitting": ("1", "2"), "SittingDown": ("2", "")},
    "S5": {
        "Directions": ("1", "2"),
        "Discussion": ("2", "3"),
        "Greeting": ("1", "2"),
        "SittingDown": ("", "1"),
        "Photo": ("", "2"),
        "Waiting": ("1", "2"),
    },
    "S6": {
        "Eating": ("1", "2"),
        "Posing": ("2", ""),
        "Sitting": ("1", "2"),
        "Photo": ("", "1"),
        "Waiting": ("3", ""),
    },
    "S7": {
        "Phoning": ("2", ""),
        "SittingDown": ("", "1"),
        "Photo": ("", "1"),
        "Waiting": ("1", "2"),
        "Walking": ("1", "2"),
    },
    "S8": {"SittingDown": ("", "1"), "WalkTogether": ("1", "2")},
    "S9": {"Discussion": ("1", "2"), "SittingDown": ("", "1")},
    "S11": {
        "Discussion": ("1", "2"),
        "Greeting": ("2", ""),
        "Phoning": ("3", "2"),
        "SittingDown": ("", "1"),
        "Smoking": ("2", ""),
    },
}


class TakeName(NamedTuple):
    """One recording: its subject ("S9"), its action (one of ``ACTIONS``) and its trial, 1 or 2."""

    subject: str
    action: str
    trial: int

    def __str__(self) -> str:
        return f"{self.subject}_{self.action}_{self.trial}"


KNOWN_BAD = frozenset({TakeName("S9", "Greeting", 2), TakeName("S9", "SittingDown", 2), TakeName("S9", "Waiting", 1)})
DAMAGED_VIDEO = (TakeName("S11", "Directions", 2), "54138969")

LICENCE = "Human3.6M's own: for academic, non-commercial use, after registration; it may not be passed on"
SOURCE = "http://vision.imar.ro/human3.6m"


def action_named(spelling: str) -> str | None:
    """The action of this spelling, None where it is none of the 15 (as "_ALL")."""
    action = _OTHER_SPELLINGS.get(spelling, spelling)
    return action if action in ACTIONS.values() else None


def take_of_file(subject: str, stem: str) -> TakeName | None:
    """The take in the release's file ``stem`` ("Eating 2", no camera, no suffix); None where it is no single take."""
    spelling, _, number = stem.partition(" ")
    action = action_named(spelling)
    suffixes = _FILES.get(subject, {}).get(action or "", ("1", ""))
    if action is None or subject not in SUBJECTS or number not in suffixes:
        return None
    return TakeName(subject, action, 1 + suffixes.index(number))


def take_order(take: TakeName) -> tuple[int, str, int]:
    """Sort key of takes: subjects by number, then actions by the alphabet, then trials."""
    return int(take.subject[1:]), take.action, take.trial


def select_takes(takes: Sequence[TakeName], selection: Selection) -> list[TakeName]:
    """The takes selected, in order; raises InputError for unknown names, and where none is left."""
    actions = {spelling: action_named(spelling) for spelling in selection.actions}
    unknown = [spelling for spelling, action in actions.items() if action is None]
    unknown += [subject for subject in selection.subjects if subject not in SUBJECTS]
    unknown += [view for view in selection.views if view not in CAMERAS]
    if unknown:
        raise InputError(
            f"Human3.6M has no {', '.join(unknown)}; it has the subjects {', '.join(SUBJECTS)}, the actions "
            f"{', '.join(sorted(ACTIONS.values()))} and the views {', '.join(CAMERAS)}."
        )
    left = [
        take
        for take in takes
        if (not selection.subjects or take.subject in selection.subjects)
        and (not actions or take.action in actions.values())
        and (selection.known_bad or take not in KNOWN_BAD)
    ]
    if not left:
        there = ", ".join(sorted({take.subject for take in takes})) or "none"
        raise InputError(
            f"No take of Human3.6M is left by this selection; the folder has takes of these subjects: {there}."
        )
    return sorted(left, key=take_order)


def images_of(take: TakeName, sources: dict[str, Path], views: Sequence[str]) -> tuple[Path | None, ...]:
    """View by view the video or folder among ``sources`` (by camera), None where there is none that can be used."""
    return tuple(None if (take, view) == DAMAGED_VIDEO else sources.get(view) for view in views)


def take_of(
    name: TakeName,
    rig: Rig,
    images: tuple[Path | None, ...],
    shown: Callable[[], Int64[np.ndarray, " frame"]],
    ground_truth: Callable[[Int64[np.ndarray, " frame"]], GroundTruth],
) -> Take:
    """The take of the frames that its views show.

    Where the views contradict each other it has 0 frames, and raises when the ground truth is read.
    """
    try:
        frames = shown()
    except EpiposeError as error:
        return Take(str(name), name.subject, name.action, rig, images, 0, FPS, partial(_fail, str(error)))
    rows, of_frames = len(frames), partial(ground_truth, frames)
    return Take(
        str(name),
        name.subject,
        name.action,
        rig,
        images,
        rows,
        image_rate(frames, FPS),
        of_frames,
        step=frame_step(frames),
    )


def _fail(words: str) -> GroundTruth:
    raise InputError(words)


def poses_from_mm(xyz: Shaped[np.ndarray, "frame 17 3"], known: Shaped[np.ndarray, " frame"] | None = None) -> Poses3D:
    """World poses in metres of the 17 joints, from millimetres; NaN, or what is not ``known``, has confidence 0."""
    there = np.asarray(np.isfinite(xyz).all(-1)) & (True if known is None else known[:, None])
    metres = torch.from_numpy(np.where(there[..., None], xyz, 0) / 1000).float()
    return Poses3D(metres[:, None], torch.from_numpy(there)[:, None].float(), H36M17, metric=True)


def poses_in_images(xy: Sequence[Shaped[np.ndarray, "frame 17 2"]], views: Sequence[str]) -> Poses2D:
    """The keypoints of each view; NaN has confidence 0."""
    pixels = np.stack(list(xy))
    there = np.asarray(np.isfinite(pixels).all(-1))
    filled: Float[Tensor, "view frame 17 2"] = torch.from_numpy(np.where(there[..., None], pixels, 0)).float()
    return Poses2D(filled[:, :, None], torch.from_numpy(there)[:, :, None].float(), H36M17, tuple(views))
