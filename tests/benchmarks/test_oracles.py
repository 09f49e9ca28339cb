"""The checks by other programs: what they need is said, what they found is summed up; without those programs."""

import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.docs import oracle_tables
from benchmarks.formats import environment, oracles, poses, project, rivals
from benchmarks.formats.readers import READ, READERS_ROOT
from benchmarks.geometry.simulation import simulate
from epipose.errors import InputError
from epipose.exporters import EXPORTERS


def test_environments_that_were_not_made_are_asked_for(tmp_path):
    with pytest.raises(InputError, match="make oracles"):
        environment.python_of(tmp_path, "main")


@pytest.mark.parametrize(
    ("text", "words"), [("raise SystemExit('no such file')", "no such file"), ("print('hello')", "no answer")]
)
def test_what_a_program_said_is_in_the_error(tmp_path, monkeypatch, text, words):
    (tmp_path / "one.py").write_text(text)
    monkeypatch.setattr(environment, "_SCRIPTS", tmp_path)
    with pytest.raises(environment.OracleError, match=words):
        environment.answer_of(Path(sys.executable), "one", [])


def test_the_last_line_is_the_answer(tmp_path, monkeypatch):
    (tmp_path / "one.py").write_text("import sys\nprint('words')\nprint('{\"got\": ' + sys.argv[1] + '}')")
    monkeypatch.setattr(environment, "_SCRIPTS", tmp_path)
    assert environment.answer_of(Path(sys.executable), "one", ["3"]) == {"got": 3}


def test_every_format_says_what_it_loses_and_every_reader_has_its_test():
    assert set(oracles.LOST) == set(EXPORTERS) - {".onnx"}
    assert all((READERS_ROOT / one.test).exists() for one in READ)
    assert len({one.name for one in READ}) == len(READ)


def test_quoted_numbers_are_of_other_programs_alone():
    rows = [
        oracles.pose_row(poses.PoseCheck(".trc", "opensim", "4.6", "joints, m", 1e-4)),
        oracles._row(".toml", "epipose", "0", "projection; k1", 9.0, "px"),
        oracles._row(".toml", "aniposelib", "0.8", "projection; k1", 1e-9, "px"),
        oracles._row(".bvh", "Blender", "4.5", "joints", 3.0, "mm"),
    ]
    found = oracles._quoted(rows, [{}] * 20, ["one"], {"rms_mm": 17.0})
    assert (found["formats_written"], found["formats_read"], found["oracle_failures"]) == (3, 20, 1)
    assert (found["toml_reprojection_px"], found["bvh_median_mm"], found["ik_rms_mm"]) == (1e-9, 3.0, 17.0)
    table = oracle_tables.goals(found)
    assert table.count("**no**") == 2  # too few formats, and a failure
    assert "| `.toml` | aniposelib 0.8 | projection | 1 | 1.0e-09 px |" in oracle_tables.written(found)


@pytest.fixture(scope="module")
def clip():
    return simulate(0, frames=40, pixels=3.0, outliers=0.0)


def test_methods_are_measured_on_the_joints_that_all_have(clip):
    truth = clip.xyz.numpy()
    late, holes = truth + np.array([0.03, 0, 0]), truth.copy()
    holes[:10] = np.nan
    late[3] += 50  # not counted: the other method has nothing there
    found = rivals.measured({"a": rivals.Points(late, 2.0, 3.0), "b": rivals.Points(holes, 1.0, 1.0)}, clip)
    assert found["a"]["error_mm"] == pytest.approx(30)
    assert found["b"]["error_mm"] == 0
    assert found["b"]["share_found"] == pytest.approx(0.75)
    assert found["a"]["bone_std_mm"] == pytest.approx(found["ground truth"]["bone_std_mm"], abs=1e-9)
    assert found["a"]["step_cpu_seconds"] == 3.0


def test_our_labels_are_timed_with_and_without_files(clip):
    smooth, raw = rivals.our_points(clip, True), rivals.our_points(clip, False)
    assert 0 < smooth.cpu_seconds < smooth.step_cpu_seconds
    found = rivals.measured({"smooth": smooth, "raw": raw}, clip)
    assert found["smooth"]["jerk"] < 0.5 * found["raw"]["jerk"]
    assert found["smooth"]["error_mm"] < found["raw"]["error_mm"]


def test_tables_of_the_rivals_are_medians(clip):
    case = rivals.Case(4, "detector", 40, 3, ())
    runs = [{"methods": {"a": {"error_mm": error, "jerk": 1.0}}} for error in (1.0, 9.0, 2.0)]
    (row,) = rivals.table_of(case, runs)
    assert (row["error_mm"], row["clips"], row["method"]) == (2.0, 3, "a")
    whole = dict.fromkeys(("error_95_mm", "bone_std_mm", "share_found", "cpu_seconds", "step_cpu_seconds"), 1.0)
    assert "4 cameras, a detector's errors: a | 3 | 2.0" in oracle_tables.labels({"label_table": [row | whole]})


def test_projects_are_compared_after_a_similarity():
    random = np.random.default_rng(0)
    xyz, angles = random.normal(size=(20, 5, 3)), random.normal(size=(20, 3))
    names, columns = ("A",) * 5, ("time", "knee_angle_r", "pelvis_tx")
    one = project.Solved(names, xyz, columns, angles, np.full(20, 17.0))
    turned = 0.5 * xyz[..., [1, 2, 0]] + 3  # a rotation
    other = one._replace(xyz=turned, angles=angles + np.array([5.0, 2.0, 9.0]))
    found = project.compared(other, one)
    assert found["marker_mm_mean"] < 1e-6
    assert found["angle_deg_mean"] == pytest.approx(2.0)
    assert found["ik_rms_mm"] == 17.0
