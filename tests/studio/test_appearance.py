"""Clothes end where the look says, textures tile, rooms hold the cameras, a camera's faults do what they say."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from epipose.errors import EpiposeError
from epipose.studio.appearance import BOTTOM, HAIR, LAYERS, SHOES, SKIN, TOP, random_look
from epipose.studio.bodies import REGIONS, random_body
from epipose.studio.camera_effects import Imaging, imaged, random_imaging, random_occluder
from epipose.studio.clothing import dressed, face_of, simplified
from epipose.studio.patterns import random_pattern, smooth_noise
from epipose.studio.room import photos_in, random_light, random_room
from tests.helpers.capsule_people import capsule_body

CLEAN = Imaging(np.ones(3), 1.0, 0.0, 0.0, 0.0, 0)


def standing():
    """The capsule person with eyes."""
    body = capsule_body()
    region = body.region.copy()
    x, y, z = body.vertices.T
    eyes = (region == REGIONS.index("head")) & (y < -0.06) & (np.abs(x) > 0.02) & (np.abs(z - 1.6) < 0.1)
    assert eyes.any()
    region[eyes] = REGIONS.index("eyes")
    return replace(body, region=region)


def worn(body, look, part):
    """The layer that covers most of each vertex of a region."""
    return dressed(body, look).cover[body.region == REGIONS.index(part)].argmax(-1)


def test_clothes_end_where_the_look_says():
    body = capsule_body()
    look = replace(random_look(np.random.default_rng(0)), sleeve=1.0, leg=2.0, barefoot=False)
    assert (worn(body, look, "torso") == TOP).mean() > 0.8
    assert (worn(body, look, "upper_arm") == TOP).mean() > 0.6
    assert (worn(body, look, "forearm") == SKIN).mean() > 0.6
    assert (worn(body, look, "shank") == BOTTOM).mean() > 0.8
    assert (worn(body, replace(look, leg=0.0), "shank") == SKIN).all()
    assert (worn(body, replace(look, sleeve=2.0), "forearm") == TOP).mean() > 0.8
    assert np.allclose(dressed(body, look).cover.sum(-1), 1, atol=1e-5)


def test_shoes_or_bare_feet():
    body = capsule_body()
    body = replace(body, region=np.where(body.region == REGIONS.index("shank"), REGIONS.index("foot"), body.region))
    look = random_look(np.random.default_rng(0))
    assert (worn(body, replace(look, barefoot=False), "foot") == SHOES).mean() > 0.8
    assert (worn(body, replace(look, barefoot=True), "foot") == SKIN).mean() > 0.8


def test_cloth_stands_off_from_the_skin():
    body = capsule_body()
    thickness = np.array([0, 0, 0.02, 0, 0], np.float32)
    look = replace(random_look(np.random.default_rng(0)), thickness=thickness, sleeve=0.0, leg_flare=0.0)
    clothes = dressed(body, look)
    off = ((clothes.vertices - body.vertices) * body.normals).sum(-1)
    top = clothes.cover[:, TOP] > 0.95
    assert top.any()
    assert (off[top] > 0.01).all()
    assert (off[top] < 0.03).all()
    assert np.abs(off[clothes.cover[:, TOP] < 0.01]).max() < 0.001


def test_wide_cloth_stands_off_most_at_its_end_and_bare_skin_not_at_all():
    body = capsule_body()
    look = replace(random_look(np.random.default_rng(0)), sleeve=2.0, leg=1.0, sleeve_flare=0.0, leg_flare=0.0)
    wide = dressed(body, replace(look, sleeve_flare=0.05, leg_flare=0.08))
    moved = np.linalg.norm(wide.vertices - dressed(body, look).vertices, axis=-1)
    upper, lower, shank, trunk = (
        moved[body.region == REGIONS.index(name)] for name in ("upper_arm", "forearm", "shank", "torso")
    )
    assert upper.max() < 0.02 < lower.max() <= 0.05 + 1e-6
    assert shank.min() == 0  # below the hem
    assert trunk.max() == 0


@pytest.mark.parametrize("cap", [False, True])
def test_a_hat_has_a_brim_all_round_and_a_cap_at_the_front(cap):
    body = random_body(np.random.default_rng(0), children=0.0)
    face = face_of(body)
    assert face is not None
    look = replace(random_look(np.random.default_rng(0)), hairline=1.2, hair_length=0.5, brim=0.0)
    before, after = (dressed(body, replace(look, brim=brim, cap=cap)).vertices for brim in (0.0, 0.08))
    move = after - before
    assert np.abs(move[:, 2]).max() < 1e-6
    assert 0.02 < np.linalg.norm(move, axis=-1).max() <= 0.08 + 1e-6
    ahead = move[:, 1] * face.forwards
    assert ahead.max() > 0.02
    assert (ahead.min() > -0.005) == cap
    region = np.array(REGIONS)[body.region]
    assert set(region[np.linalg.norm(move, axis=-1) > 1e-4]) <= {"head", "scalp"}


def test_some_clothes_are_wide_and_some_hats_have_brims():
    looks = [random_look(np.random.default_rng(seed)) for seed in range(120)]
    for name, most in (("sleeve_flare", 0.05), ("leg_flare", 0.08)):
        values = np.array([getattr(look, name) for look in looks])
        assert 0.1 < (values > 0).mean() < 0.45
        assert values.max() <= most
    assert 2 < sum(look.brim > 0 for look in looks) < 25


def test_hair_covers_the_head_above_the_hairline_and_not_the_face():
    body = standing()
    face = face_of(body)
    assert face is not None
    assert face_of(capsule_body()) is None
    clothes = dressed(body, replace(random_look(np.random.default_rng(0)), hairline=1.0, hair_length=0.5))
    eyeball = clothes.face[:, 1] > 0.5
    assert (clothes.cover[eyeball].argmax(-1) == SKIN).all()
    behind = (body.vertices[:, 1] - face.eyes[:, 1].mean()) * -face.forwards > 1.2 * face.between
    high = body.vertices[:, 2] > face.eyes[:, 2].mean() + 0.3 * face.between
    back_of_head = (clothes.face[:, 0] > 0.5) & behind & high
    assert back_of_head.any()
    assert (clothes.cover[back_of_head].argmax(-1) == HAIR).all()


def test_fewer_faces_of_the_same_body():
    body = capsule_body()
    fine, coarse = simplified(body, 1e-4), simplified(body, 0.06)
    assert 0.85 * len(body.faces) < len(fine) < len(body.faces)  # at the capsules' poles edges have no length
    assert len(coarse) < 0.7 * len(fine)
    assert len(coarse) > 100
    corners = body.vertices[coarse]
    assert (np.ptp(corners, axis=1).max(-1) < 0.7).all()  # nothing is torn across the body


@pytest.mark.parametrize("seed", range(12))
def test_patterns_tile(seed):
    rng = np.random.default_rng(seed)
    noise = smooth_noise(rng, 64, 4)
    seam = np.abs(noise[:, 0] - noise[:, -1]).max()
    assert seam < 2 * max(np.abs(np.diff(noise, axis=1)).max(), 0.02)
    assert 0 <= noise.min() <= noise.max() <= 1
    texture = random_pattern(np.random.default_rng(seed), 64)
    assert (random_pattern(np.random.default_rng(seed), 64) == texture).all()


def test_looks_differ_and_repeat():
    looks = [random_look(np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert (looks[0].textures == looks[1].textures).all()
    assert (looks[0].textures != looks[2].textures).any()
    assert looks[0].textures.shape[0] == len(LAYERS)


def test_rooms_hold_the_cameras_and_light_comes_from_above():
    for seed in range(5):
        rng = np.random.default_rng(seed)
        room, light = random_room(rng, 5.0), random_light(rng)
        assert (room.half > 5.0).all()
        assert light.direction[2] > 0.4
        assert np.isclose(np.linalg.norm(light.direction), 1)
        assert 0 <= light.shadow_on_floor < 1


def test_photos_become_surroundings(tmp_path):
    with pytest.raises(EpiposeError, match="holds no image"):
        photos_in(tmp_path)
    red = np.zeros((40, 60, 3), np.uint8)
    red[..., 2] = 255  # OpenCV writes BGR
    cv2.imwrite(str(tmp_path / "red.png"), red)
    room = random_room(np.random.default_rng(0), 5.0, photos_in(tmp_path))
    assert (room.textures[4] == [255, 0, 0]).all()


def test_an_occluder_hides_what_is_behind_it():
    rng = np.random.default_rng(0)
    image = np.zeros((80, 100, 3), np.uint8)
    occluder = random_occluder(rng, (100, 80), np.array([50.0, 40.0, 60.0]), share=1.0)
    assert occluder is not None
    assert 0 < occluder.mask.mean() < 0.9
    seen = imaged(image, CLEAN, rng, occluder)
    assert (seen[occluder.mask] == occluder.image[occluder.mask]).all()
    assert (seen[~occluder.mask] == 0).all()
    assert random_occluder(rng, (100, 80), np.array([50.0, 40.0, 60.0]), share=0.0) is None


def test_faults_of_the_camera():
    rng = np.random.default_rng(0)
    grey = np.full((120, 160, 3), 100, np.uint8)
    assert (imaged(grey, CLEAN, rng) == grey).all()
    noisy = imaged(grey, replace(CLEAN, noise=8.0), rng).astype(float)
    assert noisy.std() == pytest.approx(8.0, rel=0.1)
    assert noisy.mean() == pytest.approx(100, abs=0.5)
    brighter = imaged(grey, replace(CLEAN, gain=np.array([1.5, 1.0, 0.5])), rng)
    assert brighter[0, 0].tolist() == [150, 100, 50]
    edge = grey.copy()
    edge[:, 80:] = 200
    metered = [imaged(shade, replace(CLEAN, metering=1.0), rng).mean() for shade in (grey // 2, grey, 255 - grey // 2)]
    np.testing.assert_allclose(metered, 110, atol=2)
    soft = imaged(edge, replace(CLEAN, blur=3.0), rng).astype(int)
    assert np.abs(np.diff(soft[60, :, 0])).max() < 30
    squeezed = imaged(np.ascontiguousarray(edge), replace(CLEAN, quality=30), rng)
    assert squeezed.shape == edge.shape


def test_smear_moves_nothing_on_average():
    dot = np.zeros((61, 61, 3), np.uint8)
    dot[29:32, 29:32] = 255
    way = np.array([14.0, -6.0])
    smeared = imaged(dot, CLEAN, np.random.default_rng(0), smear=way)[..., 0].astype(float)
    rows, columns = np.indices(smeared.shape)
    total = smeared.sum()
    assert (smeared * columns).sum() / total == pytest.approx(30, abs=0.1)
    assert (smeared * rows).sum() / total == pytest.approx(30, abs=0.1)
    assert np.sqrt((smeared * (columns - 30) ** 2).sum() / total) > 2 * np.sqrt(
        (smeared * (rows - 30) ** 2).sum() / total
    )


def test_random_faults_repeat():
    grey = np.full((64, 64, 3), 100, np.uint8)
    first, second = (imaged(grey, random_imaging(np.random.default_rng(3), 64), np.random.default_rng(4)) for _ in "ab")
    assert (first == second).all()
