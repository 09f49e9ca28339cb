"""The paper's experiments on drawn clips: the rows that are compared, and the settings kept in a result."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from epipose.camera import Rig
from epipose.cli.main import main
from epipose.clip import Clip
from epipose.datasets.base import GroundTruth, Take
from epipose.errors import DamagedFileError, EpiposeError
from epipose.evaluation.metrics import nmpjpe_mm
from epipose.experiments import cameras as cameras_module
from epipose.experiments import clips as footage_module
from epipose.experiments import labels as labels_module
from epipose.experiments import networks as networks_module
from epipose.experiments import run as run_module
from epipose.experiments import trainer as trainer_module
from epipose.experiments.cameras import camera_rows, chosen_views, views_of
from epipose.experiments.clips import ExperimentClips, dataset_clips, detected, split, usable, with_views
from epipose.experiments.labels import LabelledClip, RecoveredCameras, label_errors, label_rows
from epipose.experiments.network_evaluator import NetworkEvaluator, ground_truth_poses
from epipose.experiments.published import SELF
from epipose.experiments.result import ExperimentResult, FootageSource
from epipose.experiments.rows import LabelRow
from epipose.experiments.run import bench
from epipose.experiments.tables import camera_table, collapse_table, label_table, option_table, self_table, table
from epipose.experiments.trainer import SELF_RUNS, Trainer, frames_of, label_as_paper, one_subject
from epipose.io.files import read_json, write_json, write_record
from epipose.network.pretrained import model_file, pretrained_model
from epipose.network.refiner import WEIGHTS
from epipose.pipeline.stages import label_clip
from epipose.poses import Poses2D, Poses3D
from epipose.reconstruction.label import label_poses
from epipose.skeletons import H36M17
from tests.helpers import drawn_clips

TINY = {
    "backbone": "resnet18", "input_size": 64, "depth_bins": 8, "channels": 16, "deconvs": 1, "batch_size": 4,
    "epochs": 1, "lr_drops": (),
}  # fmt: skip


def known_clip(folder: Path, frames: int = 12, views: int = 3, noise_px: float = 0.5, seed: int = 0) -> Path:
    """A drawn clip with the truth beside it; the "detector" errs by so many pixels, the cameras are the true ones."""
    drawn_clips.clip_folder(folder, frames, views, seed=seed)
    rig = Rig.load(folder / "rig.json")
    rig.save(folder / "truth" / "rig.json")
    rig.save(folder / "intrinsics.json", intrinsics_only=True)
    for name in ("poses2d.npz", "poses3d.npz"):
        (folder / name).rename(folder / "truth" / name)
    seen = Poses2D.load(folder / "truth" / "poses2d.npz")
    noise = noise_px * torch.randn(seen.xy.shape, generator=torch.Generator().manual_seed(0))
    Poses2D(seen.xy + noise, seen.conf, H36M17, seen.views).save(folder / "poses2d.npz")
    for mode in ("full", "self", "self+rig", "true2d"):
        label_clip(folder, mode=mode)
    return folder


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> list[Path]:
    root = tmp_path_factory.mktemp("clips")
    return [known_clip(root / f"clip{number}", seed=number) for number in range(2)]


@pytest.mark.slow
def test_labels_by_source_and_cameras(clips: list[Path], monkeypatch) -> None:
    """Recovered cameras are stood in for by the true ones in another world, half as large; one recipe fails."""
    verdicts = iter(["trust", "check", "trust", "reject"])

    def calibrated(poses, lenses, fps):
        assert torch.equal(lenses.camera.R[0], torch.eye(3, dtype=torch.float64)), "no extrinsics are given away"
        half = drawn_clips.rig(3).moved(0.5, torch.eye(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64))
        cameras = [SimpleNamespace(swapped_throughout=False)] * 3
        verdict = SimpleNamespace(word=next(verdicts))
        return SimpleNamespace(rig=Rig(half.names, half.camera, metric=False), cameras=cameras, verdict=verdict)

    answers = iter([None, drawn_clips.rig(3)] * 2)
    monkeypatch.setattr(labels_module, "calibrate_rig", calibrated)
    monkeypatch.setattr(labels_module, "paper_recipe", lambda poses, lenses: next(answers))
    rows = label_rows(clips)
    noisy, ours = rows["detector, true cameras"], rows["detector, recovered"]
    assert rows["true 2D, true cameras"].pmpjpe_mm < noisy.pmpjpe_mm < 40  # bones of these figures are not constant
    assert noisy.rotation_deg_worst < 1e-3
    assert ours.nmpjpe_mm == pytest.approx(noisy.nmpjpe_mm, rel=0.01)
    assert noisy.mpjpe_mm is not None
    assert ours.mpjpe_mm is None, "recovered cameras know no scale"
    assert ours.verdicts == {"trust": 1, "reject": 1}
    assert rows["detector, recovered, not rejected"].clips == 1
    assert rows["detector, true cameras, not rejected"].poses == noisy.poses / 2
    assert rows["detector, paper's recipe"].clips == 1, "one clip has no cameras"
    assert rows["detector, paper's recipe, not rejected"] == LabelRow(0)
    assert rows["gate 1.5"].joint_share <= rows["gate 1e+06"].joint_share
    text = label_table(rows)
    assert text.count("\n") == 1 + 12
    assert "no gate" in option_table(rows)


def test_errors_of_labels_are_those_of_every_view(clips: list[Path]) -> None:
    poses, rig = Poses2D.load(clips[0] / "poses2d.npz"), Rig.load(clips[0] / "truth" / "rig.json")
    labels = label_poses(poses, rig)
    found = label_errors([LabelledClip(clips[0], labels, rig)])
    p = rig.camera.spread(2).into_frame(labels.xyz[:, 0].double())
    q = rig.camera.spread(2).into_frame(Poses3D.load(clips[0] / "truth" / "poses3d.npz").xyz[:, 0].double())
    weight = (labels.conf[:, 0] > 0).double().expand(p.shape[:-1])
    assert found.nmpjpe_mm == pytest.approx(float(nmpjpe_mm(p, q, H36M17.root, weight).mean()), rel=1e-3)
    assert found.poses == 3 * 12
    assert found.joint_share == pytest.approx(float(weight.mean()))
    nothing = Poses3D(labels.xyz, labels.conf * 0, H36M17)
    assert label_errors([LabelledClip(clips[0], nothing, rig)]).joint_share == 0


@pytest.mark.slow
def test_cameras_are_chosen_by_the_angle_between_them(clips: list[Path], monkeypatch) -> None:
    rig = drawn_clips.rig(5)  # every 52 degrees round the figure
    chosen = chosen_views(rig)
    assert list(chosen) == ["2 adjacent", "2 opposite", "3", "4"]
    numbers = {name: [rig.names.index(view) for view in views] for name, views in chosen.items()}
    assert numbers["2 adjacent"][1] - numbers["2 adjacent"][0] == 1
    assert numbers["2 opposite"][1] - numbers["2 opposite"][0] == 3, (
        "155 degrees; four steps are 154 the other way round"
    )
    assert numbers["3"] == [0, 2, 4], "103 degrees at least"
    assert list(chosen_views(drawn_clips.rig(2))) == ["2 adjacent"]

    def found(clip, poses):
        return RecoveredCameras(
            drawn_clips.rig(3).select(poses.views), poses, "check" if clip == clips[0] else "reject"
        )

    monkeypatch.setattr(cameras_module, "recovered", found)
    rows = camera_rows(clips)
    assert rows["3, true cameras"].nmpjpe_mm < rows["2 adjacent, true cameras"].nmpjpe_mm
    assert rows["3"].nmpjpe_mm == pytest.approx(rows["3, true cameras"].nmpjpe_mm)
    assert rows["2 opposite"].verdicts == {"check": 1, "reject": 1}
    assert rows["2 opposite"].clips == 1
    assert rows["2 adjacent"].angle_deg == pytest.approx(51.6, abs=0.1)
    assert "2 opposite" in camera_table(rows)
    poses = Poses2D.load(clips[0] / "poses2d.npz")
    assert torch.equal(views_of(poses, ("cam3", "cam1")).xy, poses.xy[[2, 0]])


def test_every_fifth_motion_is_kept_with_its_mirror_image(tmp_path: Path) -> None:
    for number in range(10):
        (tmp_path / f"humanoid3d_{number}.txt").write_text("")
    (tmp_path / "humanoid3d_4_mirror.txt").write_text("")
    seen, kept = split(tmp_path)
    assert [path.stem for path in kept] == ["humanoid3d_4", "humanoid3d_4_mirror", "humanoid3d_9"]
    assert len(seen) == 8


def test_clips_that_cannot_be_used_are_named(tmp_path: Path, monkeypatch) -> None:
    def refused(sources, out, **options):
        if out.name == "bad":
            raise EpiposeError("nobody is seen")

    monkeypatch.setattr(footage_module, "detect_clip", refused)
    for name in ("good", "bad"):
        (tmp_path / "a" / name / "truth").mkdir(parents=True)
        (tmp_path / "a" / name / "truth" / "poses3d.npz").write_text("")
    for name in ("calibrate_clip", "label_clip"):
        monkeypatch.setattr(footage_module, name, lambda folder, **options: None)
    kept, left_out = usable([tmp_path / "a" / "good", tmp_path / "a" / "bad"], "blazepose")
    assert kept == [tmp_path / "a" / "good"]
    assert left_out == ["a/bad: nobody is seen"]
    (tmp_path / "a" / "bad" / "truth" / "poses3d.npz").unlink()
    with pytest.raises(EpiposeError, match="has no pose of this take"):
        detected([tmp_path / "a" / "bad"], "blazepose")
    with pytest.raises(EpiposeError, match="No clip is left: a/bad"):
        usable([tmp_path / "a" / "bad"], "blazepose")


class TwoSubjects:
    """A dataset of four takes."""

    info = None
    subjects = ("S1", "S9")

    def recognises(self, root):
        return True

    def check(self, root):
        return []

    def takes(self, root, selection):
        def take(subject: str, action: str) -> Take:
            nothing = Poses3D(torch.zeros(1, 1, 17, 3), torch.zeros(1, 1, 17), H36M17)
            return Take(f"{subject}-{action}", subject, action, None, (), 1, 50.0, lambda: GroundTruth(nothing))

        return [take(subject, action) for subject in self.subjects for action in ("Eating", "Walking")]


def test_a_dataset_is_split_by_subjects(tmp_path: Path, monkeypatch) -> None:
    asked = []

    def imported(take, out, every, options):
        asked.append((take.name, every))
        assert options["dataset"] == "h36m"
        if take.name == "S1-Walking":
            raise EpiposeError("images are missing")

    monkeypatch.setattr(footage_module, "reader_for", lambda root: ("h36m", TwoSubjects()))
    monkeypatch.setattr("epipose.datasets.to_clip.import_take", imported)
    how = {"every": 5, "quick": False}
    found = dataset_clips(tmp_path, tmp_path / "work", None, **how, testing=True)
    assert asked == [("S1-Eating", 5), ("S1-Walking", 5), ("S9-Eating", 64), ("S9-Walking", 64)]
    assert found.test == [tmp_path / "work" / "test" / "S9-Eating", tmp_path / "work" / "test" / "S9-Walking"]
    assert found.train == [tmp_path / "work" / "train" / "S1-Eating"], "one bad take does not stop the others"
    assert found.source.not_imported == ("train/S1-Walking: images are missing",)
    assert found.source.test_subjects == ("S9",)
    monkeypatch.setattr(TwoSubjects, "subjects", ("S1",))
    with pytest.raises(EpiposeError, match="others to test on"):
        dataset_clips(tmp_path, tmp_path / "work", None, **how, testing=True)
    alone = dataset_clips(tmp_path, tmp_path / "work", None, **how, testing=False)
    assert (len(alone.train), alone.test) == (1, []), "labels need nobody to test on"
    monkeypatch.setattr(TwoSubjects, "takes", lambda self, root, selection: [])
    with pytest.raises(EpiposeError, match="the subjects none"):
        dataset_clips(tmp_path, tmp_path / "work", None, **how, testing=False)


def test_one_subject_has_as_many_steps(clips: list[Path], tmp_path: Path) -> None:
    assert one_subject(clips) == clips[:1]
    for number, subject in enumerate(("S1", "S5", "S1")):
        (tmp_path / str(number)).mkdir()
        write_record(tmp_path / str(number) / "take.json", {"subject": subject}, "")
    folders = [tmp_path / str(number) for number in range(3)]
    assert one_subject(folders) == [folders[0], folders[2]]
    assert frames_of(clips) == 24


@pytest.fixture(scope="module")
def trainer(clips, tmp_path_factory) -> Trainer:
    return Trainer(clips, tmp_path_factory.mktemp("nets"), None, TINY, 0)


@pytest.mark.slow
def test_the_main_table(clips: list[Path], trainer: Trainer, monkeypatch) -> None:
    asked = []

    def refine(labels, out, **how):
        asked.append([str(folder.relative_to(clips[0].parent)) for folder in labels])
        shutil.copyfile(model_file(pretrained_model(), WEIGHTS), out / WEIGHTS)

    monkeypatch.setattr(trainer_module, "refine", refine)
    rows = networks_module.self_rows(trainer, NetworkEvaluator(clips, clips, 0), ())
    assert set(SELF_RUNS) < set(rows)
    assert {"full, refined", "self, refined", "mean pose", "pretrained", "pretrained, alone"} < set(rows)
    assert asked == [["clip0/labels/full", "clip1/labels/full"], ["clip0", "clip1"]]
    assert rows["full"].ratio_to_full == 1
    assert rows["self"].nmpjpe_mm != rows["full"].nmpjpe_mm
    assert rows["self, refined"].nmpjpe_mm != rows["self"].nmpjpe_mm
    low, high = rows["self"].nmpjpe_interval_mm
    assert low <= rows["self"].nmpjpe_mm <= high
    assert len(trainer.log("self, one subject")) == 2, "half the images, twice the epochs"
    text = self_table(rows)
    assert "NMPJPE 78.8" in text.splitlines()[5]
    assert "MPJPE 60.5 (3D labels used)" in text
    assert "MPJPE 51.8, PMPJPE 45" in text
    assert set(SELF) < set(rows), "a published figure stands beside a row of the same name"


@pytest.mark.slow
def test_the_collapse(clips: list[Path], trainer: Trainer) -> None:
    rows = networks_module.collapse_rows(trainer, NetworkEvaluator(clips, clips, 0))
    assert len(rows["unfrozen"].spread) == 1
    assert rows["unfrozen"].nmpjpe_mm != rows["frozen"].nmpjpe_mm
    assert "not frozen" in collapse_table(rows)


def test_the_evaluator_compares_view_by_view(clips: list[Path], tmp_path: Path) -> None:
    evaluator = NetworkEvaluator(clips, clips, 0)
    assert evaluator.true.shape == (2 * 3 * 12, 17, 3)
    perfect = evaluator.errors(evaluator.true * 1.3)
    assert perfect.nmpjpe_mm == pytest.approx(0, abs=1e-2)
    assert perfect.mpjpe_mm > 10
    unscaled = evaluator.errors(evaluator.true, metric=False)
    assert unscaled.mpjpe_mm is unscaled.pck_150 is None, "millimetres of what?"
    assert evaluator.errors(evaluator.true).pss == 1
    assert evaluator.mean_pose().nmpjpe_mm > 10
    unseen = shutil.copytree(clips[0], tmp_path / "unseen")
    poses = Poses2D.load(unseen / "poses2d.npz")
    poses.conf[0] = 0
    poses.save(unseen / "poses2d.npz")
    row = NetworkEvaluator([unseen], clips, 0).mean_pose()
    assert (row.poses, row.found_share) == (24, pytest.approx(2 / 3))
    torch.testing.assert_close(ground_truth_poses(clips[0])[0], evaluator.true[:36])
    assert evaluator.detector() is None, "2D alone has no 3D of its own"


def test_what_the_truth_lacks_does_not_count(clips: list[Path], tmp_path: Path) -> None:
    folder = shutil.copytree(clips[0], tmp_path / "clip")
    truth = Poses3D.load(folder / "truth" / "poses3d.npz")
    conf, xyz = truth.conf.clone(), truth.xyz.clone()
    conf[:6], xyz[:6] = 0, 0  # half the frames are invalid
    conf[6:, :, 10], xyz[6:, :, 10] = 0, 7.0  # and nobody knows where heads are
    Poses3D(xyz, conf, H36M17, "world", True).save(folder / "truth" / "poses3d.npz")
    evaluator = NetworkEvaluator([folder], [clips[1]], 0)
    said = evaluator.true.clone()
    said[:, 10] = 0
    row = evaluator.errors(said)
    assert row.poses == 18
    assert row.mpjpe_mm == pytest.approx(0, abs=1e-3)
    assert row.pck_150 == 1
    assert row.pss is None, "no pose is whole"
    assert row.pss_kinds == 36
    with pytest.raises(EpiposeError, match="ground truth for every joint"):
        NetworkEvaluator([folder], [folder], 0)


def test_the_papers_labels_follow_the_joints(clips: list[Path], tmp_path: Path, monkeypatch) -> None:
    folder = shutil.copytree(clips[0], tmp_path / "clip")
    shutil.rmtree(folder / "paper", ignore_errors=True)
    rigs = iter([drawn_clips.rig(3), drawn_clips.rig(3), None])
    monkeypatch.setattr(trainer_module, "paper_recipe", lambda poses, lenses: next(rigs))
    out = label_as_paper(folder)
    first = Poses3D.load(out / "poses3d.npz").xyz
    assert label_as_paper(folder) == out, "not made again: there is one more rig to give"
    shutil.copy(folder / "truth" / "poses2d.npz", folder / "poses2d.npz")
    label_as_paper(folder)
    assert not torch.equal(Poses3D.load(out / "poses3d.npz").xyz, first)
    shutil.copy(clips[1] / "poses2d.npz", folder / "poses2d.npz")
    assert label_as_paper(folder) is None


@pytest.mark.slow
def test_a_result_says_what_it_rests_on(clips: list[Path], tmp_path: Path, monkeypatch, capsys) -> None:
    source = FootageSource("drawn figures")
    monkeypatch.setattr(run_module, "studio_clips", lambda *a, **k: ExperimentClips(clips, clips[:1], (), source))
    monkeypatch.setattr(
        run_module, "detected", lambda folders, detector: (folders[:1], [f"a/b: {tmp_path}/quick/x is bad"])
    )
    arguments = ["bench", "cameras", "--work", str(tmp_path), "--quick", "--seed", "3"]
    assert main(arguments) == 0
    result = read_json(tmp_path / "cameras.json")
    assert result["config"]["left_out"] == ["a/b: quick/x is bad"]
    assert result["config"]["seed"] == 3
    assert result["config"]["quick"] is True
    assert result["config"]["footage"] == "drawn figures"
    assert (result["config"]["clips"], result["config"]["clips_made"]) == (1, 2)
    said = capsys.readouterr().out
    assert table(ExperimentResult.load(tmp_path / "cameras.json")) in said
    assert "its results mean nothing" in said
    assert str(tmp_path) not in json.dumps(result), "nobody wants to know our folders"
    single = known_clip(tmp_path / "single", frames=12, views=3)
    for name in ("cam2", "cam3"):
        (single / f"{name}.mp4").unlink()
    whole = Clip.from_videos([clips[0]])
    Clip(whole.views[:1], 12, 10.0).save(single)
    kept, left_out = with_views([clips[0], single])
    assert kept == [clips[0]]
    assert left_out[0].endswith("single: the take has 1 view; labels need 2")
    with pytest.raises(EpiposeError, match="is no model folder"):
        bench("self", tmp_path, tmp_path / "x.json", init=tmp_path / "nowhere")
    with pytest.raises(EpiposeError, match="'seed' is -1"):
        bench("labels", tmp_path, tmp_path / "x.json", seed=-1)


@pytest.mark.parametrize("name", ["labels", "self", "collapse", "cameras", "self_landmarks", "collapse_landmarks"])
def test_results_come_back_from_their_files(name: str, tmp_path: Path) -> None:
    file = Path(__file__).parents[2] / "benchmarks" / "results" / f"bench_{name}.json"
    result = ExperimentResult.load(file)
    result.save(tmp_path / "again.json")
    assert read_json(tmp_path / "again.json") == read_json(file)
    assert ExperimentResult.load(tmp_path / "again.json") == result
    assert repr(result).startswith(
        f"ExperimentResult({name.removesuffix('_landmarks')}, clips {result.config.clips}, rows "
    )
    assert result._repr_html_().count("<tr>") == len(result.label_rows) + len(result.network_rows)
    content = read_json(file)
    write_json(tmp_path / "bad.json", {**content, "rows": {"full": {"clips": "many"}}})
    with pytest.raises(DamagedFileError, match=r"bad\.json"):
        ExperimentResult.load(tmp_path / "bad.json")
