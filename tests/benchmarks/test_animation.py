"""The benchmark of animations, with our reader and with a stand-in for Blender."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.formats import animation
from epipose.skeletons import BLAZEPOSE33
from tests.helpers.rigged_person import labels_of, rigged_person

# Moves every joint of the first file by 1 mm against the second, and says what Blender would.
_STAND_IN = """
import json, sys
import numpy as np
file, out, frames = sys.argv[2], sys.argv[3], int(sys.argv[7])
at = np.load(sys.argv[1].replace("blender.py", "joints.npz"))
move = [0.001, 0, 0] if file.endswith(".bvh") else [0, 0, 0]
head = at["head"][:frames] + move
content = {"blender": "0.0", "joints": at["names"].tolist(), "head": head.tolist(), "tail": head.tolist()}
open(out, "w").write(json.dumps(content))
"""


def test_errors_of_a_rigid_person_are_small() -> None:
    (found,) = animation.animation_errors(labels_of(rigged_person(60), BLAZEPOSE33), "walk")
    assert (found.motion, found.format, found.joints, found.frames) == ("walk", ".bvh", 12, 60)
    assert found.median_mm < 0.2
    assert found.worst_mm < 0.5


def test_what_blender_says_is_compared_with_the_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np

    from epipose.exporters.base import y_up

    poses = labels_of(rigged_person(30), BLAZEPOSE33)
    xyz = y_up(poses)[:, 0].numpy()
    names = [*animation._LABEL_OF]
    head = np.stack([xyz[:, BLAZEPOSE33.index(animation._LABEL_OF[name])] for name in names], 1)
    np.savez(tmp_path / "joints.npz", names=names, head=head)
    python = tmp_path / "python"
    python.write_text(f"#!{sys.executable}\n{_STAND_IN}")
    python.chmod(0o755)
    monkeypatch.setattr(animation, "_READER", tmp_path / "blender.py")
    ours, bvh, glb = animation.animation_errors(poses, "walk", python)
    assert (ours.oracle, bvh.oracle, glb.version) == ("epipose.motion.bvh", "Blender", "0.0")
    assert bvh.median_mm == pytest.approx(1, abs=0.01)
    assert glb.median_mm == pytest.approx(0, abs=0.01)
    assert glb.file_mm == pytest.approx(1, abs=0.01)
