"""Evaluation of networks on the same test images, beside the detector's own 3D and the mean pose.

The test shows other people before other cameras than the training, its boxes come from the detector, and poses are
compared root-relative in the axes of the camera.
"""

from __future__ import annotations

from pathlib import Path

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from epipose.clip import Clip
from epipose.errors import InputError
from epipose.evaluation.bootstrap import bootstrap_mean
from epipose.evaluation.metrics import distances_mm, nmpjpe_mm, pck
from epipose.evaluation.protocols import MIN_JOINTS
from epipose.evaluation.structure_score import fit_structure_score
from epipose.experiments.errors import pose_errors
from epipose.experiments.labels import ground_truth_rig
from epipose.experiments.rows import NetworkRow
from epipose.inference.clip_views import predict_clip
from epipose.network.posenet import TrainedPoseNet
from epipose.poses import Poses2D, Poses3D, in_camera_frames, poses_that_count
from epipose.skeletons import H36M17

_PSS_KINDS = 50  # clusters of the Pose Structure Score


class NetworkEvaluator:
    """Errors of networks on the same test images, those in which the detector found the person.

    ``clips``: to test on; ``train_clips``: whose ground truth gives the clusters of the Pose Structure Score and the
    mean pose. Joints without ground truth do not count; poses need a root and ten joints. Networks whose labels had no
    scale have no MPJPE and no PCK.
    """

    def __init__(self, clips: list[Path], train_clips: list[Path], seed: int) -> None:
        self.clips = clips
        of_clips = [ground_truth_poses(clip) for clip in clips]
        self.true, self.known = (torch.cat(part) for part in zip(*of_clips, strict=True))
        self.clip_of = torch.cat([torch.full((len(xyz),), i) for i, (xyz, _) in enumerate(of_clips)])
        seen, whole = (
            torch.cat(part) for part in zip(*(ground_truth_poses(clip) for clip in train_clips), strict=True)
        )
        self.seen = seen[(whole > 0).all(-1)]
        if not len(self.seen):
            raise InputError("No pose of the training clips has ground truth for every joint.")
        self.found = torch.cat([_found(clip) for clip in clips])
        self.structure = fit_structure_score(self.seen, H36M17, min(_PSS_KINDS, len(self.seen)), seed=seed)

    def network(self, network: TrainedPoseNet) -> NetworkRow:
        """Errors of a network's predictions."""
        return self.errors(torch.cat([self._predicted(clip, network) for clip in self.clips]), network.metric)

    def _predicted(self, clip: Path, network: TrainedPoseNet) -> Float[Tensor, "image joint 3"]:
        xyz, _, _ = predict_clip(clip, network, (0, Clip.load(clip).frames - 1), batch_size=32)
        return xyz.flatten(0, 1)

    def detector(self) -> NetworkRow | None:
        """Errors of the detector's own 3D on the same images; None where it has none."""
        poses = [Poses2D.load(clip / "poses2d.npz") for clip in self.clips]
        if any(part.xyz is None for part in poses):
            return None
        return self.errors(torch.cat([detectors_own(part).flatten(0, 1) for part in poses]))

    def mean_pose(self) -> NetworkRow:
        """Errors of a constant: the mean of the training clips' ground truth, predicted for every image."""
        mean = (self.seen - self.seen[:, H36M17.root, None]).mean(0)
        return self.errors(mean.expand_as(self.true))

    def errors(self, predicted: Float[Tensor, "image joint 3"], metric: bool = True) -> NetworkRow:
        """Errors of predictions for all test images, in metres. All joints count, the root too."""
        root = H36M17.root
        chosen = self.found & poses_that_count(self.known, root, MIN_JOINTS)
        p, q, w = predicted[chosen], self.true[chosen], self.known[chosen]
        interval = bootstrap_mean(nmpjpe_mm(p, q, root, w), self.clip_of[chosen])
        whole = (w > 0).all(-1)
        same = self.structure.score(p[whole], q[whole]).float()
        errors = pose_errors(p, q, w, root)
        return NetworkRow(
            mpjpe_mm=errors.mpjpe_mm if metric else None,
            nmpjpe_mm=errors.nmpjpe_mm,
            pmpjpe_mm=errors.pmpjpe_mm,
            poses=errors.poses,
            pck_150=float(pck(distances_mm(p, q, root, "root", w), w).mean()) if metric else None,
            npck_150=float(pck(distances_mm(p, q, root, "scale", w), w).mean()),
            pss=float(same.mean()) if len(same) else None,
            pss_kinds=len(self.structure.centres),
            nmpjpe_interval_mm=(interval.low, interval.high) if interval.groups > 1 else None,
            found_share=float(self.found.float().mean()),
        )


def detectors_own(poses: Poses2D) -> Float[Tensor, "view frame joint 3"]:
    """The detector's own single-image 3D of the subject, in the joints of Human3.6M, metres."""
    assert poses.xyz is not None
    return torch.einsum("tj,vfjc->vftc", poses.skeleton.mapping_to(H36M17), poses.xyz[:, :, 0])


def _found(clip: Path) -> Bool[Tensor, " image"]:
    """The images in which the detector found the subject, view after view."""
    return (Poses2D.load(clip / "poses2d.npz").conf[:, :, 0] > 0).any(-1).flatten()


def ground_truth_poses(clip: Path) -> tuple[Float[Tensor, "image joint 3"], Float[Tensor, "image joint"]]:
    """The person as each camera sees them, view after view, and which joints have ground truth (1, else 0)."""
    poses, rig = Poses3D.load(clip / "truth" / "poses3d.npz").mapped_to(H36M17), ground_truth_rig(clip)
    known = (poses.conf[:, 0] > 0).float().repeat(len(rig.names), 1)
    return in_camera_frames(poses, rig)[:, :, 0].float().flatten(0, 1), known
