"""Export: the 3D joints for OpenSim and Blender, and the cameras for other programs.

    python examples/07_export.py

Needs pip install 'epipose[export]', no download: the poses are those of a simulated recording. A few seconds. Yours are
in a clip folder that epipose run or label has written: pass that instead.
"""

import sys
import tempfile
from pathlib import Path

from recording import record

import epipose


def main(out: Path, clip: Path | None = None) -> list[Path]:
    """Write every format into a folder, and say what each does not hold; returns the files."""
    source = clip or record(out / "recording") / "truth"  # a clip folder, poses3d.npz, rig.json, or the objects
    written = [
        # OpenSim and Pose2Sim: a folder with markers and the files to scale a model and solve joint angles with
        epipose.export(source / "poses3d.npz", out / "opensim", filter="butterworth:6"),
        epipose.export(source / "poses3d.npz", out / "walk.trc", unit="mm"),  # the markers alone
        # Blender: File > Import > Motion Capture (.bvh) for an armature, glTF 2.0 (.glb) for a stick figure
        epipose.export(source / "poses3d.npz", out / "walk.bvh"),
        epipose.export(source / "poses3d.npz", out / "walk.glb"),
        # cameras for Pose2Sim, anipose, FreeMoCap or Caliscope; .yml, .qca.txt, .xcp and colmap are others
        epipose.export(source / "rig.json", out / "cameras.toml"),
    ]
    files = [file for each in written for file in each.files]
    for each in written:
        print("\n".join(f"{file}" for file in each.files))
        for warning in each.warnings:
            print(f"  note: {warning}")
    return files


if __name__ == "__main__":
    arguments = [Path(argument) for argument in sys.argv[1:]]
    main(arguments[0] if arguments else Path(tempfile.mkdtemp()), arguments[1] if len(arguments) > 1 else None)
