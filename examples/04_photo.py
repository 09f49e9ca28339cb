"""A photo: 3D pose from a single image by the network that comes with the package.

    python examples/04_photo.py photo.jpg

A few seconds; a folder of photos or a video works, too. Without a photo it takes a frame of the sample (4.4 MB, once).
"""

import sys
from pathlib import Path

from PIL import Image

import epipose
from epipose.datasets.sample import sample
from epipose.io.video import read_frames


def main(photo: str | Path | None, out: Path) -> epipose.Prediction:
    """Predict, print where every joint is, and write what was found, overlay.jpg among it."""
    found = epipose.predict(photo or frame_of_the_sample(), out=out)  # model="walk/model" for a network of your own
    skeleton = found.poses.skeleton
    print(f"Relative to the {skeleton.joints[skeleton.root]}, in metres: right, down, away from the camera")
    for joint, (x, y, z), sure in zip(skeleton.joints, found.xyz[0].tolist(), found.conf[0].tolist(), strict=True):
        print(f"  {joint:15} {x:6.2f} {y:6.2f} {z:6.2f}   confidence {sure:.2f}")
    print(f"{out / 'overlay.jpg'}: the joints in the image")
    return found


def frame_of_the_sample() -> Path:
    """An image of the sample clip, as a file."""
    sample("sample")
    path = Path("sample/photo.jpg")
    Image.fromarray(next(read_frames("sample/videos/cam03.mp4", [30]))).save(path, quality=95)
    return path


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None, Path("photo"))
