"""Networks by supervision, and the collapse of a 2D branch that is not frozen.

Every network begins at the same weights and is trained with the same settings on the same images; only the labels
differ.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from epipose.experiments.network_evaluator import NetworkEvaluator
from epipose.experiments.rows import NetworkRow
from epipose.experiments.trainer import SELF_RUNS, Trainer
from epipose.network.choices import on_landmarks
from epipose.network.landmark_posenet import variant_of
from epipose.network.posenet import TrainedPoseNet
from epipose.network.pretrained import pretrained_model


def self_rows(
    trainer: Trainer, evaluator: NetworkEvaluator, mocap: tuple[Path, ...], runs: tuple[str, ...] = SELF_RUNS
) -> dict[str, NetworkRow]:
    """The main table: every supervision, refinement, one subject only; and what they are compared with.

    ``runs``: which of ``SELF_RUNS``, "full" among them. Networks on a landmark network are compared with the pretrained
    one on the same.
    """
    rows = {name: evaluator.network(trainer.run(name, mocap)) for name in runs}
    full = rows["full"].nmpjpe_mm
    rows = {name: replace(row, ratio_to_full=row.nmpjpe_mm / full) for name, row in rows.items()}
    backbone = trainer.settings["backbone"]
    pretrained = TrainedPoseNet.load(pretrained_model(variant_of(backbone) if on_landmarks(backbone) else None))
    rows["mean pose"] = evaluator.mean_pose()
    rows["pretrained"] = evaluator.network(pretrained)
    rows["pretrained, alone"] = evaluator.network(replace(pretrained, refiner=None))
    own = evaluator.detector()
    return rows | ({"detector's own 3D": own} if own is not None else {})


def collapse_rows(trainer: Trainer, evaluator: NetworkEvaluator) -> dict[str, NetworkRow]:
    """The 2D branch that labels come from frozen, and not: errors, and the spread of the joints in every epoch.

    On a landmark network, which stays as it is in both, the 2D that is not frozen is the head's: it begins as the
    landmarks, and may leave them. Images are not rotated, scaled, shifted or flipped where the 2D branch is not frozen:
    its labels come from them.
    """
    rows = {}
    for name, run in {"frozen": "self+rig", "unfrozen": "unfrozen"}.items():
        row, epochs = evaluator.network(trainer.run(run)), trainer.log(run)
        rows[name] = replace(
            row, spread=tuple(epoch.spread for epoch in epochs), loss=tuple(epoch.loss for epoch in epochs)
        )
    return rows
