"""Temporal refiner: training from simulated videos' answers, and its rows beside filters that need no training.

    python -m benchmarks.network.temporal --answers sequences.npz --cameras sequence_cameras.npz --stills stills.npz \
        --motions FOLDER --left-out benchmarks/network/temporal_left_out.txt --model FOLDER --out FOLDER --seconds 700

Trains the centred and the causal refiner (the weights go to --out, in 16 bits) unless they are there, and writes
benchmarks/results/temporal.json. The bone lengths of --model are those of the poses. --left-out lists motions, a name a
line, that the sequences for choosing and for the report were made of. With --people and --predictions (poses of methods
for the rows of the benchmark's prepared images, a torch file) real footage is measured too: frames 58 and later.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.network.people_images import PeopleImages
from benchmarks.network.temporal_data import (
    CHOOSING,
    FPS,
    SOURCES,
    TESTING,
    Sequences,
    joined_pairs,
    play_motions,
    read_sequences,
    read_stills,
    rows_of,
)
from benchmarks.network.temporal_rows import Row, Tracks, all_rows, choose_filters, measured, printed
from epipose.io.files import write_json
from epipose.network.config import PoseNetConfig
from epipose.network.pose_track import TrackInputs, keypoints_in_metres
from epipose.network.temporal import WEIGHTS, TemporalRefiner, load_temporal
from epipose.poses import in_skeleton
from epipose.skeletons import BLAZEPOSE33, H36M17
from epipose.training.temporal import fit_temporal

_RESULT = Path(__file__).parents[1] / "results" / "temporal.json"
_READ_TIMES = 3  # of the network's tracks for each of the other sources'
_PEOPLE, _FIRST_REPORTED, _DROPOUT, _WIDTH = 300, 58, 0.1, 160
_RATE, _RATE_ON = 2e-3, 7e-4  # learning rates, from random weights and from others


def main() -> None:
    """Train what is missing, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    for option in ("--answers", "--cameras", "--stills", "--motions", "--left-out", "--model", "--out"):
        parser.add_argument(option, type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=700.0, help="of training, for each refiner")
    parser.add_argument("--init", type=Path, help="model folder whose temporal refiners the training begins with")
    parser.add_argument("--people", type=Path, help="folder of prepared images of people")
    parser.add_argument(
        "--predictions", type=Path, help="torch file: a dictionary of poses by method, and anything else"
    )
    options = parser.parse_args()
    bones = PoseNetConfig.load(options.model / "config.json").bone_lengths
    sequences = read_sequences(options.answers, options.cameras, bones)
    refiners = {kind: _refiner(kind, sequences, bones, options) for kind in WEIGHTS}
    result: dict[str, object] = {
        "size": {kind: (options.out / name).stat().st_size for kind, name in WEIGHTS.items()},
        "split": {"training": CHOOSING, "choosing": TESTING - CHOOSING, "report": len(sequences.xyz) - TESTING},
        "simulated": _simulated(sequences, refiners),
    }
    if options.people is not None and options.predictions is not None:
        found = torch.load(options.predictions, map_location="cpu", weights_only=False)[0]
        result["real"] = _real(PeopleImages.load(options.people), found, refiners)
    write_json(_RESULT, result)


def _refiner(kind: str, sequences: Sequences, bones: Tensor, options: argparse.Namespace) -> TemporalRefiner:
    """Trained, or read where it was trained before."""
    path = options.out / WEIGHTS[kind]
    if (found := load_temporal(path)) is not None:
        return found
    sources = ("reading",) * _READ_TIMES + SOURCES[1:]
    pairs = joined_pairs([rows_of(sequences.tracks[source], slice(0, CHOOSING)) for source in sources])
    motions = play_motions(options.motions, options.left_out.read_text().split("\n"), _PEOPLE, seed=5)
    torch.manual_seed(0)
    refiner = None if options.init is None else load_temporal(options.init / WEIGHTS[kind])
    if refiner is None:
        refiner = TemporalRefiner(H36M17, causal=kind == "causal", width=_WIDTH)
    for module in refiner.train().modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = _DROPOUT
    stills, rate = read_stills(options.stills, bones), _RATE if options.init is None else _RATE_ON
    trained = fit_temporal(refiner, pairs, motions, stills, seconds=options.seconds, lr=rate, batch=32)
    trained.save(path, half=True)
    found = load_temporal(path)
    assert found is not None
    return found


def _simulated(sequences: Sequences, refiners: dict[str, TemporalRefiner]) -> dict[str, dict[str, Row]]:
    """Rows on the held-out sequences, at their rate and at half of it, by source of the poses."""
    result = {}
    for stride in (1, 2):
        tracks = {source: _tracks(sequences, source, slice(TESTING, None), stride) for source in SOURCES}
        detector = measured(tracks["blazepose"].inputs.xyz, tracks["blazepose"])
        for source in SOURCES:
            filters = choose_filters(_tracks(sequences, source, slice(CHOOSING, TESTING), stride))
            rows = all_rows(tracks[source], filters, refiners, detector)
            result[title := f"{source}, {FPS / stride:g} frames/s"] = rows
            print(printed(title, rows))
    return result


def _tracks(sequences: Sequences, source: str, rows: slice, stride: int) -> Tracks:
    inputs = TrackInputs(*(field[rows, ::stride] for field in sequences.tracks[source].inputs))
    true = sequences.xyz[rows, ::stride]
    return Tracks(inputs, true, torch.ones(true.shape[:-1]), FPS / stride)


def _real(
    people: PeopleImages, found: dict[str, Tensor], refiners: dict[str, TemporalRefiner]
) -> dict[str, dict[str, Row]]:
    """Rows of every method's poses on the later frames; the filters are chosen on the earlier ones."""
    order = torch.stack([(people.track == track).nonzero()[:, 0] for track in people.track.unique()])
    poses = {"bp_full": found["bp_full"], **{k: v for k, v in found.items() if v.shape == people.xyz.shape}}
    result, detector = {}, None
    for method, xyz in poses.items():
        tracks = _real_tracks(people, xyz - xyz[:, H36M17.root, None], "heavy" if "heavy" in method else "full", order)
        detector = detector or measured(tracks.inputs.xyz, tracks)
        filters = choose_filters(tracks._replace(counted=slice(0, _FIRST_REPORTED)))
        result[method] = all_rows(tracks, filters, refiners, detector)
        print(printed(f"real footage, {method}", result[method]))
    return result


def _real_tracks(people: PeopleImages, xyz: Tensor, variant: str, order: Tensor) -> Tracks:
    """Tracks of the prepared rows; where the poses' joints lie in the image is fitted to the keypoints."""
    detected = people.detected[variant]
    xy, conf = in_skeleton(detected.xy, detected.conf, BLAZEPOSE33, H36M17)
    a, b = (part - part.mean(1, keepdim=True) for part in (xyz[..., :2], xy))
    size = (a * b).sum((1, 2)) / a.square().sum((1, 2)).clamp(min=1e-9)
    uv = size[:, None, None] * a + xy.mean(1, keepdim=True)
    keypoints = keypoints_in_metres(xyz, uv, xy, H36M17.root)
    seen = (conf > 0).any(-1).float()
    inputs = TrackInputs(*(field[order] for field in (xyz, keypoints, conf, torch.zeros_like(conf), seen)))
    return Tracks(inputs, people.xyz[order], people.weight[order], float(people.fps[0]), slice(_FIRST_REPORTED, None))


if __name__ == "__main__":
    main()
