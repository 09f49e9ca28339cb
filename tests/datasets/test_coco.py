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
        ('"left_hip"', '"left_fin"', "names the joints nose, .*hips and shoulders, left and right, are expected"),
        ("[3, 4, 2, ", "[3, 4, ", "cannot be read as COCO's person keypoints"),
        ("[3, 4, 2, ", "[3, 4, 9, ", "should be 0, 1 or 2"),
        ('"image_id": 9', '"image_id": 77', "cannot be read as COCO's person keypoints"),
        ("]}", "", "cannot be read as JSON"),
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


def own(root: Path, file: str, folder: str, change=lambda content: None) -> Path:
    """Own images annotated in COCO's format, two people in two images."""
    people = [annotation(1, 1, {"nose": (3, 4, 2), "left_hip": (5, 7, 1)}), annotation(2, 2, {"right_hip": (1, 2, 2)})]
    person = {"id": 1, "name": "person", "keypoints": list(COCO17.joints), "skeleton": []}
    images = [{"id": k, "file_name": f"frame_{k:06d}.png", "width": 8, "height": 8} for k in (1, 2)]
    content = {"images": images, "annotations": people, "categories": [person]}
    change(content)
    (root / folder).mkdir(parents=True, exist_ok=True)
    for image in content["images"]:
        Image.new("RGB", (8, 8)).save(root / folder / image["file_name"])
    (root / "annotations").mkdir(exist_ok=True)
    path = root / "annotations" / file
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize(
    ("file", "folder"),
    [
        ("person_keypoints_default.json", "images/default"),
        ("person_keypoints_train_custom.json", "train_custom"),
        ("person_keypoints_default.json", "images"),
        ("keypoints.json", "."),
    ],
)
def test_own_annotations_as_tools_lay_them_out(tmp_path: Path, file: str, folder: str) -> None:
    own(tmp_path, file, folder)
    reader = CocoKeypoints()
    assert reader.recognises(tmp_path)
    people = reader.people(tmp_path, Selection(split="train"))
    assert [path.is_file() for path in people.images] == [True, True]
    assert people.xy[0, COCO17.joints.index("left_hip")].tolist() == [5, 7]
    assert [result.ok for result in reader.check(tmp_path)] == [True]


def lean(content: dict) -> None:
    for person in content["annotations"]:
        for key in ("iscrowd", "num_keypoints", "area", "segmentation", "bbox"):
            del person[key]


def test_lean_annotations(tmp_path: Path) -> None:
    own(tmp_path, "person_keypoints_train.json", "train", lean)
    people = CocoKeypoints().people(tmp_path, Selection())
    assert people.box.tolist() == [[2.5, 3.5, 2, 3], [0.5, 1.5, 0, 0]]
    assert people.conf.sum(1).tolist() == [1.5, 1]


def other_order(content: dict) -> None:
    content["categories"][0]["keypoints"] = [f"{joint}".title() for joint in reversed(COCO17.joints)]
    for person in content["annotations"]:
        rows = [person["keypoints"][3 * k : 3 * k + 3] for k in range(17)]
        person["keypoints"] = [value for row in reversed(rows) for value in row]


def test_joints_in_another_order_and_spelling(tmp_path: Path) -> None:
    own(tmp_path, "person_keypoints_train.json", "train", other_order)
    people = CocoKeypoints().people(tmp_path, Selection())
    assert people.skeleton == COCO17
    assert people.xy[0, 0].tolist() == [3, 4]


def test_own_joints(tmp_path: Path) -> None:
    names = ["LShoulder", "RShoulder", "LHip", "RHip", "racket"]

    def change(content: dict) -> None:
        content["categories"][0]["keypoints"] = names
        for person in content["annotations"]:
            person["keypoints"], person["num_keypoints"] = [1, 2, 2] * 5, 5

    own(tmp_path, "person_keypoints_train.json", "train", change)
    people = CocoKeypoints().people(tmp_path, Selection())
    assert people.skeleton.joints == ("left_shoulder", "right_shoulder", "left_hip", "right_hip", "racket")


def test_splits_of_own_annotations_go_by_name(tmp_path: Path) -> None:
    own(tmp_path, "person_keypoints_train.json", "images/train")
    own(tmp_path, "person_keypoints_validation.json", "images/validation")
    reader = CocoKeypoints()
    assert {path.parent.name for path in reader.people(tmp_path, Selection(split="val")).images} == {"validation"}
    assert len(reader.people(tmp_path, Selection()).xy) == 4
    (tmp_path / "images" / "train" / "frame_000002.png").unlink()
    assert [result.ok for result in reader.check(tmp_path)] == [False, True]
