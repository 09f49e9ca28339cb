"""Real people: the sample's man, Pose2Sim's two-person demo, and the sample's last camera held out.

    python -m benchmarks.network.real_people --work FOLDER [--demo DEMO] [--model MODEL]

- The sample: all frames, and frames 80-99, of four cameras. The reference is the demo's, triangulated with the wand
  calibration from BlazePose full; that from BlazePose heavy stands in a group of its own: the difference between the two
  is what the reference leaves open.
- The two-person demo (see `two_people`): the man again, partly covered, and a woman who is drawn. No choice may rest on
  its rows.
- The last camera of the sample, which the network in DEMO/model_three (of `make demo`) was adapted without.

Detections are of whole videos, tracked, left-right swaps of short duration undone, as `epipose detect` has them.
Intervals draw blocks of five frames, all cameras together: they say how sure a mean is of this clip and nothing of other
people.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import torch

from benchmarks.network.demo_network import TEST, TRAIN
from benchmarks.network.methods import CropReader, MeanPose, Method, Network, baselines
from benchmarks.network.people_images import FILE, VARIANTS, Candidates, Labelled, PeopleImages, joined, stored
from benchmarks.network.rows import NETWORK, group_rows, merge_groups, predictions, printed
from benchmarks.network.two_people import PEOPLE, two_people, two_person_clip
from epipose.camera import Rig
from epipose.clip import Clip
from epipose.datasets.sample import sample
from epipose.detection.detect import detect_keypoints, detector_named
from epipose.io.files import read_json, write_json
from epipose.people.subject import choose_subject
from epipose.poses import Poses2D, Poses3D, in_camera_frames
from epipose.reconstruction.label import label_poses

BLOCK = 5  # frames that are drawn together in a bootstrap
ADAPTED = {"adapted_without": True, "adapted_without_alone": False}  # with the refiner, and alone
HELD_OUT = 3  # the view that the demo holds out, its last


def main() -> None:
    """Prepare what is missing, evaluate, print, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder for videos, detections and images")
    parser.add_argument("--demo", type=Path, help="folder of `make demo`: adds its network on the held-out camera")
    parser.add_argument("--model", type=Path, action="append", default=[], help="another model folder to evaluate")
    parser.add_argument("--only", action="append", default=[], help="evaluate this method; the others' rows stay")
    parser.add_argument("--out", type=Path, default=NETWORK, help="JSON file that gets the rows")
    arguments = parser.parse_args()
    work: Path = arguments.work
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    prepare(work)
    methods = baselines(arguments.model)
    if arguments.demo is not None:
        reader = CropReader(arguments.demo / "model_three", "full")
        methods += [Network(reader, name, refined) for name, refined in ADAPTED.items()]
    results = {**sample_rows(work, methods, arguments.only), **two_person_rows(work, methods, arguments.only)}
    for name, group in results.items():
        if "rows" in group:
            print(printed(name, group))
    merge_groups(arguments.out, results)


def prepare(work: Path) -> None:
    """Detections, references and images of both clips, each where it is missing."""
    clip = sample(work / "sample")
    rig = Rig.load(work / "sample" / "reference" / "rig.json")
    seen = {name: detections(clip, name, work / f"sample-{name}.npz") for name in VARIANTS}
    labels = {name: label_poses(choose_subject(found, clip.fps)[0], rig, smooth=False) for name, found in seen.items()}
    if not (work / "sample_people" / FILE).exists():
        views_of(work / "sample_people", clip, rig, labels["full"], seen)
        labels["heavy"].save(work / "sample_people" / "reference_heavy.npz")
    if not (work / "two_people" / FILE).exists():
        two = two_person_clip(work / "two")
        seen = {name: detections(two, name, work / f"two-{name}.npz") for name in VARIANTS}
        found = two_people(work / "two", seen["heavy"], labels["heavy"])
        views_of(work / "two_people", found.clip, found.rig, found.reference, seen)
        write_json(work / "two_people" / "reference.json", {"man_from_sample_mm": found.man_from_sample_mm})


def detections(clip: Clip, variant: str, path: Path) -> Poses2D:
    """Everybody whom a variant of BlazePose tracks in the videos; kept in a file."""
    if not path.exists():
        detect_keypoints(clip, detector_named(f"blazepose-{variant}")).save(path)
    return Poses2D.load(path)


def views_of(folder: Path, clip: Clip, rig: Rig, reference: Poses3D, seen: dict[str, Poses2D]) -> None:
    """Store every person of the reference in every frame of every view; a track is a person in a view."""
    xyz = in_camera_frames(reference, rig)
    weight = (reference.conf > 0).float()
    parts = []
    for row, view in enumerate(clip.views):
        for frame, image in enumerate(view.read(range(clip.frames))):
            found = {name: _everybody(poses, row, frame) for name, poses in seen.items()}
            for person in range(xyz.shape[2]):
                if not bool(weight[frame, person].any()):
                    continue
                one = Labelled(
                    f"person{person}/{view.name}/{frame:04d}", rig.camera[row], xyz[row, frame, person].float(),
                    weight[frame, person], frame // BLOCK, person * len(clip.views) + row, frame, person, clip.fps,
                )  # fmt: skip
                parts.append(stored(folder, image, one, found))
    joined(parts).save()


def _everybody(poses: Poses2D, view: int, frame: int) -> Candidates:
    assert poses.xyz is not None
    return Candidates(*(of[view, frame].numpy() for of in (poses.xy, poses.conf, poses.xyz)))


def sample_rows(work: Path, methods: Sequence[Method], only: Sequence[str]) -> dict[str, Any]:
    """The sample: frames 80-99, all frames, all against the other reference, and the held-out camera."""
    people = PeopleImages.load(work / "sample_people")
    other = Poses3D.load(work / "sample_people" / "reference_heavy.npz")
    rig = Rig.load(work / "sample" / "reference" / "rig.json")
    seen = in_camera_frames(other, rig)[people.track, people.frame, 0].float()
    against = replace(people, xyz=seen, weight=(other.conf[people.frame, 0] > 0).float())
    predicted = predictions(people, [*methods, _mean_pose(people)], only)
    unadapted = {name: poses for name, poses in predicted.items() if name not in ADAPTED}
    every, late, own = people.frame >= 0, people.frame >= TEST[0], people.track == HELD_OUT
    return {
        "sample_frames_80_99": group_rows(people, unadapted, late),
        "sample": group_rows(people, unadapted, every),
        "sample_reference_heavy": group_rows(against, unadapted, every),
        "held_out_camera_frames_80_99": group_rows(people, predicted, late & own),
        "held_out_camera": group_rows(people, predicted, own),
    }


def two_person_rows(work: Path, methods: Sequence[Method], only: Sequence[str]) -> dict[str, Any]:
    """Both people of the two-person demo, and how far the man's reference is from the sample's."""
    people = PeopleImages.load(work / "two_people")
    unadapted = [method for method in methods if method.name not in ADAPTED]
    predicted = predictions(people, [*unadapted, _mean_pose(people)], only)
    groups = {f"two_people_{name}": group_rows(people, predicted, people.group == n) for n, name in enumerate(PEOPLE)}
    return {**groups, "two_people_reference": read_json(work / "two_people" / "reference.json")}


def _mean_pose(people: PeopleImages) -> MeanPose:
    """The mean of each track over the frames that the demo trains on."""
    return MeanPose((people.frame >= TRAIN[0]) & (people.frame <= TRAIN[1]))


if __name__ == "__main__":
    main()
