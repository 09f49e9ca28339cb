"""The whole path in one call, and the report on it in plain words.

`run` does what the verbs do one after the other and skips what is done. The sections of the report are functions of
their own (those on the cameras in calibration_page.py), because the demo shows the same ones beside its comparison with
a reference.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch

from epipose.clip import Clip
from epipose.pipeline.stages import calibrate_clip, detect_clip, label_clip
from epipose.sync.offsets import SyncMethod
from epipose.training.options import TrainOptions
from epipose.training.presets import adapt_options
from epipose.viz.calibration_report import calibration_sections
from epipose.viz.html_report import Report
from epipose.viz.run_report import label_section, network_section

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
    from epipose.pipeline.train_clips import train_clips
    from epipose.training.refine import refine
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
        train_clips([out], model, TrainOptions() if full else adapt_options(), overwrite=overwrite)
        refine([out], model)
    label_section(report, out)
    if model is not None:
        network_section(report, model)
    report.save(out / "report.html")
