"""Three phones: cameras, the person in 3D and a page to look at, from videos of cameras that nobody calibrated.

    python examples/01_three_phones.py phone1.mp4 phone2.mp4 phone3.mp4

About a minute for ten seconds of video. Without videos it takes three of the sample's (downloaded once, 4.4 MB).
"""

import sys
from pathlib import Path

import epipose
from epipose.datasets.sample import sample


def main(videos: list[str], out: Path) -> epipose.Poses3D:
    """Videos of the same event to a clip folder; returns the 3D joints."""
    clip = epipose.load_clip(videos or three_of_the_sample())
    seen = epipose.detect(clip)  # keypoints, time offsets of the videos, and who the subject is
    for warning in seen.warnings:
        print(f"note: {warning}")
    calibration = epipose.calibrate(seen, height=1.80)  # the person's height makes metres of it
    print(calibration.report())  # how sure the cameras are: trust, check or reject
    labels = epipose.label(seen, calibration)

    seen.save(out)
    calibration.save(out)
    labels.save(out / "poses3d.npz")
    epipose.view(out, html=out / "view.html")
    print(f"{out / 'view.html'}: open it in a browser")
    return labels


def three_of_the_sample() -> list[Path]:
    """Three videos of the sample clip, in the folder sample/."""
    sample("sample")
    return sorted(Path("sample/videos").glob("*.mp4"))[:3]


if __name__ == "__main__":
    main(sys.argv[1:], Path("three_phones"))
