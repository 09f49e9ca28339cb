"""Pose Structure Score: the share of predicted poses in the same cluster as their ground truth.

A mean of joint errors cannot tell a pose that is a little wrong everywhere from one with a leg where no leg can be. The
score asks instead whether prediction and ground truth fall into the same of K kinds of pose, which are the clusters of
a training set (Kocabas et al., CVPR 2019, section 4.3). The paper leaves open how poses are centred, which joints count
and how the clustering starts. Here: all joints of the skeleton, q^ = (q - root) / ||q - root|| over all of them,
scikit-learn's k-means with a fixed seed and ten starts or more. The definition is kept in the file of the centres, and
a score without its centres means nothing: two sets of centres give two scores.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from epipose.errors import DamagedFileError, InputError, optional
from epipose.io.files import AnyPath, read_npz, write_npz
from epipose.io.guard import reads
from epipose.skeleton import Skeleton
from epipose.skeletons import skeleton_named

_POSES_AT_A_TIME = 65_536  # whose distances to all centres are in memory
_DEFINITION = "all joints; (q - root) / norm(q - root); k-means, Euclidean"


@dataclass(frozen=True)
class PoseStructureScore:
    """The centres of K kinds of pose, normalised, and how they were found."""

    centres: Float[Tensor, "kind joint 3"]
    skeleton: Skeleton
    seed: int
    starts: int
    poses: int  # that were clustered

    def kinds(self, poses: Float[Tensor, "*batch joint 3"]) -> Int64[Tensor, " *batch"]:
        """The nearest centre of each pose (any unit and position; a pose of one point has the kind of the origin)."""
        flat = normalised(poses, self.skeleton.root).flatten(-2).reshape(-1, self.centres[0].numel())
        centres = self.centres.flatten(1).to(flat)
        size = centres.square().sum(-1)
        nearest = [
            (size - 2 * part @ centres.T).argmin(-1) for part in flat.split(_POSES_AT_A_TIME)
        ]  # |x - c|^2 - |x|^2
        return torch.cat(nearest).reshape(poses.shape[:-2])

    def score(
        self, predicted: Float[Tensor, "*batch joint 3"], true: Float[Tensor, "*batch joint 3"]
    ) -> Bool[Tensor, " *batch"]:
        """Whether both are of the same kind; the mean of it is PSS@K. Every joint is needed: leave out other poses."""
        return self.kinds(predicted) == self.kinds(true)

    def save(self, path: AnyPath) -> None:
        """Write the centres and their definition to an npz."""
        write_npz(
            path,
            centres=self.centres.float().numpy(),
            skeleton=np.array(self.skeleton.name),
            definition=np.array(_DEFINITION),
            seed=np.array(self.seed),
            starts=np.array(self.starts),
            poses=np.array(self.poses),
        )

    @staticmethod
    @reads("centres of poses (npz)", "Fit again.")
    def load(path: AnyPath) -> PoseStructureScore:
        """Read what `save` wrote. Raises DamagedFileError for another file, and for centres of another definition."""
        keys = ("centres", "skeleton", "definition", "seed", "starts", "poses")
        file = read_npz(path, keys, "PoseStructureScore.save")
        if str(file["definition"]) != _DEFINITION:
            raise DamagedFileError(
                f"{path} has centres by another definition: '{file['definition']}', expected '{_DEFINITION}'. Fit again."
            )
        skeleton = skeleton_named(str(file["skeleton"]))
        centres = torch.from_numpy(file["centres"])
        if centres.ndim != 3 or centres.shape[1:] != (len(skeleton.joints), 3):
            raise DamagedFileError(
                f"{path}: centres have shape {tuple(centres.shape)}, expected (K, {len(skeleton.joints)}, 3)."
            )
        return PoseStructureScore(centres, skeleton, *(int(file[key]) for key in ("seed", "starts", "poses")))


def fit_structure_score(
    poses: Float[Tensor, "pose joint 3"], skeleton: Skeleton, kinds: int = 50, *, seed: int = 0, starts: int = 10
) -> PoseStructureScore:
    """Cluster the ground truth of a training set (any unit, all joints present) into so many kinds.

    The paper has 50 and 100 kinds. Needs epipose[metrics]. Raises InputError for fewer poses than kinds.
    """
    if not 1 <= kinds <= len(poses):
        raise InputError(f"Got {len(poses)} poses for {kinds} kinds; give at least as many poses as kinds.")
    cluster = optional("sklearn.cluster", "metrics")
    flat = normalised(poses, skeleton.root).flatten(1).double().numpy()
    found = cluster.KMeans(kinds, n_init=starts, random_state=seed).fit(flat)
    centres = torch.from_numpy(found.cluster_centers_).float().unflatten(1, (-1, 3))
    return PoseStructureScore(centres, skeleton, seed, starts, len(poses))


def normalised(poses: Float[Tensor, "*batch joint 3"], root: int) -> Float[Tensor, "*batch joint 3"]:
    """Root at the origin, and the norm over all joints 1."""
    centred = poses - poses[..., root : root + 1, :]
    size = centred.flatten(-2).norm(dim=-1).clamp(min=torch.finfo(poses.dtype).tiny)
    return centred / size[..., None, None]
