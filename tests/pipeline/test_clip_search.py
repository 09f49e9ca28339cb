"""Clips in a folder: every layout that recordings have, and what is none."""

from pathlib import Path

import pytest

from epipose.errors import InputError
from epipose.pipeline.clip_search import clips_in


def files(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_every_layout_is_found_under_its_path(tmp_path: Path) -> None:
    files(tmp_path, "monday/walk/cam1.mp4", "monday/walk/cam2.MP4", "monday/walk/notes.txt")
    files(tmp_path, "monday/run/Cam0/trial.mp4", "monday/run/Cam1/trial.mp4")
    files(tmp_path, "images/a/0.png", "images/b/0.png")
    files(tmp_path, "detected/clip.json", "detected/videos/a.mp4", "detected/videos/b.mp4")
    files(tmp_path, "one_camera_only/a.mp4", ".hidden/a.mp4", ".hidden/b.mp4", "empty/.keep")
    files(tmp_path, "out/old/a.mp4", "out/old/b.mp4")
    found = clips_in(tmp_path, tmp_path / "out")
    assert [clip.name for clip in found] == ["detected", "images", "monday/run", "monday/walk"]
    sources = {clip.name: [path.relative_to(tmp_path).as_posix() for path in clip.sources] for clip in found}
    assert sources["monday/run"] == ["monday/run/Cam0/trial.mp4", "monday/run/Cam1/trial.mp4"]
    assert sources["monday/walk"] == ["monday/walk"]


def test_results_of_another_batch_are_no_recordings(tmp_path: Path) -> None:
    files(tmp_path, "monday/walk/cam1.mp4", "monday/walk/cam2.mp4")
    files(tmp_path, "first/monday/walk/clip.json", "first/monday/walk/batch.json", "first/summary.csv")
    files(tmp_path, "own/clip.json", "own/batch.json", "own/cam1.mp4", "own/cam2.mp4")
    files(tmp_path, "apart/clip.json", "apart/batch.json", "apart/Cam0/a.mp4", "apart/Cam1/a.mp4")
    assert [clip.name for clip in clips_in(tmp_path, tmp_path / "out")] == ["apart", "monday/walk", "own"]


def test_folders_of_several_videos_each_are_clips_of_their_own(tmp_path: Path) -> None:
    """Whether they are cameras with trials nobody can tell from the names alone."""
    files(tmp_path, "s/1/a.mp4", "s/1/b.mp4", "s/2/a.mp4", "s/2/b.mp4")
    assert [clip.name for clip in clips_in(tmp_path, tmp_path / "out")] == ["s/1", "s/2"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), "There is no folder"),
        (("x/a.mp4",), "holds no clips. Expected a folder for each"),
        (("a.mp4", "b.mp4"), "is one clip itself: use epipose run"),
        (("Cam0/a.mp4", "Cam1/a.mp4"), r"is one clip itself: use epipose run .*Cam0.a\.mp4 .*Cam1.a\.mp4"),
    ],
)
def test_what_holds_no_clips_is_named(tmp_path: Path, names: tuple[str, ...], message: str) -> None:
    files(tmp_path / "there", *names)
    with pytest.raises(InputError, match=message):
        clips_in(tmp_path / "there", tmp_path / "out")
