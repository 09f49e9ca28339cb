"""The average of the weights, and the normalisation that is measured for it."""

import torch

from epipose.network.posenet import PoseNet
from epipose.training.weight_average import WeightAverage, measure_norms

SMALL = {"input_size": 64, "depth_bins": 8, "channels": 16, "deconvs": 1}


def _net() -> PoseNet:
    torch.manual_seed(0)
    return PoseNet("resnet18", 5, **SMALL)


def test_the_average_follows_the_weights_slowly_after_a_quick_start() -> None:
    net = _net()
    average = WeightAverage(net, 0.9)
    before = net.volume.bias.detach().clone()
    with torch.no_grad():
        net.volume.bias += 1.0
    average.update(0)
    torch.testing.assert_close(average.net.volume.bias, before + 0.9)  # (1 + 0) / (10 + 0) is kept
    with torch.no_grad():
        net.volume.bias += 1.0
    average.update(1000)
    torch.testing.assert_close(average.net.volume.bias, before + 0.9 * 0.9 + 0.1 * 2)
    assert not any(parameter.requires_grad for parameter in average.net.parameters())
    still = _net()
    steady = WeightAverage(still, 0.9)
    steady.update(5)
    assert all(torch.equal(a, b) for a, b in zip(steady.net.parameters(), still.parameters(), strict=True))


def test_measured_statistics_are_those_of_the_images() -> None:
    net = _net()
    generator = torch.Generator().manual_seed(1)
    batches = [torch.rand(4, 3, 64, 64, generator=generator) for _ in range(3)]
    kept = net.backbone.get_submodule("layer1.0.bn1")
    kept_mean = kept.running_mean.clone()
    measure_norms(net, batches, [kept])
    first = net.backbone.bn1
    convolved = [net.backbone.conv1((batch - net.mean) / net.deviation) for batch in batches]
    expected = torch.stack([part.mean((0, 2, 3)) for part in convolved]).mean(0)
    torch.testing.assert_close(first.running_mean, expected, atol=1e-5, rtol=1e-4)
    assert torch.equal(kept.running_mean, kept_mean)
    assert first.momentum == 0.1
    assert not any(module.training for module in net.modules())
    once = {key: value.clone() for key, value in net.state_dict().items()}
    measure_norms(net, batches, [kept])
    assert all(torch.equal(value, once[key]) for key, value in net.state_dict().items()), "nothing of before is left"
