"""Training on a card, on a processor: a few steps of everything, and all files with what they should hold."""

import json
import sys

import numpy as np
import pytest

from benchmarks.network import gpu
from epipose.errors import EpiposeError
from epipose.motion.packed import write_packed
from epipose.motion.sampler import random_motion
from epipose.network.blazepose_weights import LANDMARKS
from epipose.network.posenet import TrainedPoseNet
from epipose.studio.renderer import Renderer

pytest.importorskip("anny")
pytest.importorskip("moderngl")


@pytest.mark.gl
@pytest.mark.slow
def test_a_few_steps(tmp_path, monkeypatch, capfd) -> None:
    try:
        Renderer().close()
    except EpiposeError as error:
        pytest.skip(str(error))
    if not all(file.cached for file in LANDMARKS.values()):
        pytest.skip("the weights are not in the cache: epipose weights")
    (tmp_path / "motions").mkdir()
    write_packed(random_motion(np.random.default_rng(0), 2.0), tmp_path / "motions/some.motion.npz")
    out = tmp_path / "out"
    monkeypatch.setattr(sys, "argv", ["gpu", "--quick", "--motions", str(tmp_path / "motions"), "--out", str(out)])
    gpu.main()

    log = json.loads((out / "log.json").read_text())
    networks = {"full", "heavy"}
    others = {f"{kind}_{name}" for kind in ("refiner", "own") for name in networks}
    assert set(log["held_out"]) == networks | others
    assert log["steps"] == len(log["curve"]) == 2
    assert all(np.isfinite(log["curve"][-1][name]) for name in (*networks, "refiner"))
    for name in networks:
        assert log["held_out"][name] == pytest.approx(log["held_out"][f"own_{name}"], rel=0.3), "where it begins"
        trained = TrainedPoseNet.load(out / name)
        assert trained.refiner is not None
        assert trained.metric
    stills, films = (np.load(out / f"{name}.npz") for name in ("stills", "sequences"))
    with stills, films:
        assert stills["full_landmarks"].shape[1:] == stills["heavy_landmarks"].shape[1:] == (33, 2)
        assert len(stills["truth"]) % 4 == 0
        assert films["box"].shape == (len(films["truth"]), 4)
        assert films["box"].dtype == np.float32
        assert not [key for key in films.files if key.startswith("heavy")]
    assert capfd.readouterr().out.count('"step":') == 2
