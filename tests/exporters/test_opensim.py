"""OpenSim's folder: set-up files that name what is there, refusals, and what is said to be missing.

That OpenSim itself scales and solves with it is checked by ``make oracles`` (benchmarks/formats/oracles.py).
"""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import torch

from epipose.errors import InputError
from epipose.exporters.opensim import MODEL
from epipose.formats.opensim_setup import MARKER_SETS, SEGMENTS, segment_pairs
from epipose.formats.trc import read_trc
from epipose.pipeline.export import export
from epipose.poses import Poses3D
from epipose.skeletons import BLAZEPOSE33, BODY25, HALPE26
from tests.helpers.walker import walker


def poses(skeleton=BLAZEPOSE33, frames=10, people=1):
    xyz = walker(frames, skeleton)[0][:, None].repeat(1, people, 1, 1).float()
    times = torch.arange(frames, dtype=torch.float64) / 50 + 0.5
    return Poses3D(xyz, torch.ones(xyz.shape[:3]), skeleton, "world", True, times)


@pytest.fixture
def models(tmp_path):
    folder = tmp_path / "OpenSim_Setup"
    folder.mkdir()
    for name in (MODEL, "Markers_Body25.xml", "Markers_Halpe26.xml"):
        (folder / name).write_text("<OpenSimDocument/>")
    return folder


def texts(path, tag):
    return [node.text for node in ElementTree.parse(path).getroot().iter(tag)]


def test_the_folder_refers_to_its_own_files_and_to_the_model(tmp_path, models):
    written = export(poses(), tmp_path / "walk-opensim", opensim_models=models)
    out = tmp_path / "walk-opensim"
    assert {path.name for path in written.files} == {path.name for path in out.iterdir()}
    scaling, kinematics = out / "Scaling_Setup_person1.xml", out / "IK_Setup_person1.xml"
    assert texts(scaling, "model_file") == [str(models / MODEL)]
    assert texts(scaling, "marker_set_file") == [str(models / "Markers_Body25.xml")]
    assert texts(scaling, "marker_file") == texts(kinematics, "marker_file") == ["person1.trc"]
    assert texts(scaling, "output_model_file") == texts(kinematics, "model_file") == ["person1.osim"]
    assert texts(scaling, "time_range") == texts(kinematics, "time_range") == ["0.500000 0.680000"]
    assert "run-tool Scaling_Setup_person1.xml" in (out / "how_to.txt").read_text()
    assert len(written.warnings) == 1
    assert "LSmallToe, RSmallToe" in written.warnings[0]


def test_markers_are_those_of_the_set_that_the_labels_have(tmp_path, models):
    export(poses(), tmp_path / "a.opensim", opensim_models=models)
    tasks = [
        node.get("name") for node in ElementTree.parse(tmp_path / "a.opensim/IK_Setup_person1.xml").iter("IKMarkerTask")
    ]
    in_file = read_trc(tmp_path / "a.opensim/person1.trc")
    assert set(tasks) == (MARKER_SETS["body25"][1] - {"LSmallToe", "RSmallToe"})
    assert set(tasks) <= set(in_file.names)
    height = in_file.xyz[:, in_file.names.index("Nose"), 1] - in_file.xyz[:, in_file.names.index("LHeel"), 1]
    assert (height > 1).all()  # y is up
    assert np.isfinite(in_file.xyz).all()


def test_halpes_joints_have_their_own_marker_set(tmp_path, models):
    written = export(poses(HALPE26), tmp_path / "opensim", opensim_models=models)
    assert texts(tmp_path / "opensim/Scaling_Setup_person1.xml", "marker_set_file") == [
        str(models / "Markers_Halpe26.xml")
    ]
    assert written.warnings == ()


def test_several_people_have_files_of_their_own(tmp_path, models):
    files = export(poses(people=2), tmp_path / "opensim", opensim_models=models).files
    assert sorted(path.name for path in files if path.suffix == ".trc") == ["person1.trc", "person2.trc"]


def test_without_models_they_are_asked_for(tmp_path):
    written = export(poses(BODY25), tmp_path / "opensim")
    assert texts(tmp_path / "opensim/Scaling_Setup_person1.xml", "model_file") == [MODEL]
    assert "--opensim-models" in written.warnings[-1]


def test_a_folder_without_the_model_is_refused(tmp_path):
    with pytest.raises(InputError, match=f"no {MODEL} and no Markers_Body25.xml"):
        export(poses(), tmp_path / "opensim", opensim_models=tmp_path)
    assert not (tmp_path / "opensim").exists()


def test_legs_alone_scale_no_model(tmp_path, models):
    some = poses(BODY25)
    upper = [i for i, joint in enumerate(BODY25.joints) if "shoulder" in joint or joint == "neck"]
    some.conf[:, :, upper] = 0
    with pytest.raises(InputError, match="hips and shoulders"):
        export(some, tmp_path / "opensim", opensim_models=models)
    assert not (tmp_path / "opensim").exists()


def test_what_else_is_in_a_folder_is_left(tmp_path, models):
    (tmp_path / "opensim").mkdir()
    (tmp_path / "opensim/person1.mot").write_text("hours of work")
    with pytest.raises(InputError, match=r"holds person1\.mot"):
        export(poses(), tmp_path / "opensim", opensim_models=models)


def test_segments_are_scaled_by_the_pairs_that_there_are():
    of = {segment.name: segment for segment in SEGMENTS}
    assert segment_pairs(of["thigh"], ["LHip", "LKnee", "RKnee"]) == [("LHip", "LKnee")]
    assert segment_pairs(of["pelvis"], ["LHip", "RHip"]) == [("LHip", "RHip")]
    assert segment_pairs(of["foot"], ["LHeel"]) == []


def test_a_model_is_scaled_by_the_frames_that_have_all_markers(tmp_path, models):
    """OpenSim leaves a segment unscaled where one of its markers is missing in a single frame."""
    some = poses(frames=40)
    some.conf[5:8, 0, BLAZEPOSE33.index("left_ankle")] = 0
    some.conf[:, 0, BLAZEPOSE33.index("left_wrist")] = torch.arange(40) % 20 == 0  # hardly ever there
    written = export(some, tmp_path / "opensim", opensim_models=models)
    assert texts(tmp_path / "opensim/Scaling_Setup_person1.xml", "marker_file") == ["person1_scaling.trc"]
    scaling = read_trc(tmp_path / "opensim/person1_scaling.trc")
    assert np.isfinite(scaling.xyz).all()
    assert len(scaling.xyz) == 37
    assert "LAnkle" in scaling.names
    assert "LWrist" not in scaling.names
    assert tmp_path / "opensim/person1_scaling.trc" in written.files
    whole = read_trc(tmp_path / "opensim/person1.trc")
    assert len(whole.xyz) == 40
    assert texts(tmp_path / "opensim/IK_Setup_person1.xml", "time_range") == ["0.500000 1.280000"]


def test_inverse_kinematics_is_asked_for_where_there_are_markers(tmp_path, models):
    """One frame without any marker ends OpenSim's inverse kinematics for the whole recording."""
    some = poses(frames=40)
    some.conf[[*range(3), 12]] = 0
    written = export(some, tmp_path / "opensim", opensim_models=models)
    assert texts(tmp_path / "opensim/IK_Setup_person1.xml", "time_range") == ["0.760000 1.280000"]
    assert any("27 of 40 frames" in warning for warning in written.warnings)


def test_who_cannot_be_scaled_is_left_out_with_a_warning(tmp_path, models):
    some = poses(people=2)
    some.conf[:, 1, BLAZEPOSE33.index("left_shoulder") :] = 0
    written = export(some, tmp_path / "opensim", opensim_models=models)
    assert not [path for path in written.files if "person2" in path.name]
    assert any(warning.startswith("Left out: person2") for warning in written.warnings)
