"""The studio's cameras look at the person, rigs are read from files, and sizes are what was asked for."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from epipose.camera import Rig
from epipose.errors import EpiposeError
from epipose.formats.rig_json import h36m_rig, read_rigs
from epipose.geometry.rotation import angle_between
from epipose.studio.rigs import centred_rig, random_rig


def test_the_h36m_rig_is_the_real_one():
    """Its neighbours round the room are 134, 46, 133 and 48 degrees apart, and between 3.7 and 10 metres."""
    camera = h36m_rig().camera
    camera, after = camera[[0, 1, 3, 2]], [1, 2, 3, 0]
    apart = torch.rad2deg(angle_between(camera.R, camera.R[after]))
    assert apart.round().tolist() == [134, 46, 133, 48]
    baseline = (camera.center - camera.center[after]).norm(dim=-1)
    assert 3.6 < float(baseline.min()) < float(baseline.max()) < 10.1
    assert bool((camera.center[:, 2] > 1).all())


@pytest.mark.parametrize("kind", ["ring", "phones", "h36m"])
@pytest.mark.parametrize("seed", range(4))
def test_cameras_look_at_a_person_in_the_middle(kind, seed):
    rig = random_rig(np.random.default_rng(seed), kind, 4)
    assert rig.metric
    assert rig.upright
    hips = torch.tensor([0.0, 0.0, 0.95], dtype=torch.float64)
    pixel = rig.camera.project(hips)
    share = pixel / rig.camera.size
    assert bool(((share > 0.3) & (share < 0.7)).all())
    assert bool((rig.camera.into_frame(hips)[:, 2] > 2).all())
    assert bool((rig.camera.center[:, 2] > 0.3).all())
    above = rig.camera.project(hips + torch.tensor([0.0, 0.0, 0.5], dtype=torch.float64))
    assert bool((above[:, 1] < pixel[:, 1]).all())  # up in the world is up in the image
    back = rig.camera.to_normalized(pixel)
    assert torch.allclose(rig.camera.project_in_frame(torch.cat([back, torch.ones(4, 1)], -1)), pixel, atol=1e-6)


def test_phones_stand_and_lie_but_keep_their_size():
    sizes = {
        tuple(size)
        for seed in range(8)
        for size in random_rig(np.random.default_rng(seed), "phones", 3).camera.size.tolist()
    }
    assert sizes == {(720, 1280), (1280, 720)}


def test_sizes_are_as_asked_for_and_resizing_keeps_directions():
    rig = random_rig(np.random.default_rng(0), "h36m", 4, (320, 240))
    assert rig.camera.size.tolist() == [[320, 240]] * 4
    whole = centred_rig(h36m_rig())
    point = torch.tensor([0.3, -0.4, 1.2], dtype=torch.float64)
    scale = rig.camera.size / whole.camera.size
    assert torch.allclose((rig.camera.project(point) + 0.5) / scale, whole.camera.project(point) + 0.5)


def test_rigs_come_from_files(tmp_path):
    rig = centred_rig(h36m_rig())
    own = tmp_path / "rig.json"
    rig.save(own)
    assert read_rigs(own)[0].names == rig.names
    assert len(random_rig(np.random.default_rng(0), own, 2).names) == 2
    published = {
        f"S{s}/{name}": {
            "K": rig.camera.K[i].tolist(), "dist": rig.camera.distortion[i].tolist(), "R": rig.camera.R[i].tolist(),
            "t": (1000 * rig.camera.t[i]).tolist(),
        }
        for s in (1, 5)
        for i, name in enumerate(rig.names)
    }  # fmt: skip
    path = tmp_path / "rigs.json"
    path.write_text(json.dumps({"cameras": published}), encoding="utf-8")
    rigs = read_rigs(path)
    assert len(rigs) == 2
    assert torch.allclose(rigs[1].camera.t, rig.camera.t)
    assert bool(((rigs[0].camera.size - rig.camera.size).abs() <= 40).all())


def test_what_is_no_rig_is_refused(tmp_path):
    path = tmp_path / "rigs.json"
    path.write_text(json.dumps({"cameras": {"S1/a": {"K": [1]}}}), encoding="utf-8")
    with pytest.raises(EpiposeError, match="file of rigs"):
        read_rigs(path)
    rig = h36m_rig()
    Rig(rig.names, rig.camera).save(path)
    with pytest.raises(EpiposeError, match="metric and upright"):
        read_rigs(path)
    with pytest.raises(EpiposeError, match="has 4 cameras"):
        random_rig(np.random.default_rng(0), "h36m", 5)


def test_lenses_that_the_shaders_do_not_know_are_refused(tmp_path):
    rig = centred_rig(h36m_rig())
    fisheye = replace(rig, camera=replace(rig.camera, fisheye=torch.tensor([False, True, False, False])))
    fisheye.save(tmp_path / "rig.json")
    with pytest.raises(EpiposeError, match=rf"{rig.names[1]} is a fisheye"):
        read_rigs(tmp_path / "rig.json")
