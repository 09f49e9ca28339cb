"""Quality of the studio's footage: images per second, and the share of its people that a real detector finds.

Speed: the stream of training samples at 256 x 256, everything included (bodies, motion, drawing, faults of the camera),
by one process on each core. Detection: clips are rendered at 384 x 384 as `epipose studio` renders them, and BlazePose
reads each image on its own. A person is found where the median distance of the detector's keypoints from the ground
truth is below a fifth of the person's extent; the error is that of shoulders, elbows, wrists, hips, knees and ankles
that are in the image and not behind an occluder, of people found. BlazePose is made for people who are upright, and
motion capture has cartwheels and crawling in it: beside the share of all people stands that of people whose trunk is
within 60 degrees of upright.

    python -m benchmarks.network.studio_footage --mocap FOLDER --work FOLDER
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.network.studio_results import STUDIO, merge_results
from epipose.clip import Clip
from epipose.detection.registry import detector_named, resolved_name
from epipose.io.images import write_image
from epipose.motion import motion_files
from epipose.poses import Poses2D, Poses3D
from epipose.skeletons import BLAZEPOSE33, H36M17
from epipose.studio.film import ClipSpec, film
from epipose.studio.renderer import Renderer
from epipose.training.studio_scenes import StreamOptions, draw_scene
from epipose.training.studio_stream import Stream
from epipose.viz.overlay import contact_sheet

_JOINTS = [f"{s}_{j}" for s in ("left", "right") for j in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")]
_SHEET = Path(__file__).parents[2] / "docs" / "images" / "studio.jpg"


def main() -> None:
    """Measure, write the JSON and the contact sheet, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mocap", type=Path, help="folder of motion capture; default: random motion")
    parser.add_argument("--work", type=Path, required=True, help="folder for the clips that the detector reads")
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=30.0, help="how long to measure the speed")
    parser.add_argument("--out", type=Path, default=STUDIO, help="JSON file that gets the numbers")
    parser.add_argument("--sheet", type=Path, default=_SHEET)
    arguments = parser.parse_args()
    motions = tuple(motion_files(arguments.mocap)) if arguments.mocap else ()
    write_sheet(arguments.sheet, motions)
    results = speed(motions, arguments.seconds) | detection(arguments.work, motions, arguments.images)
    merge_results(arguments.out, results)
    for name, value in results.items():
        print(f"{name:32s} {value}")


def speed(motions: tuple[Path, ...], seconds: float, side: int = 256) -> dict:
    """Images per second of the stream once it runs, and per second of processor time where one process draws alone."""
    workers = os.cpu_count() or 1
    batches = Stream(StreamOptions(side, 0, motions), workers).batches(0, 32)
    for _ in range(12):  # shaders are compiled, motions read, queues filled
        next(batches)
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        next(batches)
        count += 32
    wall, load = time.perf_counter() - began, os.getloadavg()[0]
    batches.close()
    options = StreamOptions(side, 1, motions)
    with Renderer(0) as renderer:
        draw_scene(renderer, options, 0)
        began = time.process_time()
        for number in range(1, 5):
            draw_scene(renderer, options, number)
        own, card = time.process_time() - began, renderer.device
    return {
        "studio_images_per_s": round(count / wall, 1),
        "studio_images_per_processor_s": round(4 * options.per_scene / own, 1),
        "studio_side_px": side,
        "studio_workers": workers,
        "studio_renderer": card,
        "studio_load_average": round(load, 1),
    }


def detection(
    work: Path, motions: tuple[Path, ...], images: int, side: int = 384, views: int = 2, frames: int = 4
) -> dict:
    """Share of people that BlazePose finds, and the errors of its keypoints."""
    kinds = ("ring", "phones", "h36m")
    clips = -(-images // (views * frames * len(kinds)))
    found, upright, errors = [], [], []
    detector = detector_named("blazepose")
    for number, kind in enumerate(kinds):
        spec = ClipSpec(frames, views, 2.0, (side, side), kind, motions, (), 1000 + number)
        for folder in film(work / kind, clips, spec):
            clip, truth = Clip.load(folder), Poses2D.load(folder / "truth" / "poses2d.npz")
            trunk = Poses3D.load(folder / "truth" / "poses3d.npz").xyz[:, 0, [H36M17.index("thorax"), H36M17.root]]
            rise = torch.nn.functional.normalize(trunk[:, 0] - trunk[:, 1], dim=-1)[:, 2]
            for row, view in enumerate(clip.views):
                for frame, image in enumerate(clip.read(view)):
                    detector.reset()
                    seen = [person.xy for person in detector(image)]
                    error = _error(seen, truth.xy[row, frame, 0].numpy(), truth.conf[row, frame, 0].numpy())
                    found.append(error is not None)
                    upright.append(float(rise[frame]) > 0.5)
                    errors += [] if error is None else error.tolist()
    return {
        "detector": resolved_name("blazepose"),
        "detector_images": len(found),
        "detector_side_px": side,
        "detector_upright_images": int(np.sum(upright)),
        "detector_found_share": round(float(np.mean(found)), 4),
        "detector_found_share_upright": round(float(np.mean(np.array(found)[upright])), 4),
        "detector_px_median": round(float(np.median(errors)), 2),
        "detector_px_p90": round(float(np.quantile(errors, 0.9)), 2),
    }


def _error(seen: list[np.ndarray], xy: np.ndarray, conf: np.ndarray) -> np.ndarray | None:
    """Keypoint errors of the detection nearest to the ground truth, in pixels; None where none is near."""
    ours, theirs = [H36M17.index(name) for name in _JOINTS], [BLAZEPOSE33.index(name) for name in _JOINTS]
    visible = conf[ours] > 0
    if not visible.any():
        return np.zeros(0)
    distances = [np.linalg.norm(person[theirs] - xy[ours], axis=-1)[visible] for person in seen]
    nearest = min(distances, key=np.median, default=None)
    extent = np.ptp(xy, axis=0).max()
    return nearest if nearest is not None and np.median(nearest) < extent / 5 else None


def write_sheet(path: Path, motions: tuple[Path, ...], columns: int = 10, rows: int = 4) -> None:
    """A sheet of samples as training sees them, each of another scene."""
    stream = Stream(StreamOptions(256, 7, motions, smooth=True, lanes=1, per_scene=2))
    batches = stream.batches(0, 2 * columns * rows)
    images = [np.asarray(crop) for crop in next(batches).crops[::2]]
    batches.close()
    write_image(path, contact_sheet(images, columns, 160))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
