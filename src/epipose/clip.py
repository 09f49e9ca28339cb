"""Synchronised views of one scene on one clock: the clip. A clip folder holds clip.json and what the verbs add.

Videos that were started by hand begin and end at different times and may differ in frame rate. Every view knows when
each of its frames was taken; the clip cuts the time that all views have in common into moments, at the lowest frame
rate. Everywhere in the product "frame k" is moment k of this timeline, the same instant in every view. A "video" may
also be a folder of images.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt8

from epipose.errors import DamagedFileError, InputError
from epipose.io.files import AnyPath, read_object, write_json
from epipose.io.guard import checked_names, reads
from epipose.io.images import LARGEST_SIDE
from epipose.io.paths import names_apart, relative_path
from epipose.io.records import from_json
from epipose.io.staged import Staged, settle
from epipose.io.summary import html_table, one_line
from epipose.io.video import Photo, VideoImage, probe, read_frames, read_images, stored_size, videos_in

_FILE, _FORMAT = "clip.json", "epipose-clip-3"
_MIN_MOMENTS = 20  # moments that all views must share, or a second where that is less
_TOLERANCE_FRAMES = 1e-3  # rounding of clocks
_MOST_FRAMES = 10_000_000  # of a view in a file, and seconds of its start: four days at 25 frames a second
_MOST_FPS = 1e6  # of a view in a file


@dataclass(frozen=True)
class View:
    """One camera's video: its own frames and rate, and ``start``, when on the clip's clock its first was taken (s).

    ``video`` is None where there are 2D poses alone; then there are no images. Its frames are every ``stride``-th of
    the file's, from the first on; ``frames`` and ``fps`` are of these. ``frame_times`` are seconds after the first
    frame where the frames do not come at even intervals, else None.
    ``width`` and ``height`` are of its images, which have square pixels; ``sample_aspect_ratio`` is width over height
    of a pixel as the file stores it (1: square).
    ``fps`` and ``frame_times`` are as the file says; ``rate`` is by how much faster its frames were taken: 4 for slow
    motion that plays four times as long, 1.0001 for a camera whose clock is 100 ppm fast.
    """

    name: str
    video: Path | None
    width: int
    height: int
    frames: int
    fps: float
    start: float = 0.0
    frame_times: tuple[float, ...] | None = None
    stride: int = 1
    sample_aspect_ratio: float = 1.0
    rate: float = 1.0

    def read(self, numbers: Sequence[int]) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
        """RGB images of the view's frames with these numbers (ascending), as many as the file has."""
        return read_frames(self.images(), [self.stride * number for number in numbers])

    def images_of(self, numbers: Sequence[int], threads: int = 0) -> Iterator[VideoImage] | Iterator[Photo]:
        """`read` before conversion to RGB, which says of each frame whether it was lost; ``threads``: of the decoder."""
        return read_images(self.images(), [self.stride * number for number in numbers], threads)

    def images(self) -> Path:
        """The video; InputError for a view that has none."""
        if self.video is None:
            raise InputError(
                f"View '{self.name}' has no images: its clip was made from 2D poses alone. Detect again with the videos "
                "and the same --poses to see images, to predict from them, or to train on them."
            )
        return self.video

    @property
    def stored_size(self) -> tuple[int, int]:
        """Width and height in the pixels of the file, which are not square where ``sample_aspect_ratio`` is not 1."""
        return stored_size(self.width, self.height, self.sample_aspect_ratio)

    @property
    def moments(self) -> Float[np.ndarray, " frame"]:
        """When each frame was taken, in seconds on the clip's clock."""
        own = np.arange(self.frames) / self.fps if self.frame_times is None else np.array(self.frame_times)
        return self.start + own / self.rate

    @property
    def taken_fps(self) -> float:
        """Frames a second of the clip's clock."""
        return self.fps * self.rate

    def dropped(self) -> list[tuple[float, int]]:
        """Gaps of more than one and a half frame intervals: the seconds into the video, and how many frames miss."""
        if self.frame_times is None:
            return []
        gaps = np.diff(times := np.array(self.frame_times)) * self.fps
        return [(float(times[k]), max(1, round(float(gaps[k])) - 1)) for k in np.flatnonzero(gaps > 1.5)]


@dataclass(frozen=True, repr=False)
class Clip:
    """Views of one scene; ``frames`` moments at ``fps`` that every view has seen."""

    views: tuple[View, ...]
    frames: int
    fps: float

    def __repr__(self) -> str:
        return one_line("Clip", self._facts())

    def _repr_html_(self) -> str:
        return html_table("Clip", self._facts())

    def _facts(self) -> dict[str, str]:
        return {"views": f"{len(self.views)} ({', '.join(self.names)})", "frames": f"{self.frames} at {self.fps:g} fps"}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the views, in order."""
        return tuple(view.name for view in self.views)

    @property
    def has_images(self) -> bool:
        """Whether every view has a video; a clip made from 2D poses alone has none."""
        return all(view.video is not None for view in self.views)

    @property
    def moments(self) -> Float[np.ndarray, " moment"]:
        """The clip's timeline in seconds: frames of (one of) the slowest view, from when all views run."""
        slowest = min(self.views, key=lambda view: view.taken_fps).moments
        latest = max(view.start for view in self.views)
        first = int(np.searchsorted(slowest, latest - _TOLERANCE_FRAMES / self.fps))
        begin = slowest[first] if first < len(slowest) else latest
        return begin + np.arange(self.frames) / self.fps

    @staticmethod
    def from_videos(sources: Sequence[AnyPath]) -> Clip:
        """Probe videos: files, or a folder of them; a view may be a folder of images, too. All start together.

        The views of a clip folder are taken as its clip.json describes them, but for their starts.
        """
        found = [view for source in map(Path, sources) for view in _views_in(source)]
        names = names_apart([view.name for view in found], [view.video for view in found])
        views = [replace(view, name=name) for view, name in zip(found, names, strict=True)]
        of_datasets = all((Path(source) / "clip.json").exists() for source in sources)  # one view is enough to be read
        if len(views) < (1 if of_datasets else 2):
            raise InputError(
                f"Got {len(views)} video ({', '.join(names)}). Two or more cameras that filmed the same person "
                "at the same time are needed; one view has no depth."
            )
        if len(set(names)) < len(names):
            raise InputError(f"Two videos have the same name: {', '.join(sorted(names))}. Rename one, or its folder.")
        return Clip(tuple(views), 0, 0.0).synchronised([0.0] * len(views))

    def synchronised(self, starts: Sequence[float], rates: Sequence[float] = ()) -> Clip:
        """The same views with other starts (seconds on a common clock) and the timeline that follows from them.

        ``rates``: those of the views (see `View`), where they change. Raises InputError when the views have less than a
        second, or 20 frames, in common.
        """
        rates = rates or [view.rate for view in self.views]
        views = tuple(
            replace(view, start=float(start), rate=float(rate))
            for view, start, rate in zip(self.views, starts, rates, strict=True)
        )
        fps = min(view.taken_fps for view in views)
        begin = float(Clip(views, 1, fps).moments[0])
        room = min(view.moments[-1] for view in views) - begin
        frames = int(np.floor(room * fps + _TOLERANCE_FRAMES)) + 1 if room >= -_TOLERANCE_FRAMES / fps else 0
        shortest = min(int((view.moments[-1] - view.start) * fps + _TOLERANCE_FRAMES) + 1 for view in views)
        if frames < min(shortest, _MIN_MOMENTS, int(np.ceil(fps))):
            listing = "; ".join(
                f"{view.name}: {view.start:.2f} to {view.moments[-1]:.2f} s at {view.taken_fps:g} fps" for view in views
            )
            raise InputError(
                f"The videos have {frames} frames in common ({listing}); a second or {_MIN_MOMENTS} frames are needed. Cut "
                "them so that they show the same event, or give their starts with --offsets."
            )
        return Clip(views, frames, fps)

    def frame_numbers(self, view: View, moments: Sequence[int] | None = None) -> Int[np.ndarray, " moment"]:
        """For each moment of the timeline (default: all) the number of the view's nearest frame."""
        wanted = self.moments if moments is None else self.moments[0] + np.asarray(moments) / self.fps
        times = view.moments
        after = np.searchsorted(times, wanted).clip(1, max(1, len(times) - 1))
        middle = (times[after - 1] + times[after.clip(max=len(times) - 1)]) / 2
        nearest = np.where(wanted > middle, after, after - 1)
        return nearest.clip(0, len(times) - 1)

    def read(self, view: View, moments: Sequence[int] | None = None) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
        """One RGB image of a view for each moment (ascending; default: all of the timeline): the nearest frame.

        Raises DamagedFileError when the video ends before the frames that the clip promises, or has another size.
        """
        numbers = self.frame_numbers(view, moments)
        given, of_one_size = 0, view.images().is_file()  # a folder may hold photos of several sizes
        for image in view.read(numbers.tolist()):
            if of_one_size and image.shape[:2] != (view.height, view.width):
                raise DamagedFileError(
                    f"{view.video} has images of {image.shape[1]}x{image.shape[0]} (in square pixels, upright); clip.json "
                    f"says {view.width}x{view.height}. Make the clip again: epipose detect."
                )
            given += 1
            yield image
        if given < len(numbers):
            raise DamagedFileError(
                f"{view.video} ends before frame {numbers[given]}; clip.json says {view.frames} frames. "
                "Make the clip again: epipose detect."
            )

    def save(self, folder: AnyPath) -> None:
        """Write ``folder/clip.json``. Video paths are stored relative to the folder, so that both move together."""
        self.write_into(Staged(Path(folder), Path(folder)))

    def write_into(self, stage: Staged) -> None:
        """Write ``clip.json`` into a set of files."""
        to = stage.target.resolve()
        views = [{**asdict(view), "video": view.video and relative_path(view.video, to)} for view in self.views]
        write_json(stage.path(_FILE), {"format": _FORMAT, "fps": self.fps, "frames": self.frames, "views": views})

    @staticmethod
    def load(folder: AnyPath, *, with_videos: bool = True) -> Clip:
        """Read ``folder/clip.json``; raises InputError when it is no clip folder, or a video has gone.

        DamagedFileError for one that is damaged or contradicts itself. ``with_videos`` False: it does not matter
        whether the videos are there.
        """
        settle(folder := Path(folder))
        path = folder / _FILE
        make = f"epipose detect VIDEOS --out {folder}"
        if not path.exists():
            raise InputError(f"{folder} is no clip folder (it has no clip.json). Make one: {make}")
        clip = _read_clip(path)
        for view in clip.views:
            if with_videos and view.video is not None and not os.path.exists(view.video):  # False, too, for no path
                raise InputError(f"The video of view '{view.name}' is gone: {view.video}. Put it back or detect again.")
        return clip


def load_clip(sources: AnyPath | Sequence[AnyPath]) -> Clip:
    """A clip from two or more videos, from a folder of videos, or from a folder that epipose wrote.

    The views of videos all start together until `epipose.synchronise` or `epipose.detect` finds their time offsets.
    Raises InputError for what is no video, for a single view, and for two views of one name.
    """
    if isinstance(sources, str | os.PathLike):
        folder = Path(sources)
        return Clip.load(folder) if (folder / "clip.json").exists() else Clip.from_videos([folder])
    return Clip.from_videos(sources)


@reads("the description of a clip", "Make it again: epipose detect VIDEOS --out FOLDER")
def _read_clip(path: Path) -> Clip:
    """The clip that a clip.json describes, its videos by absolute paths."""
    content = read_object(path)
    again = f"Make it again: epipose detect VIDEOS --out {path.parent}"
    if content.get("format") != _FORMAT:
        raise DamagedFileError(f"{path} has the format {str(content.get('format'))[:60]}, expected {_FORMAT}. {again}")
    clip = from_json(Clip, content, path)
    checked_names(clip.names, f"A view of {path}")
    fault = next(filter(None, map(_fault, clip.views)), None)
    if not (clip.views and 1 <= clip.frames <= _MOST_FRAMES and 0 < clip.fps <= _MOST_FPS):
        fault = f"it has {len(clip.views)} views of {clip.frames} frames at {clip.fps} fps"
    if fault is not None:
        raise DamagedFileError(f"{path} describes no clip: {fault}. {again}")
    folder = path.parent.resolve()
    return replace(clip, views=tuple(replace(v, video=v.video and (folder / v.video).resolve()) for v in clip.views))


def _fault(view: View) -> str | None:
    """What cannot be true of a view in a file; None where all can."""
    width, height, aspect = view.width, view.height, view.sample_aspect_ratio
    if not (0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE and 0.01 <= aspect <= 100):
        return f"view '{view.name}' has images of {width}x{height} with pixels {aspect} wide"
    if not (1 <= view.frames <= _MOST_FRAMES and 1 <= view.stride <= _MOST_FRAMES):
        return f"view '{view.name}' has {view.frames} frames, every {view.stride}th of its video"
    if not (0 < view.fps <= _MOST_FPS and 0 < view.rate <= _MOST_FPS and abs(view.start) <= _MOST_FRAMES):
        return f"view '{view.name}' starts at {view.start} s with {view.fps} fps at the rate {view.rate}"
    times = np.array(view.frame_times if view.frame_times is not None else ())
    if view.frame_times is not None and (len(times) != view.frames or bool((np.diff(times) < 0).any())):
        return f"view '{view.name}' has {view.frames} frames and {len(times)} times of frames, not one after the other"
    return None


def _views_in(source: Path) -> list[View]:
    if not source.exists():
        raise InputError(f"There is no file or folder {source}.")
    if (source / "clip.json").exists():
        return [replace(view, start=0.0, rate=1.0) for view in Clip.load(source).views]
    return [_probed(path) for path in (videos_in(source) if source.is_dir() else [source])]


def _probed(path: Path) -> View:
    info, name = probe(path), path.name if path.is_dir() else path.stem
    return View(
        name, path.resolve(), info.width, info.height, info.frames, info.fps, 0.0, info.frame_times,
        sample_aspect_ratio=info.sample_aspect_ratio,
    )  # fmt: skip
