"""The whole path in one call, and the report on it in plain words.

`run` does what the verbs do one after the other and skips what is done. The sections of the report are functions of
their own (those on the cameras in calibration_page.py), because the demo shows the same ones beside its comparison with
a reference.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch

from epipose.clip import Clip
from epipose.config_network import ADAPT
from epipose.network.pretrained import shipped_sizes
from epipose.pipeline.stages import calibrate_clip, detect_clip, label_clip
from epipose.poses import Poses2D, Poses3D
from epipose.sync.offsets import SyncMethod
from epipose.viz.calibration_report import calibration_sections
from epipose.viz.html_report import Figure, Report
from epipose.viz.plots import line_chart, skeleton_sheet

Network = Literal["auto", "small", "full", "none"]


def run(
    sources: Sequence[Path],
    out: Path,
    *,
    intrinsics: Path | None = None,
    detector: str = "blazepose",
    poses: Path | None = None,
    sync: SyncMethod = "auto",
    offsets: Sequence[float] = (),
    people: Literal["subject", "all"] = "subject",
    height: float | None = None,
    network: Network = "auto",
    force: bool = False,
    overwrite: bool = False,
) -> None:
    """Videos to cameras, labels, a trained network (in ``out/model``), ``view.html`` and ``report.html``.

    Where the cameras are rejected, report.html says why, and RejectedError is raised, unless ``force``.
    """
    from epipose.training.refine import refine
    from epipose.training.train import train
    from epipose.viz.viewer import view

    detect_clip(sources, out, detector=detector, poses=poses, sync=sync, offsets=offsets, overwrite=overwrite)
    calibrate_clip(out, intrinsics=intrinsics, height=height)
    report = Report(
        f"What {len(Clip.load(out).views)} cameras saw of one person",
        "Cameras, 3D labels and a network from the videos alone. Under every number stands how far to trust it. "
        "view.html in the same folder shows everything in 3D.",
    )
    calibration_sections(report, out)
    report.save(out / "report.html")  # now, because the next step refuses cameras that are rejected
    label_clip(out, people=people, force=force)
    view(out, html=out / "view.html")
    model = None
    if network != "none":
        full = network == "full" or (network == "auto" and torch.cuda.is_available())
        model = out / "model"
        train([out], model, overwrite=overwrite, **({} if full else shipped_sizes() | ADAPT))
        refine([out], model)
    label_section(report, out)
    if model is not None:
        network_section(report, model)
    report.save(out / "report.html")


def label_section(report: Report, folder: Path) -> None:
    """How much of the clip got a 3D label, and what the detector saw."""
    labels, clip, poses = Poses3D.load(folder / "poses3d.npz"), Clip.load(folder), Poses2D.load(folder / "poses2d.npz")
    share, conf = float((labels.conf[:, 0] > 0).float().mean()), float(labels.conf[:, 0].mean())
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
    pictures = [next(clip.read(view, [best])) for view in clip.views]
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
