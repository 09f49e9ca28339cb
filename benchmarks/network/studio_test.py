"""The studio's test: people, rooms, motions and cameras that no training has seen, with exact ground truth.

Single images: every scene is another person in another room, in one moment of a motion that is kept for tests (every
fifth by name, the rule of `experiments.clips.split`), before one of the cameras of Human3.6M, which training leaves out,
too. Sequences, for methods that read several frames: short videos of further people, made as `epipose studio` makes them.
The real detector reads the whole images, single ones on their own and sequences as videos. Seeds are those of no
training. Images in which not both variants of BlazePose find the person count for no method; their share is stated.

    python -m benchmarks.network.studio_test --mocap FOLDER --work FOLDER
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from tqdm import tqdm

from benchmarks.network.methods import MeanPose, baselines
from benchmarks.network.people_images import FILE, VARIANTS, Candidates, Labelled, PeopleImages, joined, stored
from benchmarks.network.rows import NETWORK, group_rows, merge_groups, predictions, printed
from epipose.camera import Rig
from epipose.clip import Clip
from epipose.detection.base import Detector
from epipose.detection.registry import detector_named
from epipose.experiments.clips import split
from epipose.io.files import write_json
from epipose.poses import Poses3D, in_camera_frames
from epipose.skeletons import H36M17
from epipose.studio.actor import random_actor, within_view
from epipose.studio.camera_effects import imaged, random_imaging, random_occluder
from epipose.studio.film import ClipSpec, film
from epipose.studio.renderer import Renderer
from epipose.studio.rigs import random_rig
from epipose.studio.room import random_light, random_room

SEED = 770_000  # of all test scenes; trainings have small seeds
SCENES, SEQUENCES, FRAMES, FPS = 640, 40, 27, 25.0
SIZE = (640, 640)
GROUPS = ("studio", "studio_sequences")  # of the set, and in the JSON
SINGLE, SEQUENCE = range(2)


def main() -> None:
    """Prepare what is missing, evaluate, print, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mocap", type=Path, help="folder of motion capture, the whole of it; to prepare")
    parser.add_argument("--work", type=Path, required=True, help="folder for the images")
    parser.add_argument("--scenes", type=int, default=SCENES)
    parser.add_argument("--sequences", type=int, default=SEQUENCES)
    parser.add_argument("--no-prepare", action="store_true", help="take the images that are there")
    parser.add_argument("--model", type=Path, action="append", default=[], help="another model folder to evaluate")
    parser.add_argument("--only", action="append", default=[], help="evaluate this method; the others' rows stay")
    parser.add_argument("--out", type=Path, default=NETWORK, help="JSON file that gets the rows")
    arguments = parser.parse_args()
    folder = arguments.work / "studio"
    if not arguments.no_prepare and not (folder / FILE).exists():
        prepare(folder, arguments.mocap, arguments.scenes, arguments.sequences)
    people = PeopleImages.load(folder)
    every = torch.ones(len(people), dtype=torch.bool)
    predicted = predictions(people, [*baselines(arguments.model), MeanPose(every, "group")], arguments.only)
    results = {name: group_rows(people, predicted, people.group == row) for row, name in enumerate(GROUPS)}
    for name, group in results.items():
        print(printed(name, group))
    merge_groups(arguments.out, results)


def prepare(folder: Path, mocap: Path, scenes: int, sequences: int) -> None:
    """Render, detect, store; the names of the motions are kept beside the images."""
    _, unseen = split(mocap)
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    detectors = {name: detector_named(f"blazepose-{name}") for name in VARIANTS}
    parts = []
    with Renderer() as renderer:
        for number in tqdm(range(scenes), desc="single images", disable=None):
            image, person = scene(renderer, number, unseen)
            parts.append(stored(folder, image, person, {name: alone(one, image) for name, one in detectors.items()}))
    spec = ClipSpec(FRAMES, 2, FPS, SIZE, "h36m", unseen, (), SEED + 1)
    clips = film(folder / "clips", sequences, spec, workers=1)
    for number, clip in enumerate(tqdm(clips, desc="sequences", disable=None)):
        parts += sequence(folder, clip, number, detectors)
    joined(parts).save()
    write_json(folder / "motions.json", sorted({path.name for path in unseen}))


def scene(renderer: Renderer, number: int, motions: tuple[Path, ...]) -> tuple[np.ndarray, Labelled]:
    """One image of scene ``number`` and its person; a function of the number, the motions and the studio's code."""
    rng = np.random.default_rng((SEED, number))
    rig = random_rig(rng, "h36m", 1, SIZE)
    actor = within_view(random_actor(rng, motions, 2, FPS), rig)
    renderer.dress(actor.body, actor.look)
    renderer.furnish(random_room(rng, float(rig.camera.center[:, :2].norm(dim=-1).max()) + 0.5, ()))
    camera, xyz = rig.camera[0], torch.from_numpy(actor.xyz[0])
    xy = camera.project(xyz).numpy()
    around = np.array([*((xy.min(0) + xy.max(0)) / 2), np.ptp(xy, axis=0).max()])
    imaging, occluder = random_imaging(rng, SIZE[1]), random_occluder(rng, SIZE, around)
    image = imaged(renderer.draw(actor.skinning[0], camera, random_light(rng)), imaging, rng, occluder)
    inside = camera.into_frame(xyz).float()
    return image, Labelled(f"single/{number:04d}", camera, inside, torch.ones(17), number, number, 0, SINGLE)


def sequence(folder: Path, clip_folder: Path, number: int, detectors: dict[str, Detector]) -> Iterator[PeopleImages]:
    """The frames of the first view of a clip, detected as a video."""
    clip, rig = Clip.load(clip_folder), Rig.load(clip_folder / "truth" / "rig.json")
    xyz = in_camera_frames(Poses3D.load(clip_folder / "truth" / "poses3d.npz"), rig)[0, :, 0].float()
    for detector in detectors.values():
        detector.reset()
    ones, track = torch.ones(len(H36M17.joints)), SCENES + number
    for frame, image in enumerate(clip.views[0].read(range(clip.frames))):
        name = f"sequence/{number:03d}/{frame:03d}"
        person = Labelled(name, rig.camera[0], xyz[frame], ones, track, track, frame, SEQUENCE, clip.fps)
        yield stored(folder, image, person, {name: candidates(one(image)) for name, one in detectors.items()})


def alone(detector: Detector, image: np.ndarray) -> Candidates:
    """Everybody in one image that belongs to no video."""
    detector.reset()
    return candidates(detector(image))


def candidates(found: list) -> Candidates:
    """Detections as arrays; the detector must have 3D of its own."""
    if not found:
        return Candidates(np.zeros((0, 33, 2)), np.zeros((0, 33)), np.zeros((0, 33, 3)))
    return Candidates(*(np.stack([getattr(one, field) for one in found]) for field in ("xy", "conf", "xyz")))


if __name__ == "__main__":
    main()
