"""Files of a clip folder and the next steps: each with the command, to be given inside the folder.

The commands name the folder as the current one. So a report holds no path of the machine it was made on, and stays right
when the folder is moved.
"""

from __future__ import annotations

from pathlib import Path

from epipose.calibration.result import Calibration
from epipose.io.files import AnyPath
from epipose.viz.html_report import Report

_LABELLED = {
    "See everything in 3D": "epipose view .",
    "Biomechanics (OpenSim, Pose2Sim)": "epipose export . --out poses.trc",
    "Animation (Blender, Maya)": "epipose export . --out poses.bvh",
    "Motion-capture programs (Mokka, Visual3D)": "epipose export . --out poses.c3d",
    "Python, R, a spreadsheet": "epipose export . --out poses.csv",
    "Cameras for Pose2Sim, anipose, FreeMoCap": "epipose export . --out cameras.toml",
}
_FILES = {
    "view.html": "everything in 3D with the images, one file that plays in any browser",
    "rig.json": "the cameras: intrinsics, rotations, positions",
    "poses2d.npz": "the keypoints in every view",
    "poses3d.npz": "the 3D labels, each joint with its confidence",
    "calibration.json": "every number of this page, for programs",
    "model/": "the trained network",
}


def next_steps_section(
    report: Report, folder: AnyPath, calibration: Calibration, *, labels: bool, model: bool, place: str = "."
) -> None:
    """Section on what to do next, as far as the folder allows it, and on the files in it.

    ``labels``, ``model``: whether there are 3D labels and a trained network. Cameras that are rejected are corrected
    first; nothing is exported of them. ``place``: the clip folder, as seen from that of the page.
    """
    rejected = calibration.verdict.word == "reject"
    report.section("Files and next steps", "In a terminal, inside the folder that this page lies in:")
    commands = _commands(rejected and not labels, labels=labels, model=model)
    report.commands({aim: f"{line} ".replace(" . ", f" {place} ").strip() for aim, line in commands.items()})
    written = {"rig.json": True, "calibration.json": True, "poses2d.npz": True, "poses3d.npz": labels, "model": model}
    written["view.html"] = labels and (Path(folder) / "view.html").exists()
    report.points([f"{name}: {text}." for name, text in _FILES.items() if written[name.rstrip("/")]])


def _commands(rejected: bool, *, labels: bool, model: bool) -> dict[str, str]:
    if rejected:
        return {
            "See where it goes wrong": "epipose view .",
            "Calibrate again, once it is corrected": "epipose calibrate .",
        }
    if not labels:
        return {
            "See the cameras in 3D": "epipose view .",
            "Triangulate the 3D labels": "epipose label .",
            "Cameras for Pose2Sim, anipose, FreeMoCap": "epipose export . --out cameras.toml",
        }
    photo = {"3D pose from one photo": f"epipose predict photo.jpg{' --model model' if model else ''}"}
    return {**_LABELLED, **photo}
