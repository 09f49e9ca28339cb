import pytest
import torch

from epipose.errors import EpiposeError
from epipose.poses import Poses3D
from epipose.skeletons import BLAZEPOSE33, BODY25, COCO17, H36M17, SKELETONS, skeleton_named


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=lambda s: s.name)
def test_every_skeleton_is_one_tree_that_mirrors_onto_itself(skeleton):
    assert skeleton.parents.count(-1) == 1
    for joint in range(len(skeleton.joints)):
        steps = 0
        while skeleton.parents[joint] >= 0:
            joint, steps = skeleton.parents[joint], steps + 1
            assert steps < len(skeleton.joints)
        assert joint == skeleton.root
    assert [skeleton.flip[j] for j in skeleton.flip] == list(range(len(skeleton.joints)))


def test_the_published_order_of_human36m():
    assert H36M17.joints[:4] == ("pelvis", "right_hip", "right_knee", "right_ankle")
    assert H36M17.joints[10:14] == ("head", "left_shoulder", "left_elbow", "left_wrist")


@pytest.mark.parametrize("source", [BLAZEPOSE33, COCO17, BODY25], ids=lambda s: s.name)
def test_mapping_goes_by_name_and_is_complete(source):
    M = source.mapping_to(H36M17)
    assert torch.allclose(M.sum(1), torch.ones(17))
    assert M[H36M17.index("left_knee"), source.index("left_knee")] == 1
    hips = M[H36M17.index("spine")] if source is not BODY25 else None
    if hips is not None:
        assert hips[source.index("left_hip")] == 0.25


def test_what_cannot_be_expressed_is_missing_not_guessed():
    toes = H36M17.mapping_to(BODY25)[BODY25.index("left_big_toe")]
    assert not toes.any()
    xyz, conf = torch.ones(1, 1, 17, 3), torch.ones(1, 1, 17)
    mapped = Poses3D(xyz, conf, H36M17).mapped_to(BODY25)
    assert mapped.conf[0, 0, BODY25.index("left_big_toe")] == 0
    assert mapped.conf[0, 0, BODY25.index("left_knee")] == 1


def test_a_mean_is_as_confident_as_its_least_confident_part():
    conf = torch.ones(1, 1, 17)
    conf[..., COCO17.index("left_hip")] = 0.2
    mapped = Poses3D(torch.zeros(1, 1, 17, 3), conf, COCO17).mapped_to(H36M17)
    assert mapped.conf[0, 0, H36M17.root] == pytest.approx(0.2)


def test_a_face_has_one_vote():
    weights = BLAZEPOSE33.evidence_weights
    assert float(weights[:11].sum()) == pytest.approx(1.0)
    assert weights[BLAZEPOSE33.index("left_knee")] == 1
    assert float(
        weights[[BLAZEPOSE33.index(f"right_{j}") for j in ("wrist", "pinky", "index", "thumb")]].sum()
    ) == pytest.approx(1)


def test_unknown_names_list_the_known_ones():
    with pytest.raises(EpiposeError, match="h36m17"):
        skeleton_named("stickman")
    with pytest.raises(EpiposeError, match="left_knee"):
        H36M17.index("tail")
