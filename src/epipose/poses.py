"""2D keypoints in views and 3D poses in a space, and their files.

Confidence is the only mask: 0 means missing, and what stands there is finite but meaningless. NaN never crosses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from epipose.camera import Rig
from epipose.errors import DamagedFileError, InputError
from epipose.io.files import AnyPath, read_npz, write_npz
from epipose.io.guard import checked_names, reads
from epipose.io.summary import html_table, one_line
from epipose.io.tables import labelled_arrays, long_table
from epipose.skeleton import Skeleton
from epipose.skeletons import SKELETON_KEYS, skeleton_arrays, skeleton_from

if TYPE_CHECKING:
    import pandas
    import xarray


@dataclass(frozen=True)
class Poses2D:
    """Keypoints: ``xy`` in (distorted) pixels of each view, ``conf`` in [0, 1].

    Person 0 is the subject where one was chosen; the others are candidates, numbered per view, not across views.
    ``xyz`` is the detector's own single-image 3D where it has one: metres, root-relative, axes of the camera.
    """

    xy: Float[Tensor, "view frame person joint 2"]
    conf: Float[Tensor, "view frame person joint"]
    skeleton: Skeleton
    views: tuple[str, ...]
    xyz: Float[Tensor, "view frame person joint 3"] | None = None

    def __repr__(self) -> str:
        return one_line("Poses2D", self.facts())

    def _repr_html_(self) -> str:
        return html_table("Poses2D", self.facts())

    def facts(self) -> dict[str, str]:
        """Summary of these poses: values by name."""
        views, frames, people = self.xy.shape[:3]
        seen = float((self.conf[:, :, :1] > 0).float().mean()) if self.conf.numel() else 0.0
        return {
            "views": f"{views} ({', '.join(self.views)})",
            "frames": str(frames),
            "people": str(people),
            "joints": f"{len(self.skeleton.joints)} ({self.skeleton.name})",
            "seen": f"{seen:.0%} of person 0",
        }

    def save(self, path: AnyPath) -> None:
        """Write ``xy``, ``conf``, ``views`` (and ``xyz``) and the skeleton to an npz."""
        arrays = {"xy": self.xy.float().numpy(), "conf": self.conf.float().numpy()}
        if self.xyz is not None:
            arrays["xyz"] = self.xyz.float().numpy()
        write_npz(path, **arrays, **skeleton_arrays(self.skeleton), views=np.array(self.views))

    @staticmethod
    @reads("2D poses (npz)", "Make it again with: epipose detect")
    def load(path: AnyPath) -> Poses2D:
        """Read what `save` wrote; raises DamagedFileError for missing keys, wrong shapes, or impossible names of views."""
        file = read_npz(
            path, ("xy", "conf", "skeleton", "views"), "epipose detect", optional=("xyz", *SKELETON_KEYS[1:])
        )
        skeleton = skeleton_from(file, path)
        xy, conf = torch.from_numpy(file["xy"]).float(), torch.from_numpy(file["conf"]).float()
        views = checked_names([str(view) for view in file["views"]], f"A view of {path}")
        if xy.ndim != 5 or xy.shape[0] != len(views) or xy.shape[3:] != (len(skeleton.joints), 2):
            raise DamagedFileError(
                f"{path}: xy has shape {tuple(xy.shape)}, expected ({len(views)} views, frames, persons, "
                f"{len(skeleton.joints)} joints, 2)."
            )
        _check_conf(path, xy, conf)
        xyz = torch.from_numpy(file["xyz"]).float() if "xyz" in file else None
        if xyz is not None and (xyz.shape != (*conf.shape, 3) or not bool(xyz.isfinite().all())):
            raise DamagedFileError(f"{path}: xyz must be finite of shape {(*conf.shape, 3)}, got {tuple(xyz.shape)}.")
        return Poses2D(xy, conf, skeleton, views, xyz)

    def with_sides_swapped(self, views: Bool[Tensor, " view"]) -> Poses2D:
        """The same poses with left and right swapped in some views, for everybody and in every frame."""
        if not bool(views.any()):
            return self
        flip = list(self.skeleton.flip)

        def swapped(of: Tensor) -> Tensor:
            return torch.where(views.reshape(-1, *[1] * (of.ndim - 1)), of[:, :, :, flip], of)

        xyz = None if self.xyz is None else swapped(self.xyz)
        return Poses2D(swapped(self.xy), swapped(self.conf), self.skeleton, self.views, xyz)

    def subject(self) -> Poses2D:
        """Person 0 alone."""
        xyz = None if self.xyz is None else self.xyz[:, :, :1]
        return Poses2D(self.xy[:, :, :1], self.conf[:, :, :1], self.skeleton, self.views, xyz)


@dataclass(frozen=True)
class Poses3D:
    """Joints in space. ``space`` is "world" or the name of the camera whose axes are meant.

    ``metric``: lengths are metres; otherwise they are right up to one common factor. ``times``: when each frame was
    taken, in seconds on the clip's clock; None where that is not known. ``poses["left_knee"]`` is one joint of every
    frame and person.
    """

    xyz: Float[Tensor, "frame person joint 3"]
    conf: Float[Tensor, "frame person joint"]
    skeleton: Skeleton
    space: str = "world"
    metric: bool = False
    times: Float[Tensor, " frame"] | None = None

    def __getitem__(self, joint: str) -> Float[Tensor, "frame person 3"]:
        """One joint by its name; InputError that lists the names there are."""
        if joint not in self.skeleton.joints:
            raise InputError(f"There is no joint '{joint}' in {self.skeleton.name}: {', '.join(self.skeleton.joints)}.")
        return self.xyz[:, :, self.skeleton.joints.index(joint)]

    @property
    def fps(self) -> float | None:
        """Frames per second: one over the median interval; None without ``times``, or where these do not advance."""
        interval = 0.0 if self.times is None or len(self.times) < 2 else float(self.times.diff().median())
        return 1 / interval if interval > 0 else None

    def __repr__(self) -> str:
        return one_line("Poses3D", self.facts())

    def _repr_html_(self) -> str:
        return html_table("Poses3D", self.facts())

    def facts(self) -> dict[str, str]:
        """Summary of these poses: values by name."""
        frames, people, joints = self.conf.shape
        share = float((self.conf > 0).float().mean()) if self.conf.numel() else 0.0
        rate = "" if self.fps is None else f" at {self.fps:g} fps"
        return {
            "frames": f"{frames}{rate}",
            "people": str(people),
            "joints": f"{joints} ({self.skeleton.name})",
            "labelled": f"{share:.0%}",
            "space": self.space,
            "scale": "metric" if self.metric else "not metric",
        }

    def save(self, path: AnyPath) -> None:
        """Write ``xyz``, ``conf``, ``space``, ``metric`` (and ``times``) and the skeleton to an npz."""
        write_npz(path, **self.arrays())

    def arrays(self) -> dict[str, np.ndarray]:
        """What `save` writes, by key."""
        arrays = {"xyz": self.xyz.float().numpy(), "conf": self.conf.float().numpy()}
        if self.times is not None:
            arrays["times"] = self.times.double().numpy()
        about = {"space": np.array(self.space), "metric": np.array(self.metric)}
        return {**arrays, **skeleton_arrays(self.skeleton), **about}

    @staticmethod
    @reads("3D poses (npz)", "Make it again with: epipose label")
    def load(path: AnyPath) -> Poses3D:
        """Read what `save` wrote; raises DamagedFileError for missing keys or wrong shapes."""
        keys = ("xyz", "conf", "skeleton", "space", "metric")
        file = read_npz(path, keys, "epipose label", optional=("times", *SKELETON_KEYS[1:]))
        skeleton = skeleton_from(file, path)
        xyz, conf = torch.from_numpy(file["xyz"]).float(), torch.from_numpy(file["conf"]).float()
        if xyz.ndim != 4 or xyz.shape[2:] != (len(skeleton.joints), 3):
            raise DamagedFileError(
                f"{path}: xyz has shape {tuple(xyz.shape)}, expected (frames, persons, {len(skeleton.joints)}, 3)."
            )
        _check_conf(path, xyz, conf)
        times = torch.from_numpy(file["times"]).double() if "times" in file else None
        if times is not None and (times.shape != xyz.shape[:1] or not bool(times.isfinite().all())):
            raise DamagedFileError(f"{path}: times must be {len(xyz)} finite seconds, got shape {tuple(times.shape)}.")
        return Poses3D(xyz, conf, skeleton, str(file["space"]), bool(file["metric"]), times)

    def to_dataframe(self) -> pandas.DataFrame:
        """Long table of one row per frame, person and joint: time, frame, person, joint, x, y, z, conf.

        ``time`` in seconds (NaN without ``times``), positions in metres where ``metric``, NaN where ``conf`` is 0;
        ``joint`` is a categorical in the skeleton's order. ``table.attrs`` has skeleton, space and unit. Raises
        MissingExtraError without pandas (extra ``export``).
        """
        table = long_table(self._xyz64(), self.conf.double().numpy(), self.skeleton.joints, self._times64())
        table.attrs.update(self._about())
        return table

    def to_xarray(self) -> xarray.Dataset:
        """Dataset in movement's layout: ``position`` (time, space, keypoints, individuals) and ``confidence``.

        Positions in metres where ``metric``, NaN where ``conf`` is 0; ``time`` in seconds, or in frames without
        ``times``. Attributes: fps, time_unit, source_software, ds_type, skeleton, space, unit. Raises MissingExtraError
        without xarray (extra ``export``).
        """
        conf = self.conf.double().numpy()
        return labelled_arrays(self._xyz64(), conf, self.skeleton.joints, self._times64(), self.fps, self._about())

    def _xyz64(self) -> Float[np.ndarray, "frame person joint 3"]:
        return self.xyz.double().numpy()

    def _times64(self) -> Float[np.ndarray, " frame"] | None:
        return None if self.times is None else self.times.double().numpy()

    def _about(self) -> dict[str, str]:
        """Skeleton, space and unit of length, in words."""
        unit = "m" if self.metric else "not metric"
        return {"skeleton": self.skeleton.name, "space": self.space, "unit": unit}

    def mapped_to(self, target: Skeleton) -> Poses3D:
        """The same poses in another skeleton's joints; a mean is as confident as its least confident part."""
        if target == self.skeleton:
            return self
        weights = self.skeleton.mapping_to(target).to(self.xyz)
        xyz = torch.einsum("tj,fpjc->fptc", weights, self.xyz)
        part_conf = torch.where(weights > 0, self.conf[..., None, :], torch.inf)
        conf = torch.where(weights.any(-1), part_conf.amin(-1), torch.zeros((), dtype=self.conf.dtype))
        return Poses3D(xyz, conf, target, self.space, self.metric, self.times)


def _check_conf(path: AnyPath, coordinates: Tensor, conf: Tensor) -> None:
    if conf.shape != coordinates.shape[:-1]:
        raise DamagedFileError(f"{path}: conf has shape {tuple(conf.shape)}, expected {tuple(coordinates.shape[:-1])}.")
    if not bool(coordinates.isfinite().all() and conf.isfinite().all()):
        raise DamagedFileError(
            f"{path}: NaN or infinity found; mark missing joints with conf 0 and finite coordinates."
        )
    if bool((conf < 0).any() or (conf > 1).any()):
        raise DamagedFileError(f"{path}: conf must lie in [0, 1], got {float(conf.min())} to {float(conf.max())}.")


def in_skeleton(
    xy: Float[Tensor, "*batch joint 2"], conf: Float[Tensor, "*batch joint"], found: Skeleton, wanted: Skeleton
) -> tuple[Float[Tensor, "*batch target 2"], Float[Tensor, "*batch target"]]:
    """Keypoints in another skeleton; a mean is as confident as its least confident part, 0 where there is no part."""
    weights = found.mapping_to(wanted).to(xy)
    parts = torch.where(weights > 0, conf[..., None, :], torch.inf).amin(-1)
    return weights @ xy, torch.where(weights.any(-1), parts, torch.zeros(()))


_MIN_SHOWN_SHARE = 0.02


def poses_that_count(weight: Float[Tensor, "*batch joint"], root: int, joints: int = 1) -> Bool[Tensor, " *batch"]:
    """The poses with a root and at least so many joints: those that root-centred metrics may be averaged over."""
    return ((weight > 0).sum(-1) >= joints) & (weight[..., root] > 0)


def shown_joints(conf: Float[Tensor, "*batch joint"]) -> Bool[Tensor, " joint"]:
    """The joints that a footage ever shows: with confidence in a fiftieth of the poses with its commonest joint, or more.

    A person behind a desk has no legs there; a stray detection of one does not count.
    """
    count = (conf > 0).flatten(0, -2).sum(0)
    return (count > 0) & (count >= _MIN_SHOWN_SHARE * count.max())


def in_camera_frames(poses: Poses3D, rig: Rig) -> Float[Tensor, "view frame person joint 3"]:
    """World poses as each camera of the rig sees them: its axes, its origin. This is what the network learns."""
    return rig.camera.to(poses.xyz.dtype).spread(3).into_frame(poses.xyz)
