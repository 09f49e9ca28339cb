"""OpenSim's scale tool and inverse kinematics on a folder: run by a Python that has opensim.

Takes the folder, runs every Scaling_Setup*.xml and IK_Setup*.xml there, and prints JSON: per motion the frames, the root
mean square of the marker errors in millimetres (over markers and frames), and the largest of a frame. Knows nothing of
this library.
"""

# pyright: reportMissingImports=false
import json
import os
import sys
from pathlib import Path

import numpy as np
import opensim


def main(folder: str) -> None:
    """Scale, then solve; the marker errors are those that OpenSim reports."""
    os.chdir(folder)
    opensim.Logger.setLevelString("Error")
    opensim.Logger.removeFileSink()
    answer = {"version": opensim.GetVersion(), "motions": {}}
    for setup in sorted(Path().glob("Scaling_Setup*.xml")):
        tool = opensim.ScaleTool(str(setup))
        tool.run()  # what it returns says nothing: it is false where no markers are placed
        if not Path(tool.getModelScaler().getOutputModelFileName()).exists():
            raise SystemExit(f"{setup}: the scale tool wrote no model")
    for setup in sorted(Path().glob("IK_Setup*.xml")):
        tool = opensim.InverseKinematicsTool(str(setup))
        if not tool.run():
            raise SystemExit(f"{setup}: inverse kinematics failed")
        motion = Path(tool.getOutputMotionFileName())
        angles = opensim.TimeSeriesTable(str(motion))
        errors = opensim.TimeSeriesTable(next(str(path) for path in Path().glob(f"*{motion.stem}*marker_errors.sto")))
        rms = errors.getDependentColumn("marker_error_RMS").to_numpy()
        answer["motions"][motion.name] = {
            "frames": angles.getNumRows(),
            "finite": bool(np.isfinite(angles.getMatrix().to_numpy()).all()),
            "rms_mm": float(1000 * np.sqrt(np.mean(rms**2))),
            "worst_frame_rms_mm": float(1000 * rms.max()),
            "worst_marker_mm": float(1000 * errors.getDependentColumn("marker_error_max").to_numpy().max()),
        }
    print(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
