"""OpenPose's JSON output, one file per image, as OpenPose, Pose2Sim and Sports2D write it.

``{"people": [{"person_id": [-1], "pose_keypoints_2d": [x, y, score, ...]}]}``. The number of joints tells the model:
BODY_25, COCO (18 with a neck, or 17), and Pose2Sim's HALPE_26 and COCO_133. Hands and face in keys of their own are not
read. AlphaPose's ``--format open`` and ``cmu`` write the same, all images in one file, by the image's name.
"""

from __future__ import annotations

from epipose.formats.keypoints import ImageKeypoints, KeypointFile, PersonKeypoints, person_of_flat


def parse_openpose(content: object) -> KeypointFile | None:
    """The people of a file; None for content of another kind, ValueError or TypeError for people that are damaged."""
    people = _people(content)
    if people is not None:
        return KeypointFile("OpenPose JSON", (ImageKeypoints(None, people),))
    if isinstance(content, dict) and content and all(_people(image) is not None for image in content.values()):
        images = ((name, _people(image)) for name, image in content.items())
        return KeypointFile("AlphaPose JSON", tuple(ImageKeypoints(name, people or ()) for name, people in images))
    return None


def _people(content: object) -> tuple[PersonKeypoints, ...] | None:
    """The people of one image, without those of whom no joint was found; None where these are none."""
    if not isinstance(content, dict):
        return None
    listed, key = content.get("people"), "pose_keypoints_2d"
    if listed is None:
        listed, key = content.get("bodies"), "joints"
    if not isinstance(listed, list) or not all(isinstance(person, dict) for person in listed):
        return None
    if not all(key in person for person in listed):
        return None
    return tuple(
        found
        for found in (person_of_flat(person[key], _track(person)) for person in listed if len(person[key]))
        if found.score.any()
    )


def _track(person: dict) -> object:
    """The number of a person who was tracked; OpenPose writes -1, in a list, for everybody else."""
    number = person.get("person_id")
    if isinstance(number, list):
        number = number[0] if number else None
    return None if number is None or number == -1 else number
