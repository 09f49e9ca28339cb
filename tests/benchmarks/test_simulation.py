import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks.geometry.failures import KINDS, LONG, spoiled
from benchmarks.geometry.noise_model import NoiseModel, draw, seen_body
from benchmarks.geometry.rivals import opencv_alone
from benchmarks.geometry.simulation import simulate
from epipose.camera import Rig
from epipose.errors import EpiposeError
from epipose.geometry.rotation import angle_between
from epipose.skeletons import H36M17
from tests.helpers.synthetic import moving_skeleton, rig


def exact(seed=0, **options):
    return simulate(seed, pixels=0.0, outliers=0.0, **{"frames": 40, **options})


def standing(frames=300):
    """A person who stands still in the middle of the rig, once per view."""
    return moving_skeleton(1, roam=0.0).expand(4, frames, 17, 3)


def test_the_same_seed_gives_the_same_clip_and_another_one_another():
    a, b, c = (simulate(seed, frames=20) for seed in (3, 3, 4))
    assert torch.equal(a.poses.xy, b.poses.xy)
    assert not torch.equal(a.xyz, c.xyz)


def test_without_noise_the_images_are_the_projections():
    clip = exact()
    seen = clip.poses.conf[:, :, 0] > 0
    off = (clip.poses.xy[:, :, 0] - clip.rig.camera.spread(2).project(clip.xyz)).norm(dim=-1)
    assert float(seen.double().mean()) > 0.8
    assert float(off[seen].max()) < 1e-9
    assert clip.given().camera.t.abs().max() == 0


def test_a_view_that_runs_late_shows_later_moments():
    clip = exact(frames=60, offsets=(0.0, 3.0, -2.0, 0.5))
    true = clip.rig.camera.spread(2).project(clip.xyz)
    xy, seen = clip.poses.xy[:, :, 0], clip.poses.conf[:, :, 0] > 0
    assert float((xy[1, :-3] - true[1, 3:])[seen[1, :-3]].abs().max()) < 1e-6
    assert float((xy[2, 2:] - true[2, :-2])[seen[2, 2:]].abs().max()) < 1e-6
    halfway = (true[3, :-1] + true[3, 1:]) / 2
    assert float((xy[3, :-1] - halfway)[seen[3, :-1]].abs().max()) < 2


def test_roam_sets_how_far_the_person_walks():
    for roam in (0.0, 1.5):
        ground = exact(frames=200, roam=roam).xyz[:, 0, :2]
        assert float((ground.amax(0) - ground.amin(0)).norm()) / 2 == pytest.approx(roam, abs=0.02)


def test_as_many_offsets_as_views():
    with pytest.raises(EpiposeError, match="2 offsets for 4 views"):
        simulate(0, frames=20, offsets=(0.0, 1.0))


def test_yaw_is_where_the_camera_stands_round_the_body():
    """The standing person looks along +y, x to the right: the yaw follows from the camera's centre alone."""
    xyz = standing(1)
    turned = torch.linalg.cross(xyz[0, 0, 8] - xyz[0, 0, 0], xyz[0, 0, 1] - xyz[0, 0, 4])  # up x right = forward
    towards = rig().camera.center - xyz[0, 0, 0]
    heading = math.atan2(float(turned[0]), float(turned[1]))
    expected = torch.atan2(towards[:, 0], towards[:, 1]) - heading
    difference = seen_body(rig(), xyz).yaw[:, 0] - expected
    assert float(difference.sin().abs().max()) < 0.5  # the trunk leans: it is not exactly the heading
    assert float(difference.cos().min()) > 0.8


def test_a_joint_behind_the_trunk_is_hidden():
    xyz = standing(1).clone()
    trunk = (xyz[0, 0, 0] + xyz[0, 0, 8]) / 2
    away = torch.nn.functional.normalize(trunk - rig().camera.center[0], dim=0)
    wrist = H36M17.index("left_wrist")
    xyz[:, :, wrist] = trunk + 0.3 * away
    assert bool(seen_body(rig(), xyz).occluded[0, 0, wrist])
    xyz[:, :, wrist] = trunk - 0.3 * away
    assert not bool(seen_body(rig(), xyz).occluded[0, 0, wrist])


def test_the_detector_errs_in_the_same_way_in_every_frame():
    """Bias stays, noise averages out; the level scales both; confidences are lower for what is hidden."""
    xyz = standing()
    once, twice = (draw(NoiseModel.load(), rig(), xyz, 50.0, level, np.random.default_rng(1)) for level in (1.0, 2.0))
    assert torch.allclose(2 * once.error, twice.error)
    mean, spread = once.error.mean(1).norm(dim=-1), once.error.std(1).norm(dim=-1)
    assert 1 < float(mean.median()) < 10
    assert 1 < float(spread.median()) < 10
    half = once.error[:, :150].mean(1)
    assert float(torch.nn.functional.cosine_similarity(half.flatten(), once.error[:, 150:].mean(1).flatten(), 0)) > 0.7
    hidden = seen_body(rig(), xyz).occluded
    if bool(hidden.any()):
        assert float(once.conf[hidden].mean()) < float(once.conf[~hidden].mean()) - 0.2


def test_hips_err_together_and_head_and_neck_do():
    """Over many clips the mean errors of one part agree, and those of two parts do not."""
    xyz, model = standing(2), NoiseModel.load()
    quiet = replace(model, bias=[[[0.0] * 3] * 2] * 17, slow=[0.0] * 17, fast=[0.0] * 17)
    mean = torch.stack(
        [draw(quiet, rig(), xyz, 50.0, 1.0, np.random.default_rng(seed)).error[:, 0] for seed in range(200)]
    )

    def agreement(a, b):
        x, y = (mean[:, :, H36M17.index(joint)].flatten() for joint in (a, b))
        return float(torch.nn.functional.cosine_similarity(x, y, 0))

    for a, b in (("pelvis", "left_hip"), ("left_hip", "right_hip"), ("head", "neck_nose")):
        assert agreement(a, b) == pytest.approx(model.together, abs=0.08)
    assert agreement("head", "left_hip") == pytest.approx(0, abs=0.08)


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_of_failure_is_a_whole_clip(kind):
    before, after = simulate(7, frames=40), spoiled(kind, 7, frames=40)
    views = 2 if kind.startswith("two cameras") else 4
    assert after.poses.xy.shape == (views, LONG.get(kind, 40), 1, 17, 2)
    assert after.poses.conf.shape == after.poses.xy.shape[:-1]
    assert bool(after.poses.xy.isfinite().all())
    assert after.poses.views == after.rig.names
    same = (
        after.poses.xy.shape == before.poses.xy.shape
        and torch.equal(after.poses.xy, before.poses.xy)
        and torch.equal(after.poses.conf, before.poses.conf)
    )
    lens = ("two videos swapped", "focal", "non-square", "cropped", "two cameras")
    assert same == (kind in ("none", "intrinsics hidden") or kind.startswith("focal"))
    assert torch.equal(after.given().camera.K, before.given().camera.K) == (not kind.startswith(lens))


def test_a_mirrored_video_is_mirrored():
    """Turned back, labels and all, it is the video it was."""
    before, after = simulate(7, frames=40), spoiled("one video mirrored", 7, frames=40)
    changed = [view for view in range(4) if not torch.equal(before.poses.xy[view], after.poses.xy[view])]
    assert len(changed) == 1
    back = after.poses.xy[changed[0], :, 0][:, list(H36M17.flip)]
    x = after.rig.camera.size[changed[0], 0] - 1 - back[..., 0]
    assert torch.allclose(x, before.poses.xy[changed[0], :, 0, :, 0])
    assert torch.equal(back[..., 1], before.poses.xy[changed[0], :, 0, :, 1])


def test_opencv_finds_exact_cameras():
    clip = exact(frames=60)
    found = opencv_alone(clip.poses, clip.given())
    assert found is not None
    relative = [r.camera.R[1:] @ r.camera.R[:1].mT for r in (found, clip.rig)]
    assert float(torch.rad2deg(angle_between(*relative)).max()) < 0.1


def test_a_folder_without_motion_is_an_error(tmp_path):
    with pytest.raises(EpiposeError, match="holds no motion"):
        simulate(0, frames=20, mocap=tmp_path)


def test_the_rig_is_only_of_the_views_asked_for():
    clip = exact(views=3)
    assert isinstance(clip.rig, Rig)
    assert len(set(clip.rig.names)) == 3
    with pytest.raises(EpiposeError, match="5 views"):
        simulate(0, views=5)
