"""PCKh@0.5 on MPII: joints in images against those that were marked, measured by the size of the head."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from epipose.datasets.base import PeopleReader, Selection
from epipose.datasets.registry import reader_for
from epipose.errors import EpiposeError
from epipose.io.files import read_npz

_HALF = 0.5  # of the head's size
# The mean of PCKh leaves these out, since Andriluka et al. (CVPR 2014, section 4) do.
_LEFT_OUT = ("pelvis", "thorax")


def evaluate_2d(predicted: Path, truth: Path) -> dict[str, Any]:
    """PCKh@0.5 of joints in images (Andriluka et al., CVPR 2014), in the form of `epipose.evaluation.evaluate.evaluate`.

    ``predicted``: an npz with ``xy`` (person, 16, 2), pixels with centres at integers, one row for everybody whom the
    dataset at ``truth`` marks in its validation part, in the dataset's order. Raises EpiposeError for other shapes, and
    for a dataset without sizes of heads.
    """
    name, reader = reader_for(truth)
    if not isinstance(reader, PeopleReader):
        raise EpiposeError(f"{truth} is the dataset {name}; PCKh is measured on people in images: give MPII.")
    people = reader.people(truth, Selection(split="val"))
    xy = torch.from_numpy(read_npz(predicted, ("xy",), "numpy.savez(FILE, xy=...)")["xy"]).float()
    if xy.shape != people.xy.shape:
        raise EpiposeError(
            f"{predicted}: xy has shape {tuple(xy.shape)}; {truth} marks {tuple(people.xy.shape)} (person, joint, 2) in "
            "its validation part. Give one row a person, in the dataset's order."
        )
    weight = ((people.conf > 0) & (people.head_px > 0)[:, None]).double()
    if not bool(weight.any()):
        raise EpiposeError(f"{truth} has no sizes of heads. epipose datasets says which file holds them.")
    right = ((xy - people.xy).norm(dim=-1) <= _HALF * people.head_px[:, None]).double()
    joints = people.skeleton.joints
    shares = {
        joint: {
            "pckh_50": float((weight[:, j] * right[:, j]).sum() / weight[:, j].sum()) if weight[:, j].any() else None
        }
        for j, joint in enumerate(joints)
    }
    counted = torch.tensor([float(joint not in _LEFT_OUT) for joint in joints], dtype=torch.float64)
    total = weight * counted
    return {
        "protocol": "mpii",
        "all": {"pckh_50": float((total * right).sum() / total.sum()), "poses": int(total.any(-1).sum())},
        "actions": {},
        "joints": shares,
        "left_out": {"people_without_head": int((people.head_px <= 0).sum())},
        "states": {
            "protocol": f"MPII, PCKh@0.5, people marked in the validation part of {name}",
            "joints": f"{int(counted.sum())} of {people.skeleton.name} in the mean, without {' and '.join(_LEFT_OUT)}",
            "limit": "half the head's size, which is 0.6 of the diagonal of its box; a joint exactly there is right",
            "crop": "not stated",
            "used of the truth": "the size of the head, as the limit",
            "missing": "joints that are not marked, and people without the size of the head, are left out",
        },
    }
