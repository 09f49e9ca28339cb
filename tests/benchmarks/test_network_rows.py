"""Test images of people and the rows of errors on them: stored parts, the right person, exact metrics, equal images."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.network import rows
from benchmarks.network.methods import CropReader, MeanPose, Network, UprightLandmarks, WorldLandmarks
from benchmarks.network.people_images import Candidates, Detected, Labelled, PeopleImages, joined, stored
from benchmarks.network.rows import METRICS, group_rows, merge_groups, method_errors, predictions
from epipose.camera import Camera
from epipose.errors import InputError
from epipose.evaluation.metrics import nmpjpe_mm, pmpjpe_mm
from epipose.experiments.network_evaluator import detectors_own
from epipose.inference.person_keypoints import PersonKeypoints, person_of
from epipose.inference.predict import predict_images
from epipose.io.files import read_json
from epipose.network.crops import crop_image
from epipose.network.posenet import PoseNet, TrainedPoseNet, to_input
from epipose.poses import Poses2D
from epipose.skeletons import BLAZEPOSE33, H36M17
from tests.helpers.landmark_models import landmark_model

_SIZE = (1200, 900)


def _camera() -> Camera:
    K = torch.tensor([[900.0, 0, 610], [0, 905, 440], [0, 0, 1]], dtype=torch.float64)
    lens = torch.tensor([-0.05, 0.01, 0.001, 0, 0], dtype=torch.float64)
    return Camera.from_intrinsics(K, lens, torch.tensor(_SIZE))


def _person(seed: int = 0, x: float = 0.4) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(17, 3, generator=generator) * torch.tensor([0.2, 0.4, 0.2]) + torch.tensor([x, 0, 3.0])


def _found(xyz: torch.Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Landmarks that lie where the person's joints are: every landmark on the joint of its name, else on the root."""
    of = [H36M17.index(name) if name in H36M17.joints else H36M17.root for name in BLAZEPOSE33.joints]
    return _camera().project_in_frame(xyz.double())[of].numpy(), np.full(33, 0.9), (xyz - xyz[0])[of].double().numpy()


def _candidates(*people: torch.Tensor) -> Candidates:
    return Candidates(*(np.stack(part) for part in zip(*map(_found, people), strict=True)))


def _set(folder: Path, count: int = 8, missing: int | None = None) -> PeopleImages:
    """One person an image; in image ``missing`` BlazePose heavy finds nobody."""
    nobody = Candidates(np.zeros((0, 33, 2)), np.zeros((0, 33)), np.zeros((0, 33, 3)))
    image = np.random.default_rng(0).integers(0, 255, (*_SIZE[::-1], 3), np.uint8)
    parts = []
    for number in range(count):
        xyz = _person(number)
        found = {"full": _candidates(xyz), "heavy": nobody if number == missing else _candidates(xyz)}
        person = Labelled(f"a/{number}", _camera(), xyz, torch.ones(17), number // 2, number % 2, number)
        parts.append(stored(folder, image, person, found))
    return joined(parts)


def test_a_stored_part_shows_reference_and_keypoints_where_the_image_did(tmp_path: Path) -> None:
    xyz = _person()
    true = _camera().project_in_frame(xyz.double())
    image = np.zeros((*_SIZE[::-1], 3), np.uint8)
    head = true[H36M17.index("head")].round().int().tolist()
    image[head[1] - 3 : head[1] + 4, head[0] - 3 : head[0] + 4] = 255
    people = stored(
        tmp_path, image, Labelled("one", _camera(), xyz, torch.ones(17), 0, 0, 0),
        {name: _candidates(_person(5, -1.0), xyz) for name in ("full", "heavy")},
    )  # fmt: skip
    part = people.image(0)
    assert people.camera.size[0].tolist() == [part.shape[1], part.shape[0]]
    assert max(part.shape) == 512 < min(_SIZE)
    ys, xs = np.nonzero(part[..., 0] > 128)
    projected = people.camera[0].project_in_frame(xyz.double())
    found = torch.tensor([xs.mean(), ys.mean()])
    torch.testing.assert_close(projected[H36M17.index("head")], found, atol=0.7, rtol=0)
    shoulder = people.detected["heavy"].xy[0, BLAZEPOSE33.index("left_shoulder")]
    torch.testing.assert_close(shoulder, projected[H36M17.index("left_shoulder")].float(), atol=1e-3, rtol=0)


def test_another_person_is_not_taken_for_this_one(tmp_path: Path) -> None:
    other = {name: _candidates(_person(5, -1.0)) for name in ("full", "heavy")}
    image = np.zeros((*_SIZE[::-1], 3), np.uint8)
    people = stored(tmp_path, image, Labelled("one", _camera(), _person(), torch.ones(17), 0, 0, 0), other)
    assert not people.detected["full"].found.any()
    assert not people.counted.any()


def test_a_set_comes_back_from_its_folder(tmp_path: Path) -> None:
    people = _set(tmp_path, 3)
    people.save()
    again = PeopleImages.load(tmp_path)
    assert again.names == people.names
    for name in ("xyz", "weight", "scene", "track", "frame", "group", "fps"):
        assert torch.equal(getattr(again, name), getattr(people, name))
    assert torch.equal(again.camera.K, people.camera.K)
    assert torch.equal(again.detected["heavy"].xy, people.detected["heavy"].xy)
    some = again.rows(torch.tensor([False, True, True]))
    assert some.names == people.names[1:]
    with pytest.raises(InputError, match="Prepare"):
        PeopleImages.load(tmp_path / "nothing")


def test_an_error_along_the_line_of_sight_is_depth_alone(tmp_path: Path) -> None:
    people = _set(tmp_path, 2)
    sight = torch.nn.functional.normalize(people.xyz[:, H36M17.root], dim=-1)
    across = torch.nn.functional.normalize(
        torch.linalg.cross(sight, torch.tensor([0.0, 1, 0]).expand_as(sight)), dim=-1
    )
    for direction, depth in ((sight, True), (across, False)):
        moved = people.xyz.clone()
        moved[:, H36M17.index("head")] += 0.02 * direction
        found = method_errors(moved, people)
        large, small = ("depth_mm", "plane_mm") if depth else ("plane_mm", "depth_mm")
        head = H36M17.index("head")
        assert found["mpjpe_mm"][:, head].tolist() == pytest.approx([20, 20], abs=0.01)
        assert (found[large][:, head] > 15).all()
        assert (found[small][:, head] < 3).all()
        total = (found["depth_mm"].square() + found["plane_mm"].square()).sqrt()
        torch.testing.assert_close(total, found["nmpjpe_mm"], atol=1e-2, rtol=0)


def test_rows_are_of_the_images_in_which_every_variant_finds_the_person(tmp_path: Path) -> None:
    people = _set(tmp_path, missing=3)
    noise = torch.randn(people.xyz.shape, generator=torch.Generator().manual_seed(3)) / 20
    predicted = {"blazepose_heavy": people.xyz + noise, "other": people.xyz + 2 * noise}
    predicted["other"][3] += 100 * noise[3]  # counts for nobody
    group = group_rows(people, predicted, torch.ones(8, dtype=torch.bool))
    assert (group["images"], group["scenes"]) == (7, 4)
    assert group["found_share"] == {"full": 1, "heavy": 0.875}
    row, kept = group["rows"]["other"], people.counted
    expected = pmpjpe_mm(predicted["other"][kept], people.xyz[kept])
    assert row["pmpjpe_mm"] == pytest.approx(float(expected.mean()), abs=0.01)
    assert set(METRICS) < set(row)
    assert row["intervals"]["pmpjpe_mm"][1] <= row["pmpjpe_mm"] <= row["intervals"]["pmpjpe_mm"][2]
    over = nmpjpe_mm(predicted["other"][kept], people.xyz[kept], 0)
    over = over - nmpjpe_mm(predicted["blazepose_heavy"][kept], people.xyz[kept], 0)
    assert row["over_blazepose_heavy"]["nmpjpe_mm"][0] == pytest.approx(float(over.mean()), abs=0.01)
    assert group["rows"]["blazepose_heavy"]["over_blazepose_heavy"]["mpjpe_mm"] == [0, 0, 0]
    few = group_rows(people, predicted, people.scene < 2)["rows"]["other"]
    assert "intervals" not in few


def test_joints_without_a_reference_count_nowhere(tmp_path: Path) -> None:
    people, head = _set(tmp_path), H36M17.index("head")
    weight = people.weight.clone()
    weight[:, head] = 0
    people = replace(people, weight=weight)
    wild = people.xyz.clone()
    wild[:, head] += 9
    row = group_rows(people, {"it": wild}, people.frame >= 0)["rows"]["it"]
    assert max(row[name] for name in (*METRICS, "depth_mm", "plane_mm")) < 0.01
    assert row["joints"]["head"]["pmpjpe_mm"] is None
    assert row["limbs"]["head"]["pmpjpe_mm"] < 0.1, "the nose is left"


def test_world_landmarks_are_those_of_the_demo(tmp_path: Path) -> None:
    people = _set(tmp_path, 2)
    found = people.detected["full"]
    poses = Poses2D(found.xy[None, :, None], found.conf[None, :, None], BLAZEPOSE33, ("cam",), found.xyz[None, :, None])
    torch.testing.assert_close(WorldLandmarks("full")(people), detectors_own(poses)[0])


def test_the_mean_pose_is_that_of_the_known_images_of_the_track(tmp_path: Path) -> None:
    people = _set(tmp_path)
    known = people.frame < 4
    mean = MeanPose(known)(people)
    centred = people.xyz - people.xyz[:, :1]
    torch.testing.assert_close(mean[5], centred[[1, 3]].mean(0))
    torch.testing.assert_close(MeanPose(known, "group")(people)[5], centred[:4].mean(0))


def test_a_network_predicts_as_epipose_predict_does(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = PoseNet("resnet18", 17, input_size=64, depth_bins=8, channels=16, deconvs=1)
    torch.nn.init.normal_(net.volume.weight, std=0.2)
    TrainedPoseNet(net.eval(), H36M17, torch.full((16,), 0.25), False, 1.25).save(tmp_path / "net")
    people = _set(tmp_path / "people", 3, missing=1)
    found = Network(CropReader(tmp_path / "net"), "net")(people)
    trained, heavy = TrainedPoseNet.load(tmp_path / "net"), people.detected["heavy"]
    for row in range(3):
        person = person_of(heavy.xy[row, None], heavy.conf[row, None], BLAZEPOSE33, H36M17, 1.25, "upright")
        images = iter([people.image(row)])
        xyz, _, _ = predict_images(trained, images, person, people.camera[row], 1, torch.device("cpu"))
        torch.testing.assert_close(found[row], xyz[0], atol=1e-4, rtol=1e-4)
    assert not found[1].any()
    assert found[0].any()


def test_another_kind_of_crop_and_the_flip_test_are_read_by_the_same_network(tmp_path: Path) -> None:
    people = _set(tmp_path / "people", 3)
    folder = landmark_model(tmp_path / "net")
    reader, trained = CropReader(folder, "full"), TrainedPoseNet.load(folder)
    full, cpu = people.detected["full"], torch.device("cpu")
    person = person_of(full.xy, full.conf, BLAZEPOSE33, H36M17, trained.margin, "upright")
    found = Network(reader, "it", crop="upright", flip_test=True)(people)
    for row in range(3):
        own = PersonKeypoints(*(field[row, None] for field in person))
        xyz, _, _ = predict_images(trained, iter([people.image(row)]), own, people.camera[row], 1, cpu, flip_test=True)
        torch.testing.assert_close(found[row], xyz[0], atol=1e-3, rtol=1e-3)
    assert float((found - Network(reader, "it", crop="upright")(people)).abs().max()) > 1e-3
    assert float((found - Network(reader, "it", flip_test=True)(people)).abs().max()) > 1e-3
    crops = np.stack([crop_image(people.image(row), person.box[row].numpy(), 256) for row in range(3)])
    world = trained.net.backbone(to_input(torch.from_numpy(crops))).world[:, :33]
    expected = torch.einsum("tj,ijc->itc", BLAZEPOSE33.mapping_to(H36M17), world)
    torch.testing.assert_close(UprightLandmarks(reader, "it")(people), expected, atol=1e-4, rtol=0)


def test_one_more_method_leaves_the_rows_of_the_others(tmp_path: Path) -> None:
    people = _set(tmp_path)

    class Costly:
        name = "costly"

        def __call__(self, people: PeopleImages) -> torch.Tensor:
            raise AssertionError("not asked for")

    found = predictions(people, [WorldLandmarks("heavy"), Costly()], only=["none"])
    assert list(found) == ["blazepose_heavy"]
    path = tmp_path / "network.json"
    merge_groups(path, {"a": {"images": 1, "rows": {"costly": 1}}, "note": {"x": 2}})
    merge_groups(path, {"a": {"images": 2, "rows": {"new": 3}}})
    assert read_json(path) == {"a": {"images": 2, "rows": {"costly": 1, "new": 3}}, "note": {"x": 2}}


def test_the_limbs_are_joints() -> None:
    assert {joint for limb in rows.LIMBS.values() for joint in limb} == set(H36M17.joints) - {"pelvis"}
    assert Detected._fields == ("xy", "conf", "xyz")
