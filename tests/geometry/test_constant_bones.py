"""Constant bone lengths: estimated from a clip with outliers, imposed without turning a bone."""

import torch

from epipose.geometry.constant_bones import RunningBones, clip_bone_lengths, with_bone_lengths
from epipose.skeletons import COCO17, H36M17


def random_clip(skeleton, frames: int = 30) -> torch.Tensor:
    return torch.randn(frames, len(skeleton.joints), 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def test_lengths_are_imposed_and_directions_kept():
    for skeleton in (H36M17, COCO17):
        clip = random_clip(skeleton)
        lengths = torch.linspace(0.1, 0.5, len(skeleton.bones), dtype=torch.float64)
        moved = with_bone_lengths(clip, lengths, skeleton)
        torch.testing.assert_close(skeleton.bone_lengths(moved), lengths.expand(30, -1))
        torch.testing.assert_close(moved[:, skeleton.root], clip[:, skeleton.root])
        for parent, child in skeleton.bones:
            before, after = (x[:, child] - x[:, parent] for x in (clip, moved))
            cosine = torch.nn.functional.cosine_similarity(before, after, dim=-1)
            torch.testing.assert_close(cosine, torch.ones(30, dtype=torch.float64))


def test_a_clip_of_constant_bones_is_unchanged():
    clip = random_clip(H36M17)
    fixed = with_bone_lengths(clip, torch.full((16,), 0.3, dtype=torch.float64), H36M17)
    found = clip_bone_lengths(fixed, torch.ones(30, 17, dtype=torch.float64), H36M17)
    torch.testing.assert_close(found, torch.full((16,), 0.3, dtype=torch.float64))
    torch.testing.assert_close(with_bone_lengths(fixed, found, H36M17), fixed)


def test_outliers_and_frames_without_weight_do_not_count():
    lengths = torch.linspace(0.1, 0.5, 16, dtype=torch.float64)
    clip = with_bone_lengths(random_clip(H36M17), lengths, H36M17)
    weight = torch.ones(30, 17, dtype=torch.float64)
    clip[:10] *= 7
    found = clip_bone_lengths(clip, weight, H36M17, symmetric=False)
    torch.testing.assert_close(found, lengths)
    clip[10:22] *= 7
    weight[:22] = 1e-3
    torch.testing.assert_close(clip_bone_lengths(clip, weight, H36M17, symmetric=False), lengths)
    weight[:, H36M17.index("left_wrist")] = 0
    found = clip_bone_lengths(clip, weight, H36M17, symmetric=False)
    bone = [child for _, child in H36M17.bones].index(H36M17.index("left_wrist"))
    assert found[bone] == 0
    moved = with_bone_lengths(clip, found, H36M17)
    torch.testing.assert_close(H36M17.bone_lengths(moved)[:, bone], H36M17.bone_lengths(clip)[:, bone])
    both = clip_bone_lengths(clip, weight, H36M17)
    torch.testing.assert_close(both, both[list(H36M17.bone_flip)])
    torch.testing.assert_close(both[bone], lengths[H36M17.bone_flip[bone]])


def test_running_lengths_are_those_of_the_frames_so_far():
    clip = random_clip(H36M17)
    bones = RunningBones(H36M17, frames=10)
    live = torch.stack([bones.push(pose) for pose in clip])
    for frame in (0, 5, 9, 29):
        past = clip[max(0, frame - 9) : frame + 1]
        lengths = clip_bone_lengths(past, torch.ones(past.shape[:2], dtype=torch.float64), H36M17)
        torch.testing.assert_close(live[frame], with_bone_lengths(clip[frame], lengths, H36M17))
