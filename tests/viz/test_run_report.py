"""The report of a run: the parts in their order, the commands that are given, and no address of a network."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from epipose.calibration.calibrate import check_rig
from epipose.calibration.verdict import Verdict
from epipose.camera import Rig
from epipose.cli.main import main
from epipose.poses import Poses2D
from epipose.viz.run_report import run_page
from tests.helpers.drawn_clips import clip_folder
from tests.viz.test_calibration_report import words


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip folder with given cameras, labels and a trained network's log."""
    folder = clip_folder(tmp_path_factory.mktemp("run") / "walk & talk", frames=24, views=3)
    check_rig(Poses2D.load(folder / "poses2d.npz"), Rig.load(folder / "rig.json")).save(folder)
    (folder / "model").mkdir()
    (folder / "model" / "log.jsonl").write_text('{"epoch": 0, "loss": 2.0}\n{"epoch": 1, "loss": 1.0}\n')
    return folder


def test_the_parts_are_in_order_and_the_details_are_folded(folder: Path) -> None:
    page = run_page(folder, labelled=True, model=folder / "model").html()
    places = [
        page.index(part)
        for part in (
            "<h1>", 'id="scene"', '<div class="views"', 'class="word"', "The three numbers that matter",
            "Files and next steps", "<h2>Details</h2>", "<summary>Camera by camera", "<summary>The 3D labels",
            "<summary>The network", "<summary>Glossary",
        )
    ]  # fmt: skip
    assert places == sorted(places)
    assert page.rindex("<details>") == page.index("<details><summary>Glossary"), "the glossary is the last section"
    assert "<details open" not in page
    assert page.count('class="card"') == 3
    assert page.index('class="card"') < page.index("Files and next steps")
    assert page.count("<img") == 3 + 1


def test_the_page_is_one_file_without_paths_of_this_machine(folder: Path) -> None:
    page = run_page(folder, labelled=True, model=folder / "model").html()
    assert not re.search(r"https?://|<script[^>]* src|<link|@import|url\(|\bfetch\(|XMLHttpRequest", page)
    assert str(folder) not in page
    assert str(folder.parent) not in page


def test_what_is_not_there_is_left_out(folder: Path) -> None:
    text = words(run_page(folder, labelled=False).html())
    for absent in (
        "Joints with a label",
        "The 3D labels",
        "The network",
        "poses3d.npz",
        "model/",
        "export . --out poses",
    ):
        assert absent not in text
    assert "epipose label ." in text
    labelled = words(run_page(folder, labelled=True).html())
    assert "Joints with a label" in labelled
    assert "--model" not in labelled
    assert "What 3 cameras saw of one person" in labelled


def test_a_damaged_video_leaves_the_images_out_and_nothing_else(folder: Path) -> None:
    video = next(folder.glob("*.mp4"))
    whole = video.read_bytes()
    try:
        video.write_bytes(whole[:200])
        page = run_page(folder, labelled=True).html()
    finally:
        video.write_bytes(whole)
    assert "<img" not in page
    assert "could not be read" in page
    assert "Joints with a label" in page


def test_cameras_that_are_rejected_are_shown_with_images_and_nothing_is_exported(folder: Path) -> None:
    found = check_rig(Poses2D.load(folder / "poses2d.npz"), Rig.load(folder / "rig.json"))
    try:
        replace(found, verdict=Verdict("reject", ("The sky is <green>.",))).save(folder)
        page = run_page(folder, labelled=False).html()
    finally:
        found.save(folder)
    assert '<div class="views"' in page
    assert "The sky is &lt;green&gt;." in page
    assert "epipose calibrate ." in page
    assert "epipose export" not in page


def test_the_commands_do_what_they_say(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """Every command of the page that needs no browser and no photo is run as it stands."""
    monkeypatch.chdir(folder)
    commands = re.findall("<code>(epipose .*?)</code>", run_page(folder, labelled=True, model=folder / "model").html())
    assert len(commands) == 7
    for command in commands:
        program, verb, *arguments = command.split()
        assert program == "epipose"
        if verb == "export":
            assert main([verb, *arguments]) == 0, command
            named = Path(arguments[-1])
            assert list(Path(".").glob(f"{named.stem}*{named.suffix}")), command
        else:
            with pytest.raises(SystemExit):
                main([verb, *arguments, "--help"])
    capsys.readouterr()
