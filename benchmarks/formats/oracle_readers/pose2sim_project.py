"""An unmodified Pose2Sim project: triangulation, filtering and kinematics. Run by a Python that has pose2sim.

Takes KEYPOINTS.npz (xy in the videos' pixels, conf, names of the views, fps; BlazePose's 33 landmarks), the cameras (a
.toml, or a .qca.txt that Pose2Sim converts itself), and RESULT.npz to write: names and places of the filtered markers
(frame marker 3, y up, metres), names and values of the joint angles, and the marker errors of inverse kinematics. The
configuration is the single-person demo's; only what a user has to say is changed. Knows nothing of this library.
"""

# pyright: reportMissingImports=false
import json
import os
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import Pose2Sim as package
import rtoml
from Pose2Sim import Pose2Sim


def main(keypoints: str, cameras: str, result: str) -> None:
    """One project, run through."""
    with np.load(keypoints) as file:
        given = {key: file[key] for key in file.files}
    here = Path(result).resolve()
    with TemporaryDirectory() as folder:
        project = Path(folder) / "trial"
        _lay_out(project, given, Path(cameras).resolve())
        os.chdir(project)
        if cameras.endswith(".qca.txt"):
            Pose2Sim.calibration()
        Pose2Sim.triangulation()
        Pose2Sim.filtering()
        Pose2Sim.kinematics()
        (markers,) = [path for path in Path("pose-3d").glob("*.trc") if "filt" in path.name]
        (motion,) = Path("kinematics").glob("*.mot")
        errors = next(Path(".").rglob("*marker_errors.sto"), None)
        names, xyz, numbers = _read_trc(markers)
        angle_names, angles = _read_table(motion)
        rms = _read_table(errors) if errors else ((), np.zeros((0, 0)))
        answer = {"markers": names, "xyz": xyz, "frames": numbers, "angle_names": angle_names, "angles": angles}
        if errors:
            answer["ik_rms_mm"] = 1000 * rms[1][:, list(rms[0]).index("marker_error_RMS")]
        np.savez(here, **answer)


def _lay_out(project: Path, given: dict, cameras: Path) -> None:
    """Cameras, keypoints as OpenPose's JSON, and the configuration."""
    (project / "calibration").mkdir(parents=True)
    shutil.copy(cameras, project / "calibration" / cameras.name)
    for view, xy, conf in zip(given["views"], given["xy"], given["conf"], strict=True):
        folder = project / "pose" / f"{view}_json"
        folder.mkdir(parents=True)
        for frame, row in enumerate(np.concatenate([xy, conf[..., None]], -1)):
            people = [{"person_id": [-1], "pose_keypoints_2d": row.ravel().tolist()}]
            (folder / f"{view}_{frame:06d}.json").write_text(json.dumps({"version": 1.3, "people": people}))
    config = rtoml.load(Path(str(package.__file__)).parent / "Demo_SinglePerson" / "Config.toml")
    config["project"] |= {"frame_rate": int(given["fps"]), "frame_range": "all"}
    config["pose"] |= {"pose_model": "BLAZEPOSE"}
    config["triangulation"] |= {"make_c3d": False}
    config["filtering"] |= {"display_figures": False, "save_filt_plots": False, "make_c3d": False}
    config["kinematics"] |= {"use_augmentation": False, "use_simple_model": True}
    rtoml.dump(config, project / "Config.toml")


def _read_trc(path: Path) -> tuple[list[str], np.ndarray, np.ndarray]:
    lines = path.read_text().splitlines()
    names = [name for name in lines[3].split("\t")[2::3] if name.strip()]
    rows = [[float(cell) if cell.strip() else np.nan for cell in line.split("\t")] for line in lines[5:]]
    table = np.array([row[: 2 + 3 * len(names)] for row in rows])
    return names, table[:, 2:].reshape(len(table), -1, 3), table[:, 0]


def _read_table(path: Path) -> tuple[list[str], np.ndarray]:
    """OpenSim's .mot or .sto: a header to endheader, names, numbers."""
    lines = path.read_text().splitlines()
    begin = lines.index("endheader") + 1
    return lines[begin].split("\t"), np.array(
        [[float(cell) for cell in line.split("\t")] for line in lines[begin + 1 :]]
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
