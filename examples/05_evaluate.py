"""Evaluation: 3D joints against a ground truth, by a protocol that is stated with the numbers.

    python examples/05_evaluate.py

Needs no download: a simulated recording has an exact ground truth. Some ten seconds.
"""

import sys
import tempfile
from pathlib import Path

from recording import record

import epipose
from epipose.evaluation.tables import as_text


def main(folder: Path) -> dict[str, epipose.Evaluation]:
    """Label the recording, and say how large the errors are under two protocols."""
    record(folder)
    seen = epipose.detect(epipose.load_clip(folder / "videos"), poses=folder / "keypoints.npz", sync="none")
    calibration = epipose.calibrate(seen, intrinsics=folder / "intrinsics.json", height=1.75)
    labels = epipose.label(seen, calibration)
    for result in (seen, calibration):
        result.save(folder / "walk")
    labels.save(folder / "walk" / "poses3d.npz")

    results = {}
    for protocol in ("free", "3dhp"):  # docs/metrics.md says what each compares
        # a clip folder with labels (or predictions), and a folder with truth/: in the axes of each camera
        results[protocol] = epipose.evaluate(folder / "walk", folder, protocol=protocol)
        print(as_text(results[protocol]), end="\n\n")
    results["free"].save(folder / "evaluation.json")

    # The metrics are functions of joints (pose, joint, 3) as well; here both are in the labels' own world.
    truth = epipose.Poses3D.load(folder / "truth" / "poses3d.npz")
    ours = labels.mapped_to(truth.skeleton)
    error = epipose.pmpjpe_mm(ours.xyz[:, 0].double(), truth.xyz[:, 0].double(), ours.conf[:, 0].double())
    print(f"PA-MPJPE of the labels: {float(error.mean()):.1f} mm")
    return results


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()))
