"""Several moving skeletons before the real rig, as a detector's tracklets, with the ground truth of their persons."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from epipose.camera import Rig
from epipose.poses import Poses2D
from epipose.skeletons import H36M17
from tests.helpers.synthetic import detections, moving_skeleton

FPS = 50.0


def body(frames: int, seed: int, at: tuple[float, float] = (0.0, 0.0), roam: float = 0.5, stretch: float = 0.05):
    """(frame, joint, 3): a skeleton that walks round a place, every bone longer or shorter by a share of its own."""
    xyz = moving_skeleton(frames, seed, roam)
    generator = torch.Generator().manual_seed(1000 + seed)
    factor = 1 + stretch * (2 * torch.rand(len(H36M17.joints), generator=generator, dtype=xyz.dtype) - 1)
    factor = (factor + factor[list(H36M17.flip)]) / 2 * (1 + stretch * float(torch.randn(1, generator=generator)))
    made = xyz.clone()
    for joint, parent in enumerate(H36M17.parents):
        if parent >= 0:
            made[:, joint] = made[:, parent] + factor[joint] * (xyz[:, joint] - xyz[:, parent])
    return made + torch.tensor([*at, 0.0], dtype=xyz.dtype)


def reflected(xyz: torch.Tensor, normal: Sequence[float], offset: float) -> torch.Tensor:
    """The image in the mirror normal . x = offset as a detector names its joints: its left is the person's right."""
    n = torch.nn.functional.normalize(torch.tensor(normal, dtype=xyz.dtype), dim=0)
    return (xyz - 2 * (xyz @ n - offset)[..., None] * n)[:, list(H36M17.flip)]


class Crowd:
    """Tracklets per view, to be changed by a test, and the person each of their frames shows (-1: nobody)."""

    def __init__(self, rig: Rig, people: Sequence[torch.Tensor], pixels: float = 6.0, outliers: float = 0.03, seed=0):
        self.rig = rig
        found = [detections(rig, xyz, pixels, outliers, seed=100 * seed + k) for k, xyz in enumerate(people)]
        self.xy = torch.stack([uv for uv, _ in found], 2)  # view frame person joint 2
        self.conf = torch.stack([conf for _, conf in found], 2)
        self.who = torch.arange(len(people)).expand(self.conf.shape[:3]).clone()

    def hide(self, person: int, start: int, end: int, views: Sequence[int] | None = None) -> None:
        """Leave a person out of some frames, in all views or some."""
        for view in range(len(self.xy)) if views is None else views:
            self.conf[view, start:end, person] = 0

    def swap(self, view: int, a: int, b: int, start: int, end: int) -> None:
        """Let two tracklets of a view show each other's person."""
        for field in (self.xy, self.conf, self.who):
            field[view, start:end, [a, b]] = field[view, start:end, [b, a]]

    def split(self, view: int, person: int, frame: int) -> None:
        """Let a tracklet end at a frame and go on as a new one, last in the view."""
        self.xy, self.who = (torch.cat([field, field[:, :, [person]]], 2) for field in (self.xy, self.who))
        self.conf = torch.cat([self.conf, torch.zeros_like(self.conf[:, :, :1])], 2)
        self.conf[view, frame:, -1] = self.conf[view, frame:, person]
        self.conf[view, frame:, person] = 0

    def poses(self, seed: int | None = None, keep_first: bool = False) -> Poses2D:
        """The tracklets; with a seed in another order in every view, but for the first where ``keep_first``."""
        xy, conf, who = (field.clone() for field in (self.xy, self.conf, self.who))
        generator = torch.Generator().manual_seed(seed or 0)
        for view in range(len(xy)):
            first = int(keep_first)
            order = first + torch.randperm(conf.shape[2] - first, generator=generator)
            order = torch.cat([torch.arange(first), order]) if seed is not None else torch.arange(conf.shape[2])
            xy[view], conf[view], who[view] = xy[view][:, order], conf[view][:, order], who[view][:, order]
        self.shown = torch.where((conf > 0).any(-1), who, -1)
        return Poses2D(xy.float(), conf.float(), H36M17, self.rig.names)

    def ground_truth_of(self, poses: Poses2D) -> torch.Tensor:
        """(view, frame, person): the person that every detection of rearranged poses shows, -1 for nobody."""
        before = self.xy.float()
        who = torch.full(poses.conf.shape[:3], -1)
        for person in range(poses.conf.shape[2]):
            same = (poses.xy[:, :, person, None] == before).all(-1).all(-1)
            hit = (same * (self.conf > 0).any(-1)).long()
            named = (hit * (self.who + 1)).amax(-1) - 1
            who[:, :, person] = torch.where((poses.conf[:, :, person] > 0).any(-1), named, -1)
        return who
