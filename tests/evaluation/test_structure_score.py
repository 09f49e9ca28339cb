"""Pose Structure Score: the properties that the paper states, and the error for centres without a definition."""

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans

from epipose.errors import EpiposeError
from epipose.evaluation.metrics import mpjpe_mm
from epipose.evaluation.structure_score import PoseStructureScore, fit_structure_score, normalised
from epipose.io.files import write_npz
from epipose.skeletons import H36M17
from tests.helpers.synthetic import moving_skeleton

ROOT = H36M17.root


@pytest.fixture(scope="module")
def xyz() -> torch.Tensor:
    return moving_skeleton(600, seed=1).float()


@pytest.fixture(scope="module")
def score(xyz: torch.Tensor) -> PoseStructureScore:
    return fit_structure_score(xyz[::2], H36M17, 12)


def test_size_and_place_do_not_matter(xyz: torch.Tensor, score: PoseStructureScore) -> None:
    other = 3.7 * xyz + torch.tensor([5.0, -2.0, 1.0])
    assert bool(score.score(other, xyz).all())
    assert len(score.kinds(xyz).unique()) == 12


def test_it_agrees_with_scikit_learn(xyz: torch.Tensor, score: PoseStructureScore) -> None:
    flat = normalised(xyz[::2], ROOT).flatten(1).double().numpy()
    theirs = KMeans(12, n_init=10, random_state=0).fit(flat)
    found = score.kinds(xyz).numpy()
    np.testing.assert_array_equal(found, theirs.predict(normalised(xyz, ROOT).flatten(1).double().numpy()))


def test_equal_joint_errors_can_have_another_structure(xyz: torch.Tensor, score: PoseStructureScore) -> None:
    """The same mean error once spread so that the pose stays of its kind, once towards another kind of pose."""
    true = xyz[100:101]
    kinds = score.kinds(xyz)
    other = xyz[int((kinds != kinds[100]).nonzero()[-1])]
    towards = true + 0.8 * ((other - other[ROOT]) - (true - true[:, ROOT, None]))
    error = float(mpjpe_mm(towards, true, ROOT))
    grown = true[:, ROOT, None] + (true - true[:, ROOT, None]) * (1 + error / float(mpjpe_mm(2 * true, true, ROOT)))
    assert float(mpjpe_mm(grown, true, ROOT)) == pytest.approx(error, rel=1e-3)
    assert score.score(grown, true).tolist() == [True]
    assert score.score(towards, true).tolist() == [False]


def test_it_is_stable_over_seeds(xyz: torch.Tensor) -> None:
    noisy = xyz + 0.03 * torch.randn(xyz.shape, generator=torch.Generator().manual_seed(0))
    scores = [
        float(fit_structure_score(xyz[::2], H36M17, 12, seed=seed).score(noisy, xyz).float().mean())
        for seed in range(4)
    ]
    assert 0.5 < min(scores) <= max(scores) < 1
    assert max(scores) - min(scores) < 0.08


def test_many_poses_at_once(xyz: torch.Tensor, score: PoseStructureScore, monkeypatch) -> None:
    whole = score.kinds(xyz.reshape(2, 300, 17, 3))
    monkeypatch.setattr("epipose.evaluation.structure_score._POSES_AT_A_TIME", 64)
    assert torch.equal(score.kinds(xyz), whole.flatten())


def test_centres_keep_their_definition(score: PoseStructureScore, tmp_path) -> None:
    path = tmp_path / "centres.npz"
    score.save(path)
    again = PoseStructureScore.load(path)
    assert (again.skeleton, again.seed, again.starts, again.poses) == (H36M17, 0, 10, 300)
    torch.testing.assert_close(again.centres, score.centres)
    with np.load(path) as file:
        arrays = dict(file)
    write_npz(path, **(arrays | {"definition": np.array("joints of the right arm")}))
    with pytest.raises(EpiposeError, match="another definition: 'joints of the right arm'"):
        PoseStructureScore.load(path)
    write_npz(path, **(arrays | {"centres": np.zeros((4, 16, 3))}))
    with pytest.raises(EpiposeError, match=r"shape \(4, 16, 3\), expected \(K, 17, 3\)"):
        PoseStructureScore.load(path)
    with pytest.raises(EpiposeError, match="Got 3 poses for 50 kinds"):
        fit_structure_score(torch.zeros(3, 17, 3), H36M17)
