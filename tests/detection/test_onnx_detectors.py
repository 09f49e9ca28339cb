"""Detectors from ONNX files: small networks of the published signatures, whose answer is known in pixels."""

import zipfile

import numpy as np
import pytest
import torch

pytest.importorskip("onnx")

from epipose.clip import Clip
from epipose.detection import onnx_detectors as module
from epipose.detection.base import BatchDetector, ParallelDetector
from epipose.detection.blazepose import PersonDetector
from epipose.detection.check import check_detections
from epipose.detection.detect import detect_keypoints
from epipose.detection.one_stage import OneStage
from epipose.detection.onnx_detectors import person_finder_named
from epipose.detection.person_finder import LandmarkFinder
from epipose.detection.registry import detector_named
from epipose.detection.roi import Roi
from epipose.detection.top_down import WholeImage, crop_side
from epipose.errors import DamagedFileError, InputError
from epipose.io.video import write_video
from epipose.network.keypoint_decoding import rtmo_rows
from epipose.network.onnx_network import OnnxNetwork
from epipose.skeletons import COCO17, COCO_WHOLEBODY133, HALPE26, MPII16
from tests.helpers.onnx_models import heatmap_model, rtmo_model, simcc_model, spots, yolo_model

PLACES = np.array([[250.3, 120.7], [380.0, 200.4], [300.6, 391.2]])  # of the red, green and blue spot
WIDE, TALL = (640, 480), (360, 640)


def detect(name, options, width=640, height=480, places=PLACES):
    """The one person in an image with a spot of each colour."""
    (found,) = detector_named(name, options)(spots(width, height, places))
    return found


@pytest.mark.parametrize(
    ("name", "make", "tolerance"),
    [("rtmpose", simcc_model, 1.4), ("vitpose", heatmap_model, 0.3)],  # half a pixel of the crop is 1.3 of the image
)
@pytest.mark.parametrize(("width", "height"), [(192, 256), (288, 384), (256, 192), (256, 256)])
def test_top_down_networks_find_the_spots(name, make, tolerance, width, height, tmp_path):
    path = make(tmp_path / "net.onnx", width=width, height=height)
    found = detect(f"{name}:{path}", ("finder=whole",))
    np.testing.assert_allclose(found.xy, PLACES[np.arange(17) % 3], atol=tolerance * 256 / min(width, height, 256))
    assert found.track == -1
    assert found.conf.min() > 0.7  # the spots lie between the cells of a heatmap
    assert found.conf.max() <= 1


def test_a_crop_lies_where_the_finder_found_a_person(tmp_path, monkeypatch):
    """A person of 150 pixels at the edge of a large image: the crop's pixels are smaller, and so is the error."""
    place = np.array([1180.0, 640.0]) + np.array([[5.2, -40.4], [20.7, 0.0], [-12.5, 55.5]])
    roi = Roi(np.array([1180.0, 640.0]), 1.25 * 150, 0.3)
    monkeypatch.setattr(module, "person_finder_named", lambda *_: lambda image: [roi, roi])
    for name, make, tolerance in (("rtmpose", simcc_model, 0.5), ("vitpose", heatmap_model, 0.1)):
        path = make(tmp_path / f"{name}.onnx")
        (found,) = detector_named(f"{name}:{path}")(spots(1280, 720, place))
        np.testing.assert_allclose(found.xy, place[np.arange(17) % 3], atol=tolerance)


@pytest.mark.parametrize("shape", [(640, 640), (416, 256)])
@pytest.mark.parametrize(("width", "height"), [WIDE, TALL])
@pytest.mark.parametrize("kind", ["rtmo", "yolo11", "yolo26"])
def test_one_stage_networks_find_the_spots_once(kind, width, height, shape, tmp_path):
    options = {"width": shape[0], "height": shape[1]}
    if kind == "rtmo":
        name, path = "rtmo", rtmo_model(tmp_path / "net.onnx", **options)
    else:
        name, path = "yolo-pose", yolo_model(tmp_path / "net.onnx", kind == "yolo26", **options)
    places = PLACES * [width / 640, height / 480]
    found = detect(f"{name}:{path}", (), width, height, places)
    np.testing.assert_allclose(found.xy, places[np.arange(17) % 3], atol=0.3)
    assert found.score == pytest.approx(0.9, abs=1e-4)
    np.testing.assert_allclose(found.conf, 1, atol=1e-4)


def test_nobody_is_found_in_a_dark_image(tmp_path):
    dark = np.zeros((480, 640, 3), np.uint8)
    assert detector_named(f"rtmo:{rtmo_model(tmp_path / 'a.onnx')}")(dark) == []
    assert detector_named(f"yolo-pose:{yolo_model(tmp_path / 'b.onnx', True)}")(dark) == []
    assert detector_named(f"rtmpose:{simcc_model(tmp_path / 'c.onnx')}", ("finder=whole",))(dark) == []


def test_the_least_score_and_the_number_of_people_are_options(tmp_path):
    path = rtmo_model(tmp_path / "net.onnx")
    image = spots(640, 640, PLACES)
    assert len(detector_named(f"rtmo:{path}", ("overlap=1", "min_score=0.01"))(image)) == 3
    assert len(detector_named(f"rtmo:{path}", ("overlap=1", "max_people=1"))(image)) == 1
    assert detector_named(f"rtmo:{path}", ("min_score=0.95",))(image) == []


@pytest.mark.parametrize("batch", ["batch", 1])
def test_images_together_are_as_images_one_by_one(batch, tmp_path):
    images = [spots(640, 480, PLACES + 5 * k) for k in range(3)] + [np.zeros((480, 640, 3), np.uint8)]
    for name, path in (
        ("rtmpose", simcc_model(tmp_path / "a.onnx", batch=batch)),
        ("yolo-pose", yolo_model(tmp_path / "b.onnx", False, batch=batch)),
    ):
        detector = detector_named(f"{name}:{path}", ("finder=whole",) if name == "rtmpose" else ())
        assert isinstance(detector, BatchDetector)
        assert isinstance(detector, ParallelDetector)
        together = detector.batch(images)
        assert [len(people) for people in together] == [1, 1, 1, 0]
        for people, image in zip(together, images, strict=True):
            for one, alone in zip(people, detector(image), strict=True):
                np.testing.assert_allclose(one.xy, alone.xy, atol=1e-3)


def test_joints_outside_the_image_are_missing(tmp_path):
    """A tall image in a square crop: a joint may be read beside it, where there is nothing."""
    path = simcc_model(tmp_path / "net.onnx", width=256, height=256)
    found = detect(f"rtmpose:{path}", ("finder=whole", "min_score=0"), 200, 600, np.full((3, 2), 1000.0))
    assert found.conf.tolist() == [0.0] * 17


def test_a_joint_whose_place_is_no_number_is_missing():
    """Half precision overflows; detection refuses what is not finite."""

    class Network(OnnxNetwork):
        width = height = 64

        def __init__(self):
            """Without a file."""

        def __call__(self, images):
            points = torch.full((17, 3), 20.0)
            points[:, 2] = 0.9
            points[3], points[5, 0] = torch.nan, torch.inf
            return [torch.tensor([[[10.0, 10.0, 40.0, 40.0, 0.9]]]), points[None, None]]

    detector = OneStage(Network(), lambda answer: rtmo_rows(*answer), COCO17)
    people = detector.batch([np.zeros((64, 64, 3), np.uint8)])
    check_detections(people, 1, detector)
    assert np.flatnonzero(people[0][0].conf == 0).tolist() == [3, 5]


def test_a_video_is_detected_in_batches_and_people_are_linked(tmp_path):
    path = yolo_model(tmp_path / "net.onnx", end_to_end=False)
    frames = [[spots(320, 240, PLACES / 2 + shift + 2 * k) for k in range(6)] for shift in (0, 10)]
    for name, images in zip("ab", frames, strict=True):
        write_video(tmp_path / f"{name}.mp4", iter(images), 25.0)
    clip = Clip.from_videos([tmp_path / "a.mp4", tmp_path / "b.mp4"])
    poses = detect_keypoints(clip, detector_named(f"yolo-pose:{path}", ("batch_size=4", "skeleton=coco17")))
    assert poses.xy.shape == (2, 6, 1, 17, 2)
    expected = np.stack([[PLACES / 2 + shift + 2 * k for k in range(6)] for shift in (0, 10)])
    np.testing.assert_allclose(poses.xy[:, :, 0, :3].numpy(), expected, atol=1.0)


@pytest.mark.parametrize(("joints", "skeleton"), [(17, COCO17), (26, HALPE26), (133, COCO_WHOLEBODY133)])
def test_the_skeleton_follows_from_the_number_of_keypoints(joints, skeleton, tmp_path):
    path = simcc_model(tmp_path / "net.onnx", joints)
    assert detector_named(f"rtmpose:{path}", ("finder=whole",)).skeleton == skeleton


def test_another_skeleton_is_named(tmp_path):
    path = heatmap_model(tmp_path / "net.onnx", joints=16)
    with pytest.raises(InputError, match=r"finds 16 keypoints; the skeleton is known for 17 \(coco17\), 26"):
        detector_named(f"vitpose:{path}", ("finder=whole",))
    assert detector_named(f"vitpose:{path}", ("finder=whole", "skeleton=mpii16")).skeleton == MPII16
    with pytest.raises(InputError, match="finds 16 keypoints, but the skeleton coco17 has 17 joints"):
        detector_named(f"vitpose:{path}", ("finder=whole", "skeleton=coco17"))


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        ("rtmpose", heatmap_model, r"answers \(1, 17, 64, 48\); expected SimCC: \(people, joints, 384\)"),
        ("vitpose", simcc_model, r"answers \(1, 17, 384\), \(1, 17, 512\); expected heatmaps"),
        ("rtmo", simcc_model, r"expected \(images, people, 5\) and"),
        ("yolo-pose", simcc_model, r"expected \(images, 5 \+ 3 joints, candidates\)"),
    ],
)
def test_a_network_of_another_kind_is_refused(name, make, message, tmp_path):
    with pytest.raises(InputError, match=message):
        detector_named(f"{name}:{make(tmp_path / 'net.onnx')}")


def test_a_size_that_the_file_leaves_open_is_given(tmp_path):
    path = simcc_model(tmp_path / "net.onnx", open_size=True)
    with pytest.raises(InputError, match=r"leaves the size of its input open, and it is given as ''"):
        detector_named(f"rtmpose:{path}", ("finder=whole",))
    found = detect(f"rtmpose:{path}", ("finder=whole", "size=192x256"))
    np.testing.assert_allclose(found.xy, PLACES[np.arange(17) % 3], atol=1.8)


def test_an_archive_with_one_network_is_read(tmp_path):
    path = rtmo_model(tmp_path / "end2end.onnx")
    with zipfile.ZipFile(tmp_path / "net.zip", "w") as archive:
        archive.write(path, "20231211/end2end.onnx")
        archive.writestr("20231211/pipeline.json", "{}")
    np.testing.assert_allclose(detect(f"rtmo:{tmp_path / 'net.zip'}", ()).xy[:3], PLACES, atol=0.3)
    with zipfile.ZipFile(tmp_path / "none.zip", "w") as archive:
        archive.writestr("pipeline.json", "{}")
    with pytest.raises(InputError, match=r"none.zip holds 0 .onnx files; expected one"):
        detector_named(f"rtmo:{tmp_path / 'none.zip'}")


def test_what_is_no_network_is_refused(tmp_path):
    (tmp_path / "net.onnx").write_bytes(b"no network")
    with pytest.raises(DamagedFileError, match=r"net.onnx cannot be read as a network by ONNX Runtime"):
        detector_named(f"rtmo:{tmp_path / 'net.onnx'}")


def test_a_card_that_is_not_there_is_said(tmp_path):
    path = rtmo_model(tmp_path / "net.onnx")
    with pytest.raises(InputError, match="ONNX Runtime has no CUDA here"):
        detector_named(f"rtmo:{path}", ("device=cuda",))
    with pytest.raises(InputError, match="Unknown device 'tpu'"):
        detector_named(f"rtmo:{path}", ("device=tpu",))
    assert detector_named(f"rtmo:{path}", ("device=auto",))


def test_person_finders_by_name(monkeypatch):
    assert isinstance(person_finder_named("whole"), WholeImage)
    assert isinstance(person_finder_named("pretrained"), LandmarkFinder)
    monkeypatch.setattr(module, "person_detector", lambda *_: PersonDetector(lambda crops: []))
    assert isinstance(person_finder_named("blazepose"), PersonDetector)
    with pytest.raises(InputError, match="expected auto or blazepose or pretrained or whole"):
        detector_named("rtmpose", ("finder=yolo",))


@pytest.mark.parametrize("angle", [0.0, np.pi / 2, -2.0])
@pytest.mark.parametrize("shape", [0.75, 1.0, 1.5])
def test_a_crop_holds_the_whole_person_standing_or_lying(angle, shape):
    """The ends of a body of 100 pixels and half that width lie within the crop."""
    side = crop_side(Roi(np.zeros(2), 125.0, angle), shape)
    half = np.array([min(1, shape), min(1, 1 / shape)]) * side / 2
    along, across = np.array([np.sin(angle), -np.cos(angle)]), np.array([np.cos(angle), np.sin(angle)])
    ends = np.array([a * 50 * along + b * 25 * across for a in (-1, 1) for b in (-1, 1)])
    assert (np.abs(ends) <= half / 1.05).all()
