"""Errors of a real detector and of the pretrained network on drawn people, to train the refiner with.

The bank holds what BlazePose (full and heavy) and the pretrained network answered on images of the studio whose pose is
known, as differences from the truth. So errors run along limbs, and depend on the pose, as they do in use; made-up ones
were a third of their size. A pose without an image is given the errors of a similar one.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from epipose.network.refiner import Evidence
from epipose.skeletons import H36M17

FILE = Path(__file__).parent / "error_bank.npz"
_COMPARED = 512  # rows of the bank that a batch is compared with; fewer make it more varied


class ErrorBank(NamedTuple):
    """Rows of answers in the joints of Human3.6M: the true (u, v, d), and errors in crop widths.

    Depths are relative to the root; ``keypoint_confidence`` is the detector's, ``reading_scale`` the expected error
    that the network stated.
    """

    pose: Float[Tensor, "row 17 3"]
    keypoint_error: Float[Tensor, "row 17 2"]
    keypoint_confidence: Float[Tensor, "row 17"]
    own_depth_error: Float[Tensor, "row 17"]
    reading_error: Float[Tensor, "row 17 3"]
    reading_scale: Float[Tensor, "row 17 3"]

    def at(self, rows: Tensor) -> ErrorBank:
        """Some of the rows."""
        return ErrorBank(*(field[rows] for field in self))

    def flipped(self) -> ErrorBank:
        """The rows as horizontally flipped images would have given them, left and right swapped."""
        other = list(H36M17.flip)
        sign = {"pose": (-1.0, 1.0, 1.0), "keypoint_error": (-1.0, 1.0), "reading_error": (-1.0, 1.0, 1.0)}
        fields = {name: field[:, other] for name, field in self._asdict().items()}
        return ErrorBank(**{name: field * torch.tensor(sign.get(name, (1.0,))) if field.ndim == 3 else field
                            for name, field in fields.items()})  # fmt: skip


@lru_cache(maxsize=1)
def error_bank() -> ErrorBank:
    """The bank that the package holds."""
    with np.load(FILE) as arrays:
        return ErrorBank(*(torch.from_numpy(arrays[name].astype(np.float32)) for name in ErrorBank._fields))


def simulated_evidence(uvd: Float[Tensor, "batch 17 3"], bank: ErrorBank, random: torch.Generator) -> Evidence:
    """Evidence of poses, each with the errors that a random part of the bank has at the pose most like it."""
    rows = torch.randint(len(bank.pose), (_COMPARED,), generator=random)
    part, root = bank.at(rows), H36M17.root
    part = part.flipped() if bool(torch.rand((), generator=random) < 0.5) else part
    wanted, there = ((pose - pose[:, root, None]).flatten(1) for pose in (uvd, part.pose))
    like = part.at(torch.cdist(wanted, there).argmin(1))
    known = torch.ones_like(uvd[..., 0])
    return Evidence(
        uvd[..., :2] + like.keypoint_error, like.keypoint_confidence, uvd[..., 2] + like.own_depth_error, known,
        uvd + like.reading_error, like.reading_scale, known,
    )  # fmt: skip
