"""Choice of how far the pretrained network adapts to a clip, with each training camera left out in turn.

A few cameras are soon learned by heart: the more so, the farther the weights move. So it is chosen on cameras that the
adaptation has not seen, and none of them is the one that the demo holds out: --clip is a labelled clip folder without
it (DEMO/three of `make demo`). For every view the network is adapted to the other views of the clip's training frames,
with the clip's images alone and with half of every batch drawn by the studio; errors are those of the network alone on
the left-out view, for averages of the weights before and after. The labels, of all views of the clip, are the
reference: real footage, one man.

    python -m benchmarks.network.adaptation --clip demo/three --work FOLDER
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import mean

import torch
from torch import Tensor

from benchmarks.network.demo_network import TRAIN
from epipose.camera import Rig
from epipose.clip import Clip
from epipose.evaluation.metrics import pmpjpe_mm
from epipose.inference.clip_views import predict_clip
from epipose.io.files import write_json
from epipose.network.posenet import TrainedPoseNet
from epipose.network.pretrained import pretrained_model
from epipose.poses import Poses3D, in_camera_frames
from epipose.skeletons import H36M17
from epipose.training.presets import adapt_options
from epipose.training.train import keep_share, train_network

RESULT = Path(__file__).parents[1] / "results" / "adaptation.json"
VARIANTS = {"clips alone": 0.0, "half drawn": 0.5}  # share of every batch that is drawn
KEPT = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the weights before; 1: not adapted


def main() -> None:
    """Adapt, evaluate, print, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clip", type=Path, required=True, help="labelled clip folder, without the held-out view")
    parser.add_argument("--work", type=Path, required=True, help="folder for the networks; what is there is used again")
    parser.add_argument("--epochs", type=int, help="of each adaptation; default: those of the preset")
    parser.add_argument("--out", type=Path, default=RESULT, help="JSON file to write")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows = {
        name: row(arguments.clip, share, arguments.work / name, arguments.epochs) for name, share in VARIANTS.items()
    }
    for name, errors in rows.items():
        print(name, {kept: round(mean(of.values()), 1) for kept, of in errors.items()})
    means = {name: {kept: round(mean(of.values()), 2) for kept, of in errors.items()} for name, errors in rows.items()}
    write_json(arguments.out, {"frames": TRAIN, "pmpjpe_mm": means, "by_left_out_view": rows})


def row(clip: Path, drawn: float, work: Path, epochs: int | None) -> dict[str, dict[str, float]]:
    """PMPJPE in mm by the share of the weights that is kept, and by the view left out."""
    views, options = Clip.load(clip).names, replace(adapt_options(), keep_initial=0.0, drawn=drawn, frames=TRAIN)
    options = options if epochs is None else replace(options, epochs=epochs)
    before = TrainedPoseNet.load(pretrained_model()).net.own_state()
    errors: dict[str, dict[str, float]] = {f"{kept:g}": {} for kept in KEPT}
    for view in views:
        others = tuple(name for name in views if name != view)
        after = train_network([clip], work / view, replace(options, views=others))
        for kept in KEPT:
            errors[f"{kept:g}"][view] = round(error_mm(averaged(after, before, kept), clip, view), 2)
    return errors


def averaged(after: TrainedPoseNet, before: Mapping[str, Tensor], kept: float) -> TrainedPoseNet:
    """The network with this share of its weights before, alone."""
    net = copy.deepcopy(after.net)
    keep_share(net, before, kept)
    return replace(after, net=net, refiner=None)


def error_mm(trained: TrainedPoseNet, clip: Path, view: str) -> float:
    """Mean PMPJPE of the training frames of one view against the clip's labels."""
    labels, rig = Poses3D.load(clip / "poses3d.npz").mapped_to(H36M17), Rig.load(clip / "rig.json")
    xyz = predict_clip(clip, trained, TRAIN, views=(view,))[0][0]
    frames = slice(TRAIN[0], TRAIN[1] + 1)
    true = in_camera_frames(labels, rig)[rig.names.index(view), frames, 0]
    return float(pmpjpe_mm(xyz, true.to(xyz), (labels.conf[frames, 0] > 0).to(xyz)).mean())


if __name__ == "__main__":
    main()
