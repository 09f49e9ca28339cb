"""Letterbox of two of the sample's videos: scaling and bars between the calibrated images and the videos.

cam01 and cam02 are 1080 pixels wide, their calibration says 1088. The same package holds 1088-pixel images of the
room from the same cameras. SIFT matches between them and frame 50 of the videos (the background does not move) tell
whether the videos were cropped, or scaled and padded. Real footage. Writes benchmarks/results/sample_letterbox.json.
"""

from __future__ import annotations

import itertools
import zipfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from epipose.datasets.sample import FOLDER, WHEEL, sample
from epipose.io.files import write_json
from epipose.io.packages import archive_of
from epipose.io.video import read_frames

# Pixels of the calibrated image -> pixels of the video, (x, y) columns.
_MODELS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "scaled to 1080 x 1906, 7 rows above and below": lambda p: (p + 0.5) * [1080 / 1088, 1906 / 1920] - 0.5 + [0, 7],
    "scaled to 1080 x 1904, 8 rows above and below": lambda p: (p + 0.5) * [1080 / 1088, 1904 / 1920] - 0.5 + [0, 8],
    "cropped by 4 columns left and right": lambda p: p - [4, 0],
    "stretched to 1080 x 1920": lambda p: (p + 0.5) * [1080 / 1088, 1] - 0.5,
}


def main(out: Path = Path("benchmarks/results/sample_letterbox.json")) -> None:
    """Match, fit every model, write the residuals."""
    sample(Path("demo/sample"))
    result = {}
    with zipfile.ZipFile(archive_of(WHEEL)) as wheel:
        for name in ("cam01", "cam02"):
            png = np.frombuffer(wheel.read(f"{FOLDER}/calibration/extrinsics/{name}_ext.png"), np.uint8)
            image = cv2.imdecode(png, cv2.IMREAD_GRAYSCALE)
            assert image is not None
            frame = next(itertools.islice(read_frames(Path(f"demo/sample/videos/{name}.mp4")), 50, None))
            calibrated, video = _matches(image, cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY))
            result[name] = {
                "matches": len(video),
                "median_residual_px": {
                    model: np.abs(np.median(video - predict(calibrated), 0)).round(3).tolist()
                    for model, predict in _MODELS.items()
                },
                "rms_residual_px": {
                    model: float(np.sqrt(((video - predict(calibrated)) ** 2).sum(1).mean()).round(3))
                    for model, predict in _MODELS.items()
                },
            }
    write_json(out, result)
    print(out.read_text())


def _matches(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pixels of matching background points, those within 1 px of one affine map."""
    sift = cv2.SIFT.create(6000)
    (points_a, about_a), (points_b, about_b) = sift.detectAndCompute(a, None), sift.detectAndCompute(b, None)
    pairs = [m for m, n in cv2.BFMatcher().knnMatch(about_a, about_b, k=2) if m.distance < 0.7 * n.distance]
    p = np.array([points_a[m.queryIdx].pt for m in pairs])
    q = np.array([points_b[m.trainIdx].pt for m in pairs])
    _, inlier = cv2.estimateAffine2D(p, q, ransacReprojThreshold=1.0)
    keep = inlier.ravel() > 0
    return p[keep], q[keep]


if __name__ == "__main__":
    main()
