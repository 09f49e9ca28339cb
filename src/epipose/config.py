"""Every verb of the command line as a frozen dataclass: its options, their defaults and their help, written once.

The verbs that train, read and pass on a network are in config_network.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

Sources = Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="VIDEO|FOLDER ...")]
Folder = Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="CLIP")]


@dataclass(frozen=True)
class Sample:
    """Bring sample footage: four synchronised videos of a man on a beam, with the laboratory's own calibration.

    The footage is part of the package pose2sim (BSD-3); pip downloads it (51 MB), or you name the wheel.
    """

    out: Path
    """Folder to write: videos/, clip.json, intrinsics.json, and reference/ with what calibration must not see."""
    wheel: Path | None = None
    """A pose2sim wheel downloaded by hand, for machines without a network."""


@dataclass(frozen=True)
class Studio:
    """Make footage of people who never were, filmed by cameras nobody built, with the truth beside it.

    Every clip is a folder that the other verbs take as it is; truth/ inside has the true cameras and joints. Needs the
    extra epipose[studio]. A run that was cut off goes on where it was when the same command is given again.
    """

    out: Path
    """Folder to write clip0000, clip0001, ... into."""
    clips: int = 8
    """How many clips: random person, clothes, room, light, motion and cameras each."""
    frames: int = 100
    """Frames per clip."""
    views: int = 4
    """Cameras per clip."""
    fps: float = 25.0
    """Frames per second."""
    size: str | None = None
    """Pictures, WIDTHxHEIGHT; phones may stand or lie. Default: 640x640 for rings, 720x1280 for phones, else the rig's."""
    rig: str = "ring"
    """ring, phones (on tripods, anywhere), h36m (the real cameras of Human3.6M's S1), or a file: an epipose rig.json,
    or Human3.6M's cameras as they are published."""
    mocap: Path | None = None
    """Folder of motion capture to play: ASF/AMC, BVH, DeepMimic. Default: invented motion."""
    backgrounds: Path | None = None
    """Folder of photos to put behind people; default: made-up rooms."""
    seed: int = 0
    """Seed of everything that is random; the same seed gives the same clips."""
    workers: int = 0
    """Processes that film; default: one for each core."""


@dataclass(frozen=True)
class Weights:
    """Bring the weights of the 2D detector, once; they are kept in the user's cache and verified by hash."""

    variant: Literal["full", "heavy"] = "full"
    """full: 6 MB, fast. heavy: 28 MB, a larger network, slower."""
    file: Path | None = None
    """A wheel, package or .tflite file downloaded by hand, for machines without a network."""


@dataclass(frozen=True)
class Detect:
    """Find the joints of people in every frame of every video, and the one person all views agree on.

    The videos are views of one scene. They may start up to ten seconds apart and differ in length and frame rate.
    """

    sources: Sources
    """Two or more videos, or one folder of videos, or a clip folder."""
    out: Path
    """Clip folder to write: clip.json, poses2d.npz, detections.npz, detect.json."""
    detector: str = "blazepose"
    """blazepose (the heavy weights where they are at hand, else full), blazepose-full, blazepose-heavy; shipped: the
    network that comes with epipose, for one person in each view, less exact."""
    poses: Path | None = None
    """Use these 2D poses instead of a detector: an npz, or a folder with one folder of OpenPose JSON per view."""
    sync: Literal["auto", "motion", "audio", "none"] = "auto"
    """How to find out when each video was started. auto: by the motion, checked by the sound where all have it, or by
    the sound where the motion does not tell. none: they were started together."""
    offsets: tuple[float, ...] = ()
    """When each video was started, in seconds, by hand; one number for each video, instead of --sync."""
    overwrite: bool = False
    """Replace a clip folder that was made from other videos."""


@dataclass(frozen=True)
class Calibrate:
    """Recover where the cameras stood from the person's own motion, and what their lenses are where nobody says.

    Writes rig.json (cameras, z up, floor at 0) and how far to trust them: calibration.html to read, calibration.json
    for programs. The exit code is 3 where the verdict is "reject".
    """

    folder: Folder
    """Clip folder with the 2D poses."""
    intrinsics: Path | None = None
    """Focal lengths, centres, distortion: epipose JSON or Qualisys .qca.txt. Default: intrinsics.json in the folder,
    else they are estimated."""
    known_rig: Path | None = None
    """Cameras that are known already, poses and all (epipose JSON or Qualisys): they are taken and checked."""
    focal: Literal["auto", "known", "shared", "each"] = "auto"
    """Focal lengths: known as given or assumed, or estimated: one for all cameras, or each its own. auto: known where
    intrinsics are given; else shared where all videos have one size, else each."""
    clocks: bool = True
    """Find by what part of a frame the views are late, and make up for it."""
    height: float | None = None
    """The subject's standing height in metres; makes the result metric."""
    bone: tuple[str, ...] = ()
    """A known length, NAME=METRES, such as thigh=0.42 or left_knee-left_ankle=0.41; makes the result metric."""
    camera_distance: tuple[str, ...] = ()
    """A known distance, CAMERA-CAMERA=METRES; makes the result metric."""
    constant_bones: bool = True
    """Hold the lengths of the person's bones constant over time, each as far as it is seen to be."""
    symmetric: bool = True
    """Left and right bones are equally long."""
    smoothness: float | None = None
    """Expected second difference of a joint's path from frame to frame, in metres; for short clips only."""
    max_frames: int = 500
    """Frames to use, evenly spread; more help little."""
    seed: int = 0
    """Seed of the random draws; the same seed gives the same cameras."""


@dataclass(frozen=True)
class Label:
    """Triangulate 3D labels, each joint with a confidence. Writes poses3d.npz and label.json."""

    folder: Folder
    """Clip folder with 2D poses and cameras."""
    mode: Literal["self", "self+rig", "true2d", "full"] = "self"
    """What the labels are made from. self: detected joints and recovered cameras. The others need footage whose truth
    is known: self+rig: true cameras; true2d: true joints in the pictures too; full: the true 3D poses."""
    people: Literal["subject", "all"] = "subject"
    """subject: the one person whom all views follow. all: everybody whom two views see; the subject stays the first."""
    min_parallax_deg: float = 5.0
    """Joints seen only from directions closer together than this are left out."""
    gate: float = 2.5
    """A view that misses a joint by more than this many expected errors does not support it."""
    smoothness: float | None = None
    """Expected second difference of a joint's path from frame to frame, in metres (or units of the rig)."""
    force: bool = False
    """Label with cameras that calibration rejected."""


@dataclass(frozen=True)
class View:
    """Look at cameras and poses in the browser, in 3D and in motion."""

    folder: Folder
    """Clip folder with cameras, and labels if there are any."""
    html: Path | None = None
    """Write one self-contained HTML file instead of serving."""
    port: int = 8080
    """Port of the local server."""


@dataclass(frozen=True)
class Run:
    """The whole path: detect, calibrate, label, train, and a report in plain words. What is done is not redone."""

    sources: Sources
    """Two or more videos, or one folder of videos, or a clip folder."""
    out: Path
    """Clip folder to write; the model goes to its folder model/."""
    intrinsics: Path | None = None
    """As for calibrate."""
    height: float | None = None
    """As for calibrate."""
    detector: str = "blazepose"
    """As for detect."""
    poses: Path | None = None
    """As for detect."""
    sync: Literal["auto", "motion", "audio", "none"] = "auto"
    """As for detect."""
    offsets: tuple[float, ...] = ()
    """As for detect."""
    people: Literal["subject", "all"] = "subject"
    """As for label. The network learns from the subject."""
    network: Literal["auto", "small", "full", "none"] = "auto"
    """small: the network that comes with epipose, adapted to this footage in minutes on a processor. full: ResNet-50,
    hours on a GPU. auto: full where there is a GPU. none: stop after the labels."""
    force: bool = False
    """Go on with cameras that calibration rejected."""
    overwrite: bool = False
    """Replace what is in the folder from another run."""
