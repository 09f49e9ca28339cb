"""Intrinsics of a clip's views: from a file, from what the videos state about their lens, or assumed.

They are the one thing calibration is given about the cameras. Where there is no file, the lens metadata of the videos
(`epipose.io.lens_metadata`) is a start.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, NamedTuple

import torch

from epipose.calibration.given_cameras import given_cameras
from epipose.camera import Rig, assumed_camera, stack_cameras
from epipose.clip import Clip
from epipose.errors import InputError
from epipose.geometry.parameters import Sharing
from epipose.io.files import AnyPath
from epipose.io.lens_metadata import focal_from

FocalChoice = Literal["auto", "known", "shared", "each"]
_FILE_SIGMA = 0.1  # relative error of focal lengths in a file that are to be estimated all the same


def intrinsics_from(path: Rig | AnyPath, clip: Clip) -> tuple[Rig, str]:
    """K, distortion and size of every view in the order of the clip, at the origin, and a note on what was assumed.

    Reads every format of `epipose.formats.cameras`; R and t are ignored. Cameras go by name, or by a name within a name;
    where no name matches but the counts agree, by order. Raises InputError for another number of cameras, other names,
    or another resolution than the video has.
    """
    rig, note = given_cameras(path, clip, poses=False)
    return Rig(clip.names, rig.camera.at_origin()), note


def known_rig_from(path: Rig | AnyPath, clip: Clip) -> tuple[Rig, str]:
    """Like `intrinsics_from`, for cameras whose R and t are known too and are kept; ``lag`` is not, and comes as 0.

    The note also says whether lengths are metres, and how that is known.
    """
    rig, note = given_cameras(path, clip, poses=True)
    return replace(rig, lag=torch.zeros_like(rig.lag)), note


def assumed_intrinsics(clip: Clip) -> tuple[Rig, str, tuple[float | None, ...]]:
    """Intrinsics for every view from what its video states, else those of an ordinary lens; and their uncertainty.

    The second value says in words where each focal length comes from; the third is its relative standard deviation per
    view, None where the video states nothing.
    """
    cameras, sources, sigmas = [], [], []
    for view in clip.views:
        camera = assumed_camera(view.width, view.height)
        found = None if view.video is None else focal_from(view.video, view.width, view.height)
        if found is not None:
            K = camera.K.clone()
            K[0, 0] = K[1, 1] = found.pixels
            camera = replace(camera, K=K)
            sources.append(f"{view.name}: {found.pixels:.0f} px, to within {found.sigma:.0%} ({found.source})")
        cameras.append(camera)
        sigmas.append(None if found is None else found.sigma)
    without = [view.name for view, sigma in zip(clip.views, sigmas, strict=True) if sigma is None]
    words = ["No intrinsics were given."]
    if without:
        who = "" if not sources else f" for {', '.join(without)}"
        words = [
            f"No intrinsics were given, so an ordinary lens was assumed{who} (focal length 0.8 of the longer side, no "
            "distortion)."
        ]
    if sources:
        words.append(f"Focal lengths as the files state them: {'; '.join(sources)}.")
    words.append(
        "Focal lengths are estimated from the person's motion, unless that was switched off; intrinsics from a "
        "calibration are better."
    )
    return Rig(clip.names, stack_cameras(cameras)), " ".join(words), tuple(sigmas)


class IntrinsicsChoice(NamedTuple):
    """Intrinsics to begin with, which to estimate, relative sigma of the focal lengths, and a note for the user."""

    rig: Rig
    focal: Sharing
    center: Sharing  # of the principal points: known from a file, or assumed in the middle of the image
    sigma: tuple[float | None, ...]
    note: str


def choose_intrinsics(clip: Clip, path: Rig | AnyPath | None, focal: FocalChoice) -> IntrinsicsChoice:
    """Intrinsics from a file, or else from what the videos say, or assumed; and which focal lengths to estimate.

    "auto" takes a file as known; without one it estimates one focal length where all videos have the same size
    (upright or on its side), and one for each camera otherwise.
    """
    if path is not None:
        rig, note = intrinsics_from(path, clip)
        focal = "known" if focal == "auto" else focal
        _check_estimable(rig, focal)
        return IntrinsicsChoice(rig, focal, "known", (_FILE_SIGMA,) * len(clip.views), note)
    rig, note, sigma = assumed_intrinsics(clip)
    if focal == "auto":
        one_size = len({frozenset((view.width, view.height)) for view in clip.views}) == 1
        focal = "shared" if one_size and len({round(f) for f in rig.camera.focal.tolist()}) == 1 else "each"
    return IntrinsicsChoice(rig, focal, "known" if focal == "known" else "each", sigma, note)


def _check_estimable(rig: Rig, focal: Sharing) -> None:
    """Raise InputError where the focal length of a fisheye is to be estimated."""
    fisheyes = [name for name, fisheye in zip(rig.names, rig.camera.fisheye.tolist(), strict=True) if fisheye]
    if fisheyes and focal != "known":
        raise InputError(
            f"--focal {focal}: the focal length of a fisheye cannot be estimated from people ({', '.join(fisheyes)}). "
            "Give its intrinsics from a calibration, and leave --focal at auto or known."
        )
