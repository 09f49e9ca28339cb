"""A run that cannot succeed is refused before its first stage, whichever stage would have found out."""

from pathlib import Path

import pytest

from epipose.cli.main import main
from epipose.io.files import write_record
from epipose.pipeline.checks import check_run, detect_options
from epipose.pipeline.options import RunOptions
from epipose.pipeline.plan import PlannedStage, in_words, planned
from epipose.pipeline.run import training_options
from epipose.training.options import TrainOptions
from tests.helpers.dot_videos import Dots, small_rig, videos


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("footage")
    paths = videos(folder)
    small_rig().save(folder / "cameras.json")
    small_rig().select(small_rig().names[:3]).save(folder / "three.json")
    (folder / "broken.json").write_text("{")
    return paths


@pytest.fixture(autouse=True)
def nothing_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    def detect(*_: object, **__: object) -> None:
        raise AssertionError("the first stage began")

    monkeypatch.setattr("epipose.pipeline.run.detect_clip", detect)
    monkeypatch.setattr("epipose.pipeline.detect.detector_named", lambda name, *_: Dots())


BAD = {
    "height 0": (["--height", "0"], "'height' is 0; expected a number from 0.5 to 2.5 metres"),
    "unknown bone": (["--bone", "tail=0.4"], "--bone tail: no such bone"),
    "impossible bone": (["--bone", "thigh=42"], "--bone thigh is 42 m"),
    "unknown camera": (["--camera-distance", "left-right=3"], "is no pair of cameras"),
    "offsets apart": (["--offsets", "0", "500", "0", "0"], "0 frames in common"),
    "too few offsets": (["--offsets", "0", "1"], "--offsets has 2 times for 4 videos"),
    "no sound": (["--sync", "audio"], "--sync audio needs sound"),
    "other views": (["--known-rig", "{footage}/three.json"], "3 cameras"),
    "intrinsics of others": (["--intrinsics", "{footage}/three.json"], "3 cameras"),
    "broken cameras": (["--intrinsics", "{footage}/broken.json"], "broken.json"),
    "no cameras": (["--known-rig", "{footage}/none.json"], "none.json"),
    "moments for cameras alone": (["--every", "0"], "'every' is 0"),
    "no frames": (["--train-frames", "0"], "'train_frames' is 0"),
}


@pytest.mark.parametrize("case", BAD)
def test_refused_before_the_first_stage(
    case: str, footage: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words, message = BAD[case]
    options = [word.format(footage=footage[0].parent) for word in words]
    out = tmp_path / "out"
    code = main(["run", *map(str, footage), "--out", str(out), "--network", "none", *options])
    said = capsys.readouterr().err
    assert code == 2
    assert message in said
    assert not out.exists()


def test_a_folder_that_cannot_be_written(
    footage: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("mine")
    code = main(["run", *map(str, footage), "--out", str(tmp_path / "file" / "out"), "--network", "none"])
    assert (code, "cannot be made" in capsys.readouterr().err) == (2, True)


def test_the_network_of_another_run_in_the_folder(footage: list[Path], tmp_path: Path) -> None:
    options = RunOptions(network="full")
    (tmp_path / "model").mkdir()
    write_record(tmp_path / "model" / "train.json", {"epochs": 3}, "")
    with pytest.raises(Exception, match=r"holds a run with other options: .*epochs 3 \(now 140\)"):
        check_run(footage, tmp_path, options, training_options(options))
    check_run(footage, tmp_path, options, training_options(RunOptions(network="full", overwrite=True)))


def test_a_good_call_is_tried_and_planned(footage: list[Path], tmp_path: Path) -> None:
    options = RunOptions(network="small", bone=("thigh=0.42",), intrinsics=footage[0].parent / "cameras.json")
    training = training_options(options)
    clip = check_run(footage, tmp_path / "out", options, training)
    stages = planned(clip, tmp_path / "out", detect_options(options), training)
    assert [stage.name for stage in stages] == ["detect", "calibrate", "label", "pages", "train", "refine"]
    assert all(stage.seconds is not None and stage.seconds > 0 for stage in stages)
    assert not (tmp_path / "out").exists()
    without = planned(clip, tmp_path / "out", detect_options(options), None)
    assert [stage.name for stage in without] == ["detect", "calibrate", "label", "pages"]


def test_training_is_capped_and_the_plan_says_so(
    footage: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = RunOptions(network="small", train_frames=30)
    training = training_options(options)
    assert training is not None
    assert training.max_frames == 30
    clip = check_run(footage, tmp_path, options, training)
    monkeypatch.setattr("epipose.pipeline.plan._WORTH_TIMING", 10)
    stages = {stage.name: stage for stage in planned(clip, tmp_path, detect_options(options), training)}
    assert stages["train"].work == "30 of 80 images, varied in pose (--train-frames), 3 times"
    assert "of CPU time each, as 8 of them took" in stages["detect"].work
    full = planned(clip, tmp_path, detect_options(options), TrainOptions(max_frames=30))
    assert full[-2].seconds is None
    assert "hours, on a GPU" in in_words(full)


def test_the_plan_in_words() -> None:
    stages = (PlannedStage("detect", "4 x 9 000 frames", 1200.0), PlannedStage("label", "4 x 9 000 frames", 12.0))
    assert in_words(stages).splitlines()[1:] == [
        "  detect     4 x 9 000 frames: about 20 min",
        "  label      4 x 9 000 frames: about 12 s",
        "  in all     about 20 min",
    ]
