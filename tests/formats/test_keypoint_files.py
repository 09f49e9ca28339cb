"""JSON of 2D poses, written by each program's layout, is read with the right coordinates, frames and tracks."""

import json

import numpy as np
import pytest

from epipose.errors import EpiposeError
from epipose.formats.keypoint_files import keypoint_series, series_label
from tests.helpers import keypoint_files as written


def only(path):
    (series,) = keypoint_series(path)
    return series


def assert_walking(series, people, first=0, atol=1e-9):
    assert sorted(series.images) == [k + first for k, each in enumerate(people)]
    for k, each in enumerate(people):
        found = series.images[k + first].people
        assert len(found) == len(each)
        for one, wanted in zip(found, each, strict=True):
            np.testing.assert_allclose(one.xy, wanted[:, :2], atol=atol)
            np.testing.assert_allclose(one.score, wanted[:, 2], atol=1e-6)


@pytest.mark.parametrize(
    "name",
    [
        "{stem}_{k:012d}_keypoints.json",
        "{stem}_{k:06d}.json",
        "{k}.json",
        "frame-{k}_keypoints.json",
        "{stem}.{k:04d}.json",
    ],
)
@pytest.mark.parametrize("joints", [17, 18, 25, 26, 133])
def test_openpose_with_any_file_naming(tmp_path, name, joints):
    people = written.walking(joints)
    series = only(written.openpose(tmp_path / "cam01_json", people, name, stem="cam01"))
    assert series.file.program == "OpenPose JSON"
    assert_walking(series, people)


def test_openpose_without_the_people_who_were_not_found(tmp_path):
    nobody = [np.zeros((25, 3))]
    written.openpose(tmp_path, [*written.walking(25, 2), nobody, []])
    series = only(tmp_path)
    assert [len(series.images[k].people) for k in range(4)] == [1, 1, 0, 0]


def test_openpose_tracks(tmp_path):
    person = written.walking(25, 1)[0][0].ravel().tolist()
    listed = [{"person_id": [7], "pose_keypoints_2d": person}, {"person_id": [-1], "pose_keypoints_2d": person}]
    written.write(tmp_path / "a_000.json", {"people": listed})
    assert [one.track for one in only(tmp_path).images[0].people] == ["7", None]


def test_alphapose_keeps_the_tracked_number(tmp_path):
    people = [[a, b] for (a,), (b,) in zip(written.walking(17), written.walking(17, x=400), strict=True)]
    series = only(written.alphapose(tmp_path / "alphapose-results.json", people, tracks=(3, 1)))
    assert series.file.program == "AlphaPose JSON"
    assert_walking(series, people)
    assert [one.track for one in series.images[4].people] == ["3", "1"]


@pytest.mark.parametrize(("key", "inner"), [("people", "pose_keypoints_2d"), ("bodies", "joints")])
def test_alphapose_in_the_formats_of_others(tmp_path, key, inner):
    people = written.walking(18)
    content = {
        f"{k}.jpg": {"version": "AlphaPose v0.3", key: [{inner: each[0].ravel().tolist()}]}
        for k, each in enumerate(people)
    }
    assert_walking(only(written.write(tmp_path / "alphapose-results.json", content)), people)


def test_coco_results_by_number(tmp_path):
    people = written.walking(17)
    series = only(written.coco_results(tmp_path / "results.json", people, first=1))
    assert series.file.program == "COCO results"
    assert_walking(series, people, first=1)


def test_coco_results_of_images_listed_beside_them(tmp_path):
    views = {"a": written.walking(17), "b": written.walking(17, x=300)}
    images = [
        {"id": 10 * n + k, "file_name": f"{view}/{k:05d}.png", "width": 640, "height": 480}
        for n, view in enumerate(views)
        for k in range(6)
    ]
    written.write(tmp_path / "images.json", {"images": images, "categories": []})
    entries = [
        {"image_id": 10 * n + k, "keypoints": each[0].ravel().tolist(), "score": 1.0}
        for n, people in enumerate(views.values())
        for k, each in enumerate(people)
    ]
    written.write(tmp_path / "results.json", entries)
    found = keypoint_series(tmp_path)
    assert series_label(found) == ["a", "b"]
    for series, people in zip(found, views.values(), strict=True):
        assert_walking(series, people)
        assert series.images[0].size == (640, 480)


@pytest.mark.parametrize("where", ["{view}/results.json", "{view}_results.json"])
def test_coco_lists_of_views_that_count_alike(tmp_path, where):
    views = {"a": written.walking(17), "b": written.walking(17, x=300)}
    for view, people in views.items():
        path = written.coco_results(tmp_path / where.format(view=view), people, first=1)
        images = [{"id": k + 1, "file_name": f"{k:05d}.png" if "/" in where else f"{view}/{k}.png"} for k in range(6)]
        written.write(path.with_name(path.name.replace("results", "images")), {"images": images})
    found = keypoint_series(tmp_path)
    assert series_label(found) == ["a", "b"]
    for series, people in zip(found, views.values(), strict=True):
        assert_walking(series, people, first=0 if "/" in where else 1)


def test_coco_annotations(tmp_path):
    (person,) = written.walking(17, 1)[0]
    person[:, 2] = [0, 1, 2] * 5 + [0, 2]
    category = {"name": "person", "keypoints": [f"j{k}" for k in range(17)], "skeleton": [[1, 2], [2, 3]]}
    content = {
        "images": [{"id": 5, "file_name": "cam1_frame_000003.png"}],
        "annotations": [{"image_id": 5, "keypoints": person.ravel().tolist()}],
        "categories": [category],
    }
    series = only(written.write(tmp_path / "person_keypoints_default.json", content))
    (found,) = series.images[3].people
    np.testing.assert_array_equal(found.score, person[:, 2] / 2)
    assert series.file.names == tuple(category["keypoints"])
    assert series.file.edges == ((0, 1), (1, 2))
    assert series.labels[0] == "cam1_frame"


def test_mmpose_of_a_video(tmp_path):
    people = written.walking(26)
    names = [f"joint{k}" for k in range(26)]
    series = only(written.mmpose(tmp_path / "results_cam01.json", people, names))
    assert (series.file.program, series.file.names) == ("MMPose JSON", tuple(names))
    assert_walking(series, people, first=1)
    assert_walking(only(written.mmpose(tmp_path / "plain.json", people, first=0)), people)


def test_mmpose_of_images_one_by_one(tmp_path):
    people = written.walking(17)
    for k, each in enumerate(people):
        instances = [{"keypoints": one[:, :2].tolist(), "keypoint_scores": one[:, 2].tolist()} for one in each]
        written.write(tmp_path / f"img_{k:03d}.json", instances)
    written.write(tmp_path / "img_006.json", [])
    assert_walking(only(tmp_path), [*people, []])


def test_mmpose_as_the_inferencer_returns_it(tmp_path):
    people = written.walking(17)
    frames = [
        [{"keypoints": one[:, :2].tolist(), "keypoint_scores": one[:, 2].tolist()} for one in each] for each in people
    ]
    assert_walking(only(written.write(tmp_path / "out.json", {"predictions": frames})), people)


@pytest.mark.parametrize("layout", ["frames", "numbered", "object", "people", "rows"])
def test_mediapipe_in_the_layouts_that_people_write(tmp_path, layout):
    people = written.walking(33)
    path = written.mediapipe(tmp_path / "mp.json", people, (640, 480))
    frames = json.loads(path.read_text())
    content = {
        "frames": frames,
        "numbered": {str(k): frame["pose_landmarks"] for k, frame in enumerate(frames)},
        "object": {"fps": 30, "frames": [{"landmark": frame["pose_landmarks"]} for frame in frames]},
        "people": [{"landmarks": [frame["pose_landmarks"]]} for frame in frames],
        "rows": [
            {"keypoints": [[p["x"], p["y"], p["z"], p["visibility"]] for p in frame["pose_landmarks"]]}
            for frame in frames
        ],
    }[layout]
    series = only(written.write(path, content))
    assert series.file.normalised
    shares = [
        [np.column_stack([(each[0][:, 0] + 0.5) / 640, (each[0][:, 1] + 0.5) / 480, each[0][:, 2]])] for each in people
    ]
    assert_walking(series, shares)


def test_mediapipe_frames_without_anybody_and_pixels(tmp_path):
    people = written.walking(33)
    path = written.mediapipe(tmp_path / "mp.json", [*people[:3], [], *people[4:]], (1, 1))
    series = only(path)
    assert not series.file.normalised
    assert [len(series.images[k].people) for k in range(6)] == [1, 1, 1, 0, 1, 1]


@pytest.mark.parametrize("bare", [False, True])
def test_mediapipe_in_a_file_for_every_frame(tmp_path, bare):
    people = written.walking(33)
    path = written.mediapipe(tmp_path / "whole.json", people, (640, 480))
    for k, frame in enumerate(json.loads(path.read_text())):
        written.write(tmp_path / "cam1" / f"frame_{k:04d}.json", frame["pose_landmarks"] if bare else frame)
    path.unlink()
    series = only(tmp_path)
    assert series.file.normalised
    assert sorted(series.images) == list(range(len(people)))
    assert "cam1" in series.labels


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", '{"cameras": {}}'),
        ("a.csv", "a,b\n1,2\n"),
        ("a.txt", "hello"),
        ("a.npy", "\x93NUMPY"),
    ],
)
def test_what_is_no_pose_is_refused_with_the_formats(tmp_path, name, content):
    (tmp_path / name).write_text(content, encoding="utf-8")
    for path in (tmp_path / name, tmp_path):
        with pytest.raises(EpiposeError, match=r"OpenPose, Pose2Sim.*DeepLabCut's csv and h5; SLEAP") as caught:
            keypoint_series(path)
        assert "pickle" not in str(caught.value)


def test_results_without_anybody(tmp_path):
    with pytest.raises(EpiposeError, match="nobody is in it"):
        keypoint_series(written.write(tmp_path / "alphapose-results.json", []))


def test_damaged_files_are_named(tmp_path):
    written.write(tmp_path / "a_0.json", {"people": [{"pose_keypoints_2d": [1, 2, 3, 4]}]})
    with pytest.raises(EpiposeError, match=r"a_0\.json.*4 numbers"):
        keypoint_series(tmp_path)
    written.write(tmp_path / "a_0.json", [{"image_id": 1, "keypoints": [1, "x", 2]}])
    with pytest.raises(EpiposeError, match=r"a_0\.json cannot be read"):
        keypoint_series(tmp_path)


def test_a_frame_given_twice_is_refused(tmp_path):
    written.openpose(tmp_path, written.walking(25, 2))
    written.openpose(tmp_path, written.walking(25, 2), "{stem}_{k:06d}.json")
    with pytest.raises(EpiposeError, match=r"frame 0 of cam again"):
        keypoint_series(tmp_path)
