"""Calibration report for people: the person in 3D, the verdict, three numbers, next steps; details folded below.

calibration.json holds the numbers; here they become words, tables and drawings. The same sections stand on a page of
their own (``calibration.html``), in the report of `run` and in the demo. What is not there is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from epipose.calibration.result import Calibration, CameraReport
from epipose.camera import Rig
from epipose.clip import Clip
from epipose.geometry.observations import MIN_CONFIDENCE
from epipose.io.files import AnyPath, read_object
from epipose.io.guard import reading
from epipose.io.records import from_json
from epipose.people.subject import SubjectChoice
from epipose.poses import Poses2D, Poses3D
from epipose.sync.result import TimeOffsets
from epipose.viz.calibration_terms import TERMS, VERDICTS
from epipose.viz.ground_path import path_and_up
from epipose.viz.html_report import Report
from epipose.viz.next_steps import next_steps_section
from epipose.viz.plots import camera_map, coverage_sheet
from epipose.viz.report_numbers import three_numbers
from epipose.viz.report_top import top_section


@dataclass(frozen=True)
class CalibratedClip:
    """What the sections of a report are made of: a clip folder's cameras, their keypoints, and what detection found."""

    folder: Path
    calibration: Calibration
    clip: Clip
    keypoints: Poses2D
    subject: SubjectChoice | None
    offsets: TimeOffsets | None

    @staticmethod
    def load(folder: AnyPath, calibration: Calibration | None = None) -> CalibratedClip:
        """Read a calibrated clip folder. Raises InputError where files are missing, DamagedFileError else.

        ``calibration`` is one that is yet to be written there; without it the folder's own.
        """
        folder = Path(folder)
        calibration, clip = calibration or Calibration.load(folder), Clip.load(folder)
        keypoints = Poses2D.load(folder / "poses2d.npz")
        return CalibratedClip(folder, calibration, clip, keypoints, *_detection(folder / "detect.json"))


def calibration_page(folder: AnyPath, calibration: Calibration | None = None) -> Report:
    """The page on a calibrated clip folder. Raises InputError where files are missing, DamagedFileError else.

    ``calibration``: see `CalibratedClip.load`. The page is made without the videos.
    """
    if calibration is not None:
        return _page(CalibratedClip.load(folder, calibration))
    with reading(folder, "a calibrated clip folder", f"Calibrate it again: epipose calibrate {folder}"):
        return _page(CalibratedClip.load(folder))


def _page(of: CalibratedClip) -> Report:
    report = Report("Calibration report", f"{len(of.clip.views)} cameras, calibrated from the motion of one person.")
    top_section(report, of.calibration, of.clip, of.keypoints, None, images=False)
    verdict_section(report, of.calibration)
    numbers_section(report, of.calibration)
    next_steps_section(report, of.folder, of.calibration, labels=False, model=False)
    detail_sections(report, of)
    glossary_section(report)
    return report


def verdict_section(report: Report, calibration: Calibration) -> None:
    """The verdict in one word, with its reasons and what to do."""
    word, reasons = calibration.verdict.word, calibration.verdict.reasons
    trust, title, advice = VERDICTS[word]
    report.verdict(word.capitalize(), title, reasons, advice, trust)


def numbers_section(report: Report, calibration: Calibration, labels: Poses3D | None = None) -> None:
    """The three numbers that matter, with what each means and what to do about it."""
    report.section("The three numbers that matter").key_numbers(three_numbers(calibration, labels))


def detail_sections(report: Report, of: CalibratedClip, reference: Rig | None = None) -> None:
    """Folded sections on everything that was measured; ``reference`` (aligned to the rig) is drawn on the map."""
    report.section("Details", "Everything that was measured. Open what you need; on paper all of it is open.")
    if of.calibration.notes():
        report.section("Notes", folded=True).points(of.calibration.notes())
    _camera_section(report, of.calibration)
    _room_section(report, of.calibration, of.keypoints, of.clip, reference)
    _person_section(report, of.calibration, of.subject)
    _time_section(report, of.calibration, of.clip, of.offsets)
    _world_section(report, of.calibration)
    _lens_section(report, of.calibration)
    _pair_section(report, of.calibration)


def glossary_section(report: Report) -> None:
    """What the numbers mean, folded: the last section of a page."""
    report.section("Glossary: what these numbers mean", folded=True).terms(TERMS)


def _detection(record: Path) -> tuple[SubjectChoice | None, TimeOffsets | None]:
    """The choice of the subject and the time offsets, as far as the record of detection has them."""
    content = read_object(record) if record.exists() else {}
    subject = from_json(SubjectChoice, content["subject"], record) if "subject" in content else None
    return subject, from_json(TimeOffsets, content["sync"], record) if "sync" in content else None


def _camera_section(report: Report, calibration: Calibration) -> None:
    cameras, frames = calibration.cameras, calibration.frames_used
    given = not calibration.pairs
    report.section(
        "Camera by camera",
        "The cameras were given; these are their residuals on the detected keypoints." if given else "",
        folded=True,
    )
    headers = "camera|error|90th percentile|sigma|inliers|image covered|left-right swaps|drift between halves"
    report.table(
        headers.split("|"),
        [
            [
                camera.name,
                f"{camera.median_px:.1f}\N{NO-BREAK SPACE}px, {camera.median_mrad:.1f}\N{NO-BREAK SPACE}mrad",
                f"{camera.p90_px:.0f} px",
                "given"
                if given
                else f"{camera.rotation_sigma_deg:.2f}°, {camera.center_sigma_mm:.0f}\N{NO-BREAK SPACE}mm",
                f"{camera.inlier_share:.0%}",
                f"{camera.image_coverage:.0%}",
                _repaired(camera, frames),
                f"{camera.drift_mrad:.1f} mrad",
            ]
            for camera in cameras
        ],
        f"Over {frames} frames.",
    )


def _repaired(camera: CameraReport, frames: int) -> str:
    some = f"{camera.swapped_frames} of {frames} frames"
    return f"throughout, and {some}" if camera.swapped_throughout else some


def _room_section(report: Report, calibration: Calibration, poses: Poses2D, clip: Clip, reference: Rig | None) -> None:
    rig, (x, y, z) = calibration.rig, calibration.roaming_m
    nominal = ", for a person 1.7 m tall" if calibration.pairs else " (not metres)"
    where = (
        f"over {x:.2f} x {y:.2f} m of the floor, and by {z:.2f} m up and down"
        if rig.upright
        else f"by {x:.2f}, {y:.2f} and {z:.2f} m along x, y and z of the given world"
    )
    report.section(
        "The room and the images",
        f"The person's hips moved {where}{'' if rig.metric else nominal} (along each axis, 5th to "
        "95th percentile). The more of the room the person walks through, the better the cameras; time matters little.",
        folded=True,
    )
    path, up = path_and_up(rig, poses, clip.fps)
    report.diagram(
        camera_map(rig, path, up, reference),
        "Seen from above: the cameras and the person's path."
        + (" Dashed: the reference calibration, aligned." if reference is not None else "")
        + ("" if rig.metric else " The scale is nominal."),
    )
    seen = torch.where(poses.conf[:, :, 0] >= MIN_CONFIDENCE, poses.conf[:, :, 0], 0.0)
    report.diagram(
        coverage_sheet(rig.names, rig.camera.size, poses.xy[:, :, 0], seen),
        "Coverage: where in each image keypoints of the person were detected; the stronger the colour, the more often.",
    )


def _lens_section(report: Report, calibration: Calibration) -> None:
    report.section("Intrinsics", folded=True).table(
        ["camera", "focal length", "source", "distortion", "check of given intrinsics"],
        [
            [
                camera.name,
                f"{camera.focal_px:.0f} px" + (f" ± {camera.focal_sigma_pct:.1f} %" if camera.focal_sigma_pct else ""),
                camera.lens,
                ", ".join(f"{name} {k:.3f}" for name, k in zip(("k1", "k2"), camera.distortion, strict=False) if k)
                or "none",
                _lens_doubt(camera),
            ]
            for camera in calibration.cameras
        ],
    )


def _lens_doubt(camera: CameraReport) -> str:
    change, sigma = camera.focal_doubt_pct, camera.focal_doubt_sigma_pct
    if not sigma:
        return ""
    says = "contradicts it" if abs(change) > 3 * sigma else "does not contradict it"
    return f"{says} ({change:+.0f} ± {sigma:.0f} %)"


def _pair_section(report: Report, calibration: Calibration) -> None:
    if not calibration.pairs:
        return
    text = "The relative rotation of two views alone, and in the rig of all views."
    report.section("Pairs of cameras", text, folded=True)
    report.table(
        ["pair", "keypoints", "inliers alone", "pairwise sigma", "sigma in the rig", "alone to rig", "degeneracy"],
        [
            [
                " - ".join(pair.views),
                str(pair.correspondences),
                f"{pair.inlier_share:.0%}",
                f"{pair.rotation_sigma_deg:.1f}°",
                f"{pair.sigma_in_rig_deg:.1f}°",
                f"{pair.rotation_from_rig_deg:.1f}°",
                " ".join([*(["Outvoted by the other views."] if pair.outvoted else []), *pair.findings]),
            ]
            for pair in calibration.pairs
        ],
    )


def _time_section(report: Report, calibration: Calibration, clip: Clip, offsets: TimeOffsets | None) -> None:
    lags = {camera.name: (camera.lag_frames, camera.lag_sigma_frames) for camera in calibration.cameras}
    words = {"none": "The videos were taken to start together.", "by hand": "The time offsets were given by hand."}
    found = None if offsets is None or offsets.method in words else offsets
    text = (
        "" if offsets is None else words.get(offsets.method, f"The time offsets were estimated from {offsets.method}.")
    )
    if found is not None and not found.sure:
        text += " They are uncertain: see the notes."
    rows = []
    for index, view in enumerate(clip.views):
        lag, sigma = lags[view.name]
        lag_text = f"{lag:.2f} ± {sigma:.2f} frames" if lag or sigma else "none"
        support = [f"{found.support[index]:.1f}"] if found else []
        rows.append([view.name, f"{view.start:.3f} s", *support, lag_text, f"{view.fps:g} per second"])
    headers = ["camera", "video started at", *(["support"] if found else []), "lag", "frames"]
    report.section("Synchronisation", text, folded=True).table(headers, rows)


def _person_section(report: Report, calibration: Calibration, subject: SubjectChoice | None) -> None:
    evidence = calibration.evidence
    sides = {
        True: "By the noses, knees and elbows the world is not mirrored.",
        False: "By the noses, knees and elbows the world is mirrored.",
    }
    points = [] if subject is None else subject.sentences()
    if evidence.handedness is not None:
        points.append(sides[evidence.handedness > 0])
    if evidence.mirror_cost is not None:
        points.append(f"The robust cost of the mirrored world is {evidence.mirror_cost:.1f} times as large.")
    if evidence.mirrored_video is not None:
        points.append(
            f"The view most likely to be a mirrored video has {evidence.mirrored_video:.1f} times the cost as one."
        )
    if calibration.undecided_swaps:
        points.append(
            f"In {calibration.undecided_swaps} frames views contradict each other on left and right, and no majority "
            "decides."
        )
    text = "The person that the cameras were calibrated on, and left and right."
    report.section("The subject", text, folded=True).points(points)


def _world_section(report: Report, calibration: Calibration) -> None:
    rig, scale, up = calibration.rig, calibration.scale, calibration.up_sigma_deg
    points = []
    if scale is not None:
        points.append(f"Lengths are metres, to within {scale.sigma:.1%}.")
    elif not rig.metric and calibration.pairs:
        points.append("Lengths are nominal, known up to one common factor: the person is taken to be 1.7 m tall.")
    if rig.upright:
        sigma = "" if up is None else f" The standard deviation of up is {up:.1f} degrees."
        points.append(f"z is up and the floor lies at 0, by the person's feet and posture and by the cameras.{sigma}")
    report.section("Scale and floor", folded=True).points(points or ["They are those of the cameras that were given."])
