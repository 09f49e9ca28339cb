"""A studio clip: a synthetic person before cameras that are known exactly, to try everything on and to measure with.

    python examples/06_studio_clip.py

Needs pip install 'epipose[studio]' and EGL (epipose doctor says whether it is there). A minute or two.
"""

import sys
import tempfile
from pathlib import Path

import epipose
from epipose.studio.film import ClipSpec, film


def main(folder: Path, frames: int = 80, size: int = 400, detector: str = "pretrained") -> epipose.Evaluation:
    """Film a clip, run the pipeline on its videos, and compare with the ground truth, which no step has seen."""
    spec = ClipSpec(
        frames=frames,
        views=4,
        fps=20.0,
        size=(size, size),
        rig="ring",  # or "phones", or a rig.json of your own room
        motions=(),  # random motion; paths of BVH or ASF/AMC files for captured motion
        photos=(),
        seed=3,  # of the person, clothes, room, light, motion and cameras
    )
    (clip,) = film(folder, 1, spec, workers=1)
    print(f"{clip}: videos/, intrinsics.json, and truth/ with cameras, keypoints and joints")

    # "pretrained" is the detector that comes with the package; "blazepose" is better, and is downloaded once
    seen = epipose.detect(epipose.load_clip(clip), detector=detector, sync="none")
    calibration = epipose.calibrate(seen, intrinsics=clip / "intrinsics.json")
    print(f"verdict: {calibration.verdict.word}")
    labels = epipose.label(seen, calibration, force=True)  # whatever the verdict: the truth will tell
    for result in (seen, calibration):
        result.save(folder / "found")
    labels.save(folder / "found" / "poses3d.npz")
    evaluation = epipose.evaluate(folder / "found", clip)
    print(f"PMPJPE of the labels: {evaluation.all['pmpjpe_mm']:.0f} mm")
    return evaluation


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()))
