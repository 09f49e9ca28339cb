import numpy as np
import pytest
import torch

from benchmarks.geometry.drawn_motion import on_body
from benchmarks.geometry.simulation import simulate
from epipose.motion import Motion
from epipose.motion.packed import write_packed
from epipose.skeletons import H36M17
from tests.helpers.synthetic import moving_skeleton


@pytest.fixture
def bodies(tmp_path):
    """Short motions of bodies of four sizes, whose necks are 2 cm longer at times."""
    for seed, size in enumerate((0.8, 0.95, 1.0, 1.2)):
        xyz = size * moving_skeleton(90, seed, roam=0.5)
        away = torch.nn.functional.normalize(xyz[:, 9] - xyz[:, 8], dim=-1)
        xyz[30:60, 9:11] += 0.02 * away[30:60, None]
        write_packed(Motion(f"size_{size}", xyz.numpy(), 50.0), tmp_path / f"size_{size}.motion.npz")
    return tmp_path


@pytest.mark.parametrize("offsets", [None, (0.0, 0.4, -1.3, 2.5)])
def test_a_clip_of_several_motions_shows_one_body(bodies, offsets):
    several = 0
    for seed in range(20):
        clip = simulate(seed, frames=250, mocap=bodies, offsets=offsets)
        several += len(set(clip.motion.split("+"))) > 1
        lengths = H36M17.bone_lengths(clip.xyz)
        assert float((lengths.amax(0) - lengths.amin(0)).max()) < 0.003
    assert several > 10


def test_a_generated_walk_has_constant_bones():
    lengths = H36M17.bone_lengths(simulate(1, frames=300).xyz)
    assert float((lengths.amax(0) - lengths.amin(0)).max()) < 0.003


def test_a_supple_trunk_keeps_its_changes_and_limbs_stay(bodies):
    lengths = H36M17.bone_lengths(simulate(0, frames=250, mocap=bodies, supple=True).xyz)
    change = lengths.amax(0) - lengths.amin(0)
    neck = next(i for i, (_, child) in enumerate(H36M17.bones) if H36M17.joints[child] == "neck_nose")
    assert 0.01 < float(change[neck]) < 0.03
    others = [i for i in range(len(change)) if i != neck]
    assert float(change[others].max()) < 0.003


def test_a_taller_body_still_stands_on_the_floor():
    xyz = moving_skeleton(50)
    floor = float(xyz[..., 2].amin())
    taller = on_body(xyz, 1.3 * H36M17.bone_lengths(xyz).median(0).values)
    assert float(taller[..., 2].amin()) == pytest.approx(1.3 * floor, abs=1e-3)
    assert np.allclose(H36M17.bone_lengths(taller), 1.3 * H36M17.bone_lengths(xyz), atol=1e-6)
