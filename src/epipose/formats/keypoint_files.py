"""Keypoint files of other programs, told apart by content, gathered by view: files, folders of them, whole projects.

To add a format: a module with a function that gives a `KeypointFile` for content of its kind and None for any other,
and a line here.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from epipose.errors import DamagedFileError, InputError
from epipose.formats.coco_keypoints import ListedImage, listed_images, parse_coco
from epipose.formats.containers import open_hdf5
from epipose.formats.deeplabcut import parse_deeplabcut_csv, parse_deeplabcut_h5
from epipose.formats.image_names import image_name, view_label
from epipose.formats.keypoints import ImageKeypoints, KeypointFile
from epipose.formats.mediapipe import parse_mediapipe
from epipose.formats.mmpose import parse_mmpose
from epipose.formats.openpose import parse_openpose
from epipose.formats.sleap import parse_sleap
from epipose.formats.sports2d import PROGRAM as SPORTS2D
from epipose.formats.sports2d import parse_sports2d
from epipose.io.files import read_json
from epipose.io.guard import reading

# What is read, as messages and the help list it; of several files for one view the first of these is taken.
FORMATS = (
    "OpenPose JSON",
    "AlphaPose JSON",
    "MMPose JSON",
    "COCO results",
    "COCO annotations",
    "MediaPipe JSON",
    "DeepLabCut",
    "SLEAP analysis",
    "Sports2D pixels (TRC)",
)
READ = (
    "epipose's npz; JSON of OpenPose, Pose2Sim, Sports2D, AlphaPose, MMPose, COCO (results or annotations) and MediaPipe; "
    "DeepLabCut's csv and h5; SLEAP's analysis h5; Sports2D's trc in pixels"
)
_EXPECTED = f"2D poses. These formats are read: {READ}"
Listing = Mapping[int | str, ListedImage]  # images by id
_MOST_FRAMES = 10_000_000  # from the first number to the last
_SUFFIXES = frozenset({".json", ".csv", ".h5", ".hdf5", ".trc"})


@dataclass
class Series:
    """Keypoints of one view: the images of one file, or of many files of one image each.

    ``labels``: names in which the view's may stand, nearest first. ``images`` by the number in their names.
    """

    labels: tuple[str, ...]
    file: KeypointFile
    source: Path
    images: dict[int, ImageKeypoints] = field(default_factory=dict)

    @property
    def joints(self) -> int:
        """Number of joints of its people; 0 where there is nobody."""
        return next((len(person.xy) for image in self.images.values() for person in image.people), 0)


def read_keypoint_file(path: Path, listed: Listing | None = None) -> KeypointFile | None:
    """The content of one file in any of the formats; None for one of another kind.

    Raises DamagedFileError for a file of one of these formats that cannot be read.
    """
    with reading(path, _EXPECTED), path.open("rb") as file:
        start = file.read(4096)
    if start.startswith(b"\x89HDF"):
        with open_hdf5(path, _EXPECTED) as file:
            return parse_sleap(file) or parse_deeplabcut_h5(file, path)
    if start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        content = read_json(path)
        with reading(path, _EXPECTED):
            return (
                parse_openpose(content)
                or parse_coco(content, listed or {})
                or parse_mmpose(content)
                or parse_mediapipe(content)
                or (KeypointFile("", (ImageKeypoints(None, ()),)) if content == [] else None)
            )
    with reading(path, _EXPECTED):
        if start.startswith(b"PathFileType"):
            return parse_sports2d(path.read_text(encoding="utf-8"), path.stem)
        if start.lstrip(b"\xef\xbb\xbf").startswith(b"scorer,"):
            return parse_deeplabcut_csv(path.read_text(encoding="utf-8-sig"))
    return None


def is_npz(path: Path) -> bool:
    """Whether a file is an npz, by its content. Raises InputError where there is no file or folder."""
    if path.is_dir():
        return False
    if not path.exists():
        raise InputError(f"There is no file {path}, nor a folder. These formats are read: {READ}.")
    with path.open("rb") as file:
        return file.read(2) == b"PK"


def keypoint_series(path: Path) -> list[Series]:
    """All keypoints in a file or folder, by view as far as names tell; in order of names.

    Raises InputError, with the formats that are read, where there is none; DamagedFileError for a damaged file.
    """
    if not path.exists():
        raise InputError(f"There is no file {path}, nor a folder; expected {_EXPECTED}.")
    files = list(candidates(path))
    listed = _listed(files) if path.is_dir() else {}
    everywhere = _agreed(listed.values())
    found: dict[tuple[str, ...], Series] = {}
    recognised = False
    for file in files:
        content = read_keypoint_file(
            file, next((listed[above] for above in file.parents if above in listed), everywhere)
        )
        if content is not None:
            recognised = True
            with reading(file, _EXPECTED):
                _add(found, content, file, path)
    numbers = [number for one in found.values() for number in (min(one.images), max(one.images))]
    if numbers and max(numbers) - min(numbers) > _MOST_FRAMES:
        raise DamagedFileError(
            f"{path} numbers its frames from {str(min(numbers))[:30]} to {str(max(numbers))[:30]}; at most "
            f"{_MOST_FRAMES:,} are read. Number the images one by one."
        )
    # a view without anybody is one, too; images that are only listed are none
    series = [one for one in found.values() if one.joints or one.images[min(one.images)].image is None]
    if not any(one.joints for one in series):
        kinds = ", ".join(sorted({file.suffix or file.name for file in files})) or "no such file"
        what = f"{path} holds no 2D poses that can be read" + (f" (it holds {kinds})" if path.is_dir() else "")
        if recognised:
            raise InputError(f"{path}: nobody is in it. Expected 2D poses of people in the views.")
        raise InputError(f"{what}. These formats are read: {READ}.")
    return series


def candidates(path: Path) -> Iterator[Path]:
    """The file itself, or the files of a folder and those below it that may hold keypoints, sorted.

    DeepLabCut writes the same table as CSV and HDF5: the CSV is enough. Clip folders below, of earlier runs perhaps, are
    left out.
    """
    if path.is_file():
        yield path
        return
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(each for each in folders if not Path(folder, each, "clip.json").exists())
        files = [Path(folder, name) for name in sorted(names) if Path(name).suffix.lower() in _SUFFIXES]
        twice = {file.with_suffix(".h5") for file in files if file.suffix == ".csv"}
        yield from (file for file in files if file not in twice)


def _listed(files: Iterable[Path]) -> dict[Path, Listing]:
    """The images that COCO files list, by the folders of these; for results that of the nearest folder above holds.

    Only files that begin as such are read for it.
    """
    lists: dict[Path, list[Listing]] = defaultdict(list)
    for file in files:
        if file.suffix.lower() == ".json":
            with file.open("rb") as stream:
                start = stream.read(4096)
            if start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{" and any(
                key in start for key in (b'"images"', b'"licenses"', b'"info"')
            ):
                with reading(file, "images that COCO annotations list"):
                    lists[file.parent].append(listed_images(read_json(file)))
    return {folder: _agreed(each) for folder, each in lists.items()}


def _agreed(lists: Iterable[Listing]) -> Listing:
    """Several lists as one, without the ids that are other images in another: lists of several views count alike."""
    images: dict[int | str, dict[str, ListedImage]] = defaultdict(dict)
    for listing in lists:
        for number, image in listing.items():
            images[number][image.name] = image
    return {number: next(iter(named.values())) for number, named in images.items() if len(named) == 1}


def _add(found: dict[tuple[str, ...], Series], content: KeypointFile, file: Path, root: Path) -> None:
    """Sort the images of one file into the series they belong to."""
    above = [*file.relative_to(root).parts[-2::-1], root.name] if root.is_dir() else [root.parent.name]
    own = image_name(file.name)
    if not content.program and own.number is None:
        return  # an empty list: results without anybody
    for image in content.images:
        name = own if image.image is None else image_name(image.image)
        labels = [name.prefix, name.folder] if image.image is not None else [name.prefix]
        if image.image is not None:
            labels.append(content.view or file.stem)
        key = tuple(label for label in (*labels, *above) if label)
        series = found.setdefault(key, Series(key, content, file))
        number = name.number
        if number is None:
            raise InputError(
                f"{file}: the image '{image.image or file.name}' has no number in its name; the last number in a name "
                "is taken for the frame's. Number the images."
            )
        if content.program and not series.file.program:
            series.file = content
        if number in series.images:
            if content.program != SPORTS2D or series.source == file:
                raise DamagedFileError(
                    f"{file} has frame {number} of {view_label(key[0])} again. Give each frame of each view once."
                )
            image = image._replace(people=(*series.images[number].people, *image.people))
        series.images[number] = image


def series_label(series: list[Series]) -> list[str]:
    """A name of its own for each series: from the nearest kind of label that tells all of them apart."""
    depth = max(len(one.labels) for one in series)
    for level in range(depth):
        names = [view_label(one.labels[level]) if level < len(one.labels) else "" for one in series]
        if all(names) and len(set(names)) == len(names):
            return names
    return ["_".join(reversed(one.labels)) for one in series]
