"""All ways to supervise, side by side: the same pictures, the same network, other labels.

Everything is simulated by the studio, except the detector: BlazePose finds the joints, as in footage of one's own.
Training: clips of rings and phones, four views each. Test: another rig (Human3.6M's own), other bodies, clothes, rooms,
and motions that no training has seen, neither here nor in the pre-training. Every network begins at the same
pre-trained one (2D alone, `benchmarks/shipped.py`) and is trained with the same settings, which were fixed beforehand:
nothing was chosen by looking at a result. Boxes of the test come from the detector, too.

Besides the modes of `epipose train` there are "paper": as self, but with cameras by the paper's recipe (F from a single
frame, see rivals.py) and no gate on labels; and "self, unweighted": as self, all labels counted alike. None of these
has a refiner. For comparison the network that comes with epipose reads the same pictures, with its refiner and without,
and BlazePose's own 3D of them stands beside it.

    OMP_NUM_THREADS=1 python benchmarks/modes.py --mocap FOLDER --nets FOLDER --work FOLDER

--nets is the --work of shipped.py. --only trains some modes and writes no result, so that several processes can share
the work.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.bench.errors import pose_errors
from epipose.camera import Rig
from epipose.clip import Clip
from epipose.data.studio.cameras import RigKind
from epipose.data.studio.clip import Order, film
from epipose.data.supervision import Mode
from epipose.detect import resolved
from epipose.errors import EpiposeError
from epipose.files import read_json
from epipose.label import in_camera_frames, label
from epipose.metrics import distances_mm, pck
from epipose.model.posenet import TrainedPoseNet
from epipose.poses import Poses2D, Poses3D
from epipose.predict import predict_clip
from epipose.skeletons import H36M17
from epipose.stages import calibrate_clip, detect_clip, label_clip
from epipose.train import train

from demo_network import detectors_own
from label_worth import label_quality
from rivals import paper_recipe
from shipped import NETWORK, TRAINING, last_line, split
from studio_results import STUDIO, merge_results

_MODES: tuple[Mode, ...] = ("full", "self", "self+rig", "true2d", "unfrozen")
_RUNS = (*_MODES, "paper", "self, unweighted")
_TRAIN: tuple[tuple[RigKind, tuple[int, int], int], ...] = (("ring", (480, 480), 9), ("phones", (360, 640), 8))
_FRAMES, _FPS = 56, 8.0
_TEST_CLIPS, _TEST_FRAMES, _TEST_FPS = 13, 40, 4.0
_SETTINGS: dict[str, Any] = {**NETWORK, **TRAINING, "input_size": 96, "epochs": 5, "warmup": 0.2, "backbone_lr": 0.3}


def main() -> None:
    """Film, detect, calibrate, label, train, test; whatever is done already is left as it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mocap", type=Path, required=True, help="folder of motion capture")
    parser.add_argument("--nets", type=Path, required=True, help="folder in which shipped.py trained")
    parser.add_argument("--work", type=Path, required=True, help="folder for clips and networks")
    parser.add_argument("--only", nargs="*", help=f"train these alone and stop; of {', '.join(_RUNS)}")
    arguments = parser.parse_args()
    seen, unseen = split(arguments.mocap)
    clips = usable(training_clips(arguments.work, seen))
    if arguments.only is not None:
        for run in arguments.only:
            trained(run, clips, arguments.work, arguments.nets)
        return
    tests = test_clips(arguments.work, unseen)
    rows = {run: tested(trained(run, clips, arguments.work, arguments.nets), tests) for run in _RUNS}
    rows["mean pose"] = mean_pose(clips, tests)
    shipped = TrainedPoseNet.load(arguments.nets / "shipped")
    rows["shipped"], rows["shipped alone"] = tested(shipped, tests), tested(replace(shipped, refiner=None), tests)
    rows["blazepose"] = detectors_row(tests)
    for run in _RUNS:
        rows[run]["spread"] = last_line(arguments.work / "nets" / run / "log.jsonl")["spread"]
        rows[run]["ratio_to_full"] = rows[run]["nmpjpe_mm"] / rows["full"]["nmpjpe_mm"]
    merge_results(
        STUDIO,
        {
            "modes": rounded(rows),
            "modes_setting": setting(clips, tests),
            "ratio_self_full": round(rows["self"]["nmpjpe_mm"] / rows["full"]["nmpjpe_mm"], 4),
            "ratio_self_selfrig": round(rows["self"]["nmpjpe_mm"] / rows["self+rig"]["nmpjpe_mm"], 4),
            "modes_labels": rounded(label_quality(clips)),
        },
    )
    for run, row in rounded(rows).items():
        print(f"{run:18s} {row}")


def training_clips(work: Path, motions: tuple[Path, ...]) -> list[Path]:
    """Film the training set; detect, calibrate."""
    folders = []
    for number, (kind, size, count) in enumerate(_TRAIN):
        order = Order(_FRAMES, 4, _FPS, size, kind, motions, (), 100 + number, full_chance_s=0.0)
        folders += film(work / f"train-{kind}", count, order, workers=1)
    for folder in folders:
        detect_clip([folder], folder, sync="none")
        calibrate_clip(folder)
    return folders


def usable(folders: list[Path]) -> list[Path]:
    """The clips whose cameras are not rejected, labelled in every mode. All modes train on the same ones."""
    kept = []
    for folder in folders:
        try:
            for mode in _MODES:
                label_clip(folder, mode=mode)
            label_as_paper(folder)
            kept.append(folder)
        except EpiposeError as error:
            print(f"left out: {error}", flush=True)
    return kept


def label_as_paper(folder: Path) -> None:
    """``folder/paper``: the same clip and joints, cameras by the paper's recipe, labels from them."""
    out = folder / "paper"
    if (out / "poses3d.npz").exists():
        return
    poses = Poses2D.load(folder / "poses2d.npz")
    rig = paper_recipe(poses, Rig.load(folder / "intrinsics.json", intrinsics_only=True).select(poses.views))
    if rig is None:
        raise EpiposeError(f"The paper's recipe finds no cameras for {folder}.")
    Clip.load(folder).save(out)
    poses.save(out / "poses2d.npz")
    rig.save(out / "rig.json")
    label(poses, rig, gate=1e6).save(out / "poses3d.npz")


def test_clips(work: Path, motions: tuple[Path, ...]) -> list[Path]:
    """Film the test set, detect; ``rig.json`` is the true one, whose intrinsics are given to the networks."""
    order = Order(_TEST_FRAMES, 4, _TEST_FPS, (500, 500), "h36m", motions, (), 200, full_chance_s=0.0)
    folders = film(work / "test-h36m", _TEST_CLIPS, order, workers=1)
    for folder in folders:
        detect_clip([folder], folder, sync="none")
        Rig.load(folder / "truth" / "rig.json").save(folder / "rig.json")
    return folders


def trained(run: str, clips: list[Path], work: Path, nets: Path) -> TrainedPoseNet:
    """The network of a run; one that is there is not trained again."""
    mode: Mode = next(mode for mode in _MODES if mode == run) if run in _MODES else "self"
    folders = [clip / "paper" for clip in clips] if run == "paper" else clips
    settings = {**_SETTINGS, "init": nets / "pretrained"}
    if run == "unfrozen":
        settings["flip"] = 0.0
    if run == "self, unweighted":
        settings["label_weight"] = "uniform"
    return train(folders, work / "nets" / run, mode=mode, **settings)


def tested(network: TrainedPoseNet, folders: list[Path]) -> dict[str, float]:
    """Errors over every picture in which the detector found somebody; root-relative, H36M-17, in the camera's frame."""
    said, true, found = [], [], []
    for folder in folders:
        xyz, conf, _ = predict_clip(folder, network, (0, Clip.load(folder).frames - 1), batch_size=32)
        said.append(xyz.flatten(0, 1))
        true.append(true_poses(folder))
        found.append((conf > 0).any(-1).flatten())
    some = torch.cat(found)
    return {**errors(torch.cat(said)[some], torch.cat(true)[some]), "found_share": float(some.float().mean())}


def detectors_row(folders: list[Path]) -> dict[str, float]:
    """Errors of the detector's own 3D on the same pictures."""
    poses = [Poses2D.load(folder / "poses2d.npz") for folder in folders]
    said = torch.cat([detectors_own(part).flatten(0, 1) for part in poses])
    some = torch.cat([(part.conf[:, :, 0] > 0).any(-1).flatten() for part in poses])
    return errors(said[some], torch.cat([true_poses(folder) for folder in folders])[some])


def mean_pose(clips: list[Path], tests: list[Path]) -> dict[str, float]:
    """What is reached without a look at the picture: the mean of all true training poses as the answer to all."""
    seen, true = (torch.cat([true_poses(folder) for folder in folders]) for folders in (clips, tests))
    mean = (seen - seen[:, H36M17.root, None]).mean(0)
    return errors(mean.expand_as(true), true)


def true_poses(folder: Path) -> Float[Tensor, "picture joint 3"]:
    """The person as each camera sees them, view after view."""
    rig, truth = Rig.load(folder / "truth" / "rig.json"), Poses3D.load(folder / "truth" / "poses3d.npz")
    return in_camera_frames(truth.mapped_to(H36M17), rig)[:, :, 0].float().flatten(0, 1)


def errors(p: Float[Tensor, "picture joint 3"], q: Float[Tensor, "picture joint 3"]) -> dict[str, float]:
    """`pose_errors` of poses p against the truth q, of which every joint counts, and PCK at 150 mm."""
    root = H36M17.root
    share = float(pck(distances_mm(p, q, root)).mean())
    return {**pose_errors(p, q, torch.ones_like(p[..., 0]), root), "pck_150": share}


def setting(clips: list[Path], tests: list[Path]) -> dict[str, Any]:
    """What was compared, in figures."""
    return {
        "training_clips": len(clips),
        "training_clips_rejected": sum(count for _, _, count in _TRAIN) - len(clips),
        "training_pictures": len(clips) * 4 * _FRAMES,
        "test_pictures": len(tests) * 4 * _TEST_FRAMES,
        "detector": resolved("blazepose"),
        "verdicts": [read_json(clip / "calibration.json")["verdict"]["word"] for clip in clips],
        **{key: list(value) if isinstance(value, tuple) else value for key, value in _SETTINGS.items()},
    }


def rounded(rows: dict[str, Any]) -> dict[str, Any]:
    """Figures to four places, all the way down."""
    return {
        key: rounded(value) if isinstance(value, dict) else round(value, 4) if isinstance(value, float) else value
        for key, value in rows.items()
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
