"""Exporter protocol: a recording and a file's name to the files that were written, and what they do not hold."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.camera import Rig
from epipose.clip import Clip
from epipose.errors import InputError
from epipose.exporters.options import ExportOptions
from epipose.network.posenet import TrainedPoseNet
from epipose.poses import Poses3D


@dataclass(frozen=True)
class Recording:
    """What is exported: the content of a clip folder, or a file of poses or cameras, or a trained network.

    ``name`` is what messages call it, and what files of several people or cameras begin with.
    """

    name: str
    poses: Poses3D | None = None
    rig: Rig | None = None
    clip: Clip | None = None
    model: TrainedPoseNet | None = None
    notes: tuple[str, ...] = ()  # sentences on what was assumed when it was read

    def need_poses(self) -> Poses3D:
        """The 3D poses; InputError where there are none, or nobody in them."""
        if self.poses is None:
            raise InputError(
                f"{self.name} holds no 3D poses. Give a clip folder with labels (epipose label makes them), or a file "
                "poses3d.npz or predictions.npz."
            )
        if not bool((self.poses.conf > 0).any()):
            raise InputError(f"{self.name} holds no joint with a confidence above 0: there is nothing to export.")
        return self.poses

    def need_rig(self) -> Rig:
        """The cameras; InputError where there are none."""
        if self.rig is None:
            raise InputError(
                f"{self.name} holds no cameras. Give a clip folder with rig.json (epipose calibrate makes it), or a file "
                "of cameras."
            )
        return self.rig

    def need_model(self) -> TrainedPoseNet:
        """The trained network; InputError where there is none."""
        if self.model is None:
            raise InputError(f"{self.name} is no model folder. Give one that epipose train wrote.")
        return self.model

    @property
    def fps(self) -> float:
        """Frames per second of the poses; InputError where neither they nor the clip say."""
        stated = self.need_poses().fps
        if stated is None and self.clip is not None:
            stated = self.clip.fps
        if stated is None:
            raise InputError(f"{self.name} says no frame rate: its poses have no 'times', and there is no clip.json.")
        return stated


class Written(NamedTuple):
    """The files that an exporter wrote, and sentences on what they do not hold of what there was."""

    files: tuple[Path, ...]
    warnings: tuple[str, ...] = ()


@runtime_checkable
class Exporter(Protocol):
    """Writes ``out`` and nothing half of it; implement this to add one, and register it in ``EXPORTERS``."""

    def __call__(self, recording: Recording, out: Path, options: ExportOptions) -> Written:
        """Write the recording; raises InputError where it lacks what the format holds."""
        ...


def y_up(poses: Poses3D) -> Float[Tensor, "frame person joint 3"]:
    """Joints in right-handed axes with y up, as motion-capture programs have them.

    The world's x stays, its z (up) becomes y. Poses in the axes of a camera are turned half about x: y up, z towards
    the camera.
    """
    x, y, z = poses.xyz.unbind(-1)
    return torch.stack((x, z, -y) if poses.space == "world" else (x, -y, -z), -1)
