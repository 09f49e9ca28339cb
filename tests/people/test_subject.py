"""Subject selection: a man walking and waving, filmed from all sides, among people who are larger in the image."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from epipose import EpiposeError, Poses2D
from epipose.io.records import as_json, from_json
from epipose.people.subject import MIN_AGREEMENT, SubjectChoice, ViewChoice, choose_subject
from epipose.skeletons import COCO17

FPS, FRAMES, VIEWS, JOINTS = 30.0, 120, 4, 17
FOCAL = 1000.0


def person(seed, moving=1.0, at=(0.0, 0.0)):
    """Joints in the world over time (metres, z up): a body of random limbs that sway at rates of their own."""
    rng = np.random.default_rng(seed)
    body = rng.uniform([-0.3, -0.2, 0], [0.3, 0.2, 1.8], (JOINTS, 3))
    time = np.arange(FRAMES) / FPS
    rate, phase, reach = rng.uniform(0.4, 1.2, JOINTS), rng.uniform(0, 6.28, JOINTS), rng.uniform(0.1, 0.4, JOINTS)
    wave = np.sin(2 * np.pi * rate * time[:, None] + phase) * np.exp(-((((time[:, None] - phase / 2) % 3) - 1) ** 2))
    direction = rng.normal(size=(JOINTS, 3))
    sway = (reach * wave)[..., None] * direction / np.linalg.norm(direction, axis=-1, keepdims=True)
    return body + np.array([*at, 0]) + moving * sway


def seen(xyz, view, noise, seed):
    """Project into one of four cameras round the origin, five metres away."""
    angle = view * np.pi / 2 + 0.3
    forward, right = np.array([np.cos(angle), np.sin(angle), 0]), np.array([-np.sin(angle), np.cos(angle), 0])
    relative = xyz - np.array([0, 0, 1.5])
    depth = relative @ forward + 5
    xy = np.stack([relative @ right, -relative[..., 2]], -1) / depth[..., None] * FOCAL + 960
    return xy + np.random.default_rng(seed).normal(0, noise, xy.shape)


def poses_of(views):
    """Poses2D of lists of (frame, joint, 2) tracklets per view, NaN frames unseen."""
    persons = max(map(len, views))
    xy, conf = np.zeros((VIEWS, FRAMES, persons, JOINTS, 2)), np.zeros((VIEWS, FRAMES, persons, JOINTS))
    for v, tracks in enumerate(views):
        for p, track in enumerate(tracks):
            conf[v, :, p] = 0.9 * np.isfinite(track[..., 0])
            xy[v, :, p] = np.nan_to_num(track)
    names = tuple(f"cam{v}" for v in range(VIEWS))
    return Poses2D(torch.tensor(xy).float(), torch.tensor(conf).float(), COCO17, names)


@pytest.fixture
def subject():
    return [seen(person(0), view, 2.0, view) for view in range(VIEWS)]


def assert_chosen(poses, subject):
    chosen, choice = choose_subject(poses, FPS)
    for view in range(VIEWS):
        torch.testing.assert_close(chosen.xy[view, :, 0], torch.tensor(subject[view]).float())
    return chosen, choice


def test_a_larger_bystander_near_one_camera_is_not_taken(subject):
    near = person(5, moving=0.02, at=(-2.9, -0.9))  # two metres from the first camera
    views = [[seen(near, 0, 2.0, 9), subject[0]], *[[track] for track in subject[1:]]]
    spread = [track.std((0, 1)).max() for track in views[0]]
    assert spread[0] > 1.5 * spread[1]  # the test would not tell otherwise
    _, choice = assert_chosen(poses_of(views), subject)
    assert choice.views["cam0"].taken == 1
    assert choice.views["cam0"].lead > 0.2
    assert all(entry.sure for entry in choice.views.values())


@pytest.mark.parametrize("seed", range(4))
def test_another_moving_person_seen_in_some_views_is_not_taken(subject, seed):
    other = person(100 + seed, moving=1.5, at=(0.8, 0.3))
    views = [[subject[v], seen(other, v, 2.0, 50 + v)] if v < 2 else [subject[v]] for v in range(VIEWS)]
    views[1].reverse()
    chosen, choice = assert_chosen(poses_of(views), subject)
    assert [choice.views[f"cam{v}"].taken for v in range(VIEWS)] == [0, 1, 0, 0]
    torch.testing.assert_close(chosen.xy[0, :, 1], torch.tensor(views[0][1]).float())  # kept as a candidate


def test_two_people_in_every_view_are_never_mixed(subject):
    other = [seen(person(3, at=(0.8, 0.3)), v, 2.0, 70 + v) for v in range(VIEWS)]
    flipped = [False, True, True, False]
    views = [[other[v], subject[v]] if flipped[v] else [subject[v], other[v]] for v in range(VIEWS)]
    _, choice = choose_subject(poses_of(views), FPS)
    picks = [choice.views[f"cam{v}"].taken ^ flipped[v] for v in range(VIEWS)]
    assert len(set(picks)) == 1


def test_a_broken_track_is_joined(subject):
    first, second = subject[2].copy(), subject[2].copy()
    first[50:], second[:58] = np.nan, np.nan
    still = seen(person(5, moving=0.02, at=(0, 1.5)), 2, 2.0, 9)
    poses = poses_of([[subject[0]], [subject[1]], [still, second, first], [subject[3]]])
    chosen, choice = choose_subject(poses, FPS)
    assert choice.views["cam2"].candidates == 2
    assert chosen.conf[2, :, 0].any(-1).tolist() == [k < 50 or k >= 58 for k in range(FRAMES)]
    torch.testing.assert_close(chosen.xy[2, 58:, 0], torch.tensor(subject[2][58:]).float())


def without(track, start, end):
    """The track with the frames from start to end unseen."""
    frame = np.arange(FRAMES)[:, None, None]
    return np.where((frame >= start) & (frame < end), np.nan, track)


def only(track, start, end):
    """The track with nothing but the frames from start to end seen."""
    return without(without(track, 0, start), end, FRAMES)


def test_who_was_away_for_long_is_taken_up_again(subject):
    """The subject is out of one view for 1.3 s, in which somebody else crosses it; both are candidates of their own."""
    other = only(seen(person(3, at=(0.8, 0.3)), 2, 2.0, 70), 32, 68)
    views = [[subject[0]], [subject[1]], [other, only(subject[2], 70, 120), only(subject[2], 0, 30)], [subject[3]]]
    chosen, choice = choose_subject(poses_of(views), FPS)
    assert chosen.conf[2, :, 0].any(-1).tolist() == [k < 30 or k >= 70 for k in range(FRAMES)]
    torch.testing.assert_close(chosen.xy[2, 70:, 0], torch.tensor(subject[2][70:]).float())
    torch.testing.assert_close(chosen.xy[2, :30, 0], torch.tensor(subject[2][:30]).float())
    torch.testing.assert_close(chosen.xy[2, 32:68, 1], torch.tensor(other[32:68]).float())
    assert (choice.views["cam2"].candidates, choice.views["cam2"].taken, choice.views["cam2"].added) == (3, 0, (2,))


@pytest.mark.parametrize("seed", range(8))
def test_a_few_frames_of_somebody_else_are_not_added(subject, seed):
    places = enumerate([(-1.5, 1.0), (1.5, -1.0)])
    others = [only(seen(person(300 + 2 * seed + k, at=at), 1, 2.0, k), 92 + 12 * k, 95 + 12 * k) for k, at in places]
    views = [[subject[0]], [only(subject[1], 0, 60), *others], [subject[2]], [subject[3]]]
    chosen, choice = choose_subject(poses_of(views), FPS)
    assert (choice.views["cam1"].candidates, choice.views["cam1"].added) == (3, ())
    assert not chosen.conf[1, 60:, 0].any()


@pytest.mark.parametrize("seed", range(6))
def test_a_false_alarm_of_a_few_frames_is_not_taken_for_the_person(subject, seed):
    """One view sees a person whose motion happens to say nothing, and three flickers that may agree by chance."""
    rng = np.random.default_rng(seed)
    starts = rng.integers(0, FRAMES - 4, 3)
    views = [[track] for track in subject]
    views[3] = [seen(person(77), 3, 2.0, seed)]
    views[3] += [only(seen(person(1000 + 10 * seed + k), 3, 4.0, k), s, s + 4) for k, s in enumerate(starts)]
    chosen, _ = assert_chosen(poses_of(views), [*subject[:3], views[3][0]])
    assert bool(chosen.conf[3, :, 0].any(-1).all())


def test_candidates_are_numbered_longest_first(subject):
    early = only(seen(person(5, moving=0.02, at=(0, 1.5)), 0, 2.0, 9), 0, 40)
    views = [[early, without(subject[0], 0, 10)], *[[track] for track in subject[1:]]]
    _, choice = choose_subject(poses_of(views), FPS)
    assert (choice.views["cam0"].candidates, choice.views["cam0"].taken) == (2, 0)


def test_people_who_share_no_motion_are_reported_as_doubtful():
    poses = poses_of([[seen(person(20 + v), v, 2.0, v)] for v in range(VIEWS)])
    _, choice = choose_subject(poses, FPS)
    assert not any(entry.sure for entry in choice.views.values())
    said = choice.warnings()
    assert [line.split(":")[0] for line in said] == [f"View cam{v}" for v in range(VIEWS)]
    assert (
        f"of 1 seen) hardly moves as the one in the other views does (agreement {choice.views['cam0'].agreement:.2f}, "
        in said[0]
    )
    assert "leave the view out" in said[0]


def test_only_the_doubtful_view_is_named_and_a_single_view_never(subject):
    views = [[subject[0]], [seen(person(21), 1, 2.0, 1)], [subject[2]], [subject[3]]]
    _, choice = choose_subject(poses_of(views), FPS)
    assert [line.split(":")[0] for line in choice.warnings()] == ["View cam1"]
    assert choice.views["cam1"].agreement < MIN_AGREEMENT
    assert SubjectChoice({"cam1": choice.views["cam1"]}).warnings() == []  # nothing to compare with


def test_own_3d_moves_along(subject):
    poses = poses_of([[seen(person(5, 0.0), 0, 2.0, 9), subject[0]], *[[track] for track in subject[1:]]])
    xyz = torch.zeros(*poses.conf.shape, 3)
    xyz[0, :, 1] = 1.0
    chosen, _ = choose_subject(replace(poses, xyz=xyz), FPS)
    assert chosen.xyz is not None
    assert (chosen.xyz[0, :, 0] == 1).all()


def test_a_view_without_anybody_is_named(subject):
    poses = poses_of([[subject[0]], [np.full_like(subject[1], np.nan)], [subject[2]], [subject[3]]])
    with pytest.raises(EpiposeError, match="view cam1: leave it out"):
        choose_subject(poses, FPS)


def test_the_choice_reads_back_from_json(subject):
    _, choice = choose_subject(
        poses_of([[seen(person(5, 0.0), 0, 2.0, 9), subject[0]], *[[s] for s in subject[1:]]]), FPS
    )
    content = json.loads(json.dumps(as_json(choice)))
    keys = {"candidates", "taken", "added", "agreement", "next_best", "lead", "sure"}
    assert all(set(entry) == keys for entry in content.values())
    assert from_json(SubjectChoice, content, "detect.json") == choice


def test_who_was_taken_and_why_is_said_in_one_sentence_per_view(subject):
    other = seen(person(3, at=(0.8, 0.3)), 1, 2.0, 70)
    views = [[subject[0]], [other, subject[1]], [subject[2]], [only(subject[3], 0, 40), only(subject[3], 80, 120)]]
    _, choice = choose_subject(poses_of(views), FPS)
    said = choice.sentences()
    second, best = choice.views["cam1"].agreement, choice.views["cam1"].next_best
    assert best < 0.5 * second
    agree = "whose movements agree with the other views"
    assert said[0] == f"cam0: the only person seen, {agree} ({choice.views['cam0'].agreement:.2f})."
    assert said[1] == f"cam1: person 2 of 2, {agree} ({second:.2f}; next best {best:.2f})."
    assert said[3].startswith("cam3: person ")
    assert " and " in said[3]
    assert ", seen at other times of 2, " in said[3]


def test_of_one_view_the_longest_is_said_to_be_taken():
    first = ViewChoice(3, 0, (), agreement=0.0, next_best=0.0, lead=0.0, sure=False)
    assert SubjectChoice({"cam0": first}).sentences() == ["cam0: person 1 of 3, who is seen longest."]
    alone = replace(first, candidates=1, next_best=None)
    assert SubjectChoice({"cam0": alone}).sentences() == ["cam0: the only person seen."]


def test_a_doubtful_choice_says_so():
    _, choice = choose_subject(poses_of([[seen(person(20 + v), v, 2.0, v)] for v in range(VIEWS)]), FPS)
    assert all("whose movements hardly agree with the other views" in line for line in choice.sentences())
