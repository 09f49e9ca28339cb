"""The whole path on real footage, measured: `make demo`.

Four videos of one man (100 frames, 60 per second), cameras recovered from his motion with their poses hidden, labels,
a small network trained on frames 0-69 and judged on frames 80-99, next to the 3D that BlazePose itself gives. The
laboratory's wand calibration is the reference; there is no marker-based 3D truth. Everything is real footage, nothing
is simulated. Writes report.html, report.json and view.html; --results keeps a copy of the JSON for the documentation.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import time
from pathlib import Path
from typing import Any

import torch

from epipose.calibration_page import calibration_sections
from epipose.camera import Rig
from epipose.clip import Clip
from epipose.config_network import SMALL
from epipose.detect.weights import best_cached
from epipose.files import read_json, write_json
from epipose.geometry.align import similarity_between
from epipose.label import in_camera_frames, label
from epipose.model.posenet import TrainedPoseNet
from epipose.overlay import contact_sheet, overlay
from epipose.poses import Poses2D, Poses3D
from epipose.predict import predict_clip
from epipose.report import Figure, Report
from epipose.run import label_section, network_section
from epipose.sample import sample
from epipose.skeleton import H36M17
from epipose.stages import calibrate_clip, detect_clip, label_clip
from epipose.train import train
from epipose.video import read_frames
from epipose.view import view

from against_reference import camera_errors, label_errors, paper_recipe_errors, pose_errors

TRAIN, TEST = (0, 69), (80, 99)


def main() -> None:
    """Run the demo; see the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("demo"))
    parser.add_argument("--results", type=Path, help="also write the measured numbers to this JSON file")
    arguments = parser.parse_args()
    out: Path = arguments.out
    started = time.perf_counter()
    seconds: dict[str, float] = {}

    def done(step: str, since: float) -> float:
        seconds[step] = round(time.perf_counter() - since, 1)
        print(f"{step}: {seconds[step]} s", flush=True)
        return time.perf_counter()

    for folder in ("full", "heavy", "model"):  # the numbers must come from this run, not from an earlier one
        shutil.rmtree(out / folder, ignore_errors=True)
    sample(out / "sample")
    reference = Rig.load(out / "sample" / "reference" / "rig.json")
    now = done("sample", started)
    clip = out / "full"
    result = cameras_and_labels(clip, out / "sample", "blazepose-full", reference)
    now = done("detect, calibrate, label", now)
    trained = train([clip], out / "model", frames=TRAIN, **SMALL)
    now = done("train", now)
    result["network"] = network_errors(clip, out / "model", reference)
    now = done("predict", now)
    result["demo_seconds"] = round(time.perf_counter() - started, 1)
    if best_cached() == "heavy":
        result["heavy"] = cameras_and_labels(out / "heavy", out / "sample", "blazepose-heavy", reference)
        now = done("the same cameras from heavy weights (not counted)", now)
    view(clip, html=out / "view.html")
    result["seconds"] = seconds
    result["peak_rss_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    result["train"] = {"frames": TRAIN, "test_frames": TEST, "seed": 0, **SMALL, "joints": len(trained.skeleton.joints)}
    write_json(out / "report.json", result)
    if arguments.results is not None:
        write_json(arguments.results, result)
    write_report(out, clip, result, reference)
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
        **camera_errors(rig, reference),
        **label_errors(Poses3D.load(clip / "poses3d.npz"), label(poses, reference)),
        "verdict": report["verdict"],
        "reprojection": {camera["name"]: camera for camera in report["cameras"]},
        "paper_recipe": paper_recipe_errors(poses, reference),
    }


def network_errors(clip: Path, model: Path, reference: Rig) -> dict[str, Any]:
    """The network and BlazePose's own 3D on the held-out frames, against labels under the reference cameras.

    Every picture of every camera counts; H36M-17 joints, those that have a reference label; PMPJPE over poses.
    """
    poses = Poses2D.load(clip / "poses2d.npz")
    labels = label(poses, reference)
    frames = slice(TEST[0], TEST[1] + 1)
    true = in_camera_frames(labels, reference)[:, frames, 0]
    counted = (labels.conf[frames, 0] > 0).float().expand(true.shape[:-1])
    xyz, _, _ = predict_clip(clip, TrainedPoseNet.load(model), TEST)
    assert poses.xyz is not None
    own = torch.einsum("tj,vfjc->vftc", poses.skeleton.mapping_to(H36M17), poses.xyz[:, frames, 0])
    # What a network would score that learned no more than each camera's average pose.
    seen = slice(TRAIN[0], TRAIN[1] + 1)
    weight = (labels.conf[seen, 0, :, None] * labels.conf[seen, 0, H36M17.root, None, None]).clamp(min=1e-9)
    before = in_camera_frames(labels, reference)[:, seen, 0]
    before = weight * (before - before[..., H36M17.root, None, :])
    mean = (before.sum(1) / weight.sum(0))[:, None].expand_as(true)
    return {
        "epipose": pose_errors(xyz, true, counted, H36M17.root),
        "blazepose_world_landmarks": pose_errors(own, true, counted, H36M17.root),
        "mean_training_pose": pose_errors(mean, true, counted, H36M17.root),
    }


def write_report(out: Path, clip: Path, result: dict[str, Any], reference: Rig) -> None:
    """report.html: every number with what it means and how far to trust it."""
    report = Report(
        "Four uncalibrated videos in, 3D pose from a single picture out",
        "One man balances on a beam, filmed by four cameras for 1.7 seconds. epipose was told the lenses, not where the "
        "cameras stood. Here is what it made of that, compared with the laboratory's own calibration. Everything on "
        "this page was measured on this machine just now; nothing is simulated. "
        f"It took {result['demo_seconds'] / 60:.1f} minutes and {result['peak_rss_mb']} MB of memory.",
    )
    _reference_section(report, result)
    rig = Rig.load(clip / "rig.json")
    fit = similarity_between(reference.camera.center, rig.camera.center)
    calibration_sections(report, clip, reference.moved(float(fit.scale), fit.R, fit.t))
    label_section(report, clip)
    _prediction_section(report, out, clip, result)
    network_section(report, out / "model")
    report.save(out / "report.html")


def _reference_section(report: Report, result: dict[str, Any]) -> None:
    report.section(
        "Against the laboratory's calibration",
        "The reference was made with a calibration wand, by the laboratory that filmed this. It was used for nothing but "
        "these numbers.",
    )
    report.figures(
        [
            Figure(
                "Rotation between cameras, median error",
                f"{result['rotation_deg_median']:.2f}",
                "degrees",
                f"Over the six pairs; the worst pair is off by {result['rotation_deg_max']:.2f}. Two degrees move a point "
                "four metres away by 14 cm in the direction of that camera, but the cameras err together, so poses "
                "suffer far less (see the 3D labels). Good enough to train on and to animate; not for a gait lab.",
                "good" if result["rotation_deg_max"] <= 3 else "fair",
            ),
            Figure(
                "Camera positions, mean error",
                f"{result['center_mm_mean']:.0f}",
                "mm",
                "After the best common rotation, shift and scale: the scale of the scene cannot be known from pictures.",
                "good" if result["center_mm_mean"] <= 50 else "fair",
            ),
            Figure(
                "3D labels, difference",
                f"{result['label_pmpjpe_mm']:.1f}",
                "mm",
                "Between joints triangulated with the recovered cameras and with the reference cameras, from the same "
                "2D joints (PMPJPE). This is the price of not calibrating. It is not the error of the labels: that also "
                "has the 2D detector's mistakes in it, which both share.",
                "good" if result["label_pmpjpe_mm"] <= 15 else "fair",
            ),
        ]
    )
    recipe = result["paper_recipe"]
    rows = [["epipose (all frames pooled, refined, adjusted), full weights", *_degrees(result)]]
    if "heavy" in result:
        rows.append(["the same, heavy weights", *_degrees(result["heavy"])])
    rows.append(["the paper's recipe: F from one frame, median over frames", *_degrees(recipe)])
    report.table(
        ["cameras from", "median degrees", "worst pair"],
        rows,
        "Rotation error between cameras, the same 2D joints for each detector.",
    )


def _degrees(errors: dict[str, Any]) -> list[str]:
    return [f"{errors['rotation_deg_median']:.2f}", f"{errors['rotation_deg_max']:.2f}"]


def _prediction_section(report: Report, out: Path, clip: Path, result: dict[str, Any]) -> None:
    network = result["network"]
    ours, blazepose = network["epipose"], network["blazepose_world_landmarks"]
    report.section(
        "3D from a single picture",
        f"The network saw frames {TRAIN[0]}-{TRAIN[1]} of each camera, 280 pictures in all, for a few minutes, starting "
        "from weights that name the objects in ordinary photographs (ImageNet) and know nothing of poses. "
        f"It is judged on frames {TEST[0]}-{TEST[1]}: the same man in the same room, a third of a second "
        "later, one picture at a time. It has never seen another person, and on your photo it would fail. What this "
        "shows is that the path works from end to end: the network learned 3D from videos without a single 3D label. "
        "What it cannot do is read a posture that it has not seen: 1.2 seconds of one man are too little. To get an "
        "estimator for other people and postures, train on clips of many.",
    )
    report.figures(
        [
            Figure(
                "The network",
                f"{ours['pmpjpe_mm']:.0f}",
                "mm PMPJPE",
                f"Mean joint error on {ours['poses']} held-out pictures after the best rotation, shift and scale, against "
                "labels made with the reference cameras. True for this man and this room only.",
                "fair" if ours["pmpjpe_mm"] < network["mean_training_pose"]["pmpjpe_mm"] else "poor",
            ),
            Figure(
                "BlazePose's own 3D",
                f"{blazepose['pmpjpe_mm']:.0f}",
                "mm PMPJPE",
                "World landmarks of the same pictures, same joints, same alignment. BlazePose was trained on very many "
                "people and works on strangers; its joints are also defined a little differently from triangulated "
                "ones, which counts against neither but moves both numbers.",
                "fair",
            ),
            Figure(
                "Without looking",
                f"{network['mean_training_pose']['pmpjpe_mm']:.0f}",
                "mm PMPJPE",
                "Each camera's average pose over the training frames, given as the answer to every picture. A network "
                "that scores worse than this has memorised the poses it saw and does not yet generalise to new ones.",
            ),
        ]
    )
    trained = TrainedPoseNet.load(out / "model")
    xyz, conf, uv = predict_clip(clip, trained, (TEST[1], TEST[1]))
    pictures = []
    for index, camera_view in enumerate(Clip.load(clip).views):
        *_, last = read_frames(camera_view.video)
        pictures.append(overlay(last, uv[index, 0], xyz[index, 0], conf[index, 0], trained.skeleton))
    report.picture(contact_sheet(pictures, columns=2), f"Frame {TEST[1]}, each camera's picture read on its own.")


if __name__ == "__main__":
    main()
