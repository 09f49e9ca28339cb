"""The report on a calibration as people read it: the verdict first, then why, camera by camera.

calibration.json holds the numbers; here they become words, tables and two drawings. The same sections stand on a page
of their own (``calibration.html``), in the report of `run` and in the demo. Whatever is not there (a record of detect,
pairs where the cameras were given) is left out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from epipose.camera import Rig
from epipose.clip import Clip
from epipose.io.files import read_json
from epipose.people.subject import SubjectChoice
from epipose.poses import Poses2D
from epipose.viz.ground_path import path_and_up
from epipose.viz.html_report import KeyNumber, Report, Trust
from epipose.viz.plots import camera_map, coverage_sheet

_VERDICTS: dict[str, tuple[Trust, str, str]] = {
    "trust": (
        "good",
        "These cameras can be used.",
        "Nothing that was measured speaks against them. Errors that stay the same throughout the clip cannot be seen "
        "from inside it: look at the map below, and whether the cameras stand where you put them.",
    ),
    "check": (
        "fair",
        "Look at the cameras before you use them.",
        "They may be good. See whether they stand on the map below where you put them, and whether the person is the "
        "same in all views (epipose view). Put right what you can and calibrate again.",
    ),
    "reject": (
        "poor",
        "Do not use these cameras.",
        "Put this right and calibrate again. Until then epipose label refuses them, unless it is given --force.",
    ),
}

_TERMS = {
    "error, px and mrad": "Half of the joints were seen closer than this to where all cameras together place them. 1 "
    "mrad is 1 mm seen from 1 m away: it compares cameras of different lenses and resolutions. The detector's own "
    "mistakes are in it. Small errors are necessary for good cameras, but do not prove them.",
    "sure to": "One standard deviation of the camera's direction and place, from how much the footage contradicts "
    "itself, once the whole rig is laid over the truth as well as it can be. In two cases out of three the error is "
    "smaller, if errors change from frame to frame. Those that do not (a wrong lens, a hip that the detector sees "
    "elsewhere from behind) are not in it.",
    "inliers": "Observations that lie within two expected errors of a detector. Many others: another person, bad "
    "synchronisation, or somebody half hidden.",
    "image covered": "Of a hundred equal fields of the image, those in which a joint was ever seen. A lens can only "
    "be judged where somebody was.",
    "left/right repaired": "Frames in which the detector took the left side for the right, as the other views tell. "
    "Labels repair it too.",
    "shift halfway": "How far the first half of the clip places the joints from where the second half does. Much more "
    "than in the other cameras: this one was moved.",
    "the footage on a given lens": "The change of the focal length that would explain the footage better. It counts "
    "where it is more than three times as large as what it is sure to.",
    "late by": "By what part of a frame a view shows a moment later than its clock says. Labels make up for it.",
    "alone, in the rig": "Two views alone give a rotation between their cameras; all views together, another. Two weak "
    "views may be far off alone without harm: the others hold them.",
    "fits by": "How much better a video fits the others at its start than at other starts (logarithm of the ratio of "
    "the errors). Below 0.5 it is doubtful.",
}


def calibration_page(folder: Path) -> Report:
    """The page on a calibrated clip folder. Raises InputError where files are missing."""
    views = len(Clip.load(folder).views)
    lead = f"{views} cameras, and what they saw of one person. The numbers are in calibration.json beside this page."
    report = Report("How far to trust these cameras", lead)
    calibration_sections(report, folder)
    return report


def calibration_sections(report: Report, folder: Path, reference: Rig | None = None) -> None:
    """Everything there is to say on a folder's cameras; ``reference`` (aligned to them) is drawn on the map."""
    content, rig, clip = read_json(folder / "calibration.json"), Rig.load(folder / "rig.json"), Clip.load(folder)
    poses = Poses2D.load(folder / "poses2d.npz")
    detected = read_json(folder / "detect.json") if (folder / "detect.json").exists() else {}
    _verdict_section(report, content)
    if content["notes"]:
        report.section("Notes").points(content["notes"])
    _camera_section(report, content)
    _room_section(report, content, rig, poses, clip, reference)
    _person_section(report, content, detected.get("subject"))
    _time_section(report, content, clip, detected.get("sync"))
    _world_section(report, content, rig)
    _lens_section(report, content)
    _pair_section(report, content)
    report.section("What these numbers mean").terms(_TERMS)


def _verdict_section(report: Report, content: dict[str, Any]) -> None:
    word, reasons = content["verdict"]["word"], content["verdict"]["reasons"]
    trust, title, advice = _VERDICTS[word]
    report.verdict(word.capitalize(), title, reasons, advice, trust)
    evidence = content["evidence"]
    worst = max(content["cameras"], key=lambda camera: camera["median_mrad"])
    key_numbers = [
        KeyNumber(
            "Worst camera's reprojection error",
            f"{worst['median_mrad']:.1f}",
            "mrad",
            f"{worst['name']}: half of the joints lie closer than {worst['median_px']:.1f} px to where all cameras "
            "together place them. Below 6 mrad is usual with a good detector; above 15 something is wrong.",
        ),
        KeyNumber(
            "Joints that views agree on",
            f"{evidence['agreed_share']:.0%}",
            "",
            f"of those that two or more views saw, over {content['frames_used']} frames.",
        ),
    ]
    if content["pairs"]:  # else the cameras were given, and nothing was estimated
        sure = KeyNumber(
            "Least sure rotation between two cameras",
            f"± {evidence['worst_sigma_deg']:.2g}",
            "degrees",
            "One standard deviation. Errors that stay the same throughout the clip are not in it.",
        )
        key_numbers.insert(1, sure)
    report.key_numbers(key_numbers)


def _camera_section(report: Report, content: dict[str, Any]) -> None:
    cameras, frames = content["cameras"], content["frames_used"]
    given = not content["pairs"]
    report.section(
        "Camera by camera",
        "The cameras were given; this is how they agree with what they saw." if given else "",
    )
    headers = "camera|error|nine in ten below|sure to|inliers|image covered|left/right repaired|shift halfway"
    report.table(
        headers.split("|"),
        [
            [
                camera["name"],
                f"{camera['median_px']:.1f}\N{NO-BREAK SPACE}px, {camera['median_mrad']:.1f}\N{NO-BREAK SPACE}mrad",
                f"{camera['p90_px']:.0f} px",
                "given"
                if given
                else f"{camera['rotation_sigma_deg']:.2f}°, {camera['center_sigma_mm']:.0f}\N{NO-BREAK SPACE}mm",
                f"{camera['inlier_share']:.0%}",
                f"{camera['image_coverage']:.0%}",
                _repaired(camera, frames),
                f"{camera['drift_mrad']:.1f} mrad",
            ]
            for camera in cameras
        ],
        f"Over {frames} frames.",
    )


def _repaired(camera: dict[str, Any], frames: int) -> str:
    some = f"{camera['swapped_frames']} of {frames} frames"
    return f"throughout, and {some}" if camera["swapped_throughout"] else some


def _room_section(
    report: Report, content: dict[str, Any], rig: Rig, poses: Poses2D, clip: Clip, reference: Rig | None
) -> None:
    x, y, z = content["roaming_m"]
    where = (
        f"over {x:.2f} x {y:.2f} m of the floor, and by {z:.2f} m up and down"
        if rig.upright
        else f"by {x:.2f}, {y:.2f} and {z:.2f} m along x, y and z of the given world"
    )
    report.section(
        "The room and the images",
        f"The person's hips moved {where}{'' if rig.metric else ', for a person 1.7 m tall'} (along each axis, nine tenths "
        "of the time). The more of the room somebody walks through, the surer the cameras; how long matters little.",
    )
    path, up = path_and_up(rig, poses, clip.fps)
    report.diagram(
        camera_map(rig, path, up, reference),
        "Seen from above: the cameras and the person's path."
        + (" Dashed: the reference calibration, aligned." if reference is not None else "")
        + ("" if rig.metric else " The scale is nominal."),
    )
    seen = torch.where(poses.conf[:, :, 0] >= 0.3, poses.conf[:, :, 0], 0.0)
    report.diagram(
        coverage_sheet(rig.names, rig.camera.size, poses.xy[:, :, 0], seen),
        "Where in each image the person's joints were seen; the stronger the colour, the more often.",
    )


def _lens_section(report: Report, content: dict[str, Any]) -> None:
    report.section("Lenses").table(
        ["camera", "focal length", "source", "distortion", "the footage on it"],
        [
            [
                camera["name"],
                f"{camera['focal_px']:.0f} px"
                + (f" ± {camera['focal_sigma_pct']:.1f} %" if camera["focal_sigma_pct"] else ""),
                camera["lens"],
                ", ".join(f"{name} {k:.3f}" for name, k in zip(("k1", "k2"), camera["distortion"], strict=False) if k)
                or "none",
                _lens_doubt(camera),
            ]
            for camera in content["cameras"]
        ],
    )


def _lens_doubt(camera: dict[str, Any]) -> str:
    change, sigma = camera["focal_doubt_pct"], camera["focal_doubt_sigma_pct"]
    if not sigma:
        return ""
    says = "contradicts it" if abs(change) > 3 * sigma else "does not contradict it"
    return f"{says} ({change:+.0f} ± {sigma:.0f} %)"


def _pair_section(report: Report, content: dict[str, Any]) -> None:
    if not content["pairs"]:
        return
    report.section("Pairs of cameras", "What two views say alone, and what becomes of it among all of them.")
    report.table(
        ["pair", "joints", "inliers alone", "alone sure to", "in the rig sure to", "alone from rig", "what is weak"],
        [
            [
                " - ".join(pair["views"]),
                str(pair["correspondences"]),
                f"{pair['inlier_share']:.0%}",
                f"{pair['rotation_sigma_deg']:.1f}°",
                f"{pair['sigma_in_rig_deg']:.1f}°",
                f"{pair['rotation_from_rig_deg']:.1f}°",
                " ".join([*(["Outvoted by the other views."] if pair["outvoted"] else []), *pair["findings"]]),
            ]
            for pair in content["pairs"]
        ],
    )


def _time_section(report: Report, content: dict[str, Any], clip: Clip, sync: dict[str, Any] | None) -> None:
    lags = {camera["name"]: (camera["lag_frames"], camera["lag_sigma_frames"]) for camera in content["cameras"]}
    words = {"none": "The videos were taken to start together.", "by hand": "The starts were given by hand."}
    found = None if sync is None or sync["method"] in words else sync
    text = "" if sync is None else words.get(sync["method"], f"The starts were found by {sync['method']}.")
    if found is not None and not found["sure"]:
        text += " They are not sure: see the notes."
    rows = []
    for index, view in enumerate(clip.views):
        lag, sigma = lags[view.name]
        late = f"{lag:.2f} ± {sigma:.2f} frames" if lag or sigma else "none found"
        support = [f"{found['support'][index]:.1f}"] if found else []
        rows.append([view.name, f"{view.start:.3f} s", *support, late, f"{view.fps:g} per second"])
    headers = ["camera", "video started at", *(["fits by"] if found else []), "late by", "frames"]
    report.section("Synchronisation", text).table(headers, rows)


def _person_section(report: Report, content: dict[str, Any], reasons: dict[str, Any] | None) -> None:
    evidence = content["evidence"]
    sides = {True: "Noses, knees and elbows say that the world is not mirrored.", False: "The person looks mirrored."}
    points = [] if reasons is None else SubjectChoice._from_json(reasons).sentences()
    if evidence["handedness"] is not None:
        points.append(sides[evidence["handedness"] > 0])
    if evidence["mirror_cost"] is not None:
        points.append(f"The mirrored world would explain the images {evidence['mirror_cost']:.1f} times as badly.")
    if evidence["mirrored_video"] is not None:
        points.append(
            f"The view that suits a mirrored video best fits {evidence['mirrored_video']:.1f} times as badly so."
        )
    if content["undecided_swaps"]:
        points.append(
            f"In {content['undecided_swaps']} frames views contradict each other on left and right, and no majority "
            "decides."
        )
    report.section("The person", "Whom the cameras were found from, and left and right.").points(points)


def _world_section(report: Report, content: dict[str, Any], rig: Rig) -> None:
    scale, up = content["scale"], content["up_sigma_deg"]
    points = []
    if scale is not None:
        points.append(f"Lengths are metres, to within {scale['sigma']:.1%}.")
    elif not rig.metric:
        points.append("Lengths are nominal, right up to one common factor: the person was made 1.7 m tall.")
    if rig.upright:
        sure = "" if up is None else f" Up is sure to {up:.1f} degrees."
        points.append(f"z is up and the floor lies at 0, by the person's feet and posture and by the cameras.{sure}")
    report.section("Scale and floor").points(points or ["They are those of the cameras that were given."])
