"""MediaPipe's pose landmarks as JSON, in the layouts in which its users write them.

MediaPipe has no file format of its own. Read are lists of frames (or an object of them by number, or under ``frames``),
where a frame is a list of landmarks, or has one, or one for every person, under ``pose_landmarks``, ``landmarks``,
``landmark`` or ``keypoints``; or files of one such frame each, by the number in their names. A landmark is ``{"x", "y",
"z", "visibility"}`` or ``[x, y, z, visibility]``. x and y are shares of the image's width and height; those of files
whose authors multiplied them are pixels.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from epipose.formats.keypoints import ImageKeypoints, KeypointFile, PersonKeypoints, person_of

PROGRAM = "MediaPipe JSON"
_LANDMARKS = ("pose_landmarks", "poseLandmarks", "landmarks", "landmark", "keypoints")
_NUMBERS = ("frame", "frame_number", "frame_index", "frame_id", "frameNumber", "frameIndex", "index", "image")
_SCORES = ("visibility", "score", "confidence", "presence")
_MAX_SHARE = 2.0  # coordinates that hardly ever lie beyond are shares of the image


def parse_mediapipe(content: object) -> KeypointFile | None:
    """People by frame; None for content of another kind, ValueError or TypeError where it is damaged."""
    images = []
    for number, frame in _frames(content):
        people = _people(frame)
        if people is None:
            return None
        images.append(ImageKeypoints(_number(frame, number), people))
    values = [person.xy[person.score > 0] for image in images for person in image.people]
    if not values:
        return None
    normalised = bool(np.quantile(np.abs(np.concatenate(values)), 0.9) <= _MAX_SHARE)
    return KeypointFile(PROGRAM, tuple(images), normalised=normalised)


def _frames(content: object) -> Iterator[tuple[int | None, object]]:
    """Frames with their numbers; the only frame of a file has None: the file's name says it."""
    if isinstance(content, dict):
        inner = next((content[key] for key in ("frames", "results", "data") if key in content), None)
        if inner is not None:
            yield from _frames(inner)
        elif content and all(str(key).isdigit() for key in content):
            yield from ((int(key), frame) for key, frame in content.items())
        else:
            yield None, content
    elif isinstance(content, list):
        yield from [(None, content)] if _is_pose(content) else enumerate(content)
    else:
        yield None, content


def _number(frame: object, number: int | None) -> int | str | None:
    if isinstance(frame, dict) and number is not None:
        return next((frame[key] for key in _NUMBERS if isinstance(frame.get(key), int | str)), number)
    return number


def _people(frame: object) -> tuple[PersonKeypoints, ...] | None:
    """The people of a frame; None for what is no frame."""
    if frame is None or frame == []:
        return ()
    if isinstance(frame, dict):
        key = next((key for key in _LANDMARKS if key in frame), None)
        return None if key is None else _people(frame[key])
    if not isinstance(frame, list):
        return None
    if _is_pose(frame):
        return (person_of([_row(landmark) for landmark in frame]),)
    people = [_people(person) for person in frame]
    if any(person is None for person in people):
        return None
    return tuple(one for person in people for one in person or ())


def _is_pose(values: list) -> bool:
    """Whether a list is one of landmarks: objects with x and y, or short lists of numbers."""
    return bool(values) and all(
        (isinstance(entry, dict) and "x" in entry and "y" in entry)
        or (isinstance(entry, list) and 2 <= len(entry) <= 5 and all(isinstance(n, int | float) for n in entry))
        for entry in values
    )


def _row(landmark: dict | list) -> list[float]:
    """x, y and how surely the landmark is there: its visibility, the last of four numbers or more."""
    if isinstance(landmark, dict):
        score = next((landmark[key] for key in _SCORES if landmark.get(key) is not None), 1.0)
        return [float(landmark["x"]), float(landmark["y"]), float(score)]
    return [float(landmark[0]), float(landmark[1]), float(landmark[3]) if len(landmark) > 3 else 1.0]
