"""Demo on real footage, from the videos to the adapted network, measured: `make demo`.

Four videos of one man (100 frames, 60 per second), cameras recovered from his motion with their poses hidden, labels,
and the pretrained network before and after it adapted to them, also with a camera held out
(see demo_network.py). The laboratory's wand calibration is the reference; there is no marker-based 3D ground truth.
Everything is real footage, nothing is simulated. Writes report.html, report.json and view.html; --results keeps a copy
of the JSON for the documentation, and puts the main results into studio.json beside that copy.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import time
from pathlib import Path
from typing import Any

from benchmarks.docs.demo_page import write_report
from benchmarks.geometry.against_reference import label_errors, paper_recipe_errors
from benchmarks.network.demo_network import TEST, TRAIN, clip_without, headline, network_results
from benchmarks.network.studio_results import STUDIO, merge_results
from epipose.camera import Rig
from epipose.datasets.sample import sample
from epipose.experiments.errors import camera_errors
from epipose.io.files import read_json, write_json
from epipose.io.records import as_json
from epipose.network.blazepose_weights import best_cached
from epipose.network.pretrained import pretrained_model
from epipose.pipeline.stages import calibrate_clip, detect_clip, label_clip
from epipose.pipeline.train import train
from epipose.poses import Poses2D, Poses3D
from epipose.reconstruction.label import label_poses
from epipose.skeletons import H36M17
from epipose.training.presets import adapt_options
from epipose.training.refine import refine
from epipose.viz.viewer import view

# Training options that the results state beside frames and seed.
_REPORTED = (
    "backbone", "input_size", "depth_bins", "channels", "deconvs", "margin", "epochs", "batch_size", "backbone_lr",
    "schedule", "warmup", "clip_gradient", "rotation_deg", "occlusion",
)  # fmt: skip


class Clock:
    """Seconds of each step, printed as it ends."""

    def __init__(self) -> None:
        self.started = self.since = time.perf_counter()
        self.seconds: dict[str, float] = {}

    def done(self, step: str) -> None:
        """The step that began when the last one ended is over."""
        now = time.perf_counter()
        self.seconds[step], self.since = round(now - self.since, 1), now
        print(f"{step}: {self.seconds[step]} s", flush=True)

    def total(self) -> float:
        """Seconds since the first step began."""
        return round(time.perf_counter() - self.started, 1)


def main() -> None:
    """Run the demo; see the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("demo"))
    parser.add_argument("--results", type=Path, help="also write the measured numbers to this JSON file")
    arguments = parser.parse_args()
    out: Path = arguments.out
    clock = Clock()
    for folder in ("full", "heavy", "three", "model", "model_three"):  # numbers must come from this run, no earlier one
        shutil.rmtree(out / folder, ignore_errors=True)
    sample(out / "sample")
    reference = Rig.load(out / "sample" / "reference" / "rig.json")
    clock.done("sample")
    result = cameras_and_labels(out / "full", out / "sample", "blazepose-full", reference)
    clock.done("detect, calibrate, label")
    result |= networks(out, reference, clock)
    result["demo_seconds"] = clock.total()
    if best_cached() == "heavy":
        result["heavy"] = cameras_and_labels(out / "heavy", out / "sample", "blazepose-heavy", reference)
        clock.done("the same cameras from heavy weights (not counted)")
    view(out / "full", html=out / "view.html")
    result["seconds"] = clock.seconds
    result["peak_rss_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    write_json(out / "report.json", result)
    if arguments.results is not None:
        write_json(arguments.results, result)
        merge_results(arguments.results.with_name(STUDIO.name), headline(result["network"]))
    write_report(out, result, reference)
    print(json.dumps({key: value for key, value in result.items() if not isinstance(value, dict)}, indent=2))
    print(f"{out / 'report.html'} and {out / 'view.html'} are written: open them in a browser.")


def cameras_and_labels(clip: Path, sample_folder: Path, detector: str, reference: Rig) -> dict[str, Any]:
    """Detect, calibrate with hidden camera poses, label; compare with the reference cameras on the same 2D."""
    detect_clip([sample_folder], clip, detector=detector)
    calibrate_clip(clip, intrinsics=sample_folder / "intrinsics.json")
    label_clip(clip)
    poses, rig = Poses2D.load(clip / "poses2d.npz"), Rig.load(clip / "rig.json")
    report = read_json(clip / "calibration.json")
    return {
        **as_json(camera_errors(rig, reference)),
        **label_errors(Poses3D.load(clip / "poses3d.npz").mapped_to(H36M17), label_poses(poses, reference)),
        "verdict": report["verdict"],
        "reprojection": {camera["name"]: camera for camera in report["cameras"]},
        "paper_recipe": paper_recipe_errors(poses, reference),
    }


def networks(out: Path, reference: Rig, clock: Clock) -> dict[str, Any]:
    """Adapt to all cameras, and to all but the last, and measure both beside the network that both began with."""
    full, three, held_out = out / "full", out / "three", reference.names[-1]
    options = adapt_options()
    train([full], out / "model", options, frames=TRAIN)
    refine([full], out / "model", frames=TRAIN)
    clock.done("adapt to four cameras")
    clip_without(full, held_out, three, out / "sample" / "intrinsics.json")
    clock.done("calibrate and label three cameras")
    train([three], out / "model_three", options, frames=TRAIN)
    refine([three], out / "model_three", frames=TRAIN)
    clock.done("adapt to three cameras")
    models = {"pretrained": pretrained_model(), "adapted": out / "model", "adapted_without": out / "model_three"}
    network = network_results(full, models, held_out, reference)
    clock.done("predict")
    rig = Rig.load(three / "rig.json")
    network["held_out_camera"]["cameras"] = as_json(camera_errors(rig, reference.select(rig.names)))
    plain = {name: getattr(options, name) for name in _REPORTED}
    return {
        **headline(network),
        "network": network,
        "train": {"frames": TRAIN, "test_frames": TEST, "seed": 0, **plain},
    }


if __name__ == "__main__":
    main()
