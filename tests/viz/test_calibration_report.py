"""The calibration page: the person first, then the verdict, every camera and pair, and no value where one is missing."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import cache
from html import unescape
from pathlib import Path

import pytest
import torch

from epipose.calibration.calibrate import calibrate_rig, check_rig
from epipose.calibration.result import Calibration
from epipose.calibration.verdict import Verdict
from epipose.camera import Camera, Rig
from epipose.clip import Clip, View
from epipose.geometry.rotation import exp
from epipose.io.files import write_json
from epipose.poses import Poses2D
from epipose.reconstruction.scale import Scale
from epipose.skeletons import H36M17
from epipose.viz.calibration_report import calibration_page
from epipose.viz.ground_path import path_and_up
from tests.helpers.synthetic import detections, moving_skeleton, rig


def seen(cameras: Rig, frames: int = 30) -> Poses2D:
    uv, conf = detections(cameras, moving_skeleton(frames), pixels=1.0)
    return Poses2D(uv[:, :, None], conf[:, :, None], H36M17, cameras.names)


@cache
def recovered() -> Calibration:
    return calibrate_rig(seen(rig()), rig())


def page_of(folder: Path, result: Calibration, detected: dict | None = None) -> str:
    """The text of the page on a clip folder made of a result."""
    folder.mkdir(exist_ok=True)
    for name in result.rig.names:
        (folder / f"{name}.mp4").touch()
    sizes = result.rig.camera.size.tolist()
    views = [View(n, folder / f"{n}.mp4", w, h, 30, 50.0) for n, (w, h) in zip(result.rig.names, sizes, strict=True)]
    Clip(tuple(views), 30, 50.0).save(folder)
    source = rig().select(result.rig.names) if set(result.rig.names) <= set(rig().names) else result.rig
    seen(source).save(folder / "poses2d.npz")
    result.save(folder)
    if detected is not None:
        write_json(folder / "detect.json", detected)
    return calibration_page(folder).html()


def words(page: str) -> str:
    text = re.sub("<script.*?</script>", "", page.partition("</style>")[2])
    return unescape(re.sub(r"<[^>]+>", " ", text))


@pytest.mark.slow
def test_every_camera_and_every_pair_is_there_after_the_verdict(tmp_path: Path) -> None:
    page = page_of(tmp_path, recovered())
    assert page.index('id="scene"') < page.index('class="word"') < page.index("<h2>")
    assert re.findall("<h2>(.*?)</h2>", page) == ["The three numbers that matter", "Files and next steps", "Details"]
    folded = re.findall("<details><summary>(.*?)</summary>", page)
    assert folded == [
        "Notes", "Camera by camera", "The room and the images", "The subject", "Synchronisation", "Scale and floor",
        "Intrinsics", "Pairs of cameras", "Glossary: what these numbers mean",
    ]  # fmt: skip
    assert page.index("Details</h2>") < page.index("<details>")
    assert page.count("<details>") == page.count("</details>")
    for camera in recovered().cameras:
        assert page.count(f">{camera.name}</td>") == 3
        assert f"{camera.median_px:.1f}\N{NO-BREAK SPACE}px" in page
        assert f"{camera.rotation_sigma_deg:.2f}°" in page
    for pair in recovered().pairs:
        assert f">{' - '.join(pair.views)}</td>" in page
    assert page.count("<svg") == 2
    assert not re.search(r"https?://|<script[^>]* src|<link|url\(|@import|\bfetch\(", page)


@pytest.mark.parametrize(
    ("word", "style", "says"),
    [("trust", "good", "can be used"), ("check", "fair", "Look at the cameras"), ("reject", "poor", "Do not use")],
)
def test_the_verdict_gives_its_reasons_and_says_what_to_do(tmp_path: Path, word: str, style: str, says: str) -> None:
    verdict = Verdict(word, ("Because of <this>.", "And that."))  # type: ignore[arg-type]
    page = page_of(tmp_path, replace(recovered(), verdict=verdict))
    box = page.partition(f'<div class="verdict {style}">')[2].partition("<h2>")[0]
    assert f">{word.capitalize()}<" in box
    assert says in box
    assert "Because of &lt;this&gt;." in box
    assert ("--force" in box) == (word == "reject")


def test_eight_cameras_that_were_given(tmp_path: Path) -> None:
    camera = rig().camera
    fields = (camera.K, camera.distortion, camera.R, camera.t, camera.size)
    eight = Rig(tuple(f"cam{i}" for i in range(8)), Camera(*(torch.cat([f, f]) for f in fields)), metric=True)
    page = page_of(tmp_path, check_rig(seen(eight), eight))
    text = words(page)
    assert "The cameras were given" in text
    assert "of the given world" in text
    assert "those of the cameras that were given" in text
    for absent in ("Pairs of cameras", "Camera uncertainty", "°", "nominal", "standard deviation of up", " Notes "):
        assert absent not in text.partition("Glossary")[0]
    assert page.count(">cam7<") == 5  # three tables, the map, and the coverage


def test_two_cameras_and_no_record_of_detection(tmp_path: Path) -> None:
    two = rig().select(rig().names[:2])
    text = words(page_of(tmp_path, calibrate_rig(seen(two), two)))
    assert " - ".join(two.names) in text
    assert "The time offsets were" not in text
    assert "support" not in text.partition("Glossary")[0]


def test_what_detection_found_is_told(tmp_path: Path) -> None:
    subject = {
        name: {"candidates": 2, "taken": 1, "added": [], "agreement": 0.61, "next_best": 0.1, "lead": 0.4, "sure": True}
        for name in rig().names
    }
    sync = {
        "starts": [0.0] * 4,
        "method": "motion and sound",
        "support": [2.1, 0.3, 1.0, 1.0],
        "sure": False,
        "warnings": [],
    }
    text = words(page_of(tmp_path, recovered(), {"subject": subject, "sync": sync, "warnings": []}))
    assert "cam54138969: person 2 of 2, whose movements agree with the other views (0.61; next best 0.10)." in text
    assert "The time offsets were estimated from motion and sound. They are uncertain: see the notes." in text
    assert " 0.3 " in text
    by_hand = page_of(tmp_path, recovered(), {"sync": {**sync, "method": "by hand"}, "warnings": []})
    assert "The time offsets were given by hand." in by_hand
    assert "support" not in words(by_hand).partition("Glossary")[0]


def test_what_was_estimated_repaired_and_doubted_is_told(tmp_path: Path) -> None:
    first, second, *others = recovered().cameras
    lens = "focal length estimated, each camera's own"
    first = replace(first, lens=lens, focal_sigma_pct=1.26, lag_frames=0.37, lag_sigma_frames=0.05, swapped_frames=4)
    second = replace(second, swapped_throughout=True, focal_doubt_pct=9.0, focal_doubt_sigma_pct=1.0)
    changed = replace(
        recovered(),
        cameras=(first, second, *others),
        pairs=(replace(recovered().pairs[0], outvoted=True, findings=("The person hardly moved.",)),),
        evidence=replace(recovered().evidence, handedness=-0.9, mirror_cost=1.25, mirrored_video=2.5),
        undecided_swaps=7,
        scale=Scale(1.0, 0.034, ("By the person's height.",), ()),
        rig=replace(recovered().rig, metric=True),
    )
    text = words(page_of(tmp_path, changed))
    for told in (
        lens, "± 1.3 %", "0.37 ± 0.05 frames", "4 of 30 frames", "throughout, and", "contradicts it (+9 ± 1 %)",
        "Outvoted by the other views. The person hardly moved.", "the world is mirrored.",
        "mirrored world is 1.2 times as large", "mirrored video has 2.5 times the cost",
        "In 7 frames views contradict", "Lengths are metres, to within 3.4%.", "By the person's height.", "1 m",
    ):  # fmt: skip
        assert told in text


def test_the_path_is_the_person_s_and_up_is_up_in_any_world() -> None:
    turn = exp(torch.tensor([0.4, -0.3, 1.1], dtype=torch.float64))
    offset = torch.tensor([3.0, -2.0, 1.0], dtype=torch.float64)
    path, up = path_and_up(rig().moved(2.0, turn, offset), seen(rig()), 50.0)
    hips = moving_skeleton(30)[:, [1, 4]].mean(1)
    assert float((path - (2 * hips @ turn.mT + offset)).norm(dim=-1).max()) < 0.05
    assert float(up @ turn[:, 2]) > 0.95
    assert path_and_up(replace(rig(), upright=True), seen(rig()), 50.0)[1].tolist() == [0, 0, 1]


def test_places_far_outside_the_scene_are_left_out_of_the_path() -> None:
    """A map must not shrink to show what wrong cameras, or somebody far away, make of a few frames."""
    far, cameras = moving_skeleton(30), replace(rig(), upright=True)
    far[10:13, :, 1] += 20.0
    uv, conf = detections(cameras, far)
    poses = Poses2D(uv[:, :, None], conf[:, :, None], H36M17, cameras.names)
    assert len(path_and_up(cameras, poses, 50.0)[0]) == 27
    assert len(path_and_up(cameras, replace(poses, conf=0 * poses.conf), 50.0)[0]) == 0


def test_the_page_is_one_file_that_replaces_the_old_one(tmp_path: Path) -> None:
    page_of(tmp_path, recovered())
    target = tmp_path / "calibration.html"
    target.write_text("old")
    calibration_page(tmp_path).save(target)
    assert target.read_text().startswith("<!doctype html>")
    assert json.loads((tmp_path / "calibration.json").read_text())["verdict"]["word"] in target.read_text().lower()
