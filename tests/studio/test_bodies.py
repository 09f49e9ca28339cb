"""Random people: plausible, symmetric, dressed by region, and their joints follow their skin."""

import importlib.metadata
import shutil
import time
from dataclasses import replace

import numpy as np
import pytest

from epipose.errors import EpiposeError
from epipose.skeletons import COCO17, H36M17
from epipose.studio import anny_model
from epipose.studio.anny_model import load_model
from epipose.studio.bodies import REGIONS, random_body


@pytest.fixture(scope="module")
def people():
    return [random_body(np.random.default_rng(seed), children=0.0) for seed in range(12)]


def at_rest(body, frames=1):
    return np.tile(np.eye(3, 4, dtype=np.float32), (frames, len(body.bones), 1, 1))


def rest_joints(body, skeleton=H36M17):
    return dict(zip(skeleton.joints, body.joints(at_rest(body), skeleton.name)[0], strict=True))


def volume(body):
    a, b, c = (body.vertices[body.faces[:, i]].astype(float) for i in range(3))
    return float((a * np.cross(b, c)).sum() / 6)


def test_people_have_the_size_of_people(people):
    for body in people:
        assert 1.45 <= body.height <= 2.0
        assert body.vertices[:, 2].min() == pytest.approx(0, abs=1e-5)
        assert body.vertices[:, 2].max() == pytest.approx(body.height, abs=1e-4)
        density = 985  # kg/m3 of a whole body
        assert 14 < density * volume(body) / body.height**2 < 45  # body mass index
    assert np.ptp([body.height for body in people]) > 0.1
    assert {round(body.sex) for body in people} == {0, 1}


def test_proportions_are_plausible(people):
    """Shares of stature, from Drillis & Contini 1966 and Winter 2009, with room for the differences between people."""
    for body in people:
        joint = rest_joints(body)

        def share(a, b, joint=joint, body=body):
            return np.linalg.norm(joint[a] - joint[b]) / body.height

        assert 0.20 < share("left_hip", "left_knee") < 0.28
        assert 0.20 < share("left_knee", "left_ankle") < 0.27
        assert 0.13 < share("left_shoulder", "left_elbow") < 0.20
        assert 0.11 < share("left_elbow", "left_wrist") < 0.17
        assert 0.09 < share("left_hip", "right_hip") < 0.16
        assert 0.15 < share("left_shoulder", "right_shoulder") < 0.24
        assert 0.03 < joint["left_ankle"][2] / body.height < 0.07
        assert 0.48 < joint["left_hip"][2] / body.height < 0.56


def test_joints_are_where_their_names_say(people):
    joint, coco = rest_joints(people[0]), rest_joints(people[0], COCO17)
    assert joint["pelvis"] == pytest.approx((joint["left_hip"] + joint["right_hip"]) / 2)
    assert joint["thorax"] == pytest.approx((joint["left_shoulder"] + joint["right_shoulder"]) / 2)
    assert joint["head"] == pytest.approx((coco["left_ear"] + coco["right_ear"]) / 2)
    assert joint["neck_nose"] == pytest.approx(coco["nose"])
    for name in set(joint) & set(coco):
        assert joint[name] == pytest.approx(coco[name])
    # People face -y with their left at +x: the nose is before the eyes, and they before the ears.
    assert coco["nose"][1] < coco["left_eye"][1] - 0.01 < coco["left_ear"][1] - 0.04
    assert coco["left_eye"][0] > 0.02
    heights = [joint[name][2] for name in ("left_ankle", "left_knee", "pelvis", "spine", "thorax", "neck_nose")]
    assert heights == sorted(heights)
    spine = np.linalg.norm(joint["spine"] - joint["pelvis"]) / np.linalg.norm(joint["thorax"] - joint["pelvis"])
    assert 0.4 < spine < 0.6


def test_landmarks_lie_in_or_on_the_body(people):
    for body in people[:3]:
        for name, (_, place) in body.landmarks.items():
            assert np.linalg.norm(body.vertices - place, axis=-1).min() < 0.16, name
        for name in ("nose", "left_eye", "right_ear", "left_heel", "right_big_toe"):
            assert np.linalg.norm(body.vertices - body.landmarks[name][1], axis=-1).min() < 0.02, name


def test_left_and_right_are_mirror_images(people):
    for body in people[:4]:
        for name, (_, place) in body.landmarks.items():
            if name.startswith("left"):
                mirrored = body.landmarks[name.replace("left", "right")][1] * [-1, 1, 1]
                assert place == pytest.approx(mirrored, abs=2e-3), name
        assert np.allclose(np.sort(body.vertices[:, 0]), np.sort(-body.vertices[:, 0]), atol=3e-3)


def test_the_mesh_is_a_closed_skin_with_normals_outward(people):
    body = people[0]
    assert volume(body) > 0.03  # faces are turned outward
    assert np.allclose(np.linalg.norm(body.normals, axis=-1), 1, atol=1e-5)
    trunk = body.region == REGIONS.index("torso")
    middle = body.vertices[trunk].mean(0)
    outward = ((body.vertices[trunk] - middle)[:, :2] * body.normals[trunk][:, :2]).sum(-1)
    assert (outward > 0).mean() > 0.9
    assert body.faces.max() == len(body.vertices) - 1
    assert body.uv.min() >= 0
    assert body.uv.max() <= 1


def test_every_vertex_hangs_on_bones(people):
    body = people[0]
    assert np.allclose(body.bone_weight.sum(1), 1, atol=1e-5)
    assert body.bone_index.max() < len(body.bones)
    assert all(parent < bone for bone, parent in enumerate(body.parents))
    assert (body.parents < 0).sum() == 1


def test_regions_dress_the_body(people):
    for body in people[:4]:
        height = {name: body.vertices[body.region == i, 2] for i, name in enumerate(REGIONS)}
        assert all(len(values) > 40 for values in height.values())
        order = ("foot", "shank", "thigh", "hips", "torso", "neck", "head", "scalp")
        middles = [np.median(height[name]) for name in order]
        assert middles == sorted(middles)
        left = [np.sum((body.region == i) & (body.vertices[:, 0] > 1e-3)) for i in range(len(REGIONS))]
        right = [np.sum((body.region == i) & (body.vertices[:, 0] < -1e-3)) for i in range(len(REGIONS))]
        assert np.abs(np.array(left) - right).max() <= 0.05 * max(left)
        # Nobody has hair on the nose or ears on the scalp.
        for name in ("nose", "left_eye", "left_ear"):
            near = np.linalg.norm(body.vertices - body.landmarks[name][1], axis=-1).argmin()
            assert REGIONS[body.region[near]] in ("head", "eyes"), name


@pytest.mark.slow
def test_heavier_people_have_more_volume():
    people = [random_body(np.random.default_rng(seed), children=0.0) for seed in range(40)]
    build = [volume(body) / body.height**2 for body in people]
    traits = np.stack([[body.weight, body.muscle, body.sex, body.age] for body in people])
    deviation = (traits - traits.mean(0)) / traits.std(0)
    effect = np.linalg.lstsq(deviation, np.array(build) - np.mean(build), rcond=None)[0]
    assert effect[0] > 1.2 * np.abs(effect[1:]).max()


@pytest.fixture(scope="module")
def children():
    return [random_body(np.random.default_rng(seed), children=1.0) for seed in range(16)]


def test_children_have_the_size_of_children(children):
    """WHO medians of stature: 1.03 m at 4 years, 1.16 at 6, 1.38 at 10, within three standard deviations of 4 %."""
    assert min(body.age for body in children) < 6
    for body in children:
        assert 4 <= body.age <= 14
        median = np.interp(body.age, [4, 6, 8, 10, 12, 14], [1.03, 1.155, 1.27, 1.38, 1.5, 1.615])
        assert body.height == pytest.approx(median, rel=0.14)
        assert 12 < 985 * volume(body) / body.height**2 < 32  # body mass index


def test_children_have_large_heads_and_short_legs(children, people):
    def shares(body):
        head = np.isin(body.region, [REGIONS.index(name) for name in ("head", "scalp")])
        front = head & (body.vertices[:, 1] < body.vertices[head, 1].mean())
        chin = body.vertices[front, 2].min()
        return 1 - chin / body.height, rest_joints(body)["pelvis"][2] / body.height

    small, adult = (
        np.array([shares(body) for body in group if low <= body.age < high])
        for group, low, high in ((children, 4, 7), (people, 20, 60))
    )
    assert len(small) >= 3
    assert 0.15 < small[:, 0].min() < small[:, 0].max() < 0.21  # 1 in 5.5 to 6
    assert adult[:, 0].mean() < 0.145  # 1 in 7 to 8
    assert adult[:, 1].mean() - small[:, 1].mean() > 0.015


def test_one_in_eight_is_a_child():
    ages = [random_body(np.random.default_rng(seed)).age for seed in range(60)]
    assert 2 <= sum(age < 14 for age in ages) <= 16


def test_the_seed_decides():
    a, b, c = (random_body(np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert np.array_equal(a.vertices, b.vertices)
    assert np.array_equal(a.rest, b.rest)
    assert not np.array_equal(a.vertices, c.vertices)


def test_joints_move_with_the_skin(people):
    """Everything turned by a quarter about z and moved: joints and skin alike."""
    body = people[1]
    pose = at_rest(body, 2)
    pose[1, :, :, :3] = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    pose[1, :, :, 3] = [1, 2, 3]
    joints = body.joints(pose, "coco17")
    assert joints[1] == pytest.approx(
        np.stack([1 - joints[0, :, 1], 2 + joints[0, :, 0], 3 + joints[0, :, 2]], -1), abs=1e-6
    )
    skin = body.posed(pose[1])
    assert skin[:, 0] == pytest.approx(1 - body.vertices[:, 1], abs=1e-5)
    with pytest.raises(EpiposeError, match="no joint left_eye_inner"):
        body.joints(pose, "blazepose33")


def test_the_model_is_made_once_and_read_fast(tmp_path, monkeypatch):
    load_model()  # in the cache by now, whoever made it

    def again(_):
        raise AssertionError("parsed again")

    monkeypatch.setattr(anny_model, "_parse", again)
    load_model.cache_clear()
    start = time.perf_counter()
    load_model()
    assert time.perf_counter() - start < 3
    monkeypatch.setenv("EPIPOSE_CACHE", str(tmp_path))
    load_model.cache_clear()
    with pytest.raises(AssertionError, match="parsed again"):
        load_model()
    assert not list(tmp_path.iterdir())
    load_model.cache_clear()


@pytest.mark.parametrize("kept", [0, 100, 20_000])
def test_a_cached_model_that_was_cut_short_is_made_again(tmp_path, monkeypatch, kept):
    model, whole = load_model(), anny_model._cached_file()
    monkeypatch.setenv("EPIPOSE_CACHE", str(tmp_path))
    cut = anny_model._cached_file()
    cut.write_bytes(whole.read_bytes()[:kept])
    monkeypatch.setattr(anny_model, "_parse", lambda _: model)
    monkeypatch.setattr(anny_model, "_write", lambda _, path: shutil.copy(whole, path))
    load_model.cache_clear()
    np.testing.assert_array_equal(load_model().points, model.points)
    assert cut.read_bytes() == whole.read_bytes()
    changed = bytearray(whole.read_bytes())
    changed[len(changed) // 2] ^= 1
    cut.write_bytes(changed)
    monkeypatch.setattr(importlib.metadata, "version", missing)
    load_model.cache_clear()
    with pytest.raises(
        EpiposeError, match=r"body-anny.* cannot be read as the cached body model .*install the package"
    ):
        load_model()
    load_model.cache_clear()


def missing(name):
    raise importlib.metadata.PackageNotFoundError(name)


def test_without_the_package_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.metadata, "version", missing)
    monkeypatch.setenv("EPIPOSE_CACHE", str(tmp_path))
    load_model.cache_clear()
    with pytest.raises(EpiposeError, match=r"epipose\[studio\]"):
        load_model()
    load_model.cache_clear()


def test_a_file_that_is_there_needs_no_package(tmp_path, monkeypatch):
    model = load_model()
    small = replace(
        model, words=model.words[:2], displacement=model.displacement[:2], bone_head_moves=model.bone_head_moves[:2]
    )
    for version, made in (("0.9.1", model), ("0.10.0", small)):
        anny_model._write(made, tmp_path / f"body-anny-{version}-{anny_model._CACHE_VERSION}.safetensors.xz")
    monkeypatch.setattr(importlib.metadata, "version", missing)
    monkeypatch.setenv("EPIPOSE_CACHE", str(tmp_path))
    load_model.cache_clear()
    read = load_model()  # the newest of both
    assert (read.words, read.bones) == (small.words, model.bones)
    assert (read.displacement == small.displacement).all()
    assert (read.points == model.points).all()
    (tmp_path / f"body-anny-0.10.0-{anny_model._CACHE_VERSION}.safetensors.xz").write_bytes(b"broken")
    load_model.cache_clear()
    with pytest.raises(EpiposeError, match="cannot be read"):
        load_model()
    load_model.cache_clear()
