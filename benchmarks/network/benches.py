"""The four experiments of `epipose bench` on the studio's clips, for docs/benchmarks.md.

Training: clips of rings and phones, four views each. Test: another rig (Human3.6M's own), other bodies, clothes, rooms,
and motions that no training has seen, neither here nor in the pre-training. Every network begins at the same
pre-trained one (2D alone, benchmarks.network.pretrain_2d) and is trained with the same settings, fixed beforehand.

    OMP_NUM_THREADS=1 python -m benchmarks.network.benches --mocap FOLDER --nets FOLDER --work FOLDER

--nets is the --work of pretrain_2d.py.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

import torch

from benchmarks.network.studio_results import STUDIO, merge_results
from epipose.experiments.options import Experiment
from epipose.experiments.run import bench
from epipose.experiments.tables import table


def main() -> None:
    """Run all; what is there already is left as it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mocap", type=Path, required=True, help="folder of motion capture")
    parser.add_argument("--nets", type=Path, required=True, help="folder in which pretrain_2d.py trained")
    parser.add_argument("--work", type=Path, required=True, help="folder for clips and networks")
    arguments = parser.parse_args()
    name: Experiment
    for name in get_args(Experiment):
        start = arguments.nets / "pretrained" if name in ("self", "collapse") else None
        out = STUDIO.with_name(f"bench_{name}.json")
        result = bench(name, arguments.work, out, mocap=arguments.mocap, init=start)
        print(table(result), flush=True)
        if name == "self":
            rows = result.network_rows
            ratios = {"full": rows["full"], "selfrig": rows["self+rig"]}
            merge_results(
                STUDIO,
                {f"ratio_self_{key}": round(rows["self"].nmpjpe_mm / row.nmpjpe_mm, 4) for key, row in ratios.items()},
            )


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
