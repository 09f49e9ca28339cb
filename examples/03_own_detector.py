"""Your own detector: whatever finds joints in an image gives the keypoints, in its own joints and order.

    python examples/03_own_detector.py

Here it finds coloured markers on a dark suit, in a simulated recording: no download, some ten seconds. For a detector
that the command line knows by name see docs/detectors.md, "Adding a detector".
"""

import sys
import tempfile
from itertools import product
from pathlib import Path

import numpy as np
import torch
from recording import film_markers, four_cameras

import epipose
from epipose.io.video import read_frames

SKELETON = epipose.H36M17  # or Skeleton(name, joints, parents), where joints that others have, too, keep their names
COLOURS = [each for each in product((0, 128, 255), repeat=3) if max(each) == 255][: len(SKELETON.joints)]


def my_detector(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (joint, 2) and confidence (joint,) in one RGB image; 0 for a joint that is not seen."""
    xy, conf = np.zeros((len(COLOURS), 2)), np.zeros(len(COLOURS))
    rows, columns = np.nonzero(image.max(-1) > 150)
    apart = np.abs(image[rows, columns, None].astype(int) - COLOURS).max(-1)  # (pixel, colour)
    for joint in range(len(COLOURS)):
        own = apart[:, joint] < 50
        if own.sum() > 8:
            xy[joint], conf[joint] = (np.median(columns[own]), np.median(rows[own])), 1.0
    return xy, conf


def main(folder: Path) -> epipose.Calibration:
    """Film the suit, run the detector over every frame of every video, and calibrate from what it finds."""
    film_markers(folder, COLOURS)
    clip = epipose.load_clip(folder)
    found = [[my_detector(image) for image in read_frames(view.video)] for view in clip.views]
    xy, conf = (torch.tensor(np.array([[each[k] for each in view] for view in found])).float() for k in (0, 1))
    xy, conf = xy[:, :, None], conf[:, :, None]  # (view, frame, person, joint, ...): one person
    seen = epipose.synchronise(clip, epipose.Poses2D(xy, conf, SKELETON, clip.names))
    calibration = epipose.calibrate(seen, intrinsics=four_cameras(), height=1.75)  # their lenses alone are read
    print(calibration.report())
    return calibration


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()))
