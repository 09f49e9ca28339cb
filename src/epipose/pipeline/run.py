"""The whole pipeline in one call, and the report on it in plain words.

`run` does what the verbs do one after the other and skips what is done. The sections of the report are functions of
their own (in epipose.viz), because the demo shows the same ones beside its comparison with a reference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch

from epipose.clip import Clip
from epipose.errors import InputError
from epipose.io.options import with_changes
from epipose.pipeline.calibrate import check_sources
from epipose.pipeline.options import CalibrateOptions, DetectOptions, LabelOptions, RunOptions
from epipose.pipeline.stages import calibrate_clip, detect_clip, label_clip
from epipose.pipeline.train import train
from epipose.training.options import TrainOptions
from epipose.training.presets import adapt_options
from epipose.viz.calibration_report import calibration_sections
from epipose.viz.html_report import Report
from epipose.viz.run_report import label_section, network_section


def run(sources: Sequence[Path], out: Path, options: RunOptions = RunOptions(), **changes: Any) -> None:
    """Videos to cameras, labels, a trained network (in ``out/model``), ``view.html`` and ``report.html``.

    ``changes`` are fields of `RunOptions` by name. Where the cameras are rejected, report.html says why, and
    RejectedError is raised, unless ``force``.
    """
    from epipose.training.refine import refine
    from epipose.viz.viewer import view

    options = with_changes(options, changes)
    detection = DetectOptions(**{each.name: getattr(options, each.name) for each in fields(DetectOptions)})
    if not sources and options.poses is not None and options.network != "none":
        raise InputError(
            "A network learns from images, and there are 2D poses alone. Give the videos too, or --network none, which "
            "stops after the labels."
        )
    lengths = CalibrateOptions(height=options.height, bone=options.bone, camera_distance=options.camera_distance)
    check_sources(lengths, options.intrinsics, options.known_rig)
    detect_clip(sources, out, detection, overwrite=options.overwrite)
    calibrate_clip(out, lengths, intrinsics=options.intrinsics, known_rig=options.known_rig)
    report = Report(
        f"What {len(Clip.load(out).views)} cameras saw of one person",
        "Cameras, 3D labels and a network from the videos alone. Every number comes with its reliability. "
        "view.html in the same folder shows everything in 3D.",
    )
    calibration_sections(report, out)
    report.save(out / "report.html")  # now, because the next step refuses cameras that are rejected
    label_clip(out, LabelOptions(skeleton=options.skeleton, people=options.people), force=options.force)
    view(out, html=out / "view.html")
    model = None
    if options.network != "none":
        full = options.network == "full" or (options.network == "auto" and torch.cuda.is_available())
        model = out / "model"
        train([out], model, TrainOptions() if full else adapt_options(), overwrite=options.overwrite)
        refine([out], model)
    label_section(report, out)
    if model is not None:
        network_section(report, model)
    report.save(out / "report.html")
