"""The whole pipeline in one call, and the report on it in plain words.

`run` does what the verbs do one after the other and skips what is done. The sections of the report are functions of
their own (in epipose.viz), because the demo shows the same ones beside its comparison with a reference.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from epipose.clip import Clip
from epipose.io.options import with_changes
from epipose.pipeline.checks import calibrate_options, check_run, detect_options, label_options
from epipose.pipeline.options import RunOptions
from epipose.pipeline.plan import in_words, planned
from epipose.pipeline.stages import calibrate_clip, detect_clip, label_clip
from epipose.pipeline.train import train
from epipose.training.options import TrainOptions
from epipose.training.presets import adapt_options
from epipose.viz.calibration_report import calibration_sections
from epipose.viz.html_report import Report
from epipose.viz.run_report import label_section, network_section

log = logging.getLogger("epipose")


def run(sources: Sequence[Path], out: Path, options: RunOptions = RunOptions(), **changes: Any) -> None:
    """Videos to cameras, labels, a trained network (in ``out/model``), ``view.html`` and ``report.html``.

    ``changes`` are fields of `RunOptions` by name. Where the cameras are rejected, report.html says why, and
    RejectedError is raised, unless ``force``.
    """
    from epipose.training.refine import refine
    from epipose.viz.viewer import view

    options = with_changes(options, changes)
    training = training_options(options)
    clip = check_run(sources, out, options, training)
    log.info("%s", in_words(planned(clip, out, detect_options(options), training)))
    lengths = calibrate_options(options)
    detect_clip(sources, out, detect_options(options), overwrite=options.overwrite)
    calibrate_clip(out, lengths, intrinsics=options.intrinsics, known_rig=options.known_rig)
    report = Report(
        f"What {len(Clip.load(out).views)} cameras saw of one person",
        "Cameras, 3D labels and a network from the videos alone. Every number comes with its reliability. "
        "view.html in the same folder shows everything in 3D.",
    )
    calibration_sections(report, out)
    report.save(out / "report.html")  # now, because the next step refuses cameras that are rejected
    label_clip(out, label_options(options), force=options.force)
    view(out, html=out / "view.html")
    model = None if training is None else out / "model"
    if training is not None and model is not None:
        train([out], model, training)
        refine([out], model)
    label_section(report, out)
    if model is not None:
        network_section(report, model)
    report.save(out / "report.html")


def training_options(options: RunOptions) -> TrainOptions | None:
    """The options of the network's training in a run; None where none is trained."""
    if options.network == "none":
        return None
    full = options.network == "full" or (options.network == "auto" and torch.cuda.is_available())
    chosen = TrainOptions() if full else adapt_options()
    return replace(chosen, max_frames=options.train_frames, overwrite=options.overwrite)
