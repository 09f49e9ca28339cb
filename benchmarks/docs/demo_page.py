"""The demo's page, report.html: every number with its meaning and its limits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from benchmarks.docs.demo_tables import ANSWERS
from benchmarks.network.demo_network import TEST, TRAIN
from epipose.camera import Rig
from epipose.clip import Clip
from epipose.geometry.align import similarity_between
from epipose.inference.clip_views import predict_clip
from epipose.network.posenet import TrainedPoseNet
from epipose.network.pretrained import PRETRAINED
from epipose.poses import Poses3D
from epipose.viz.calibration_report import (
    CalibratedClip,
    detail_sections,
    glossary_section,
    numbers_section,
    verdict_section,
)
from epipose.viz.html_report import KeyNumber, Report
from epipose.viz.next_steps import next_steps_section
from epipose.viz.overlay import contact_sheet, overlay
from epipose.viz.report_top import top_section
from epipose.viz.run_report import label_section, network_section


def write_report(out: Path, result: dict[str, Any], reference: Rig) -> None:
    """Write report.html from the numbers and the folders that the demo left in ``out``."""
    clip = out / "full"
    report = Report(
        "Four uncalibrated videos in, 3D pose from a single image out",
        "One man balances on a beam, filmed by four cameras for 1.7 seconds. epipose was given the intrinsics, not the "
        "extrinsics. All of this was measured on this machine just now; nothing is simulated. "
        f"It took {result['demo_seconds'] / 60:.1f} minutes and {result['peak_rss_mb']} MB of memory.",
    )
    of, labels = CalibratedClip.load(clip), Poses3D.load(clip / "poses3d.npz")
    fit = similarity_between(reference.camera.center, of.calibration.rig.camera.center)
    top_section(report, of.calibration, of.clip, of.keypoints, labels, images=True)
    verdict_section(report, of.calibration)
    numbers_section(report, of.calibration, labels)
    next_steps_section(report, clip, of.calibration, labels=True, model=False, place="full")
    _reference_section(report, result)
    _four_cameras_section(report, out, result["network"]["four_cameras"])
    _held_out_section(report, out, result["network"]["held_out_camera"])
    detail_sections(report, of, reference.moved(float(fit.scale), fit.R, fit.t))
    label_section(report, of, labels)
    network_section(report, out / "model")
    glossary_section(report)
    report.save(out / "report.html")


def _reference_section(report: Report, result: dict[str, Any]) -> None:
    report.section(
        "Against the laboratory's calibration",
        "The reference was made with a calibration wand, by the laboratory that filmed this. It was used for nothing but "
        "these numbers.",
    )
    report.key_numbers(
        [
            KeyNumber(
                "Rotation between cameras, median error",
                f"{result['rotation_deg_median']:.2f}",
                "degrees",
                f"Over the six pairs; the worst pair is off by {result['rotation_deg_max']:.2f}. Two degrees move a point "
                "four metres away by 14 cm in the direction of that camera, but the cameras err together, so poses "
                "suffer far less (see the 3D labels). Good enough to train on and to animate; not for a gait lab.",
                "good" if result["rotation_deg_max"] <= 3 else "fair",
            ),
            KeyNumber(
                "Camera positions, mean error",
                f"{result['center_mm_mean']:.0f}",
                "mm",
                "After the best common rotation, shift and scale: images do not determine the scale of the scene.",
                "good" if result["center_mm_mean"] <= 50 else "fair",
            ),
            KeyNumber(
                "3D labels, difference",
                f"{result['label_pmpjpe_mm']:.1f}",
                "mm",
                "Between joints triangulated with the recovered cameras and with the reference cameras, from the same "
                "keypoints (PMPJPE). This is the price of not calibrating. It is not the error of the labels: that also "
                "includes the detector's errors, which both share.",
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
        "Rotation error between cameras, the same keypoints for each detector.",
    )


def _degrees(errors: dict[str, Any]) -> list[str]:
    return [f"{errors['rotation_deg_median']:.2f}", f"{errors['rotation_deg_max']:.2f}"]


def _four_cameras_section(report: Report, out: Path, found: dict[str, Any]) -> None:
    report.section(
        "3D from a single image",
        "epipose comes with a network trained on synthetic people alone, from ImageNet weights; no pose of a real person "
        "was in its training. A second small network, the refiner, combines its prediction with the keypoints that "
        "BlazePose found in the image; it was trained on motion capture. "
        f"Here both were trained for a few minutes more, from frames {TRAIN[0]}-{TRAIN[1]} of each camera and the labels "
        f"above, without a single 3D label. It is evaluated on frames {TEST[0]}-{TEST[1]}, one image at a time: the same "
        "man before the same cameras, a third of a second later. After adaptation they fit this man and this room "
        "better than others.",
    )
    before, after = found["pretrained"]["pmpjpe_mm"], found["adapted"]["pmpjpe_mm"]
    report.key_numbers(
        [
            KeyNumber(
                "As it comes",
                f"{before:.0f}",
                "mm PMPJPE",
                f"Mean joint error on {found['pretrained']['poses']} images after the best rotation, shift and scale, "
                "against labels made with the reference cameras. Expect this on a photo of another person.",
            ),
            KeyNumber(
                "Adapted",
                f"{after:.0f}",
                "mm PMPJPE",
                "The same images after adaptation. True for this man and this room only.",
                "good" if after < min(before, found["blazepose_world_landmarks"]["pmpjpe_mm"]) else "fair",
            ),
            KeyNumber(
                "BlazePose's own 3D",
                f"{found['blazepose_world_landmarks']['pmpjpe_mm']:.0f}",
                "mm PMPJPE",
                "World landmarks of the same images, same joints, same alignment. BlazePose was trained on very many "
                "people and works on strangers; its joints are also defined a little differently from triangulated "
                "ones, which affects both numbers.",
            ),
            KeyNumber(
                "Mean pose",
                f"{found['mean_training_pose']['pmpjpe_mm']:.0f}",
                "mm PMPJPE",
                "Each camera's average pose over the training frames, as the prediction for every image. A network "
                "that scores worse than this has memorised the poses it saw and does not yet generalise to new ones.",
            ),
        ]
    )
    images = _read(out / "full", out / "model")
    report.image(
        contact_sheet(images, columns=2), f"Frame {TEST[1]} predicted by the adapted network, camera by camera."
    )


def _held_out_section(report: Report, out: Path, found: dict[str, Any]) -> None:
    camera, new, every = found["camera"], found["new_frames"], found["all_frames"]
    report.section(
        "A camera that training never saw",
        f"The same again without {camera}: synchronised, calibrated and labelled from the other three videos alone, "
        f"adapted to their frames {TRAIN[0]}-{TRAIN[1]}, and then evaluated on the images of {camera}. That camera "
        "contributed nothing to training. Only the test uses it: its images, the keypoints detected in them, which give "
        "the box, its intrinsics, and its part in the reference, which is triangulated from all four videos with the "
        "laboratory's cameras.",
    )
    metrics = ("pmpjpe_mm", "nmpjpe_mm", "mpjpe_mm")
    rows = [
        [words, *(f"{part[key][metric]:.0f}" for part in (new, every) for metric in metrics)]
        for key, words in ANSWERS.items()
    ]
    headers = [
        f"{metric}, {frames}" for frames in ("new frames", "all frames") for metric in ("PMPJPE", "NMPJPE", "MPJPE")
    ]
    report.table(
        ["prediction", *headers],
        rows,
        f"Millimetres, against the reference; images of {camera} alone: frames {TEST[0]}-{TEST[1]} "
        f"({new['adapted']['poses']} images) and all frames ({every['adapted']['poses']}). The mean pose uses "
        "the camera's extrinsics, which the other predictions do not.",
    )
    view = Clip.load(out / "full").names.index(camera)
    images = [_read(out / "full", model)[view] for model in (PRETRAINED, out / "model_three")]
    report.image(contact_sheet(images, columns=2), f"Frame {TEST[1]} of {camera}, before and after.")


def _read(folder: Path, model: Path) -> list[UInt8[np.ndarray, "height width 3"]]:
    """The last test frame of every camera with the prediction of a network drawn over it."""
    clip, trained = Clip.load(folder), TrainedPoseNet.load(model)
    xyz, conf, uv = predict_clip(folder, trained, (TEST[1], TEST[1]))
    return [
        overlay(next(clip.read(view, [TEST[1]])), uv[row, 0], xyz[row, 0], conf[row, 0], trained.skeleton)
        for row, view in enumerate(clip.views)
    ]
