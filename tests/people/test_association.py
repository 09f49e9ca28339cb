"""Association of people across views against ground truth: crossings, absences, bystanders and mirrors."""

import pytest
import torch

from epipose import EpiposeError
from epipose.people.association import associate
from epipose.reconstruction.label import label_poses
from tests.helpers.multi_person import FPS, Crowd, body, reflected
from tests.helpers.synthetic import rig

FRAMES = 100


def three(seed=0, frames=FRAMES, **options):
    """Two who walk round each other and one who stays in place, a metre apart and less."""
    places = [((-0.6, 0.0), 0.5), ((0.6, 0.3), 0.5), ((0.2, -0.9), 0.0)]
    people = [body(frames, 3 * seed + k, at, roam) for k, (at, roam) in enumerate(places)]
    return people, Crowd(rig(), people, seed=seed, **options)


def shown(crowd, poses):
    """For every person of associated poses: whom it shows, and the share of the detections of that one it has."""
    truth, all_of = crowd.ground_truth_of(poses), crowd.shown[crowd.shown >= 0].bincount()
    found = []
    for person in range(truth.shape[2]):
        counts = truth[:, :, person][truth[:, :, person] >= 0].bincount(minlength=len(all_of))
        assert int(counts.sum()) > 0
        found.append(
            (int(counts.argmax()), float(counts.max() / all_of[counts.argmax()]), int(counts.sum() - counts.max()))
        )
    return found


def assert_all_right(crowd, poses, people, wrong=0.0):
    """Everybody is one person, with all their detections and nobody else's."""
    found = shown(crowd, poses)
    assert sorted(who for who, _, _ in found) == list(range(people))
    for _, share, others in found:
        assert share >= 1 - wrong
        assert others <= wrong * FRAMES


@pytest.mark.parametrize("seed", range(3))
def test_shuffled_people_with_tracks_that_change_over(seed):
    _, crowd = three(seed)
    crowd.swap(1, 0, 1, 50, FRAMES)
    crowd.swap(3, 0, 2, 30, 70)
    found = associate(crowd.poses(seed + 1), crowd.rig, FPS)
    assert_all_right(crowd, found.poses, 3, wrong=0.02)
    assert found.real == [0, 1, 2]


def test_the_subject_stays_first_and_changes_of_person_in_a_view_are_put_right():
    _, crowd = three(1)
    crowd.swap(2, 0, 1, 0, FRAMES)  # one view took somebody else for the subject
    found = associate(crowd.poses(), crowd.rig, FPS)
    assert_all_right(crowd, found.poses, 3)
    assert shown(crowd, found.poses)[0][0] == 0


@pytest.mark.parametrize("views", [2, 3])
def test_few_views(views):
    people, _ = three(2)
    crowd = Crowd(rig().select(rig().names[:views]), people)
    found = associate(crowd.poses(7), crowd.rig, FPS)
    assert_all_right(crowd, found.poses, 3, wrong=0.02)


@pytest.mark.slow
def test_who_leaves_all_views_and_comes_back_is_known_by_the_bones():
    """Two leave at one time, for 2.4 s, and come back as new tracks in the other order."""
    people, _ = three(0, frames=320)
    crowd = Crowd(rig(), people)
    for person in (0, 1):
        crowd.hide(person, 90, 210 + 5 * person)
        for view in range(4):
            crowd.split(view, person, 150)
    found = associate(crowd.poses(3, keep_first=True), crowd.rig, FPS)
    assert_all_right(crowd, found.poses, 3)
    said = " ".join(found.sentences())
    assert "the subject was out of sight for 2.4 s and came back (bone lengths differ by" in said
    assert said.count("came back") == 2


def test_somebody_else_who_comes_later_is_not_taken_for_who_left():
    people = [body(320, 0), body(320, 11, stretch=0.15)]
    crowd = Crowd(rig(), people)
    crowd.hide(0, 100, 320)
    crowd.hide(1, 0, 220)
    found = associate(crowd.poses(), crowd.rig, FPS)
    assert [who for who, _, _ in shown(crowd, found.poses)] == [0, 1]


def test_a_short_absence_is_bridged_by_the_place():
    _, crowd = three(1)
    crowd.hide(0, 40, 70)
    for view in range(4):
        crowd.split(view, 0, 55)
    found = associate(crowd.poses(5), crowd.rig, FPS)
    assert_all_right(crowd, found.poses, 3)
    assert any("m from there" in sentence for sentence in found.sentences())


def mirrored(seed=0):
    """Two people before a mirror that two cameras look into, with its image of the first."""
    people, _ = three(seed)
    crowd = Crowd(rig(), [*people[:2], reflected(people[0], (0.0, 1.0, 0.0), 1.9)], seed=seed)
    crowd.hide(2, 0, FRAMES, [v for v in range(4) if crowd.rig.camera.center[v, 1] > 1.9])
    return crowd


@pytest.mark.parametrize("seed", range(2))
def test_a_mirror_image_is_not_a_person(seed):
    crowd = mirrored(seed)
    found = associate(crowd.poses(seed + 1, keep_first=True), crowd.rig, FPS)
    assert_all_right(crowd, found.poses, 3)
    assert [person.mirror_of for person in found.people] == [None, None, 0]
    assert found.real == [0, 1]
    assert "person 2 is the reflection of the subject in a mirror and is left out." in found.sentences()


def test_two_who_stand_still_opposite_each_other_are_no_mirror_image():
    one = body(1, 4).expand(FRAMES, -1, -1)
    crowd = Crowd(rig(), [one, reflected(one, (0.0, 1.0, 0.0), 0.7)])
    found = associate(crowd.poses(1), crowd.rig, FPS)
    assert found.real == [0, 1]


def test_a_still_bystander_close_to_one_camera_is_seen_by_it_alone():
    people, _ = three(0)
    center = rig().camera.center[0]
    near = body(1, 9).expand(FRAMES, -1, -1) + torch.tensor([0.75 * center[0], 0.75 * center[1], 0.0])
    crowd = Crowd(rig(), [*people, near])
    crowd.hide(3, 0, FRAMES, [1, 2, 3])
    found = associate(crowd.poses(2), crowd.rig, FPS)
    assert_all_right(crowd, found.poses, 4, wrong=0.02)
    last = found.people[-1]
    assert (last.views, last.seconds, last.real) == (crowd.rig.names[:1], 0.0, False)
    assert found.real == [0, 1, 2]


@pytest.mark.slow
def test_everybody_is_reconstructed():
    people, crowd = three(1)
    found = associate(crowd.poses(1, keep_first=True), crowd.rig, FPS)
    who = [number for number, _, _ in shown(crowd, found.poses)]
    labels = label_poses(found.poses, crowd.rig, persons=found.real)
    assert labels.xyz.shape == (FRAMES, 3, 17, 3)
    for person, true in enumerate(who):
        sure = labels.conf[:, person] > 0.5
        error = (labels.xyz[:, person].double() - people[true]).norm(dim=-1)[sure]
        assert float(sure.float().mean()) > 0.9
        assert float(error.median()) < 0.045


def test_own_3d_moves_along():
    from dataclasses import replace

    _, crowd = three(0)
    poses = crowd.poses(1)
    with_own = replace(poses, xyz=poses.xy.new_zeros(*poses.conf.shape, 3) + poses.xy[..., :1])
    found = associate(with_own, crowd.rig, FPS)
    assert found.poses.xyz is not None
    assert torch.equal(found.poses.xyz[..., 2], found.poses.xy[..., 0])


def test_nobody_at_all_is_said():
    _, crowd = three(0)
    crowd.conf[:] = 0
    with pytest.raises(EpiposeError, match="Nobody is seen in any view"):
        associate(crowd.poses(), crowd.rig, FPS)


@pytest.mark.slow
def test_two_who_cannot_be_told_apart_by_the_bones_are_not_joined():
    """Better two unfinished people than one made of two."""
    people = [body(200, seed, at, stretch=0.0) for seed, at in ((0, (-0.6, 0.0)), (1, (0.6, 0.3)))]
    crowd = Crowd(rig(), people)
    for person in (0, 1):
        crowd.hide(person, 45, 155)
        for view in range(4):
            crowd.split(view, person, 100)
    found = associate(crowd.poses(1, keep_first=True), crowd.rig, FPS)
    assert len(found.people) == 4
    assert not any(person.rejoined for person in found.people)


def test_two_at_one_place_stay_two():
    one = body(FRAMES, 0)
    crowd = Crowd(rig(), [one, one])
    found = associate(crowd.poses(1), crowd.rig, FPS)
    assert len(found.people) == 2
    assert bool((found.poses.conf > 0).all())
