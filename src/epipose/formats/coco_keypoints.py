"""COCO's keypoint results and annotations, and AlphaPose's results, which have the same layout.

Results: ``[{"image_id": 12, "keypoints": [x, y, score, ...], "score": 0.9}]``. AlphaPose's ``image_id`` is the image's
file name (``"12.jpg"`` of a video) and ``idx`` the number of the tracked person. Annotations: ``{"images": [{"id",
"file_name"}], "annotations": [...], "categories": [...]}``, where the third number is 0 for not marked, 1 for marked
though hidden, 2 for seen. A file of ``images`` alone beside results says which image each ``image_id`` is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from epipose.formats.keypoints import ImageKeypoints, KeypointFile, PersonKeypoints, person_of_flat

_SCORE_OF_FLAG = {0.0: 0.0, 1.0: 0.5, 2.0: 1.0}


class ListedImage(NamedTuple):
    """An image that a COCO file lists: its file name, and its size where it is given."""

    name: str
    size: tuple[int, int] | None


def parse_coco(content: object, listed: Mapping[int | str, ListedImage] = {}) -> KeypointFile | None:
    """People by image; None for content of another kind, ValueError or TypeError where it is damaged.

    ``listed``: the images by id, where another file lists them.
    """
    if isinstance(content, list) and content and all(_is_result(entry) for entry in content):
        tracked = any("idx" in entry for entry in content)
        by_name = all(isinstance(entry["image_id"], str) for entry in content)
        program = "AlphaPose JSON" if tracked or by_name else "COCO results"
        return KeypointFile(program, _images(content, listed))
    if isinstance(content, dict) and isinstance(content.get("annotations"), list) and "images" in content:
        people = [entry for entry in content["annotations"] if _is_result(entry)]
        if not people:
            return None
        names, edges = _joints(content)
        return KeypointFile("COCO annotations", _images(people, listed_images(content), flags=True), names, edges)
    return None


def listed_images(content: object) -> dict[int | str, ListedImage]:
    """The images that a COCO file lists, by id; none for content of another kind."""
    images = content.get("images") if isinstance(content, dict) else None
    if not isinstance(images, list) or not all(isinstance(image, dict) and "id" in image for image in images):
        return {}
    return {image["id"]: ListedImage(str(image.get("file_name", image["id"])), _size(image)) for image in images}


def _is_result(entry: object) -> bool:
    if not isinstance(entry, dict) or "image_id" not in entry:
        return False
    numbers = entry.get("keypoints")
    return isinstance(numbers, list) and bool(numbers) and not isinstance(numbers[0], list | dict)


def _images(
    entries: Iterable[dict], listed: Mapping[int | str, ListedImage], *, flags: bool = False
) -> tuple[ImageKeypoints, ...]:
    people: dict[int | str, list[PersonKeypoints]] = defaultdict(list)
    for image in listed:
        people[image] = []
    for entry in entries:
        track = next((entry[key] for key in ("idx", "track_id") if key in entry), None)
        if isinstance(track, list):  # AlphaPose's PoseFlow
            track = track[0] if track else None
        person = person_of_flat(entry["keypoints"], track)
        if flags and set(person.score.tolist()) <= set(_SCORE_OF_FLAG):
            person = person._replace(score=person.score / 2)
        if person.score.any():
            people[entry["image_id"]].append(person)
    return tuple(
        ImageKeypoints(listed[image].name, tuple(found), listed[image].size)
        if image in listed
        else ImageKeypoints(image, tuple(found))
        for image, found in people.items()
    )


def _joints(content: dict) -> tuple[tuple[str, ...], tuple[tuple[int, int], ...]]:
    """Names and edges (from 0) of the first category that has keypoints."""
    kind = next((kind for kind in content.get("categories", ()) if kind.get("keypoints")), {})
    names = tuple(str(name) for name in kind.get("keypoints", ()))
    edges = tuple((int(a) - 1, int(b) - 1) for a, b in kind.get("skeleton") or ())
    return names, edges


def _size(image: dict) -> tuple[int, int] | None:
    width, height = image.get("width"), image.get("height")
    return (int(width), int(height)) if width and height else None
