"""MPII: the release's MATLAB file and the common JSON, made with the nesting and the gaps of the real ones."""

import json
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torch
from PIL import Image

from epipose.datasets.base import People2D, PeopleReader, Selection
from epipose.datasets.mpii import MAT, Mpii
from epipose.datasets.registry import reader_named
from epipose.errors import EpiposeError
from epipose.skeletons import MPII16

NOTHING = np.zeros((0, 0))


def structs(entries: list[dict]) -> np.ndarray:
    """MATLAB's struct array 1 x n: every element has every field, some of them empty."""
    fields = list(dict.fromkeys(key for entry in entries for key in entry))
    array = np.empty((1, len(entries)), dtype=[(field, object) for field in fields])
    for k, entry in enumerate(entries):
        for field in fields:
            array[0, k][field] = entry.get(field, NOTHING)
    return array


def person(seed: int, left_out: tuple[int, ...] = (), **extra) -> dict:
    """An annorect with points in MATLAB's pixels: joint j at (100 seed + j + 1, 50 + j + 1)."""
    points = []
    for joint in (j for j in (9, 8, *range(8), *range(10, 16)) if j not in left_out):
        seen = NOTHING if joint in (8, 9) else "1" if joint == 0 else joint != 3
        points.append({"x": 100.0 * seed + joint + 1, "y": 51.0 + joint, "id": joint, "is_visible": seen})
    head = {"x1": 10, "y1": 20, "x2": 13, "y2": 24}
    place = {"scale": 1.5 + seed, "objpos": structs([{"x": 301 * seed, "y": 201}])}
    return head | place | {"annopoints": structs([{"point": structs(points)}])} | extra


def release(path: Path) -> None:
    """Four images: two people (one unmarked), one person, a test image, and a training image without anybody."""
    crowd = [person(1), {"x1": 1, "y1": 1, "x2": 2, "y2": 2, "annopoints": NOTHING}, person(2, (0, 5))]
    alone = [{**person(3), "objpos": NOTHING, "scale": NOTHING}]
    hidden = [{"scale": 2.0, "objpos": structs([{"x": 401, "y": 301}])}]
    images = [("b.jpg", crowd), ("a.jpg", alone), ("t.jpg", hidden), ("n.jpg", None)]
    annolist = [
        {
            "image": structs([{"name": name}]),
            "annorect": NOTHING if people is None else structs(people),
            "vididx": 1,
            "frame_sec": NOTHING,
        }
        for name, people in images
    ]
    content = {"annolist": structs(annolist), "img_train": np.array([[1, 1, 0, 1]], np.uint8), "version": "12"}
    path.parent.mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(path, {"RELEASE": structs([content])}, do_compression=True)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    release(tmp_path / MAT)
    (tmp_path / "images").mkdir()
    for name in ("a.jpg", "b.jpg", "t.jpg"):
        Image.new("RGB", (8, 8)).save(tmp_path / "images" / name)
    return tmp_path


def test_the_release_gives_everybody_who_is_marked(root: Path) -> None:
    reader = reader_named("mpii")
    assert isinstance(reader, PeopleReader)
    assert reader.recognises(root)
    people = reader.people(root, Selection(split="train"))
    assert people.skeleton == MPII16
    assert people.images == (root / "images" / "b.jpg", root / "images" / "a.jpg")
    assert people.image.tolist() == [0, 0, 1]
    for row, seed in enumerate((1, 2, 3)):
        for joint in range(16):
            missing = seed == 2 and joint in (0, 5)
            expected = 0.0 if missing else 0.5 if joint == 3 else 1.0
            assert people.conf[row, joint] == expected, MPII16.joints[joint]
            if not missing:
                assert people.xy[row, joint].tolist() == [100 * seed + joint, 50 + joint]  # from 0, not from 1
    assert people.head_px.tolist() == [pytest.approx(0.6 * 5)] * 3
    assert people.box[0].tolist() == [300 - 250, 200 - 250, 500, 500]
    assert people.box[2].tolist() == [300, 50, 15, 15], "without scale and position: round the joints"
    assert bool(people.xy.isfinite().all())
    torch.testing.assert_close(reader.people(root, Selection()).xy, people.xy)


def test_test_people_come_without_joints(root: Path) -> None:
    people = Mpii().people(root, Selection(split="test"))
    assert [path.name for path in people.images] == ["t.jpg"]
    assert not people.conf.any()
    assert people.box.tolist() == [[400 - 200, 300 - 200, 400, 400]]
    with pytest.raises(EpiposeError, match=r"annot/valid\.json, and the MATLAB file does not say"):
        Mpii().people(root, Selection(split="val"))


def as_json(root: Path, heads: bool = True) -> None:
    """annot/*.json and gt_valid.mat: two people to train on, three to validate on."""
    folder = root / "annot"
    folder.mkdir(parents=True)
    for name, people in (("train", 2), ("valid", 3)):
        entries = []
        for k in range(people):
            joints = [[float(10 * k + j + 1), float(j + 1)] for j in range(16)]
            joints[5] = [-1.0, -1.0]
            seen = [int(j != 5) for j in range(16)]
            image = f"{name}{k // 2}.jpg"
            entries.append(
                {"joints_vis": seen, "joints": joints, "image": image, "scale": 2.0, "center": [301.0, 201.0]}
            )
        (folder / f"{name}.json").write_text(json.dumps(entries))
    test = [{"image": "t.jpg", "scale": 1.0, "center": [101.0, 101.0]}]
    (folder / "test.json").write_text(json.dumps(test))
    if heads:
        boxes = np.zeros((2, 2, 3))
        boxes[0], boxes[1] = 5, [[8, 11, 5], [9, 13, 17]]
        scipy.io.savemat(folder / "gt_valid.mat", {"headboxes_src": boxes, "jnt_missing": np.zeros((16, 3))})


def test_the_json_is_counted_from_one_as_well(tmp_path: Path) -> None:
    as_json(tmp_path)
    reader = Mpii()
    assert reader.recognises(tmp_path)
    people: People2D = reader.people(tmp_path, Selection(split="val"))
    assert [path.name for path in people.images] == ["valid0.jpg", "valid1.jpg"]
    assert people.image.tolist() == [0, 0, 1]
    assert people.xy[1, 7].tolist() == [17, 7]
    assert people.conf[:, 5].tolist() == [0, 0, 0]
    assert people.conf.sum() == 45
    assert people.head_px.tolist() == pytest.approx([0.6 * 5, 0.6 * 10, 0.6 * 12])
    assert people.box[0].tolist() == [300 - 200, 200 - 200, 400, 400]
    assert reader.people(tmp_path, Selection(split="train")).head_px.tolist() == [0, 0]
    assert len(reader.people(tmp_path, Selection()).xy) == 5
    assert not reader.people(tmp_path, Selection(split="test")).conf.any()
    release(tmp_path / MAT)
    assert len(reader.people(tmp_path, Selection(split="train")).xy) == 2, "beside the JSON the release is not asked"


def test_without_head_boxes_there_is_no_size(tmp_path: Path) -> None:
    as_json(tmp_path, heads=False)
    assert Mpii().people(tmp_path, Selection(split="val")).head_px.tolist() == [0, 0, 0]
    assert any("gt_valid.mat is missing" in result.message for result in Mpii().check(tmp_path) if not result.ok)
    scipy.io.savemat(tmp_path / "annot" / "gt_valid.mat", {"headboxes_src": np.zeros((2, 2, 4))})
    with pytest.raises(EpiposeError, match=r"headboxes_src has shape \(2, 2, 4\), but valid\.json has 3 people"):
        Mpii().people(tmp_path, Selection(split="val"))


def test_head_boxes_that_are_no_numbers_are_named(tmp_path: Path) -> None:
    as_json(tmp_path)
    scipy.io.savemat(tmp_path / "annot" / "gt_valid.mat", {"headboxes_src": np.array(["a", "b"], dtype=object)})
    with pytest.raises(EpiposeError, match=r"gt_valid\.mat cannot be read as the head rectangles"):
        Mpii().people(tmp_path, Selection(split="val"))
    assert not all(result.ok for result in Mpii().check(tmp_path))


def test_damage_is_named(root: Path) -> None:
    whole = (root / MAT).read_bytes()
    for damaged in (whole[: len(whole) // 2], b"no MATLAB file", b""):
        (root / MAT).write_bytes(damaged)
        with pytest.raises(EpiposeError, match=rf"{MAT} cannot be read as MPII's annotations"):
            Mpii().people(root, Selection())
        assert [result.ok for result in Mpii().check(root)] == [False]
    scipy.io.savemat(root / MAT, {"other": 1})
    with pytest.raises(EpiposeError, match="has no variable RELEASE"):
        Mpii().people(root, Selection())
    (root / MAT).unlink()
    assert not Mpii().recognises(root)
    with pytest.raises(EpiposeError, match=rf"has no {MAT}.*epipose datasets"):
        Mpii().people(root, Selection())
    as_json(root)
    path = root / "annot" / "train.json"
    for text, message in (
        (path.read_text()[:200], "cannot be read as JSON"),
        ('[{"image": "a.jpg"}]', "cannot be read as a list"),
        ("5", "cannot be read as a list"),
        ('{"a": 1}', "cannot be read as a list"),
    ):
        path.write_text(text)
        with pytest.raises(EpiposeError, match=rf"train\.json.*{message}"):
            Mpii().people(root, Selection(split="train"))
    path.unlink()
    with pytest.raises(EpiposeError, match=r"no file .*train\.json"):
        Mpii().people(root, Selection(split="train"))


def test_check_counts_the_images(root: Path) -> None:
    (result,) = Mpii().check(root)
    assert result.ok
    assert "3 people in 2 images, of which 0 are not in images" in result.message
    (root / "images" / "a.jpg").unlink()
    (result,) = Mpii().check(root)
    assert not result.ok
    assert "of which 1 are not" in result.message
    assert [f.ok for f in Mpii().check(root / "images")] == [False]
