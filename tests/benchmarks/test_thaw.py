"""What is thawed learns and nothing else, errors are those of the benchmark's rows, and a run that was cut off goes on."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.network import thaw
from benchmarks.network.methods import CropReader, Network
from benchmarks.network.people_images import Candidates, Labelled, PeopleImages, joined, stored
from benchmarks.network.thaw_images import TestImages, images_by_group, measure
from benchmarks.network.thaw_parts import VARIANTS, ThawedNet, Variant, last_stage
from epipose.camera import Camera
from epipose.errors import InputError
from epipose.evaluation.metrics import pmpjpe_mm
from epipose.io.files import read_json
from epipose.network.graph_net import Graph
from epipose.network.landmark_posenet import LandmarkPoseNet
from epipose.network.posenet import TrainedPoseNet, to_input
from epipose.network.pretrained import pretrained_model
from epipose.skeletons import BLAZEPOSE33, H36M17
from epipose.training.loader import Batch

_SIZE = (200, 300)


@pytest.fixture(scope="module")
def pretrained() -> TrainedPoseNet:
    return TrainedPoseNet.load(pretrained_model("full"))


def _net(pretrained: TrainedPoseNet, variant: Variant) -> ThawedNet:
    assert isinstance(pretrained.net, LandmarkPoseNet)
    return ThawedNet(pretrained.net, variant)


def _batches(steps: int = 2, images: int = 2) -> list[Batch]:
    random = torch.Generator().manual_seed(0)
    shape = (images, len(H36M17.joints))
    return [
        Batch(
            torch.randint(0, 255, (images, 256, 256, 3), dtype=torch.uint8, generator=random),
            0.2 * torch.randn(*shape, 3, generator=random),
            torch.ones(*shape, 2),
        )
        for _ in range(steps)
    ]


def _people(folder: Path, count: int = 3, fps: float = 0) -> PeopleImages:
    random = np.random.default_rng(0)
    K = torch.tensor([[300.0, 0, 100], [0, 300, 150], [0, 0, 1]], dtype=torch.float64)
    camera = Camera.from_intrinsics(K, torch.zeros(5, dtype=torch.float64), torch.tensor(_SIZE))
    of = [H36M17.index(name) if name in H36M17.joints else H36M17.root for name in BLAZEPOSE33.joints]
    parts = []
    for number in range(count):
        xyz = torch.from_numpy(random.normal([0, 0, 3.0], [0.2, 0.4, 0.2], (17, 3))).float()
        xy = camera.project_in_frame(xyz.double())[of].numpy()[None]
        found = Candidates(xy, np.full((1, 33), 0.9), (xyz - xyz[0])[of].double().numpy()[None])
        person = Labelled(f"a/{number}", camera, xyz, torch.ones(17), number, 0, number * 40, fps=fps)
        image = random.integers(0, 255, (*_SIZE[::-1], 3), np.uint8)
        parts.append(stored(folder, image, person, {"full": found, "heavy": found}))
    people = joined(parts)
    people.save()
    return people


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_at_the_start_every_variant_answers_as_the_network(pretrained: TrainedPoseNet, variant: Variant) -> None:
    images = to_input(_batches(1)[0].images)
    net = _net(pretrained, variant)
    with torch.no_grad():
        torch.testing.assert_close(net(images).pose.uvd, pretrained.net.read(images).uvd, atol=1e-4, rtol=1e-4)
    assert net.moved() == 0
    assert len(net.adapters) == (5 if variant.adapters else 0)


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_what_is_thawed_learns_and_nothing_else(pretrained: TrainedPoseNet, variant: Variant) -> None:
    net = _net(pretrained, variant)
    before, head = dict(net.trunk.network.tensors.items()), net.head.state_dict()
    before, head = ({name: value.detach().clone() for name, value in of.items()} for of in (before, head))
    assert len(list(thaw._steps(net, _batches()))) == 2
    changed = {name for name, now in net.trunk.network.tensors.items() if not torch.equal(now, before[name])}
    graph = net.trunk.network.graph
    allowed = {"nothing": set(), "last stage": last_stage(graph), "all": set(before)}[variant.trunk]
    assert changed <= allowed
    assert len(changed) >= 0.9 * len(allowed)
    assert not torch.equal(net.head.state_dict()["answer.weight"], head["answer.weight"])
    assert (net.moved() > 0) == bool(allowed)
    assert all(bool(adapter.up.weight.any()) for adapter in net.adapters.values())
    assert pretrained.net.backbone.network.tensors[next(iter(before))].requires_grad is False


def test_the_last_stage_is_behind_decoder_and_heatmaps(pretrained: TrainedPoseNet) -> None:
    graph = _net(pretrained, VARIANTS[0]).trunk.network.graph
    names = last_stage(graph)
    heatmaps = graph.pruned([graph.outputs[2], *graph.outputs[4:9]])
    assert not names & {name for op in heatmaps.ops for name in op.weights}
    for output in (graph.outputs[0], graph.outputs[3]):
        assert names & {name for op in graph.pruned([output]).ops for name in op.weights}
    with pytest.raises(InputError, match="max-pooling"):
        last_stage(Graph((), graph.input, ()))


@pytest.mark.slow
def test_the_pull_keeps_weights_near_their_initial_values(pretrained: TrainedPoseNet) -> None:
    moved = []
    for pull in (0.0, 1e6):
        net = _net(pretrained, Variant("it", "all", 0.1, pull))
        list(thaw._steps(net, _batches(6)))
        moved.append(net.moved())
    assert moved[1] < 0.7 * moved[0]


def test_errors_are_those_of_the_network_alone_and_drift_is_from_the_start(
    pretrained: TrainedPoseNet, tmp_path: Path
) -> None:
    people = _people(tmp_path)
    images = TestImages.of(people, torch.tensor([True, False, True]), pretrained)
    net = _net(pretrained, VARIANTS[0])
    found = measure(net, pretrained, {"it": images})["it"]
    alone = Network(CropReader(pretrained_model("full"), "full"), "alone", refined=False)(people)[[0, 2]]
    torch.testing.assert_close(found.pmpjpe_mm, pmpjpe_mm(alone, people.xyz[[0, 2]]), atol=0.05, rtol=1e-3)
    with torch.no_grad():
        last = net.trunk.network.graph
        bias = next(op for op in last.ops if op.output == _made_from(last, last.outputs[3])).weights[1]
        net.trunk.network.tensors[bias].add_(0.003)
    later = measure(net, pretrained, {"it": images})["it"]
    assert later.drift_mm(found).tolist() == pytest.approx([3 * 3**0.5] * 2, abs=1e-3), "3 mm along each axis"
    assert later.drift_px(found).tolist() == pytest.approx([0, 0], abs=1e-3)
    torch.testing.assert_close(later.own_pmpjpe_mm, found.own_pmpjpe_mm, atol=1e-2, rtol=0)


def _made_from(graph: Graph, name: str) -> str:
    """What is flattened to this output."""
    return next(op for op in graph.ops if op.output == name).inputs[0]


@pytest.mark.slow
def test_a_run_that_was_cut_off_goes_on_with_the_next_variant(tmp_path: Path, monkeypatch) -> None:
    for name in ("sample_people", "two_people", "studio"):
        people = _people(tmp_path / name, 5, 0 if name == "studio" else 25)
        if name == "two_people":
            people.group[2:] = 1
            people.save()
    drawn = []
    monkeypatch.setattr(thaw, "batches", lambda *options: drawn.append(options) or _batches(4, 2))
    monkeypatch.setattr(thaw, "VARIANTS", VARIANTS[:1])
    command = ["thaw", "--quick", "--work", str(tmp_path), "--motions", "none", "--out", str(tmp_path / "thaw.json")]
    monkeypatch.setattr(sys, "argv", command)
    thaw.main()
    first = read_json(tmp_path / "thaw.json")
    monkeypatch.setattr(thaw, "VARIANTS", VARIANTS[:2])
    thaw.main()
    second = read_json(tmp_path / "thaw.json")
    assert second["variants"]["frozen"] == first["variants"]["frozen"]
    assert set(second["variants"]) == {"frozen", "last_stage"}
    thaw.main()
    assert len(drawn) == 2, "all is done"
    assert second["groups"]["sample_frames_80_99"] == {"images": 3, "scenes": 3}
    row = second["variants"]["last_stage"]["groups"]["sample_frames_80_99"]
    view = [row["pmpjpe_mm"]["start"], first["variants"]["frozen"]["groups"]["sample_frames_80_99"]["pmpjpe_mm"]["end"]]
    assert row["views"] == [[*view, row["pmpjpe_mm"]["end"]]]
    row = second["variants"]["last_stage"]["groups"]["studio"]
    assert "views" not in row
    assert set(row["pmpjpe_mm"]) == {"start", "middle", "end"}
    assert len(row["over_frozen"]) == 1, "one scene has no interval"
    assert row["drift_mm"] > 0
    control = second["variants"]["frozen"]["groups"]["studio"]
    assert control["over_frozen"] == [0]
    assert control["drift_mm"] == control["drift_px"] == 0


def test_groups_are_parts_of_the_prepared_sets(pretrained: TrainedPoseNet, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Prepare"):
        images_by_group(tmp_path, pretrained, 1)
