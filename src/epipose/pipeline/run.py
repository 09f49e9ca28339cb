"""The whole pipeline in one call, and the report on it in plain words.

`run` does what the verbs do one after the other and skips what is done. The report is made by epipose.viz, because the
demo shows the same sections beside its comparison with a reference.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from epipose.io.options import with_changes
from epipose.pipeline.checks import calibrate_options, check_run, detect_options, label_options
from epipose.pipeline.options import RunOptions
from epipose.pipeline.plan import in_words, planned
from epipose.pipeline.stages import calibrate_clip, detect_clip, label_clip
from epipose.pipeline.train import train
from epipose.training.options import TrainOptions
from epipose.training.presets import adapt_options
from epipose.viz.run_report import run_page

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
    # Now, because the next step refuses cameras that are rejected.
    run_page(out, labelled=False).save(out / "report.html")
    label_clip(out, label_options(options), force=options.force)
    view(out, html=out / "view.html")
    model = None if training is None else out / "model"
    if training is not None and model is not None:
        train([out], model, training)
        refine([out], model)
    run_page(out, labelled=True, model=model).save(out / "report.html")


def training_options(options: RunOptions) -> TrainOptions | None:
    """The options of the network's training in a run; None where none is trained."""
    if options.network == "none":
        return None
    full = options.network == "full" or (options.network == "auto" and torch.cuda.is_available())
    chosen = TrainOptions() if full else adapt_options()
    return replace(chosen, max_frames=options.train_frames, overwrite=options.overwrite)
