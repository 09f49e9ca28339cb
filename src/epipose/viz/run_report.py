"""Report sections on labels and training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from epipose.clip import Clip
from epipose.io.files import AnyPath
from epipose.poses import Poses2D, Poses3D
from epipose.viz.html_report import KeyNumber, Report
from epipose.viz.plots import line_chart, skeleton_sheet


def label_section(report: Report, folder: AnyPath) -> None:
    """Section on labels: the share of joints with one, and the keypoints of one frame."""
    folder = Path(folder)
    labels, clip, poses = Poses3D.load(folder / "poses3d.npz"), Clip.load(folder), Poses2D.load(folder / "poses2d.npz")
    share, conf = float((labels.conf[:, 0] > 0).float().mean()), float(labels.conf[:, 0].mean())
    report.section(
        "The 3D labels", "Every joint triangulated from its inlier views; joints with fewer than two are left out."
    )
    report.key_numbers(
        [
            KeyNumber(
                "Joints with a label",
                f"{share:.0%}",
                "",
                f"of {labels.conf.shape[0]} frames x {labels.conf.shape[2]} joints, mean confidence {conf:.2f}. "
                "Missing joints were hidden, or the views contradicted each other.",
                _graded(1 - share, 0.1, 0.4),
            )
        ]
    )
    if not clip.has_images:
        return
    best = int(poses.conf[:, :, 0].sum(-1).amin(0).argmax())
    images = [next(clip.read(view, [best])) for view in clip.views]
    report.image(
        skeleton_sheet(images, poses.xy[:, best, 0], poses.conf[:, best, 0], poses.skeleton),
        f"Frame {best} with the detected keypoints of the subject. Check that it is the same person in every image.",
    )


def network_section(report: Report, model: AnyPath) -> None:
    """Section on training: the loss over the epochs."""
    log = [json.loads(line) for line in (Path(model) / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    report.section(
        "The network",
        "It was trained on the labels above. A falling loss shows that it fits them, not that it generalises to other "
        "people, clothes, rooms or viewpoints. Evaluate it on footage that was not used.",
    )
    report.diagram(
        line_chart({"training loss": [(entry["epoch"], entry["loss"]) for entry in log]}, "epoch", "loss"),
        f"Training loss over {len(log)} epochs.",
    )


def _graded(value: float, good: float, poor: float) -> Literal["good", "fair", "poor"]:
    return "good" if value <= good else "fair" if value <= poor else "poor"
