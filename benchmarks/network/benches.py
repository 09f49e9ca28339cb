"""The four experiments of `epipose bench` on the studio's clips, for docs/benchmarks.md.

Training: clips of rings and phones, four views each. Test: another rig (Human3.6M's own), other bodies, clothes, rooms,
and motions that no training has seen, neither here nor in the pre-training. Networks of one size are trained with the
same settings. Those of the size small begin at the same pre-trained one (2D alone, benchmarks.network.pretrain_2d),
those of the size landmarks at the same random head on BlazePose's heavy landmark network.

    OMP_NUM_THREADS=1 python -m benchmarks.network.benches --mocap FOLDER --nets FOLDER --work FOLDER

--nets is the --work of pretrain_2d.py; without it the experiments that need it are left out. --only: some of them, such
as self_landmarks.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NamedTuple

import torch

from benchmarks.network.headline import supervision
from benchmarks.network.rows import NETWORK
from benchmarks.network.studio_results import STUDIO, merge_results
from epipose.experiments.options import Experiment, Size
from epipose.experiments.result import ExperimentResult
from epipose.experiments.run import bench
from epipose.experiments.tables import table


class _Run(NamedTuple):
    """An experiment with networks of a size; ``pretrained``: they begin at the 2D pre-training."""

    name: Experiment
    size: Size = "small"
    pretrained: bool = False


RUNS = {  # by the ending of their JSON's name
    "labels": _Run("labels"),
    "self": _Run("self", pretrained=True),
    "collapse": _Run("collapse", pretrained=True),
    "cameras": _Run("cameras"),
    "self_landmarks": _Run("self", "landmarks"),
    "collapse_landmarks": _Run("collapse", "landmarks"),
}


def main() -> None:
    """Run all; what is there already is left as it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mocap", type=Path, required=True, help="folder of motion capture")
    parser.add_argument("--nets", type=Path, help="folder in which pretrain_2d.py trained")
    parser.add_argument("--work", type=Path, required=True, help="folder for clips and networks")
    parser.add_argument("--only", nargs="+", choices=list(RUNS), default=list(RUNS))
    arguments = parser.parse_args()
    nets: Path | None = arguments.nets
    for key in arguments.only:
        run = RUNS[key]
        if run.pretrained and nets is None:
            print(f"left out for want of --nets: {key}", flush=True)
            continue
        start = nets / "pretrained" if run.pretrained and nets is not None else None
        out = STUDIO.with_name(f"bench_{key}.json")
        result = bench(run.name, arguments.work, out, mocap=arguments.mocap, init=start, network=run.size)
        print(table(result), flush=True)
        _merge(key, result)


def _merge(key: str, result: ExperimentResult) -> None:
    """Put what an experiment says at the top of another JSON into that."""
    rows = result.network_rows
    if key == "self":
        ratios = {"full": rows["full"], "selfrig": rows["self+rig"]}
        found = {f"ratio_self_{name}": round(rows["self"].nmpjpe_mm / row.nmpjpe_mm, 4) for name, row in ratios.items()}
        merge_results(STUDIO, found)
    if key == "self_landmarks":
        merge_results(NETWORK, supervision(result))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
