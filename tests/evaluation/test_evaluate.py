"""From poses and ground truth to numbers: the same frames, axes and joints on both sides, all omissions reported."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from epipose.camera import Rig
from epipose.cli.main import main
from epipose.errors import DamagedFileError, EpiposeError, InputError
from epipose.evaluation.evaluate import evaluate
from epipose.evaluation.pairs import paired_views
from epipose.evaluation.pckh import evaluate_2d
from epipose.evaluation.protocols import PROTOCOLS
from epipose.evaluation.result import Evaluation
from epipose.evaluation.structure_score import fit_structure_score
from epipose.evaluation.tables import as_csv, as_latex, as_text, write_evaluation
from epipose.geometry.rotation import angle_between
from epipose.io.files import read_json, write_json, write_record
from epipose.poses import Poses3D, in_camera_frames
from epipose.skeletons import H36M17, MPII16
from tests.helpers.drawn_clips import poses as figure
from tests.helpers.drawn_clips import rig

ROOT = H36M17.root
FULL_CONFIDENCE = torch.ones(1, 17)


def saved(path: Path, xyz: np.ndarray, conf: torch.Tensor | None = None, **fields) -> Path:
    points = torch.as_tensor(xyz).float()[:, None]
    Poses3D(points, torch.ones(points.shape[:-1]) if conf is None else conf, H36M17, **fields).save(path)
    return path


def by_hand(p: np.ndarray, q: np.ndarray) -> float:
    """MPJPE in millimetres, pose by pose and joint by joint."""
    errors = []
    for one, other in zip(p, q, strict=True):
        for joint in range(17):
            errors.append(1000 * np.linalg.norm((one[joint] - one[ROOT]) - (other[joint] - other[ROOT])))
    return float(np.mean(errors))


def truth_of(
    folder: Path, xyz: np.ndarray, rig: Rig, subject="S9", action="Walking", every=64, frame_actions=()
) -> Path:
    """A clip folder as far as evaluation looks at it."""
    folder.mkdir(parents=True)
    saved(folder / "truth" / "poses3d.npz", xyz, space="world", metric=True)
    rig.save(folder / "truth" / "rig.json")
    options = {"subject": subject, "action": action, "every": every}
    write_record(folder / "take.json", options, "", frame_actions=list(frame_actions))
    return folder


def test_two_files_of_poses_by_every_metric(tmp_path: Path) -> None:
    q = figure(30)
    p = q + np.random.default_rng(1).normal(0, 0.03, q.shape) + 5.0  # another place does not matter
    files = [saved(tmp_path / f"{name}.npz", xyz, space="camera", metric=True) for name, xyz in (("p", p), ("q", q))]
    found = evaluate(*files)
    assert set(PROTOCOLS["free"].metrics) == set(found.all)
    assert found.all["mpjpe_mm"] == pytest.approx(by_hand(p, q), rel=1e-5)
    joint = H36M17.index("left_wrist")
    alone = 1000 * np.linalg.norm((p - p[:, [ROOT]] - q + q[:, [ROOT]])[:, joint], axis=-1)
    assert found.joints["left_wrist"]["mpjpe_mm"] == pytest.approx(alone.mean(), rel=1e-5)
    assert found.joints["left_wrist"]["pck_150"] == pytest.approx((alone <= 150).mean())
    assert found.joints["pelvis"]["mpjpe_mm"] == pytest.approx(0, abs=1e-3)
    velocity = np.diff(p - p[:, [ROOT]] - q + q[:, [ROOT]], axis=0)
    assert found.all["mpjve_mm"] == pytest.approx(1000 * np.linalg.norm(velocity, axis=-1).mean(), rel=1e-5)
    assert found.intervals["mpjpe_mm"] is None, "one recording says nothing of others"
    assert "17 of h36m17" in found.statement.joints
    assert "not stated" in found.statement.crop


def test_a_dataset_by_the_protocol_of_human36m(tmp_path: Path) -> None:
    """Subjects, every 64th frame, each view in its own axes, a row for every action, whoever is missing counted."""
    cameras = rig(2)
    takes = {("S9", "Walking"): 0.02, ("S9", "Eating"): 0.05, ("S11", "Eating"): 0.03, ("S1", "Walking"): 9.0}
    expected: dict[str, list[float]] = {"Walking": [], "Eating": []}
    for number, ((subject, action), noise) in enumerate(takes.items()):
        q = figure(40, seed=number)
        name = f"{subject}-{action}"
        clip = truth_of(tmp_path / "truth" / name, q, cameras, subject, action, every=16)
        seen = in_camera_frames(Poses3D.load(clip / "truth" / "poses3d.npz"), cameras)[:, :, 0].numpy()
        p = seen + np.random.default_rng(number).normal(0, noise, seen.shape)
        for view, xyz in zip(cameras.names, p, strict=True):
            conf = torch.ones(40, 1, 17)
            conf[0] = 0 if (subject, view) == ("S11", "cam2") else 1  # one image without an answer
            saved(tmp_path / "said" / name / view / "predictions.npz", xyz, conf, space="camera", metric=True)
            for frame in range(0, 40, 4):  # every 64th of the original
                if subject != "S1" and conf[frame].any():
                    expected[action].append(by_hand(xyz[[frame]], seen[cameras.names.index(view)][[frame]]))
    found = evaluate(tmp_path / "said", tmp_path / "truth", protocol="h36m-p1", interval="subject")
    for action, errors in expected.items():
        assert found.actions[action]["mpjpe_mm"] == pytest.approx(np.mean(errors), rel=1e-4)
        assert found.actions[action].poses == len(errors)
    assert found.all["mpjpe_mm"] == pytest.approx(np.mean(expected["Walking"] + expected["Eating"]), rel=1e-4)
    means = [np.mean(errors) for errors in expected.values()]
    assert found.mean_of_actions["mpjpe_mm"] == pytest.approx(np.mean(means), rel=1e-4)
    assert found.left_out.poses_without_prediction == 1
    assert found.left_out.joints_without_prediction == 17
    assert found.left_out.annotated_poses == 60
    assert found.statement.subjects == "S11, S9"
    low, high = found.intervals["mpjpe_mm"]
    assert low < found.all["mpjpe_mm"] < high
    assert set(evaluate(tmp_path / "said", tmp_path / "truth", protocol="h36m-p2").all) == {"pmpjpe_mm"}


def test_labels_are_seen_through_the_cameras_they_were_made_with(tmp_path: Path) -> None:
    """Recovered cameras have another world and another scale; what each sees is the same, but for the scale."""
    cameras, q = rig(3), figure(20)
    clip = truth_of(tmp_path / "clip", q, cameras, every=1)
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64))[0]
    turn = turn * torch.linalg.det(turn)
    assert angle_between(turn, torch.eye(3, dtype=torch.float64)) > 0.3
    moved = cameras.moved(0.7, turn, torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64))
    Rig(moved.names, moved.camera, metric=False).save(tmp_path / "said" / "rig.json")
    world = 0.7 * q @ turn.numpy().T + [1, 2, 3]
    saved(tmp_path / "said" / "poses3d.npz", world, space="world", metric=False)
    found = evaluate(tmp_path / "said", clip)
    assert found.all["nmpjpe_mm"] == pytest.approx(0, abs=0.01)
    assert "mpjpe_mm" not in found.all, "no millimetres without a scale"
    assert "not metric" in found.statement.scale
    assert found.all.poses == 60
    assert set(evaluate(tmp_path / "said", clip, protocol="3dhp").all) == {"npck_150"}


def test_the_protocol_of_3dhp_counts_fourteen_joints_and_actions_frame_by_frame(tmp_path: Path) -> None:
    cameras, q = rig(1), figure(10)
    actions = ["Sports"] * 4 + ["Sitting"] * 6
    clip = truth_of(tmp_path / "TS1", q, cameras, "TS1", "", 1, actions)
    seen = in_camera_frames(Poses3D.load(clip / "truth" / "poses3d.npz"), cameras)[0, :, 0].numpy()
    seen[:4, H36M17.index("spine")] += 9.0  # no joint of the fourteen
    seen[4:7, H36M17.index("head")] += 9.0
    said = saved(tmp_path / "said.npz", seen, space="camera", metric=True)
    found = evaluate(said, clip, protocol="3dhp")
    assert found.actions["Sports"]["pck_150"] == 1
    assert found.actions["Sitting"]["pck_150"] == pytest.approx(1 - 3 / (6 * 14))
    assert found.joints["head"]["pck_150"] == pytest.approx(0.7)
    assert found.joints["spine"]["pck_150"] is None
    assert "14 of h36m17" in found.statement.joints
    assert "does not count" in found.statement.root


def test_the_structure_score_joins_where_centres_are_given(tmp_path: Path) -> None:
    q = figure(60)
    fit_structure_score(torch.from_numpy(q).float(), H36M17, 5).save(tmp_path / "centres.npz")
    conf = torch.ones(60, 1, 17)
    conf[:30, 0, 3] = 0  # poses that are not whole have no kind
    files = saved(tmp_path / "p.npz", q, conf, metric=True), saved(tmp_path / "q.npz", q, metric=True)
    found = evaluate(*files, structure=tmp_path / "centres.npz")
    assert found.all["pss_5"] == 1
    assert "PSS@5" in as_text(found)
    assert "of 5 kinds fitted to 60 poses" in found.statement.pss


def test_what_cannot_be_compared_is_said(tmp_path: Path) -> None:
    q = figure(12)
    truth = saved(tmp_path / "q.npz", q, metric=True)
    with pytest.raises(EpiposeError, match=r"11 frames, the ground truth in .* 12"):
        evaluate(saved(tmp_path / "short.npz", q[:11], metric=True), truth)
    with pytest.raises(EpiposeError, match=r"axes of 'camera'.* of 'world'"):
        evaluate(saved(tmp_path / "p.npz", q, space="camera", metric=True), truth)
    with pytest.raises(EpiposeError, match="no frame has 10 joints both"):
        evaluate(saved(tmp_path / "none.npz", q, torch.zeros(12, 1, 17), metric=True), truth)
    with pytest.raises(EpiposeError, match=r"no file or folder .*nowhere"):
        evaluate(tmp_path / "nowhere", truth)
    clip = truth_of(tmp_path / "clips" / "a", q, rig(2), "S1", every=48)
    with pytest.raises(EpiposeError, match="holds no ground truth"):
        evaluate(clip, tmp_path)
    (tmp_path / "said" / "a").mkdir(parents=True)
    with pytest.raises(
        EpiposeError, match=r"nothing to evaluate: expected VIEW/predictions\.npz for a view of cam1, cam2"
    ):
        evaluate(tmp_path / "said", tmp_path / "clips")
    seen = in_camera_frames(Poses3D.load(clip / "truth" / "poses3d.npz"), rig(2))[0, :, 0].numpy()
    saved(tmp_path / "said" / "a" / "cam1" / "predictions.npz", seen, space="camera", metric=True)
    found = paired_views(tmp_path / "said", tmp_path / "clips")
    assert [(one.view, one.has_prediction) for one in found] == [("cam1", True), ("cam2", False)]
    with pytest.raises(EpiposeError, match=r"subjects S9, S11.* there are S1"):
        evaluate(tmp_path / "said", tmp_path / "clips", protocol="h36m-p1")
    truth_of(tmp_path / "clips2" / "a", q, rig(2), "S9", every=48)
    with pytest.raises(EpiposeError, match=r"every 48th frame.* wants every 64th"):
        evaluate(tmp_path / "said", tmp_path / "clips2", protocol="h36m-p1")
    (tmp_path / "empty").mkdir()
    with pytest.raises(EpiposeError, match="no folder for any clip"):
        evaluate(tmp_path / "empty", tmp_path / "clips2")


def test_tables_say_what_they_rest_on(tmp_path: Path, capsys) -> None:
    q = figure(8)
    clip = truth_of(tmp_path / "truth" / "Sitting & more", q, rig(1), "S9", "Sitting & 50%", 64)
    seen = in_camera_frames(Poses3D.load(clip / "truth" / "poses3d.npz"), rig(1))[0, :, 0].numpy()
    saved(tmp_path / "said" / clip.name / "cam1" / "predictions.npz", seen * 1.1, space="camera", metric=True)
    arguments = ["evaluate", str(tmp_path / "said"), str(tmp_path / "truth"), "--protocol", "h36m-p1"]
    assert main([*arguments, "--out", str(tmp_path / "table.json")]) == 0
    said = capsys.readouterr().out
    for words in ("MPJPE mm", "alignment: MPJPE mm: roots at the origin", "frames: 8", "crop: boxes from", "left out:"):
        assert words in said
    found = Evaluation.load(tmp_path / "table.json")
    rows = list(csv.reader(line for line in (tmp_path / "table.csv").read_text().splitlines() if line[0] != "#"))
    assert rows[0] == ["of", "name", "mpjpe_mm", "nmpjpe_mm", "poses"]
    assert float(rows[1][2]) == found.actions["Sitting & 50%"]["mpjpe_mm"]
    assert rows[2][:3] == ["all", "mean of actions", str(found.mean_of_actions["mpjpe_mm"])]
    assert len(rows) == 1 + 1 + 2 + 17
    tex = (tmp_path / "table.tex").read_text()
    assert r"Sitting \& 50\% & mean of actions & all \\" in tex
    assert f"MPJPE mm & {found.all['mpjpe_mm']:.1f} & " in tex
    assert as_csv(found).startswith("# protocol: Human3.6M, protocol 1")
    assert "% joints: 17 of h36m17" in as_latex(found)
    assert [path.name for path in write_evaluation(found, tmp_path / "v1.2")] == ["v1.2.json", "v1.2.csv", "v1.2.tex"]
    assert main([*arguments, "--out", "."]) == 2
    assert main([*arguments[:3], "--protocol", "mpii", "--interval", "subject"]) == 2


def test_a_result_in_one_line_and_from_its_file(tmp_path: Path) -> None:
    q = figure(20)
    for name in ("a", "b"):
        clip = truth_of(tmp_path / "truth" / name, q, rig(1))
        seen = in_camera_frames(Poses3D.load(clip / "truth" / "poses3d.npz"), rig(1))[0, :, 0].numpy()
        noisy = seen + np.random.default_rng(ord(name)).normal(0, 0.02, seen.shape)
        saved(tmp_path / "said" / name / "cam1" / "predictions.npz", noisy, space="camera", metric=True)
    found = evaluate(str(tmp_path / "said"), str(tmp_path / "truth"), protocol="h36m-p2")
    low, high = found.intervals["pmpjpe_mm"]
    mean = found.all["pmpjpe_mm"]
    words = f"PMPJPE mm {mean:.1f} ({low:.1f} to {high:.1f})"
    assert repr(found) == f"Evaluation(protocol h36m-p2, {words}, poses 40)"
    assert "<td>h36m-p2</td>" in found._repr_html_()
    found.save(tmp_path / "e.json")
    assert Evaluation.load(tmp_path / "e.json") == found
    content = read_json(tmp_path / "e.json")
    assert content["options"] == {
        "protocol": "h36m-p2", "structure": None, "skeleton": None, "unit": "m", "interval": "take",
    }  # fmt: skip
    assert content["all"] == {"pmpjpe_mm": mean, "poses": 40}
    assert content["intervals"] == {"level": 0.95, "by": "take", "groups": 2, "pmpjpe_mm": [low, high]}
    assert "limit" not in content["statement"], "what does not apply is not there"
    write_json(tmp_path / "e.json", {**content, "all": {"pmpjpe_mm": "many"}})
    with pytest.raises(DamagedFileError, match=r"e\.json .*Evaluation"):
        Evaluation.load(tmp_path / "e.json")
    with pytest.raises(InputError, match="'protokoll'; did you mean protocol"):
        evaluate(tmp_path / "said", tmp_path / "truth", protokoll="free")


class People:
    """A dataset of three people in images, one of whom has no size of head."""

    info = None

    def recognises(self, root):
        return True

    def check(self, root):
        return []

    def people(self, root, selection):
        from epipose.datasets.base import People2D

        assert selection.split == "val"
        xy = torch.zeros(3, 16, 2)
        conf = torch.ones(3, 16)
        conf[1, MPII16.index("left_knee")] = 0
        head = torch.tensor([20.0, 40.0, 0.0])
        index = torch.zeros(3, dtype=torch.int64)
        return People2D((Path("a.jpg"),), index, xy, conf, torch.zeros(3, 4), head, MPII16)


def test_pckh_on_mpii(tmp_path: Path, monkeypatch) -> None:
    from epipose.evaluation import pckh as module

    monkeypatch.setattr(module, "reader_for", lambda root: ("mpii", People()))
    xy = np.zeros((3, 16, 2))
    xy[0, MPII16.index("left_wrist")] = (10.0, 0)  # half of 20: right
    xy[0, MPII16.index("head_top")] = (10.1, 0)
    xy[1, MPII16.index("left_knee")] = (99, 0)  # not marked
    xy[1, MPII16.index("pelvis")] = (99, 0)  # marked, but not in the mean
    xy[2] = 99  # no head
    np.savez(tmp_path / "said.npz", xy=xy)
    found = evaluate_2d(tmp_path / "said.npz", tmp_path)
    assert found.joints["left_wrist"]["pckh_50"] == 1
    assert found.joints["head_top"]["pckh_50"] == 0.5
    assert found.joints["pelvis"]["pckh_50"] == 0.5
    assert found.all["pckh_50"] == pytest.approx(1 - 1 / (14 + 13))
    assert found.left_out.people_without_head == 1
    np.savez(tmp_path / "wrong.npz", xy=xy[:2])
    with pytest.raises(EpiposeError, match=r"shape \(2, 16, 2\).*\(3, 16, 2\)"):
        evaluate_2d(tmp_path / "wrong.npz", tmp_path)
    arguments = ["evaluate", str(tmp_path / "said.npz"), str(tmp_path), "--protocol", "mpii"]
    assert main([*arguments, "--out", str(tmp_path / "t.json")]) == 0
    assert "PCKh@0.5" in (tmp_path / "t.tex").read_text()


def test_a_take_that_nobody_predicted_is_missing_and_said_to_be(tmp_path: Path) -> None:
    q = figure(12)
    for name in ("a", "b"):
        clip = truth_of(tmp_path / "truth" / name, q, rig(3), every=5)
    seen = in_camera_frames(Poses3D.load(clip / "truth" / "poses3d.npz"), rig(3))[0, :, 0].numpy()
    saved(tmp_path / "said" / "a" / "cam1" / "predictions.npz", seen, space="camera", metric=True)
    found = evaluate(
        tmp_path / "said", tmp_path / "truth"
    )  # a step of five is no matter where no protocol asks for one
    assert found.all.poses == 12
    assert found.left_out.annotated_poses == 2 * 3 * 12
    assert found.left_out.poses_without_prediction == 5 * 12
    assert found.left_out.takes_without_prediction == 1
    assert found.left_out.views_without_prediction == 5
    assert found.statement.views == "1 of 6, of 1 takes"
    assert "one in 5 of the recording" in found.statement.frames


def test_poses_that_are_too_poor_do_not_flatter(tmp_path: Path) -> None:
    """A pose with two joints, one without a root: their zeros must not enter a mean, and they are counted."""
    q = figure(30)
    p = q + np.random.default_rng(0).normal(0, 0.05, q.shape)
    truth = saved(tmp_path / "q.npz", q, metric=True)
    whole = evaluate(
        saved(tmp_path / "whole.npz", p[:20], metric=True), saved(tmp_path / "q20.npz", q[:20], metric=True)
    )
    conf = torch.ones(30, 1, 17)
    conf[20:] = 0
    conf[20:, 0, [ROOT, H36M17.index("left_wrist")]] = 1
    poor = evaluate(saved(tmp_path / "p.npz", p, conf, metric=True), truth)
    for name, value in whole.all.values.items():
        assert poor.all[name] == pytest.approx(value), name
    assert poor.all.poses == whole.all.poses
    assert poor.left_out.poses_with_too_few_joints == 10
    conf = torch.ones(30, 1, 17)
    conf[10, 0, ROOT] = 0
    p[10, ROOT] = 99.0  # what stands at confidence 0 means nothing
    rootless = evaluate(saved(tmp_path / "r.npz", p, conf, metric=True), truth)
    assert rootless.counts["mpjpe_mm"] == 29
    assert rootless.counts["pmpjpe_mm"] == 30
    assert rootless.counts["mpjve_mm"] == 27, "neither it nor the frame after it has a velocity"
    assert rootless.all["mpjve_mm"] < 200
    assert rootless.left_out.poses_without_root == 1


def test_long_recordings_in_parts_are_one(tmp_path: Path, monkeypatch) -> None:
    from epipose.evaluation import pose_metrics as module

    q = figure(50)
    p = q + np.random.default_rng(0).normal(0, 0.05, q.shape)
    files = [saved(tmp_path / f"{name}.npz", xyz, metric=True) for name, xyz in (("p", p), ("q", q))]
    at_once = evaluate(*files)
    monkeypatch.setattr(module, "_FRAMES_AT_A_TIME", 7)
    in_parts = evaluate(*files)
    assert in_parts.all.poses == at_once.all.poses
    assert in_parts.counts == at_once.counts
    for name, value in at_once.all.values.items():
        assert in_parts.all[name] == pytest.approx(value, rel=1e-5), name
    assert in_parts.joints["head"]["pmpjpe_mm"] == pytest.approx(at_once.joints["head"]["pmpjpe_mm"], rel=1e-5)


def test_axes_units_and_records_are_checked(tmp_path: Path) -> None:
    q = figure(12)
    clip = truth_of(tmp_path / "clips" / "a", q, rig(1))
    seen = in_camera_frames(Poses3D.load(clip / "truth" / "poses3d.npz"), rig(1))[0, :, 0].numpy()
    said = tmp_path / "said" / "a" / "cam1" / "predictions.npz"
    saved(said, seen, space="world", metric=True)
    with pytest.raises(EpiposeError, match="axes of 'world'; expected those of the camera"):
        evaluate(tmp_path / "said", tmp_path / "clips")
    saved(said, seen, space="camera", metric=True)
    (clip / "take.json").write_text("[]")
    with pytest.raises(EpiposeError, match=r"take\.json is damaged"):
        evaluate(tmp_path / "said", tmp_path / "clips")
    with pytest.raises(EpiposeError, match="ground truth must be in metres"):
        evaluate(said, saved(tmp_path / "q.npz", q, space="camera"))
    nobody = Poses3D(torch.zeros(12, 0, 17, 3), torch.zeros(12, 0, 17), H36M17, "camera", True)
    nobody.save(tmp_path / "nobody.npz")
    with pytest.raises(EpiposeError, match=r"nobody\.npz holds no person"):
        evaluate(tmp_path / "nobody.npz", saved(tmp_path / "q.npz", q, space="camera", metric=True))
    assert evaluate(said, tmp_path / "q.npz", protocol="h36m-p1").all.poses == 12, (
        "files are not thinned: nobody knows of what"
    )
