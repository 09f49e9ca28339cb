"""The refiner: missing evidence has no influence, right evidence is left as it is, files are whole or refused."""

import pytest
import torch

from epipose.errors import DamagedFileError
from epipose.network.pretrained import PRETRAINED
from epipose.network.reading import OwnAnswer, PoseReading
from epipose.network.refiner import WEIGHTS, Evidence, Refiner, evidence_of, load_refiner
from epipose.skeletons import H36M17
from epipose.training.virtual_views import virtual_views
from tests.helpers.evidence import exact_evidence
from tests.helpers.synthetic import moving_skeleton

ROOT = H36M17.root
_BONES_MM = 4050  # summed bones of a person of 1.7 m


@pytest.fixture(scope="module")
def uvd() -> torch.Tensor:
    xyz = moving_skeleton(200, seed=3).float()
    return virtual_views(xyz, torch.ones(xyz.shape[:-1]), H36M17, torch.Generator().manual_seed(1))[0]


def random_refiner(seed: int = 0) -> Refiner:
    """A refiner that changes poses, as a new one does not."""
    torch.manual_seed(seed)
    refiner = Refiner(H36M17, width=32, layers=2).eval()
    torch.nn.init.normal_(refiner.answer.weight, std=0.1)
    return refiner


def refined(refiner: Refiner, evidence: Evidence) -> PoseReading:
    with torch.inference_mode():
        return refiner(evidence)


def test_what_is_right_is_left_as_it_is(uvd: torch.Tensor) -> None:
    """Exact evidence is changed by under 3 mm, and noise of 0.002 crop widths is not made larger by more."""
    refiner = load_refiner(PRETRAINED / WEIGHTS, H36M17)
    assert refiner is not None
    mm = _BONES_MM / H36M17.bone_lengths(uvd).sum(-1, keepdim=True)
    for noise in (0.0, 0.001, 0.002):
        evidence = exact_evidence(uvd, noise)
        before, after = (
            float((mm * (pose - uvd).norm(dim=-1)).mean())
            for pose in (evidence.reading, refined(refiner, evidence).uvd)
        )
        assert after < before + 3, noise


@pytest.mark.parametrize("missing", ["keypoints", "own depth", "reading", "keypoints and own depth", "all"])
def test_what_is_missing_has_no_influence(uvd: torch.Tensor, missing: str) -> None:
    evidence = exact_evidence(uvd[:8], 0.01)
    zero = torch.zeros_like(evidence.conf)
    gone, wild = evidence, evidence
    if "keypoints" in missing or missing == "all":
        gone = gone._replace(conf=zero)
        wild = wild._replace(keypoints=wild.keypoints + 9, conf=zero)
    if "own depth" in missing or missing == "all":
        gone = gone._replace(own_known=zero)
        wild = wild._replace(own_depth=wild.own_depth - torch.rand(8, 17), own_known=zero)
    if "reading" in missing:  # where all is missing, the reading says at least where the person is
        gone = gone._replace(reading_known=zero)
        wild = wild._replace(
            reading=wild.reading + torch.rand(8, 17, 3), reading_scale=7 * wild.reading_scale, reading_known=zero
        )
    if missing == "all":
        gone = gone._replace(reading_known=zero)
        wild = wild._replace(reading_scale=7 * wild.reading_scale, reading_known=zero)
    one, other = refined(random_refiner(), gone), refined(random_refiner(), wild)
    assert torch.equal(one.uvd, other.uvd)
    assert torch.equal(one.scale, other.scale)
    assert bool(torch.isfinite(one.uvd).all())
    assert bool((one.scale > 0).all())
    assert not torch.equal(one.uvd, refined(random_refiner(), evidence).uvd)


def test_one_joint_that_the_detector_missed_is_taken_from_the_reading(uvd: torch.Tensor) -> None:
    evidence = exact_evidence(uvd[:2])
    conf = evidence.conf.clone()
    conf[0, 3] = 0
    moved = evidence.keypoints.clone()
    moved[0, 3] += 9
    found = refined(Refiner(H36M17, width=32, layers=1), evidence._replace(conf=conf, keypoints=moved))
    torch.testing.assert_close(found.uvd, uvd[:2], atol=1e-6, rtol=0)  # a new refiner answers the first guess


def test_the_root_has_depth_zero(uvd: torch.Tensor) -> None:
    evidence = exact_evidence(uvd[:5], 0.02)
    assert bool((refined(random_refiner(), evidence).uvd[:, ROOT, 2] == 0).all())
    nearer = evidence._replace(own_depth=evidence.own_depth + 3)
    torch.testing.assert_close(
        refined(random_refiner(), nearer).uvd, refined(random_refiner(), evidence).uvd, atol=1e-4, rtol=0
    )


def test_evidence_of_a_reading() -> None:
    generator = torch.Generator().manual_seed(0)
    own = OwnAnswer(*(torch.rand(2, 17, *end, generator=generator) for end in ((2,), (), ())))
    reading = PoseReading(torch.rand(2, 17, 3, generator=generator), torch.full((2, 17, 3), 0.02), own)
    alone = evidence_of(reading)
    assert torch.equal(alone.keypoints, own.keypoints)
    assert bool((alone.own_known == 1).all())
    seen, conf = torch.rand(2, 17, 2, generator=generator), torch.ones(2, 17)
    conf[1] = 0
    both = evidence_of(reading, seen, conf)
    assert torch.equal(both.keypoints, torch.stack([seen[0], own.keypoints[1]]))
    assert torch.equal(both.conf[1], own.conf[1])
    bare = evidence_of(reading._replace(own=None))
    assert not bare.conf.any()
    assert not bare.own_known.any()


def test_a_saved_one_says_the_same(uvd: torch.Tensor, tmp_path) -> None:
    refiner, evidence = random_refiner(), exact_evidence(uvd[:4], 0.01)
    refiner.save(tmp_path / WEIGHTS)
    again = load_refiner(tmp_path / WEIGHTS, H36M17)
    assert again is not None
    torch.testing.assert_close(refined(again, evidence).uvd, refined(refiner, evidence).uvd, atol=2e-3, rtol=0)
    assert load_refiner(tmp_path / "none.safetensors", H36M17) is None
    whole = (tmp_path / WEIGHTS).read_bytes()
    for damage in (b"nothing", whole[: len(whole) // 2]):
        (tmp_path / WEIGHTS).write_bytes(damage)
        with pytest.raises(DamagedFileError):
            load_refiner(tmp_path / WEIGHTS, H36M17)
