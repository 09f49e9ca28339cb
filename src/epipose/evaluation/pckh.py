"""PCKh@0.5 on MPII: keypoints against annotated ones, with half the head's size as the limit."""

from __future__ import annotations

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.datasets.base import Choice, People2D, PeopleReader
from epipose.datasets.registry import reader_for
from epipose.errors import InputError
from epipose.evaluation.options import EvaluateOptions
from epipose.evaluation.result import Evaluation, LeftOut, MetricMeans, Statement
from epipose.io.files import AnyPath, read_npz

_HEAD_SHARE = 0.5  # of the head's size, within which a keypoint is right
# The mean of PCKh leaves these out, since Andriluka et al. (CVPR 2014, section 4) do.
_NOT_IN_MEAN = ("pelvis", "thorax")


def evaluate_2d(predicted: AnyPath, ground_truth: AnyPath, options: EvaluateOptions | None = None) -> Evaluation:
    """PCKh@0.5 of keypoints (Andriluka et al., CVPR 2014), in the form of `epipose.evaluation.evaluate.evaluate`.

    ``predicted``: an npz with ``xy`` (person, 16, 2), pixels with centres at integers, one row for everybody whom the
    dataset at ``ground_truth`` annotates in its validation part, in the dataset's order. Raises InputError for other
    shapes, for a dataset without sizes of heads, and for options that are of 3D poses.
    """
    options = options or EvaluateOptions("mpii")
    if options.structure is not None or options.interval != "take":
        raise InputError("The protocol mpii is about keypoints in images: leave out --structure and --interval.")
    name, reader = reader_for(Path(ground_truth))
    if not isinstance(reader, PeopleReader):
        raise InputError(f"{ground_truth} is the dataset {name}; PCKh is measured on people in images: give MPII.")
    people = reader.people(Path(ground_truth), Choice(split="val"))
    xy = _keypoints(Path(predicted), people, Path(ground_truth))
    weight = ((people.conf > 0) & (people.head_px > 0)[:, None]).double()
    if not bool(weight.any()):
        raise InputError(f"{ground_truth} has no sizes of heads. epipose datasets says which file holds them.")
    right = ((xy - people.xy).norm(dim=-1) <= _HEAD_SHARE * people.head_px[:, None]).double()
    joints = people.skeleton.joints
    counted = torch.tensor([float(joint not in _NOT_IN_MEAN) for joint in joints], dtype=torch.float64)
    total = weight * counted
    return Evaluation(
        options,
        all=MetricMeans({"pckh_50": float((total * right).sum() / total.sum())}, int(total.any(-1).sum())),
        joints={joint: MetricMeans({"pckh_50": _share(right[:, j], weight[:, j])}) for j, joint in enumerate(joints)},
        statement=_statement(name, people, int(counted.sum())),
        left_out=LeftOut(people_without_head=int((people.head_px <= 0).sum())),
    )


def _keypoints(predicted: Path, people: People2D, ground_truth: Path) -> Float[Tensor, "person joint 2"]:
    """Predicted keypoints in pixels, in the order of the dataset."""
    xy = torch.from_numpy(read_npz(predicted, ("xy",), "numpy.savez(FILE, xy=...)")["xy"]).float()
    if xy.shape != people.xy.shape:
        raise InputError(
            f"{predicted}: xy has shape {tuple(xy.shape)}; {ground_truth} annotates {tuple(people.xy.shape)} (person, "
            "joint, 2) in its validation part. Give one row a person, in the dataset's order."
        )
    return xy


def _share(right: Float[Tensor, " person"], weight: Float[Tensor, " person"]) -> float | None:
    return float((weight * right).sum() / weight.sum()) if weight.any() else None


def _statement(dataset: str, people: People2D, joints: int) -> Statement:
    return Statement(
        protocol=f"MPII, PCKh@0.5, people annotated in the validation part of {dataset}",
        joints=f"{joints} of {people.skeleton.name} in the mean, without {' and '.join(_NOT_IN_MEAN)}",
        limit="half the head's size, which is 0.6 of the diagonal of its box; a keypoint exactly there is right",
        crop="not stated",
        ground_truth_used_for="the size of the head, as the limit",
        missing="keypoints that are not annotated, and people without the size of the head, are left out",
    )
