"""COCO keypoints: the JSON as it is published, with crowds and with people of whom nothing is marked."""

import json
from pathlib import Path

import pytest
from PIL import Image

from epipose.datasets.base import PeopleReader, Selection
from epipose.datasets.coco import FILES, CocoKeypoints
from epipose.datasets.registry import reader_named
from epipose.errors import EpiposeError
from epipose.skeletons import COCO17


def annotation(number: int, image: int, joints: dict[str, tuple[int, int, int]], crowd: int = 0) -> dict:
    keypoints = [value for name in COCO17.joints for value in joints.get(name, (0, 0, 0))]
    return {
        "id": number, "image_id": image, "category_id": 1, "iscrowd": crowd, "area": 1.0, "segmentation": [],
        "bbox": [10.5, 20.0, 30.25, 40.0], "num_keypoints": len(joints), "keypoints": keypoints,
    }  # fmt: skip


def write(root: Path, split: str, people: list[dict], images: dict[int, str]) -> Path:
    path = root / "annotations" / FILES[split]
    path.parent.mkdir(parents=True, exist_ok=True)
    listed = [{"id": key, "file_name": name, "width": 8, "height": 8, "license": 1} for key, name in images.items()]
    person = {
        "id": 1,
        "name": "person",
        "supercategory": "person",
        "keypoints": list(COCO17.joints),
        "skeleton": [[16, 14]],
    }
    path.write_text(json.dumps({"info": {}, "images": listed, "annotations": people, "categories": [person]}))
    folder = root / f"{split}2017"
    folder.mkdir()
    for name in images.values():
        Image.new("RGB", (8, 8)).save(folder / name)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    train = [
        annotation(1, 9, {"nose": (3, 4, 2), "left_wrist": (7, 6, 1)}),
        annotation(2, 5, {}),
        annotation(3, 5, {"nose": (1, 1, 2)}, crowd=1),
        annotation(4, 2, {"right_ankle": (0, 7, 2)}),
        annotation(5, 9, {"left_ear": (5, 5, 2)}),
    ]
    write(tmp_path, "train", train, {2: "2.jpg", 5: "5.jpg", 9: "9.jpg"})
    write(tmp_path, "val", [annotation(6, 1, {"left_hip": (2, 2, 1)})], {1: "1.jpg"})
    return tmp_path


def test_everybody_with_a_joint_by_name(root: Path) -> None:
    reader = reader_named("coco")
    assert isinstance(reader, PeopleReader)
    assert reader.recognises(root)
    people = reader.people(root, Selection(split="train"))
    assert people.skeleton == COCO17
    assert [path.relative_to(root).as_posix() for path in people.images] == ["train2017/9.jpg", "train2017/2.jpg"]
    assert people.image.tolist() == [0, 1, 0]
    nose, wrist, ankle = (COCO17.joints.index(name) for name in ("nose", "left_wrist", "right_ankle"))
    assert people.xy[0, nose].tolist() == [3, 4]
    assert people.xy[1, ankle].tolist() == [0, 7]
    assert [people.conf[0, joint].item() for joint in (nose, wrist, ankle)] == [1, 0.5, 0]
    assert people.conf.sum() == 3.5
    assert people.box[0].tolist() == [10.0, 19.5, 30.25, 40.0], "continuous edges: pixel i covers i - 1/2 to i + 1/2"
    assert people.head_px.tolist() == [0, 0, 0]


def test_splits_follow_one_another(root: Path) -> None:
    people = CocoKeypoints().people(root, Selection())
    assert people.image.tolist() == [0, 1, 0, 2]
    assert people.images[2] == root / "val2017" / "1.jpg"
    assert CocoKeypoints().people(root, Selection(split="val")).image.tolist() == [0]
    (root / "annotations" / FILES["train"]).unlink()
    assert len(CocoKeypoints().people(root, Selection()).xy) == 1
    with pytest.raises(EpiposeError, match="withheld"):
        CocoKeypoints().people(root, Selection(split="test"))
    with pytest.raises(EpiposeError, match=r"no file .*person_keypoints_train2017\.json"):
        CocoKeypoints().people(root, Selection(split="train"))


def test_images_may_lie_in_images(root: Path) -> None:
    (root / "images").mkdir()
    (root / "val2017").rename(root / "images" / "val2017")
    assert CocoKeypoints().people(root, Selection(split="val")).images == (root / "images" / "val2017" / "1.jpg",)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"left_eye", "right_eye"', '"right_eye", "left_eye"', "names the joints nose, right_eye"),
        ('"iscrowd"', '"is_crowd"', "cannot be read as COCO's person keypoints"),
        ("[3, 4, 2, ", "[3, 4, ", "cannot be read as COCO's person keypoints"),
        ("[3, 4, 2, ", "[3, 4, 9, ", "should be 0, 1 or 2"),
        ('"image_id": 9', '"image_id": 77', "cannot be read as COCO's person keypoints"),
        ("]}", "", "not valid JSON"),
    ],
)
def test_what_is_no_such_file_is_named(root: Path, old: str, new: str, message: str) -> None:
    path = root / "annotations" / FILES["train"]
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(EpiposeError, match=rf"person_keypoints_train2017\.json.*{message}"):
        CocoKeypoints().people(root, Selection(split="train"))
    assert [result.ok for result in CocoKeypoints().check(root)] == [False, True]


def test_check_counts_the_images(root: Path) -> None:
    train, val = CocoKeypoints().check(root)
    assert train.ok
    assert val.ok
    assert "3 people in 2 images, 0 not in train2017" in train.message
    (root / "train2017" / "2.jpg").unlink()
    assert not CocoKeypoints().check(root)[0].ok
    (root / "val2017" / "1.jpg").unlink()
    (root / "val2017").rmdir()
    assert "cannot be read" in CocoKeypoints().check(root)[1].message
