"""The whole path in one call, and the report on it in plain words.

`run` does what the verbs do one after the other and skips what is done. The sections of the report are functions of
their own, because the demo shows the same ones beside its comparison with a reference.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch

from epipose.camera import Rig
from epipose.clip import Clip
from epipose.config import SMALL
from epipose.files import read_json
from epipose.plots import camera_map, line_chart, skeleton_sheet
from epipose.poses import Poses2D, Poses3D
from epipose.report import Figure, Report
from epipose.scene import guess_up
from epipose.stages import calibrate_clip, detect_clip, label_clip
from epipose.video import read_frames

Network = Literal["auto", "small", "full", "none"]


def run(
    sources: Sequence[Path],
    out: Path,
    *,
    intrinsics: Path | None = None,
    detector: str = "blazepose",
    poses: Path | None = None,
    network: Network = "auto",
    overwrite: bool = False,
) -> None:
    """Videos to cameras, labels, a trained network (in ``out/model``), ``view.html`` and ``report.html``."""
    from epipose.train import train
    from epipose.view import view

    detect_clip(sources, out, detector=detector, poses=poses, overwrite=overwrite)
    calibrate_clip(out, intrinsics=intrinsics)
    label_clip(out)
    view(out, html=out / "view.html")
    model = None
    if network != "none":
        full = network == "full" or (network == "auto" and torch.cuda.is_available())
        model = out / "model"
        train([out], model, overwrite=overwrite, **({} if full else SMALL))
    report = Report(
        f"What {len(Clip.load(out).views)} cameras saw of one person",
        "Cameras, 3D labels and a network from the videos alone. Under every number stands how far to trust it. "
        "view.html in the same folder shows everything in 3D.",
    )
    camera_section(report, out)
    label_section(report, out)
    if model is not None:
        network_section(report, model)
    report.save(out / "report.html")


def camera_section(report: Report, folder: Path, reference: Rig | None = None) -> None:
    """What calibration says of itself: errors per camera, warnings, and a map of where the cameras stood."""
    calibration = read_json(folder / "calibration.json")
    cameras: list[dict[str, Any]] = calibration["cameras"]
    worst = max(cameras, key=lambda camera: camera["median_mrad"])
    report.section(
        "The cameras",
        "Found from the person's own motion. The errors below are disagreements between the joints seen in a picture "
        "and where the other cameras say they are; they contain the errors of the 2D detector. Small errors are "
        "necessary for good cameras, but they do not prove them.",
    )
    report.figures(
        [
            Figure(
                "Worst camera's reprojection error",
                f"{worst['median_mrad']:.1f}",
                "mrad",
                f"{worst['name']}, median over all joints ({worst['median_px']:.1f} px). Below 6 is usual for people "
                "seen by a good detector; above 15 something is wrong: another person, bad synchronisation or wrong "
                "intrinsics.",
                _graded(worst["median_mrad"], 6.0, 15.0),
            )
        ]
    )
    report.table(
        ["camera", "median px", "median mrad", "90 % below px", "inliers", "left/right repaired"],
        [
            [
                camera["name"],
                f"{camera['median_px']:.1f}",
                f"{camera['median_mrad']:.1f}",
                f"{camera['p90_px']:.1f}",
                f"{camera['inlier_share']:.0%}",
                f"{camera['swapped_frames']} frames",
            ]
            for camera in cameras
        ],
        f"Reprojection error of the subject's joints over {calibration['frames_used']} frames.",
    )
    if calibration["warnings"]:
        report.section("Warnings", "\n\n".join(calibration["warnings"]))
    labels, rig = Poses3D.load(folder / "poses3d.npz"), Rig.load(folder / "rig.json")
    path = labels.xyz[:, 0, labels.skeleton.root][labels.conf[:, 0, labels.skeleton.root] > 0]
    if len(path) >= 2:
        report.diagram(
            camera_map(rig, path, guess_up(rig, labels), reference),
            "Seen from above: the cameras and the person's path."
            + (" Outlined: the reference calibration, aligned." if reference is not None else "")
            + ("" if rig.metric else " The scale is nominal (a person 1.7 m tall)."),
        )


def label_section(report: Report, folder: Path) -> None:
    """How much of the clip got a 3D label, and what the detector saw."""
    labels, clip, poses = Poses3D.load(folder / "poses3d.npz"), Clip.load(folder), Poses2D.load(folder / "poses2d.npz")
    share, conf = float((labels.conf > 0).float().mean()), float(labels.conf.mean())
    report.section(
        "The 3D labels", "Every joint triangulated from the views that agree on it; the others are left out."
    )
    report.figures(
        [
            Figure(
                "Joints with a label",
                f"{share:.0%}",
                "",
                f"of {labels.conf.shape[0]} frames x {labels.conf.shape[2]} joints, mean confidence {conf:.2f}. What is "
                "missing was hidden, or the views contradicted each other.",
                _graded(1 - share, 0.1, 0.4),
            )
        ]
    )
    best = int(poses.conf[:, :, 0].sum(-1).amin(0).argmax())
    pictures = [next(itertools.islice(read_frames(view.video), best, None)) for view in clip.views]
    report.picture(
        skeleton_sheet(pictures, poses.xy[:, best, 0], poses.conf[:, best, 0], poses.skeleton),
        f"Frame {best} with the detected joints of the person who was chosen. Is it the same person in every picture?",
    )


def network_section(report: Report, model: Path) -> None:
    """How training went."""
    log = [json.loads(line) for line in (model / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    report.section(
        "The network",
        "It learned from the labels above. A falling curve shows that it fits them; it says nothing about other "
        "people, clothes, rooms or viewpoints. Check it on footage that was not used.",
    )
    report.diagram(
        line_chart({"training loss": [(entry["epoch"], entry["loss"]) for entry in log]}, "epoch", "loss"),
        f"Training loss over {len(log)} epochs.",
    )


def _graded(value: float, good: float, poor: float) -> Literal["good", "fair", "poor"]:
    return "good" if value <= good else "fair" if value <= poor else "poor"
