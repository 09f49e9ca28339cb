"""Temporal refiner: what must hold whatever was learned, of random weights."""

import pytest
import torch

from epipose.errors import DamagedFileError, InputError
from epipose.network.pose_track import TrackInputs, filled, keypoints_in_metres
from epipose.network.refiner_stream import RefinerStream
from epipose.network.temporal import TemporalRefiner, load_temporal, step_of
from epipose.skeletons import H36M17

FRAMES, JOINTS = 40, 17
RATES = (12.5, 25.0, 60.0, 100.0)


def random_refiner(causal: bool) -> TemporalRefiner:
    torch.manual_seed(1)
    refiner = TemporalRefiner(H36M17, causal=causal, width=24, dilations=(1, 2), taps=(0, 1, 3))
    with torch.no_grad():
        for weight in refiner.parameters():
            weight.add_(0.2 * torch.randn_like(weight))
    return refiner.eval()


def random_inputs(frames: int = FRAMES, batch: int = 1, seed: int = 0) -> TrackInputs:
    g = torch.Generator().manual_seed(seed)
    xyz = 0.3 * torch.randn(batch, frames, JOINTS, 3, generator=g)
    xyz = xyz - xyz[..., H36M17.root, None, :]
    keypoints = xyz[..., :2] + 0.05 * torch.randn(batch, frames, JOINTS, 2, generator=g)
    conf = torch.rand(batch, frames, JOINTS, generator=g) * (torch.rand(batch, frames, JOINTS, generator=g) > 0.2)
    error = 0.1 * torch.rand(batch, frames, JOINTS, generator=g)
    return TrackInputs(xyz, keypoints, conf, error, torch.ones(batch, frames))


def refined(refiner: TemporalRefiner, inputs: TrackInputs, fps: float = 25.0) -> torch.Tensor:
    with torch.inference_mode():
        return refiner(inputs, torch.full((len(inputs.xyz),), fps))


def changed_at(inputs: TrackInputs, frame: int) -> TrackInputs:
    other = TrackInputs(*(field.clone() for field in inputs))
    for field, now in zip(random_inputs(seed=9)[:4], other[:4], strict=True):
        now[:, frame] = field[:, frame]
    return other


@pytest.mark.parametrize("fps", RATES)
def test_causal_output_does_not_depend_on_later_frames(fps):
    refiner, inputs = random_refiner(True), random_inputs()
    before, after = (refined(refiner, one, fps) for one in (inputs, changed_at(inputs, 20)))
    assert torch.equal(before[:, :20], after[:, :20])
    assert (before[:, 20] - after[:, 20]).abs().max() > 1e-3


def test_centred_output_depends_on_as_many_frames_before_as_after():
    refiner, inputs = random_refiner(False), random_inputs()
    before, after = (refined(refiner, one) for one in (inputs, changed_at(inputs, 20)))
    moved = ((before - after).abs().amax((0, 2, 3)) > 1e-6).nonzero()[:, 0]
    assert refiner.offsets == [-3, -1, 0, 1, 3]
    assert refiner.reach == 3
    assert (int(moved.min()), int(moved.max())) == (20 - refiner.reach, 20 + refiner.reach)


@pytest.mark.parametrize("fps", RATES)
def test_frame_by_frame_is_all_at_once(fps):
    refiner, inputs = random_refiner(True), random_inputs()
    inputs = inputs._replace(seen=torch.ones(1, FRAMES).index_fill(1, torch.tensor([7, 8, 9, 20]), 0))
    stream = RefinerStream(refiner, fps)
    assert stream.push(None) is None, "nobody yet"
    live = []
    for frame in range(FRAMES):
        own = [field[0, frame] for field in inputs[:4]]
        live.append(stream.push(*own) if inputs.seen[0, frame] else stream.push(None))
    whole = refined(refiner, filled(inputs, causal=True), fps)[0]
    torch.testing.assert_close(torch.stack(live), whole, atol=1e-5, rtol=0)
    stream.reset()
    torch.testing.assert_close(stream.push(*(field[0, 0] for field in inputs[:4])), whole[0], atol=1e-5, rtol=0)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("fps", RATES)
def test_a_still_person_stays_still(causal, fps):
    one = random_inputs(1)
    still = TrackInputs(*(field.expand(-1, FRAMES, *[-1] * (field.ndim - 2)) for field in one))
    poses = refined(random_refiner(causal), still, fps)
    assert (poses - poses[:, :1]).abs().max() < 1e-5


@pytest.mark.parametrize("causal", [True, False])
def test_untrained_filter_passes_a_still_pose_unchanged(causal):
    one = random_inputs(1)
    still = TrackInputs(*(field.expand(-1, FRAMES, *[-1] * (field.ndim - 2)) for field in one))
    poses = refined(TemporalRefiner(H36M17, causal=causal), still)
    torch.testing.assert_close(poses, still.xyz, atol=1e-5, rtol=0)


@pytest.mark.parametrize("causal", [True, False])
def test_flipping_commutes_with_refining(causal):
    refiner, inputs = random_refiner(causal), random_inputs()
    flipped = inputs.flipped(H36M17)
    poses = inputs._replace(xyz=refined(refiner, inputs)).flipped(H36M17).xyz
    torch.testing.assert_close(refined(refiner, flipped), poses, atol=1e-5, rtol=0)
    assert (inputs.xyz - flipped.xyz).abs().max() > 0.1, "the flip changes the input"


def test_root_stays_at_the_origin():
    assert refined(random_refiner(False), random_inputs())[..., H36M17.root, :].abs().max() == 0


def test_gaps_are_filled_from_what_is_known():
    inputs = random_inputs()
    seen = torch.ones(1, FRAMES).index_fill(1, torch.tensor([0, 1, 10, 11, 12, 39]), 0)
    inputs = inputs._replace(seen=seen)
    held, between = (filled(inputs, causal=causal) for causal in (True, False))
    for frame, source in ((0, 2), (10, 9), (12, 9), (39, 38)):
        assert torch.equal(held.xyz[:, frame], inputs.xyz[:, source])
    torch.testing.assert_close(between.xyz[:, 11], (inputs.xyz[:, 9] + inputs.xyz[:, 13]) / 2)
    torch.testing.assert_close(between.keypoints[:, 10], 0.75 * inputs.keypoints[:, 9] + 0.25 * inputs.keypoints[:, 13])
    for one in (held, between):
        assert one.conf[seen == 0].max() == 0
        assert one.error[seen == 0].max() == 0
        assert torch.equal(one.xyz[seen > 0], inputs.xyz[seen > 0])
    lost = torch.where((seen > 0)[..., None, None], inputs.xyz, 100.0)
    for causal in (True, False):
        assert torch.equal(filled(inputs._replace(xyz=lost), causal=causal).xyz, filled(inputs, causal=causal).xyz)


def test_keypoints_of_the_pose_itself_are_the_pose():
    xyz = random_inputs().xyz[0]
    uv = 350 * xyz[..., :2] + torch.tensor([640.0, 360.0])
    torch.testing.assert_close(keypoints_in_metres(xyz, uv, uv, H36M17.root), xyz[..., :2], atol=1e-5, rtol=0)
    nowhere = torch.zeros_like(uv)
    assert keypoints_in_metres(xyz, nowhere, nowhere, H36M17.root).abs().max() == 0


def test_steps_reach_equally_far_in_seconds():
    assert [step_of(fps) for fps in (8.0, 25.0, 30.0, 50.0, 60.0, 120.0)] == [1, 1, 1, 2, 2, 4]


@pytest.mark.parametrize("causal", [True, False])
def test_saved_and_loaded(tmp_path, causal):
    refiner, inputs = random_refiner(causal), random_inputs()
    refiner.save(tmp_path / "t.safetensors")
    again = load_temporal(tmp_path / "t.safetensors")
    assert again is not None
    assert again.causal is causal
    assert torch.equal(refined(again, inputs), refined(refiner, inputs))
    refiner.save(tmp_path / "half.safetensors", half=True)
    assert (tmp_path / "half.safetensors").stat().st_size < 0.6 * (tmp_path / "t.safetensors").stat().st_size
    half = load_temporal(tmp_path / "half.safetensors")
    assert half is not None
    torch.testing.assert_close(refined(half, inputs), refined(refiner, inputs), atol=1e-2, rtol=0)


def test_what_is_no_temporal_refiner(tmp_path):
    from safetensors.torch import save_file

    assert load_temporal(tmp_path / "none.safetensors") is None
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(DamagedFileError, match="a temporal refiner"):
        load_temporal(tmp_path / "other.safetensors")
    with pytest.raises(InputError, match="causal"):
        RefinerStream(random_refiner(False), 25.0)
    with pytest.raises(InputError, match="over 0"):
        RefinerStream(random_refiner(True), 0.0)
