"""The two-person reference: both people, in the order man and woman, near the ground truth, and what is wrong dropped."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from benchmarks.network import two_people
from epipose.errors import NoPersonError
from epipose.evaluation.metrics import mpjpe_mm
from epipose.poses import Poses3D
from epipose.skeletons import H36M17
from tests.helpers.multi_person import FPS, Crowd, body
from tests.helpers.synthetic import rig

_FRAMES = 60


@pytest.fixture
def people(monkeypatch) -> list[torch.Tensor]:
    monkeypatch.setattr(two_people, "two_person_clip", lambda folder: SimpleNamespace(fps=FPS))
    monkeypatch.setattr(two_people, "read_qualisys", lambda path: rig())
    return [body(_FRAMES, 1, (-0.6, 0.0)), body(_FRAMES, 2, (0.6, 0.3), roam=0.0)]


def _world(xyz: torch.Tensor) -> Poses3D:
    return Poses3D(xyz[:, None].float(), torch.ones(_FRAMES, 1, 17), H36M17, "world", True)


@pytest.mark.parametrize("man", [0, 1])
def test_the_man_is_first_whoever_the_association_finds_first(people: list[torch.Tensor], man: int) -> None:
    crowd = Crowd(rig(), people, pixels=3.0, outliers=0.0)
    found = two_people.two_people(Path("nowhere"), crowd.poses(seed=4), _world(people[man]))
    assert found.man_from_sample_mm < 20
    for person, true in enumerate((people[man], people[1 - man])):
        known = (found.reference.conf[:, person] > 0).float()
        assert known.mean() > 0.9
        assert float(mpjpe_mm(found.reference.xyz[:, person], true.float(), 0, known).mean()) < 40


def test_a_joint_that_the_views_disagree_on_has_no_reference(people: list[torch.Tensor]) -> None:
    crowd = Crowd(rig(), people, pixels=2.0, outliers=0.0)
    wrist = H36M17.index("left_wrist")
    for view in range(len(crowd.xy)):
        crowd.xy[view, 10:15, 0, wrist] += 120 * torch.tensor([(-1.0) ** view, (-1.0) ** (view // 2)])
    found = two_people.two_people(Path("nowhere"), crowd.poses(seed=1), _world(people[0]))
    assert not found.reference.conf[10:15, 0, wrist].any()
    assert found.reference.conf[20:, 0, wrist].bool().all()


def test_one_person_alone_is_an_error(people: list[torch.Tensor]) -> None:
    crowd = Crowd(rig(), people[:1], pixels=3.0)
    with pytest.raises(NoPersonError, match="agree on 1 people, expected 2"):
        two_people.two_people(Path("nowhere"), crowd.poses(), _world(people[0]))
