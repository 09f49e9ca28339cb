"""A known rig: cameras that were calibrated before are checked, not estimated again, and label new recordings.

    python examples/02_known_rig.py

Needs no download: a simulated recording takes the place of your videos, and of the laboratory's calibration. Your own
may be a file of Pose2Sim, Qualisys, OpenCV, COLMAP and others (docs/formats.md). Some ten seconds.
"""

import sys
import tempfile
from pathlib import Path

from recording import record

import epipose


def main(folder: Path) -> epipose.Calibration:
    """Check the cameras against what is seen now, and label with them; returns the check."""
    record(folder)
    clip = epipose.load_clip(folder / "videos")
    seen = epipose.detect(clip, poses=folder / "keypoints.npz", sync="none")  # leave poses out for a detector

    checked = epipose.calibrate(seen, known_rig=folder / "truth" / "rig.json")
    print(f"The cameras as they were calibrated: {checked.verdict.word}")  # "check" or "reject": they were moved
    for reason in checked.verdict.reasons:
        print(f"  {reason}")
    labels = epipose.label(seen, checked)
    print(f"{len(labels.xyz)} frames, metric: {labels.metric}, z up, {labels.skeleton.name}")

    # The same recording without the calibration, to see what it is worth.
    alone = epipose.calibrate(seen, intrinsics=folder / "intrinsics.json", height=1.75)
    print(f"The cameras from the person's motion alone: {alone.verdict.word}")
    for name, there, found in zip(alone.rig.names, checked.rig.camera.center, alone.rig.camera.center, strict=True):
        print(
            f"  {name:6} distance to the first camera {distance(there, checked):.3f} m, {distance(found, alone):.3f} m"
        )
    return checked


def distance(center, calibration: epipose.Calibration) -> float:
    """From a camera to the rig's first one, in metres."""
    return float((center - calibration.rig.camera.center[0]).norm())


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()))
