"""PoseNet on a landmark network: what is trained and saved is the head; its own answer is the detector's."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from benchmarks.network.blazepose_speed import people
from epipose.detection.blazepose import landmark_crops, pose_detector
from epipose.errors import DamagedFileError
from epipose.network.crops import pixels_from_crop
from epipose.network.landmark_posenet import LandmarkPoseNet
from epipose.network.posenet import TrainedPoseNet, to_input
from epipose.network.token_head import positive_scale
from epipose.poses import in_skeleton
from epipose.skeletons import BLAZEPOSE33, H36M17
from tests.helpers.landmark_models import landmark_model, landmark_net


def test_only_the_head_has_gradients() -> None:
    net = landmark_net()
    uvd, conf = net(to_input(torch.from_numpy(people(256)[:2])))
    assert uvd.shape == (2, 17, 3)
    assert bool(((conf > 0) & (conf <= 1)).all())
    reading = net.read(to_input(torch.from_numpy(people(256)[:2])))
    (reading.uvd.sum() + reading.scale.sum()).backward()
    assert all(parameter.grad is None for parameter in net.backbone.parameters())
    assert all(parameter.grad is not None for parameter in net.head.parameters())
    assert {id(p) for p in net.trained_parameters()} == {id(p) for p in net.head.parameters()}


def test_a_new_head_answers_the_landmarks_and_an_error_of_two_percent() -> None:
    net = landmark_net()
    torch.nn.init.zeros_(net.head.answer.weight)
    with torch.no_grad():
        reading = net.read(to_input(torch.from_numpy(people(256)[:3])))
    assert reading.own is not None
    assert float((reading.uvd[..., :2] - reading.own.keypoints).abs().median()) < 0.01
    torch.testing.assert_close(reading.uvd[..., 2], reading.own.depth, atol=1e-5, rtol=0)
    torch.testing.assert_close(reading.scale, positive_scale(torch.zeros(())).expand(3, 17, 3))
    assert float(reading.scale.mean()) == pytest.approx(0.02, rel=0.05)


def test_its_files_hold_the_head_alone_in_half_precision(tmp_path: Path) -> None:
    trained = TrainedPoseNet.load(landmark_model(tmp_path, refiner=True))
    state = load_file(tmp_path / "model.safetensors")
    assert all(key.startswith("head.") and value.dtype == torch.float16 for key, value in state.items())
    assert state.keys() == {f"head.{key}" for key in trained.net.head.state_dict()}
    crops = torch.from_numpy(people(256)[:2])
    before, after = landmark_net().read(to_input(crops)), trained.read(crops, torch.device("cpu"))
    torch.testing.assert_close(after.uvd, before.uvd.detach(), atol=2e-3, rtol=0)
    assert (trained.crop, trained.input_size) == ("roi", 256)
    assert trained.refiner is not None
    for change in ({"width": 64}, {"layers": "many"}):
        config = json.loads((tmp_path / "config.json").read_text())
        (tmp_path / "config.json").write_text(json.dumps({**config, **change}))
        with pytest.raises(DamagedFileError, match="cannot be read as"):
            TrainedPoseNet.load(tmp_path)
        (tmp_path / "config.json").write_text(json.dumps(config))


def test_a_landmark_network_of_its_own_is_in_its_file_and_not_shared(tmp_path: Path) -> None:
    net, untouched = landmark_net(), landmark_net()
    changed = {key: 1.02 * value.detach().half().float() for key, value in net.backbone.network.tensors.items()}
    net.take_trunk(changed)
    assert not any(parameter.requires_grad for parameter in net.backbone.parameters())
    TrainedPoseNet(net, H36M17, torch.full((16,), 0.25), True, 1.25).save(tmp_path)
    loaded = TrainedPoseNet.load(tmp_path).net
    assert isinstance(loaded, LandmarkPoseNet)
    assert loaded.own_trunk
    assert not landmark_net().own_trunk
    image = to_input(torch.from_numpy(people(256)[:1]))
    with torch.no_grad():
        before, own, after = (one.read(image).own for one in (untouched, net, loaded))
    assert before is not None and own is not None and after is not None  # noqa: PT018
    torch.testing.assert_close(after.depth, own.depth, atol=5e-3, rtol=0)
    assert float((own.depth - before.depth).abs().max()) > 0.01
    again = landmark_net()
    again.load_own_state(loaded.own_state())
    with torch.no_grad():
        torch.testing.assert_close(again.read(image).uvd, loaded.read(image).uvd)


def test_tensors_of_another_landmark_network_are_refused(tmp_path: Path) -> None:
    net = landmark_net()
    some = dict(list(net.backbone.network.tensors.items())[1:])
    with pytest.raises(RuntimeError, match="not the tensors of blazepose_full"):
        net.take_trunk(some)
    landmark_model(tmp_path)
    state = load_file(tmp_path / "model.safetensors")
    save_file(state | {f"trunk.{key}": value.detach() for key, value in some.items()}, tmp_path / "model.safetensors")
    with pytest.raises(DamagedFileError, match="cannot be read as"):
        TrainedPoseNet.load(tmp_path)


def test_its_own_answer_is_what_the_detector_says() -> None:
    """Keypoints of the reading, in pixels, are the detection's in the joints of Human3.6M; so is the confidence."""
    net, compared = landmark_net(), 0
    detector = pose_detector(landmark_crops(net.backbone.network), net.head)
    for image in people(400)[:6]:
        detector.reset()
        for found in detector(image):
            assert found.reading is not None
            assert found.reading.own is not None
            assert found.roi is not None
            box = torch.from_numpy(found.roi.box).float()[None]
            pixels = pixels_from_crop(found.reading.own.keypoints, box)[0]
            xy, conf = torch.from_numpy(found.xy).float(), torch.from_numpy(found.conf).float()
            expected, sure = in_skeleton(xy, conf, BLAZEPOSE33, H36M17)
            inside = sure > 0  # the detector has no confidence in what is outside the image
            torch.testing.assert_close(pixels[inside], expected[inside], atol=0.05, rtol=0)
            torch.testing.assert_close(
                found.reading.own.conf[0][inside], sure[inside].clamp(min=1e-3), atol=1e-3, rtol=0
            )
            compared += int(inside.sum())
            again = detector.another()
            (same,) = [one for one in again(image) if np.allclose(one.xy, found.xy)]
            assert same.reading is not None
            assert torch.equal(same.reading.uvd, found.reading.uvd)
    assert compared > 60
