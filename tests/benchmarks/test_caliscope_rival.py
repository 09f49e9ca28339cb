"""The exchange with caliscope's process; the package itself is not here, so a script stands in its place."""

import sys

import pytest
import torch

from benchmarks.geometry.caliscope_rival import caliscope
from benchmarks.geometry.rivals import TimedRig
from benchmarks.geometry.simulation import simulate


@pytest.fixture
def answering(tmp_path):
    """A "Python" that takes the worker's arguments and runs this program instead."""

    def of(program: str):
        (tmp_path / "program.py").write_text("import sys\nimport numpy as np\n" + program)
        python = tmp_path / "python"
        python.write_text(f'#!/bin/sh\nexec {sys.executable} {tmp_path / "program.py"} "$@"\n')
        python.chmod(0o755)
        return python

    return of


_ECHO = """
_, worker, source, target, steps = sys.argv
given = np.load(source)
assert given["xy"].shape == (4, 20, 17, 2) and given["seen"].shape == (4, 20, 17), steps
assert given["seen"].sum() == {seen} and given["distortion"].shape == (4, 5)
np.savez(target, R=np.stack([np.eye(3)] * 4), t=given["K"][:, 0, :, None], seconds=2.0, cpu_seconds=1.5)
"""


def test_keypoints_and_intrinsics_go_there_and_cameras_come_back(answering):
    clip = simulate(0, frames=20)
    clip.poses.conf[0, 0] = 0.29
    found = caliscope(answering(_ECHO.format(seen=int((clip.poses.conf >= 0.3).sum()))))(clip.poses, clip.given())
    assert isinstance(found, TimedRig)
    assert found.rig is not None
    assert found.rig.names == clip.rig.names
    assert torch.equal(found.rig.camera.R, torch.eye(3, dtype=torch.float64).expand(4, 3, 3))
    assert torch.equal(found.rig.camera.t, clip.rig.camera.K[:, 0])
    assert (found.seconds, found.cpu_seconds) == (2.0, 1.5)


def test_giving_up_is_no_rig(answering, capsys):
    clip = simulate(0, frames=20)
    assert caliscope(answering('sys.exit("no stereo pairs")'))(clip.poses, clip.given()) is None
    assert "no stereo pairs" in capsys.readouterr().out
    assert caliscope(answering("import time; time.sleep(9)"), timeout=0.5)(clip.poses, clip.given()) is None
