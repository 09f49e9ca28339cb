"""Options of detection, calibration, labelling and the whole pipeline.

Each class is the command line of its verb, the keyword arguments of its function and the record in its folder.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from epipose.io.ranges import Count, Finite, FrameRate, Height, OptionRecord, Positive, Range, Seed

SyncMethod = Literal["auto", "motion", "audio", "none"]
FocalChoice = Literal["auto", "known", "shared", "each"]
People = Literal["subject", "all"]
Network = Literal["auto", "small", "full", "none"]
LabelMode = Literal["self", "self+rig", "true2d", "full"]
LabelSkeleton = Literal["native", "h36m17", "body25", "coco17", "halpe26", "blazepose33"]
MaxOffset = Annotated[float, Range(above=0, most=86_400, unit="seconds, 10 are usual")]
Jobs = Annotated[int, Range(least=0, most=1024)]


@dataclass(frozen=True)
class DetectOptions(OptionRecord):
    """Source of the keypoints, and synchronisation of the videos."""

    detector: str = "blazepose"
    """blazepose (the heavy weights where they are in the cache, else full), blazepose-full, blazepose-heavy;
    pretrained: the bundled network, for one person in each view, less accurate. rtmpose, rtmo, vitpose and yolo-pose read
    ONNX files: rtmpose:FILE, rtmpose:URL, or a known name as in docs/detectors.md, such as rtmpose:halpe26-m."""
    detector_option: tuple[str, ...] = ()
    """Option of the detector, KEY=VALUE, such as device=cuda or threads=4; may be repeated. An unknown one lists those
    that there are."""
    poses: Path | None = None
    """Use these 2D poses instead of a detector: a file or folder, told apart by content. epipose's npz; JSON of
    OpenPose, Pose2Sim, Sports2D, AlphaPose, MMPose, COCO, MediaPipe; DeepLabCut csv or h5; SLEAP analysis h5; Sports2D
    trc in pixels. Files or folders are named after the views."""
    joints: str | None = None
    """For --poses: a TOML file that says which joints they are (docs/formats.md), or the name of a skeleton."""
    size: tuple[str, ...] = ()
    """For --poses without videos: WIDTHxHEIGHT of the images, one for all views or one for each by name."""
    fps: FrameRate | None = None
    """For --poses without videos: their frame rate."""
    sync: SyncMethod = "auto"
    """Method for the time offsets of the videos. auto: from motion, checked against sound where all have it, or
    from sound where motion gives no clear result. none: the videos start together."""
    offsets: tuple[Finite, ...] = ()
    """Time offsets given by hand: the moment each video starts, in seconds; one number per video, instead of --sync."""
    max_offset: MaxOffset = 10.0
    """Seconds between the starts of any two videos that are searched. More hardly takes longer, but finds chance
    agreement more often where the motion tells little."""
    every: Annotated[int, Range(least=0, most=10**6)] = 1
    """Detect in every N-th moment only; the clip then has that many moments fewer. 0: only in as many frames as cameras
    need, some hundreds however long the videos are; such a clip can be calibrated, not labelled."""
    jobs: Jobs = 0
    """Views that are read at the same time; 0: as many as there are cores. The result is the same for any."""


@dataclass(frozen=True)
class CalibrateOptions(OptionRecord):
    """Known and estimated parameters of cameras and subject."""

    focal: FocalChoice = "auto"
    """Focal lengths: known as given or assumed, or estimated: one for all cameras, or each its own; distortion and
    principal points with them. auto: known where intrinsics are given; else shared where all videos have one size, else
    each."""
    clocks: bool = True
    """Estimate the lag of each view, a fraction of a frame, and compensate it."""
    height: Height | None = None
    """The subject's standing height in metres; makes the result metric, a known rig that is not, too."""
    bone: tuple[str, ...] = ()
    """A known length, NAME=METRES, such as thigh=0.42 or left_knee-left_ankle=0.41; makes the result metric."""
    camera_distance: tuple[str, ...] = ()
    """A known distance, CAMERA-CAMERA=METRES; makes the result metric."""
    constant_bones: bool = True
    """Hold the subject's bone lengths constant over time, each as far as the keypoints support it, where that makes the
    cameras surer."""
    symmetric: bool = True
    """Left and right bones are equally long."""
    smoothness: Positive | None = None
    """Expected second difference of a joint's path from frame to frame, in metres; for short clips only."""
    max_frames: Annotated[int, Range(least=10, most=10**9)] = 500
    """Frames to use, evenly spread; more change little."""
    seed: Seed = 0
    """Seed of the random draws; the same seed gives the same cameras."""


@dataclass(frozen=True)
class LabelOptions(OptionRecord):
    """Persons to triangulate, and limits below which joints are left out."""

    skeleton: LabelSkeleton = "native"
    """Joints of the labels. native: those of the keypoints, hands and feet included where the detector has them. Others
    are made of these by name; joints that they cannot be made of are left out."""
    people: People = "subject"
    """subject: the one person whom all views follow. all: everybody whom two views see; the subject stays the first."""
    min_parallax_deg: Annotated[float, Range(least=0, below=90)] = 5.0
    """Joints seen only from directions closer together than this are left out."""
    gate: Positive = 2.5
    """A view that misses a joint by more than this many expected errors does not support it."""
    smoothness: Positive | None = None
    """Expected second difference of a joint's path from frame to frame, in metres (or units of the rig)."""
    smooth: bool = True
    """Smooth the joints' paths as far as the views' disagreement shows that they err; without it every frame stands for
    itself."""


@dataclass(frozen=True)
class RunOptions(OptionRecord):
    """Options of the whole pipeline: detection, calibration, labelling, and the network to train."""

    intrinsics: Path | None = None
    """As for calibrate."""
    known_rig: Path | None = None
    """As for calibrate: cameras that were calibrated before and not touched since; they are taken and checked."""
    height: Height | None = None
    """As for calibrate."""
    bone: tuple[str, ...] = ()
    """As for calibrate."""
    camera_distance: tuple[str, ...] = ()
    """As for calibrate."""
    detector: str = "blazepose"
    """As for detect."""
    detector_option: tuple[str, ...] = ()
    """As for detect."""
    poses: Path | None = None
    """As for detect."""
    joints: str | None = None
    """As for detect."""
    size: tuple[str, ...] = ()
    """As for detect."""
    fps: FrameRate | None = None
    """As for detect."""
    sync: SyncMethod = "auto"
    """As for detect."""
    offsets: tuple[Finite, ...] = ()
    """As for detect."""
    max_offset: MaxOffset = 10.0
    """As for detect."""
    every: Annotated[int, Range(least=1, most=10**6)] = 1
    """As for detect, but 0."""
    detect_jobs: Jobs = 0
    """Views that are read at the same time, as --jobs of detect; of a batch, --jobs are clips."""
    skeleton: LabelSkeleton = "native"
    """As for label."""
    people: People = "all"
    """As for label. The network learns from everybody who is labelled."""
    network: Network = "auto"
    """small: the pretrained network, adapted to this footage in minutes on a processor. full: ResNet-50, hours on a
    GPU. auto: full where there is a GPU. none: stop after the labels."""
    train_frames: Count = 3000
    """Images that the network learns from, of all views together, chosen for variety of pose; more take longer and add
    little. The labels are of all frames."""
    force: bool = False
    """Go on with cameras that calibration rejected."""
    overwrite: bool = False
    """Replace what is in the folder from another run."""
