"""Report sections on labels and training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from epipose.clip import Clip
from epipose.poses import Poses2D, Poses3D
from epipose.viz.html_report import KeyNumber, Report
from epipose.viz.plots import line_chart, skeleton_sheet


def label_section(report: Report, folder: Path) -> None:
    """How much of the clip got a 3D label, and what the detector saw."""
    labels, clip, poses = Poses3D.load(folder / "poses3d.npz"), Clip.load(folder), Poses2D.load(folder / "poses2d.npz")
    share, conf = float((labels.conf[:, 0] > 0).float().mean()), float(labels.conf[:, 0].mean())
    report.section(
        "The 3D labels", "Every joint triangulated from the views that agree on it; the others are left out."
    )
    report.key_numbers(
        [
            KeyNumber(
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
    images = [next(clip.read(view, [best])) for view in clip.views]
    report.image(
        skeleton_sheet(images, poses.xy[:, best, 0], poses.conf[:, best, 0], poses.skeleton),
        f"Frame {best} with the detected joints of the person who was chosen. Is it the same person in every image?",
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
