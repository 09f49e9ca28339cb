"""Stability of the Pose Structure Score over seeds of its clustering, and a drawing of its clusters.

Kinds are fitted on motion capture played by the studio's bodies, seen by cameras all round, with every fifth motion
kept for the test. Its ground truth gets independent errors of every joint, and is scored by centres of ten seeds.

    python -m benchmarks.network.structure --mocap FOLDER
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from epipose.evaluation.structure_score import PoseStructureScore, fit_structure_score
from epipose.experiments.clips import split
from epipose.experiments.result import rounded
from epipose.io.files import write_json
from epipose.io.images import write_image
from epipose.skeletons import H36M17
from epipose.training.refine import captured_poses
from epipose.viz.overlay import contact_sheet

_RESULT = Path(__file__).parents[1] / "results" / "structure.json"
_FIGURE = Path(__file__).parents[2] / "docs" / "images" / "structure.png"
_KINDS, _SEEDS, _ERRORS_MM = (50, 100), range(10), (10, 30, 60)
_PEOPLE, _TEST_PEOPLE = 100, 25


def main() -> None:
    """Fit, score, draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mocap", type=Path, required=True, help="folder of motion capture")
    seen, unseen = split(parser.parse_args().mocap)
    train, test = from_all_sides(seen, _PEOPLE, 0), from_all_sides(unseen, _TEST_PEOPLE, 1)
    noise = torch.randn(test.shape, generator=torch.Generator().manual_seed(2))
    rows: dict[str, Any] = {}
    for kinds in _KINDS:
        scores = [fit_structure_score(train, H36M17, kinds, seed=seed) for seed in _SEEDS]
        for error in _ERRORS_MM:
            noisy = test + error / 1000 / math.sqrt(3) * noise
            found = torch.stack([score.score(noisy, test).float().mean() for score in scores])
            rows[f"PSS@{kinds}, {error} mm"] = {
                "mean": float(found.mean()), "spread": float(found.std()),
                "least": float(found.min()), "most": float(found.max()),
            }  # fmt: skip
        if kinds == _KINDS[0]:
            draw(scores[0], _FIGURE)
    result = {"training_poses": len(train), "test_poses": len(test), "seeds": len(_SEEDS), "rows": rows}
    write_json(_RESULT, rounded(result))
    for name, row in rounded(rows).items():
        print(name, row)


def from_all_sides(motions: tuple[Path, ...], people: int, seed: int) -> Float[Tensor, "pose joint 3"]:
    """Whole poses of bodies that play motions, in the axes of level cameras (x right, y down) in random directions."""
    xyz = captured_poses(motions, people, seed).xyz
    turn = 2 * math.pi * torch.rand(len(xyz), generator=torch.Generator().manual_seed(seed))
    c, s, zero, one = turn.cos(), turn.sin(), torch.zeros(len(xyz)), torch.ones(len(xyz))
    rows = [torch.stack([c, s, zero], -1), torch.stack([zero, zero, -one], -1), torch.stack([-s, c, zero], -1)]
    return xyz.float() @ torch.stack(rows, 1).mT


def draw(score: PoseStructureScore, path: Path, side: int = 150) -> None:
    """The centres as stick figures, seen by the camera: left limbs red, right limbs blue, the trunk grey."""
    images = []
    for centre in score.centres:
        image = np.full((side, side, 3), 255, np.uint8)
        place = (side / 2 + 1.15 * side * centre[:, :2].numpy()).tolist()
        for parent, child in H36M17.bones:
            name = H36M17.joints[child]
            colour = (
                (200, 40, 40)
                if name.startswith("left")
                else (40, 70, 200)
                if name.startswith("right")
                else (90, 90, 90)
            )
            ends = [tuple(round(v) for v in place[joint]) for joint in (parent, child)]
            cv2.line(image, ends[0], ends[1], colour, 3, cv2.LINE_AA)
        images.append(image)
    write_image(path, contact_sheet(images, 10, side))


if __name__ == "__main__":
    main()
