"""Live: 3D pose of one person from a camera, image by image.

    python examples/09_live.py            # the first webcam; Ctrl-C ends it
    python examples/09_live.py walk.mp4   # a video in its place

On the command line epipose live does the same, also with the cameras of a calibrated rig, and live_to_osc.py,
live_to_websocket.py and live_to_ros2.py send it on (docs/live.md).
"""

import sys
import time
from collections.abc import Iterator

import cv2
import numpy as np

import epipose


def main(source: str = "0", frames: int | None = None) -> list[epipose.FramePose]:
    """Print where the wrists are, relative to the pelvis, for as long as images come; returns the poses."""
    stream = epipose.PoseStream()  # or PoseStream("walk/model", "intrinsics.json")
    joints = stream.skeleton.joints
    left, right = joints.index("left_wrist"), joints.index("right_wrist")
    poses = []
    for number, (image, seconds) in enumerate(images(source)):
        if number == frames:
            break
        pose = stream(image, seconds)
        if pose is None:
            print(f"{seconds:7.2f} s  nobody")
            continue
        poses.append(pose)
        in_metres = [" ".join(f"{value:5.2f}" for value in pose.xyz[joint]) for joint in (left, right)]
        print(f"{seconds:7.2f} s  left wrist {in_metres[0]}   right wrist {in_metres[1]}   (right, down, away)")
    return poses


def images(source: str) -> Iterator[tuple[np.ndarray, float]]:
    """RGB images with their times in seconds, from the number of a webcam, a URL or a file."""
    camera = cv2.VideoCapture(int(source) if source.isdecimal() else source)
    films_now, start = source.isdecimal() or "://" in source, time.monotonic()
    try:
        while True:
            there, image = camera.read()
            if not there:
                return
            seconds = time.monotonic() - start if films_now else camera.get(cv2.CAP_PROP_POS_MSEC) / 1000
            yield cv2.cvtColor(image, cv2.COLOR_BGR2RGB), seconds
    finally:
        camera.release()


if __name__ == "__main__":
    main(*sys.argv[1:])
