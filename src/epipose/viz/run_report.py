"""Report of a run: cameras, 3D labels and training on one page, the person in 3D first."""

from __future__ import annotations

import json
from pathlib import Path

from epipose.errors import EpiposeError
from epipose.io.files import AnyPath
from epipose.poses import Poses3D
from epipose.viz.calibration_report import (
    CalibratedClip,
    detail_sections,
    glossary_section,
    numbers_section,
    verdict_section,
)
from epipose.viz.html_report import Report
from epipose.viz.next_steps import next_steps_section
from epipose.viz.plots import line_chart, skeleton_sheet
from epipose.viz.report_top import top_section


def run_page(folder: AnyPath, *, labelled: bool, model: AnyPath | None = None) -> Report:
    """The page on a clip folder; ``labelled``: with its 3D labels, ``model``: with the network trained on them.

    Raises InputError where files are missing, DamagedFileError for those that cannot be read. Videos that are
    damaged leave the images out.
    """
    of = CalibratedClip.load(folder)
    labels = Poses3D.load(of.folder / "poses3d.npz") if labelled else None
    people = 1 if labels is None else labels.xyz.shape[1]
    report = Report(
        f"What {len(of.clip.views)} cameras saw of {'one person' if people == 1 else f'{people} people'}",
        f"Cameras{', 3D labels' if labelled else ''}{' and a network' if model else ''} from the videos alone.",
    )
    rejected = of.calibration.verdict.word == "reject"  # the images then show what is wrong; else labels follow soon
    top_section(report, of.calibration, of.clip, of.keypoints, labels, images=labelled or rejected)
    verdict_section(report, of.calibration)
    numbers_section(report, of.calibration, labels)
    next_steps_section(report, of.folder, of.calibration, labels=labelled, model=model is not None)
    detail_sections(report, of)
    if labels is not None:
        label_section(report, of, labels)
    if model is not None:
        network_section(report, model)
    glossary_section(report)
    return report


def label_section(report: Report, of: CalibratedClip, labels: Poses3D) -> None:
    """Folded section on labels: where they come from, and the keypoints of one frame."""
    share, mean = float((labels.conf[:, 0] > 0).float().mean()), float(labels.conf[:, 0].mean())
    report.section(
        "The 3D labels",
        "Every joint is triangulated from its inlier views; joints with fewer than two are left out. Of the subject "
        f"{share:.1%} of the joints have a label, with a mean confidence of {mean:.2f}.",
        folded=True,
    )
    clip, poses = of.clip, of.keypoints
    best = int(poses.conf[:, :, 0].sum(-1).amin(0).argmax())
    try:
        images = [next(clip.read(view, [best])) for view in clip.views]
    except EpiposeError:  # there are none, or none any more
        return
    report.image(
        skeleton_sheet(images, poses.xy[:, best, 0], poses.conf[:, best, 0], poses.skeleton),
        f"Frame {best} with the detected keypoints of the subject. Check that it is the same person in every image.",
    )


def network_section(report: Report, model: AnyPath) -> None:
    """Folded section on training: the loss over the epochs."""
    log = [json.loads(line) for line in (Path(model) / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    report.section(
        "The network",
        "It was trained on the labels above. A falling loss shows that it fits them, not that it generalises to other "
        "people, clothes, rooms or viewpoints. Evaluate it on footage that was not used.",
        folded=True,
    )
    report.diagram(
        line_chart({"training loss": [(entry["epoch"], entry["loss"]) for entry in log]}, "epoch", "loss"),
        f"Training loss over {len(log)} epochs.",
    )
