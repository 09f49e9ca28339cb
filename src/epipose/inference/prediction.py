"""Predictions of single images: root-relative 3D poses with their keypoints, and their files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from epipose.errors import DamagedFileError
from epipose.io.files import AnyPath, read_npz, write_json, write_npz
from epipose.io.guard import reading, reads
from epipose.io.records import checked
from epipose.io.staged import Staged, staged
from epipose.io.summary import html_table, one_line
from epipose.poses import Poses3D

_FILE = "predictions.npz"


@dataclass(frozen=True)
class Prediction:
    """Poses of the images ``names`` (root-relative, camera frame) and their keypoints ``uv`` in pixels.

    ``made_with`` states model, boxes and intrinsics, so that results are compared with results of the same kind.
    """

    poses: Poses3D
    uv: Float[Tensor, "frame joint 2"]
    names: tuple[str, ...]
    made_with: dict[str, str]

    @property
    def xyz(self) -> Float[Tensor, "frame joint 3"]:
        """Joints relative to the root, in the camera's frame; metres where ``poses.metric``."""
        return self.poses.xyz[:, 0]

    @property
    def conf(self) -> Float[Tensor, "frame joint"]:
        """Confidence in [0, 1]; 0 where nobody was found."""
        return self.poses.conf[:, 0]

    def __repr__(self) -> str:
        return one_line("Prediction", self._facts())

    def _repr_html_(self) -> str:
        return html_table("Prediction", self._facts())

    def _facts(self) -> dict[str, str]:
        found = int((self.conf > 0).any(-1).sum())
        return {
            "images": str(len(self.names)),
            "person found": f"in {found}",
            "joints": f"{len(self.poses.skeleton.joints)} ({self.poses.skeleton.name})",
            "scale": "metric" if self.poses.metric else "not metric",
            **self.made_with,
        }

    @staticmethod
    @reads("predictions", "Make them again with: epipose predict")
    def load(folder: AnyPath) -> Prediction:
        """Read the ``predictions.npz`` that `save` wrote; DamagedFileError for missing keys or wrong shapes."""
        path = Path(folder) / _FILE
        poses = Poses3D.load(path)
        file = read_npz(path, ("uv", "names", "made_with"), "epipose predict")
        uv, names = torch.from_numpy(file["uv"]).float(), tuple(str(name) for name in file["names"])
        if poses.xyz.shape[1] != 1 or uv.shape != (*poses.conf[:, 0].shape, 2) or len(names) != len(uv):
            raise DamagedFileError(
                f"{path}: expected one person, uv of shape {(*poses.conf[:, 0].shape, 2)} and a name for each image; got "
                f"{poses.xyz.shape[1]} people, {tuple(uv.shape)} and {len(names)} names."
            )
        with reading(path, "predictions whose made_with is a JSON object of texts"):
            made_with = checked(json.loads(str(file["made_with"])), dict[str, str])
        return Prediction(poses, uv, names, made_with)

    def save(self, folder: AnyPath) -> None:
        """Write ``predictions.npz`` (readable as Poses3D, plus ``uv``, ``names``) and ``predictions.json``, as one set."""
        with staged(folder) as stage:
            self.write_into(stage)

    def write_into(self, stage: Staged) -> None:
        """Write what `save` writes into a set of files."""
        poses, joints = self.poses, self.poses.skeleton.joints
        about = {"names": np.array(self.names), "made_with": np.array(json.dumps(self.made_with))}
        write_npz(stage.path(_FILE), **poses.arrays(), uv=self.uv.numpy(), **about)
        frames = [
            {
                "name": name,
                "person_found": bool((conf > 0).any()),
                "joints": {j: [round(v, 5) for v in point.tolist()] for j, point in zip(joints, xyz, strict=True)},
                "confidence": {j: round(float(value), 4) for j, value in zip(joints, conf, strict=True)},
            }
            for name, xyz, conf in zip(self.names, poses.xyz[:, 0], poses.conf[:, 0], strict=True)
        ]
        about = {
            "format": "epipose-predictions-1",
            "skeleton": poses.skeleton.name,
            "unit": "metre" if poses.metric else "unknown (the model's labels had no scale)",
            "axes": "camera: x right, y down, z away from it; relative to the joint " + joints[poses.skeleton.root],
            "made_with": self.made_with,
        }
        write_json(stage.path("predictions.json"), {**about, "frames": frames})
