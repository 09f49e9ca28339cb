import re
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import ClassVar

import pytest
import torch

from epipose.cli import main as cli
from epipose.clip import Clip
from epipose.datasets.base import CheckResult, DatasetInfo, People2D, PeopleReader, Reader, Selection, Take, TakeReader
from epipose.datasets.catalogue import check_dataset, describe, import_takes, list_datasets
from epipose.datasets.panoptic import Panoptic
from epipose.datasets.registry import READERS, reader_for, reader_named, reader_names
from epipose.errors import EpiposeError
from epipose.poses import Poses3D
from epipose.skeletons import COCO17
from tests.helpers.h36m_files import person, write_metadata, write_take
from tests.helpers.panoptic_files import panoptic, pose2sim, trc

DOCS = Path(__file__).parents[2] / "docs" / "datasets.md"


class Photos:
    """A dataset of single images: every folder called photos."""

    info = DatasetInfo("Photos of people", "none", "nowhere", "nothing", "photos/")

    def recognises(self, root: Path) -> bool:
        return root.name == "photos"

    def check(self, root: Path) -> list[CheckResult]:
        return [CheckResult(False, f"{root} is empty.")]

    def people(self, root: Path, selection: Selection) -> People2D:
        none = torch.zeros(0)
        return People2D((), none.long(), none.reshape(0, 17, 2), none.reshape(0, 17), none.reshape(0, 4), none, COCO17)


@pytest.fixture
def photos(tmp_path, monkeypatch) -> Path:
    monkeypatch.setitem(READERS, "photos", f"{__name__}:Photos")
    (tmp_path / "photos").mkdir()
    return tmp_path / "photos"


@pytest.mark.parametrize("name", list(READERS))
def test_every_reader_keeps_the_protocol_and_tells_what_to_download(name):
    reader = reader_named(name)
    assert isinstance(reader, Reader)
    assert isinstance(reader, TakeReader) != isinstance(reader, PeopleReader)
    assert all(vars(reader.info).values())


def test_the_list_and_the_documents_say_the_same(capsys):
    assert cli.main(["datasets"]) == 0
    printed = capsys.readouterr().out
    assert printed.strip() == list_datasets()
    page = DOCS.read_text(encoding="utf-8")
    for name in READERS:
        entry = describe(name, reader_named(name))
        assert entry in printed
        assert f"```text\n{entry}\n```" in page, f"{name}: run benchmarks/docs/tables.py"
    assert len(re.findall("<!-- table: dataset_", page)) == len(READERS)


def test_check_says_which_dataset_it_is_and_marks_what_it_found(tmp_path, capsys):
    root = tmp_path / "171204_pose1"
    panoptic(root, [0, 1])
    assert cli.main(["datasets", "check", str(root)]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("panoptic: CMU Panoptic Studio\n")
    assert printed.count("[ok]") == 2
    (root / "hdPose3d_stage1_coco19" / "body3DScene_00000001.json").write_text("{")
    assert cli.main(["datasets", "check", str(root)]) == 2
    captured = capsys.readouterr()
    assert "[!!]" in captured.out
    assert "body3DScene_00000001.json" in captured.out
    assert "1 of 2 checks" in captured.err


def test_what_is_no_dataset_or_not_there(tmp_path, capsys):
    assert cli.main(["datasets", "check", str(tmp_path)]) == 2
    assert "looks like none of the datasets" in capsys.readouterr().err
    assert cli.main(["datasets", "check", str(tmp_path / "gone")]) == 2
    assert "There is no file or folder" in capsys.readouterr().err
    assert cli.main(["datasets", "check"]) == 2
    assert "needs the PATH" in capsys.readouterr().err
    assert cli.main(["datasets", "import", str(tmp_path)]) == 2
    assert "needs --out" in capsys.readouterr().err
    with pytest.raises(EpiposeError, match="There is no dataset 'lego'; epipose reads h36m, "):
        reader_named("lego")


def test_a_reader_of_another_package_that_fails_is_passed_over(tmp_path, monkeypatch):
    points = [
        EntryPoint("torn", "no_such_module:Reader", "epipose.readers"),
        EntryPoint("shapeless", "builtins:object", "epipose.readers"),
        EntryPoint("photos", f"{__name__}:Photos", "epipose.readers"),
        EntryPoint("panoptic", f"{__name__}:Photos", "epipose.readers"),
    ]
    monkeypatch.setattr("epipose.datasets.registry.entry_points", lambda group: points)
    panoptic(tmp_path / "s", [0])
    (tmp_path / "photos").mkdir()
    assert reader_names() == [*READERS, "torn", "shapeless", "photos"]
    assert reader_for(tmp_path / "s")[0] == "panoptic"
    assert isinstance(reader_named("panoptic"), TakeReader), "a name of epipose's own stays its own"
    assert reader_for(tmp_path / "photos")[0] == "photos"
    with pytest.raises(EpiposeError, match=r"'torn' \(no_such_module:Reader, .*No module named.*shapeless fails"):
        reader_for(tmp_path / "s" / "hdImgs")


def test_a_project_is_taken_for_nothing_else(tmp_path):
    panoptic(tmp_path / "a" / "s", [0])
    pose2sim(tmp_path / "b")
    assert reader_for(tmp_path / "a")[0] == "panoptic"
    assert reader_for(tmp_path / "b")[0] == "pose2sim"


def test_import_writes_a_clip_for_every_take_that_was_chosen(tmp_path, capsys):
    for name in ("160224_haggling1", "171204_pose1", "171204_pose2"):
        panoptic(tmp_path / "dome" / name, list(range(5)))
    arguments = ["datasets", "import", str(tmp_path / "dome"), "--out", str(tmp_path / "clips"), "--every", "2"]
    arguments += ["--views", "00_12", "00_00", "--actions", "haggling1", "171204_pose2"]
    assert cli.main(arguments) == 0
    printed = capsys.readouterr().out
    folders = sorted(path.name for path in (tmp_path / "clips").iterdir())
    assert folders == ["160224_haggling1", "171204_pose2"]
    for name in folders:
        assert f"{tmp_path / 'clips' / name}: 2 views, 3 frames" in printed
        clip = Clip.load(tmp_path / "clips" / name)
        assert clip.names == ("00_12", "00_00")
        assert len(Poses3D.load(tmp_path / "clips" / name / "truth" / "poses3d.npz").xyz) == clip.frames == 3
    assert cli.main(arguments) == 0
    assert cli.main([*arguments[:-1], "haggling1"]) == 0


def test_a_take_that_fails_is_named_and_the_others_are_made(tmp_path):
    for name in ("one", "two"):
        root = pose2sim(tmp_path / "session" / name)
        trc(root / "pose-3d" / "x_0-6.trc", range(6))
    (tmp_path / "session" / "Config.toml").write_text("")
    damaged = tmp_path / "session" / "one" / "pose-3d" / "x_0-6.trc"
    damaged.write_text(damaged.read_text()[:3000])
    made = []
    with pytest.raises(EpiposeError, match=r"1 of 2 takes could not be imported:\none: .*x_0-6.trc"):
        made.extend(import_takes(tmp_path / "session", tmp_path / "out", Selection(), 1))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["two"]


def test_options_that_mean_nothing_in_a_dataset_are_refused(tmp_path, capsys):
    panoptic(tmp_path / "s", [0, 1])
    write_metadata(tmp_path / "h")
    write_take(tmp_path / "h", 9, "Greeting", person(3))
    for root, option, what in (
        ("s", "--universal", "CMU Panoptic Studio has no universal skeleton"),
        ("s", "--leave-out-known-bad", "has no annotations that are known to be wrong"),
        ("h", "--universal", "Human3.6M, the official files has no universal skeleton"),
    ):
        assert cli.main(["datasets", "import", str(tmp_path / root), "--out", str(tmp_path / "clips"), option]) == 2
        assert what in capsys.readouterr().err
    assert not (tmp_path / "clips").exists()
    with pytest.raises(EpiposeError, match="is left by this selection"):
        list(import_takes(tmp_path / "h", tmp_path / "clips", Selection(known_bad=False), 1))


class Twice:
    """A dataset whose takes are given by the test."""

    info = DatasetInfo("Twice", "none", "nowhere", "nothing", "twice/")
    given: ClassVar[list[Take]] = []

    def recognises(self, root: Path) -> bool:
        return root.name == "twice"

    def check(self, root: Path) -> list[CheckResult]:
        return [CheckResult(True, f"{root.name} in {root.parent.name}")]

    def takes(self, root: Path, selection: Selection) -> list[Take]:
        return self.given


@pytest.fixture
def twice(tmp_path, monkeypatch) -> Path:
    monkeypatch.setitem(READERS, "twice", f"{__name__}:Twice")
    monkeypatch.setattr(Twice, "given", [])
    panoptic(tmp_path / "s", [0, 1])
    (take,) = Panoptic().takes(tmp_path / "s", Selection(views=("00_12", "00_00")))
    Twice.given.extend([take, replace(take, name="second"), replace(take, name="third")])
    (tmp_path / "twice").mkdir()
    return tmp_path / "twice"


def test_two_takes_of_one_name_are_refused_before_any_is_written(twice, tmp_path):
    Twice.given.append(replace(Twice.given[1], fps=1.0))
    with pytest.raises(EpiposeError, match=r"00_12 and .*00_12 are both called second\. Rename one"):
        list(import_takes(twice, tmp_path / "out", Selection(), 1))
    assert not (tmp_path / "out").exists()


def test_an_operating_systems_error_in_one_take_does_not_stop_the_others(twice, tmp_path):
    def unreadable():
        raise IsADirectoryError(21, "Is a directory", "poses.json")

    Twice.given[1] = replace(Twice.given[1], ground_truth=unreadable)
    with pytest.raises(EpiposeError, match=r"1 of 3 takes could not be imported:\nsecond: .*poses\.json"):
        list(import_takes(twice, tmp_path / "out", Selection(), 1))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted([Twice.given[0].name, "third"])


def test_a_point_is_the_folder_that_one_is_in(twice, monkeypatch):
    monkeypatch.chdir(twice)
    assert reader_for(Path())[0] == "twice"
    assert check_dataset(Path("."))[1] == [CheckResult(True, f"twice in {twice.parent.name}")]


def test_cameras_above_are_found_from_within(tmp_path, monkeypatch):
    write_metadata(tmp_path)
    write_take(tmp_path / "data", 9, "Greeting", person(3))
    monkeypatch.chdir(tmp_path / "data")
    assert check_dataset(Path("."))[1][0].ok
    with pytest.raises(EpiposeError, match="S9_Greeting_2 has no images"):
        list(import_takes(Path("."), tmp_path / "clips", Selection(), 1))


def test_single_images_go_to_the_training_instead(photos, capsys):
    assert cli.main(["datasets", "import", str(photos), "--out", str(photos / "x")]) == 2
    assert "epipose train --images-2d" in capsys.readouterr().err
    assert cli.main(["datasets", "check", str(photos)]) == 2


def test_help_names_what_it_does(capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["datasets", "--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert "{list,check,import}" in text
    assert "--leave-out-known-bad" in text
