"""The measurement of the first result: which commands it runs, in which environment, and where its numbers go."""

import json
import os
import sys

from benchmarks.docs import first_result as module
from epipose.io.sources import POSE2SIM


def test_the_commands_of_a_new_user_with_a_cache_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setenv("EPIPOSE_CACHE", str(tmp_path / "mine"))
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / POSE2SIM.file.replace("*", "any")).write_bytes(b"wheel")
    (tmp_path / "mine" / "pose_landmark_full.tflite").write_bytes(b"converted before")
    ran = []

    def run(command, cwd, env, check):
        ran.append(" ".join(map(str, command[1:])))
        assert "PYTHONPATH" not in env
        assert os.listdir(env["EPIPOSE_CACHE"]) == [POSE2SIM.file.replace("*", "any")]
        (cwd / "walk").mkdir(exist_ok=True)
        (cwd / "walk" / "view.html").touch()

    monkeypatch.setattr(module.subprocess, "run", run)
    work = tmp_path / "work"
    work.mkdir()
    numbers = module.first_result(sys.executable, work)
    assert ran == [
        "-m epipose sample --out sample",
        "-m epipose run sample/videos --out walk --network none",
    ]
    assert 0 <= numbers["first_result_seconds"] < 5


def test_other_numbers_stay(tmp_path, monkeypatch):
    out = tmp_path / "docs.json"
    out.write_text('{"readme_lines": 120, "first_result_seconds": 9000}')
    monkeypatch.setattr(module, "first_result", lambda *_: {"first_result_seconds": 31.5})
    monkeypatch.setattr(sys, "argv", ["first_result", "--installed", "--out", str(out)])
    assert module.main() == 0
    assert json.loads(out.read_text()) == {"first_result_seconds": 31.5, "readme_lines": 120}
