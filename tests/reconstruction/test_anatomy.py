"""Handedness: people are told from their mirror images by what joints there are; lengths of body parts."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from epipose.geometry.rotation import exp
from epipose.reconstruction.anatomy import body_parts, handedness, part_length
from epipose.skeletons import BLAZEPOSE33, COCO17, H36M17, SKELETONS
from tests.helpers.synthetic import moving_skeleton
from tests.helpers.walker import walker

MIRROR = torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64)


def noisy(xyz: torch.Tensor, metres: float, seed: int = 0) -> torch.Tensor:
    return xyz + metres * torch.randn(xyz.shape, generator=torch.Generator().manual_seed(seed), dtype=xyz.dtype)


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_a_person_is_told_from_the_mirror_image(skeleton):
    xyz, conf = walker(100, skeleton)
    found = handedness(noisy(xyz, 0.03), conf, skeleton)
    assert found.score > 0.7
    assert found.significant
    assert all(score > 0.3 for score in found.cues.values())
    mirrored = handedness(noisy(xyz, 0.03) * MIRROR, conf, skeleton)
    assert mirrored.score == pytest.approx(-found.score, abs=1e-12)
    assert mirrored.significant


def test_labels_swapped_look_like_a_mirror():
    xyz, conf = walker(50, COCO17)
    assert handedness(xyz[:, list(COCO17.flip)], conf, COCO17).score < -0.9


def test_every_kind_of_cue_is_used_where_its_joints_are():
    xyz, conf = walker(20, BLAZEPOSE33)
    assert set(handedness(xyz, conf, BLAZEPOSE33).cues) == {
        "nose before ears", "nose before neck", "toes before ankles", "knees bend forward", "elbows bend backward",
    }  # fmt: skip
    assert set(handedness(*walker(20, H36M17), H36M17).cues) == {
        "nose before neck", "knees bend forward", "elbows bend backward",
    }  # fmt: skip


def test_a_head_turned_by_a_quarter_still_has_its_nose_before_its_ears():
    xyz, conf = walker(20, COCO17)
    head = [i for i, joint in enumerate(COCO17.joints) if joint.split("_")[-1] in ("nose", "eye", "ear")]
    middle = xyz[:, [COCO17.index("left_ear"), COCO17.index("right_ear")]].mean(1, keepdim=True)
    quarter = exp(torch.tensor([0.0, 0.0, torch.pi / 2], dtype=torch.float64))
    xyz[:, head] = middle + (xyz[:, head] - middle) @ quarter.T
    assert handedness(xyz, conf, COCO17).cues["nose before ears"] > 0.99


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.floats(1e-3, 1e3))
def test_it_needs_neither_unit_nor_axes(seed, size):
    generator = torch.Generator().manual_seed(seed)
    turn = exp(3 * torch.randn(3, generator=generator, dtype=torch.float64))
    xyz, conf = walker(30, H36M17)
    moved = size * (xyz @ turn.T + 10 * torch.randn(3, generator=generator, dtype=torch.float64))
    assert handedness(moved, conf, H36M17).score == pytest.approx(handedness(xyz, conf, H36M17).score, abs=1e-6)


@settings(max_examples=50, deadline=None)
@given(
    st.integers(0, 3),
    st.sampled_from(list(SKELETONS.values())),
    st.integers(0, 10_000),
    st.sampled_from([0.0, 1e-12, 1e12]),
)
def test_degenerate_people_give_numbers(frames, skeleton, seed, size):
    generator = torch.Generator().manual_seed(seed)
    shape = (frames, len(skeleton.joints))
    xyz = size * torch.randn(*shape, 3, generator=generator, dtype=torch.float64)
    conf = (torch.rand(*shape, generator=generator, dtype=torch.float64) > 0.5).double()
    found = handedness(xyz, conf, skeleton)
    assert -1 <= found.score <= 1
    assert all(-1 <= score <= 1 for score in found.cues.values())
    if size == 0 or frames == 0:
        assert not found.significant
        assert found.score == 0


@pytest.mark.slow
def test_noise_is_unsure():
    nobody, conf = torch.zeros(4, 17, 3, dtype=torch.float64), torch.ones(4, 17, dtype=torch.float64)
    found = [handedness(noisy(nobody, 1.0, seed), conf, H36M17) for seed in range(200)]
    assert max(abs(each.score) for each in found) > 0.5  # by chance,
    assert not any(each.significant for each in found)  # which the little evidence tells


def test_missing_joints_do_not_count():
    xyz, conf = walker(40, H36M17)
    wrong = xyz.clone()
    legs = [H36M17.index(f"{side}_{joint}") for side in ("left", "right") for joint in ("knee", "ankle")]
    wrong[:, legs] = 1e6
    conf[:, legs] = 0
    found = handedness(wrong, conf, H36M17)
    assert "knees bend forward" not in found.cues
    assert found.score > 0.9
    assert found.evidence == 3 * 40


def test_lengths_are_medians_over_the_frames_that_have_them():
    xyz, conf = walker(30, H36M17)
    xyz[0, H36M17.index("left_hip")] += 5
    conf[1:3] = 0
    length = part_length(xyz, conf, H36M17, ["left_hip"], ["right_hip"])
    assert length.value == pytest.approx(0.24)
    assert length.frames == 28
    assert length.spread < 1e-9
    assert part_length(xyz, 0 * conf, H36M17, ["left_hip"], ["right_hip"]).frames == 0
    assert part_length(noisy(xyz, 0.02), conf, H36M17, ["left_hip"], ["right_hip"]).spread == pytest.approx(
        0.118, rel=0.5
    )


def test_body_parts_are_those_that_are_seen():
    xyz, conf = moving_skeleton(20), torch.ones(20, 17, dtype=torch.float64)
    parts = body_parts(xyz, conf, H36M17)
    lengths = {"thighs": 0.44, "shanks": 0.42, "upper arms": 0.28, "forearms": 0.25}
    assert {name: parts[name].length for name in lengths} == pytest.approx(lengths)
    assert set(parts) == {*lengths, "trunk", "shoulders"}
    conf[:, H36M17.index("left_knee")] = 0
    assert body_parts(xyz, conf, H36M17)["thighs"].length == pytest.approx(0.44), "by the other leg"
    conf[:, H36M17.index("right_knee")] = 0
    assert set(body_parts(xyz, conf, H36M17)) == {"trunk", "upper arms", "forearms", "shoulders"}
