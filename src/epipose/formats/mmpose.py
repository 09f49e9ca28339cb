"""MMPose's predictions as JSON: of a video, of one image, or what the inferencer returns.

``{"meta_info": {...}, "instance_info": [{"frame_id": 1, "instances": [{"keypoints": [[x, y], ...], "keypoint_scores":
[...]}]}]}``; the inferencer writes the list alone, for a single image only the instances, and returns them under
``predictions``. ``meta_info`` names the joints and the edges between them.
"""

from __future__ import annotations

from typing import Any

from epipose.formats.keypoints import ImageKeypoints, KeypointFile, PersonKeypoints, person_of

PROGRAM = "MMPose JSON"


def parse_mmpose(content: object) -> KeypointFile | None:
    """People by image; None for content of another kind, ValueError or TypeError where it is damaged."""
    names: tuple[str, ...] = ()
    edges: tuple[tuple[int, int], ...] = ()
    if isinstance(content, dict) and isinstance(content.get("instance_info"), list):
        names, edges = _joints(content.get("meta_info") or {})
        content = content["instance_info"]
    elif isinstance(content, dict) and isinstance(content.get("predictions"), list):
        lists = content["predictions"]
        if not all(_are_instances(people) for people in lists):
            return None
        return KeypointFile(PROGRAM, tuple(ImageKeypoints(k, _people(people)) for k, people in enumerate(lists)))
    if not isinstance(content, list) or not content:
        return None
    if all(isinstance(frame, dict) and _are_instances(frame.get("instances")) for frame in content):
        images = tuple(
            ImageKeypoints(_number(frame, k), _people(frame["instances"])) for k, frame in enumerate(content)
        )
        return KeypointFile(PROGRAM, images, names, edges)
    if _are_instances(content):
        return KeypointFile(PROGRAM, (ImageKeypoints(None, _people(content)),), names, edges)
    return None


def _are_instances(people: object) -> bool:
    return isinstance(people, list) and all(
        isinstance(person, dict) and "keypoints" in person and "keypoint_scores" in person for person in people
    )


def _number(frame: dict, index: int) -> str | int:
    found = next((frame[key] for key in ("frame_id", "img_name", "image_name") if key in frame), index)
    if not isinstance(found, str | int):
        raise TypeError(f"a frame is called {str(found)[:40]}, expected a number or the name of an image")
    return found


def _people(instances: list[dict]) -> tuple[PersonKeypoints, ...]:
    return tuple(
        person_of(_rows(person["keypoints"]), person.get("track_id"), _rows(person["keypoint_scores"]))
        for person in instances
    )


def _rows(values: list) -> list:
    """A person's rows; some versions wrap them in a list of one."""
    nested = len(values) == 1 and isinstance(values[0], list) and len(values[0]) > 0
    return values[0] if nested and (isinstance(values[0][0], list) or len(values[0]) > 3) else values


def _joints(meta: dict[str, Any]) -> tuple[tuple[str, ...], tuple[tuple[int, int], ...]]:
    names = meta.get("keypoint_id2name") or {}
    ordered = [names[key] for key in sorted(names, key=int)] if isinstance(names, dict) else list(names)
    links = meta.get("skeleton_links") or ()
    if isinstance(links, dict):  # how some versions write arrays
        links = links.get("__ndarray__", ())
    return tuple(map(str, ordered)), tuple((int(a), int(b)) for a, b in links)
