"""Pinhole cameras with lens distortion, one or many, and the rig they form.

Axes are OpenCV's: x right, y down, z forward, pixel centres at integers. ``cam_from_world`` is x_cam = R x_world + t.
Lenses are of Brown-Conrady's model, with OpenCV's order k1, k2, p1, p2, k3, k4, k5, k6, or fisheyes of
Kannala-Brandt's, k1 to k4 (`epipose.lens`). Leading axes are free everywhere: a single camera has K of shape (3, 3), a
rig of V cameras (V, 3, 3), and both go through the same functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from epipose.errors import DamagedFileError, InputError
from epipose.io.files import AnyPath, read_json, write_json
from epipose.io.guard import checked_names, reads
from epipose.io.images import LARGEST_SIDE
from epipose.io.summary import html_table, one_line
from epipose.lens.distortion import NUMBERS, distort, expansion, padded, undistort
from epipose.lens.file_entry import entry_numbers, lens_entry, numbers, read_lens

_CAMERA_FILE = (
    'a camera file, {"cameras": {"NAME": {"K": 3x3, "size": [width, height], "distortion": [k1, k2, p1, p2, k3]}}}'
)


@dataclass(frozen=True)
class Camera:
    """Intrinsics and pose of one camera or a batch; lengths in metres (or rig units), K and size in pixels.

    ``distortion`` may be given as 4, 5 or 8 numbers and is kept as 8, filled up with zeros; another count is an
    InputError. ``fisheye`` says which cameras are fisheyes, whose first four numbers count; by default none is.
    """

    K: Float[Tensor, "*batch 3 3"]
    distortion: Float[Tensor, "*batch number"]
    R: Float[Tensor, "*batch 3 3"]
    t: Float[Tensor, "*batch 3"]
    size: Int[Tensor, "*batch 2"]
    fisheye: Bool[Tensor, " *batch"] = field(default_factory=lambda: torch.zeros(0, dtype=torch.bool))

    def __post_init__(self) -> None:
        if self.distortion.shape[-1] != NUMBERS:
            object.__setattr__(self, "distortion", padded(self.distortion))
        if not self.fisheye.numel():
            none = torch.zeros(self.distortion.shape[:-1], dtype=torch.bool, device=self.distortion.device)
            object.__setattr__(self, "fisheye", none)

    @staticmethod
    def from_intrinsics(
        K: Float[Tensor, "*batch 3 3"], distortion: Float[Tensor, "*batch number"], size: Int[Tensor, "*batch 2"]
    ) -> Camera:
        """Cameras at the origin, looking along +z, with lenses of Brown-Conrady's model."""
        R = torch.eye(3, dtype=K.dtype, device=K.device).expand(K.shape)
        return Camera(K, distortion, R, K.new_zeros(K.shape[:-1]), size)

    def __getitem__(self, index: Any) -> Camera:
        return Camera(*(field[index] for field in self._fields))

    def to(self, *args: Any) -> Camera:
        """Move or cast every floating-point field (``size`` keeps its integer type)."""
        K = self.K.to(*args)
        size, fisheye = self.size.to(K.device), self.fisheye.to(K.device)
        return Camera(K, self.distortion.to(K), self.R.to(K), self.t.to(K), size, fisheye)

    @property
    def _fields(self) -> tuple[Tensor, ...]:
        return self.K, self.distortion, self.R, self.t, self.size, self.fisheye

    @property
    def center(self) -> Float[Tensor, "*batch 3"]:
        """Optical centre in world coordinates, -R^T t."""
        return -(self.R.mT @ self.t[..., None])[..., 0]

    @property
    def focal(self) -> Float[Tensor, " *batch"]:
        """Mean focal length in pixels."""
        return (self.K[..., 0, 0] + self.K[..., 1, 1]) / 2

    @property
    def five_numbers(self) -> Bool[Tensor, " *batch"]:
        """Which lenses are described by k1, k2, p1, p2, k3 alone: no fisheye, no k4 to k6."""
        return ~(self.fisheye | self.distortion[..., 5:].any(-1))

    def with_pose(self, R: Float[Tensor, "*batch 3 3"], t: Float[Tensor, "*batch 3"]) -> Camera:
        """The same intrinsics with other extrinsics."""
        return replace(self, R=R, t=t)

    def at_origin(self) -> Camera:
        """The same intrinsics at the origin, looking along +z."""
        return self.with_pose(torch.eye(3).to(self.R).expand(self.R.shape), torch.zeros_like(self.t))

    def spread(self, axes: int) -> Camera:
        """Append axes of length one to the batch, so that (V) cameras broadcast against (V, F, J, 2 or 3) points."""
        return Camera(
            *(f.reshape(*f.shape[: self.t.ndim - 1], *[1] * axes, *f.shape[self.t.ndim - 1 :]) for f in self._fields)
        )

    def into_frame(self, xyz: Float[Tensor, "*points 3"]) -> Float[Tensor, "*out 3"]:
        """World points in this camera's frame; the points broadcast against the batch (see `spread`)."""
        return (self.R @ xyz[..., None])[..., 0] + self.t

    def project(self, xyz: Float[Tensor, "*points 3"]) -> Float[Tensor, "*out 2"]:
        """World points to distorted pixels. Points behind the camera give finite but meaningless pixels."""
        return self.project_in_frame(self.into_frame(xyz))

    def project_in_frame(self, xyz_cam: Float[Tensor, "*points 3"]) -> Float[Tensor, "*out 2"]:
        """Points in this camera's frame to distorted pixels."""
        z = xyz_cam[..., 2:]
        z = torch.where(z.abs() < 1e-9, torch.full_like(z, 1e-9), z)
        return self.from_normalized(xyz_cam[..., :2] / z)

    def from_normalized(self, xy: Float[Tensor, "*points 2"]) -> Float[Tensor, "*out 2"]:
        """Undistorted coordinates on the plane z = 1 to distorted pixels: the inverse of `to_normalized`."""
        return self.to_pixels(distort(xy, self.distortion, self.fisheye))

    def to_pixels(self, xy: Float[Tensor, "*points 2"]) -> Float[Tensor, "*out 2"]:
        """Normalised (distorted) image coordinates to pixels: K times (x, y, 1)."""
        (x, y), K = xy.unbind(-1), self.K
        return torch.stack([K[..., row, 0] * x + K[..., row, 1] * y + K[..., row, 2] for row in (0, 1)], -1)

    def to_normalized(self, uv: Float[Tensor, "*points 2"]) -> Float[Tensor, "*out 2"]:
        """Distorted pixels to undistorted coordinates on the plane z = 1.

        Pixels without a ray there (90 degrees off a fisheye's axis and more, or where the lens model folds back) give
        finite coordinates that `from_normalized` does not bring back to them, which tells.
        """
        offset = uv - self.K[..., :2, 2]
        y = offset[..., 1] / self.K[..., 1, 1]
        x = (offset[..., 0] - self.K[..., 0, 1] * y) / self.K[..., 0, 0]
        return undistort(torch.stack([x, y], -1), self.distortion, self.fisheye)

    def expansion(self, xy: Float[Tensor, "*points 2"]) -> Float[Tensor, " *out"]:
        """How many times an error in pixels, divided by the focal length, is larger at ``xy`` on the plane z = 1.

        That is 1 but for fisheyes, whose rays far off the axis lie far apart there.
        """
        return expansion(xy, self.distortion, self.fisheye)

    def undistort(self, uv: Float[Tensor, "*points 2"]) -> Float[Tensor, "*out 2"]:
        """Distorted pixels to the pixels of a lens without distortion and with the same K."""
        return self.to_pixels(self.to_normalized(uv))

    def inside(self, uv: Float[Tensor, "*points 2"]) -> Bool[Tensor, " *out"]:
        """Whether pixels lie in the image."""
        return ((uv >= 0) & (uv <= self.size - 1)).all(-1)

    def cropped(self, left: int, top: int, width: int, height: int) -> Camera:
        """The camera of the image that starts at pixel (left, top) of this one."""
        K = self.K.clone()
        K[..., :2, 2] -= torch.tensor([left, top], dtype=K.dtype, device=K.device)
        return replace(self, K=K, size=torch.tensor([width, height], device=K.device).expand(self.size.shape))

    def resized(self, width: int, height: int) -> Camera:
        """The camera of the image stretched to width x height; pixel centres stay at integers."""
        target = torch.tensor([width, height], device=self.K.device).expand(self.size.shape)
        scale = target.to(self.K) / self.size.to(self.K)
        K = self.K.clone()
        K[..., :2, :] *= scale[..., None]
        K[..., :2, 2] += (scale - 1) / 2  # pixel i covers [i - 1/2, i + 1/2]
        return replace(self, K=K, size=target)


def nearest_rotation(M: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3 3"]:
    """The rotation nearest to M in the Frobenius norm (orthogonal Procrustes, determinant +1)."""
    U, _, Vt = torch.linalg.svd(M)
    sign = torch.ones_like(M[..., 0])
    sign[..., 2] = torch.linalg.det(U @ Vt)
    return U @ (sign[..., None] * Vt)


def assumed_camera(width: int, height: int) -> Camera:
    """Assumed intrinsics: no distortion, centred, focal length 0.8 of the longer side.

    That is a 29 mm lens in terms of 35 mm film, where phones and action cameras in video mode lie. Depths are wrong
    by the share by which this focal length is.
    """
    focal = 0.8 * max(width, height)
    K = torch.tensor([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]], dtype=torch.float64)
    return Camera.from_intrinsics(K, torch.zeros(5, dtype=torch.float64), torch.tensor([width, height]))


def stack_cameras(cameras: Sequence[Camera]) -> Camera:
    """Single cameras as one batch."""
    return Camera(*(torch.stack(field) for field in zip(*(camera._fields for camera in cameras), strict=True)))


def cat_cameras(batches: Sequence[Camera]) -> Camera:
    """Batches of cameras one after the other."""
    return Camera(*(torch.cat(field) for field in zip(*(batch._fields for batch in batches), strict=True)))


@dataclass(frozen=True)
class Rig:
    """Named cameras of one scene.

    ``metric``: whether lengths are metres or only right up to one common factor. ``upright``: whether the world's z
    axis points up with the floor at 0. ``lag``: by how many frames a view shows a moment later than the clip's clock
    says (a fraction, as a rule; 0 where not given).
    """

    names: tuple[str, ...]
    camera: Camera
    metric: bool = False
    upright: bool = False
    lag: Float[Tensor, " view"] = field(default_factory=lambda: torch.zeros(0, dtype=torch.float64))

    def __post_init__(self) -> None:
        if not len(self.lag):
            object.__setattr__(self, "lag", torch.zeros(len(self.names), dtype=torch.float64))
        if self.camera.K.shape != (len(self.names), 3, 3):
            raise InputError(f"A rig of {len(self.names)} names got cameras of shape {tuple(self.camera.K.shape)}.")

    def __repr__(self) -> str:
        return one_line("Rig", self._facts())

    def _repr_html_(self) -> str:
        return html_table("Rig", self._facts())

    def _facts(self) -> dict[str, str]:
        focal = ", ".join(f"{value:.0f}" for value in self.camera.focal.tolist())
        return {
            "cameras": f"{len(self.names)} ({', '.join(self.names)})",
            "focal lengths": f"{focal} px",
            "scale": "metric" if self.metric else "not metric",
            "world": "z up, floor at 0" if self.upright else "of the first camera",
        }

    def select(self, names: tuple[str, ...]) -> Rig:
        """The cameras of these names, in this order; raises InputError that names the missing ones."""
        missing = [name for name in names if name not in self.names]
        if missing:
            raise InputError(f"No camera called {', '.join(missing)}; there are {', '.join(self.names)}.")
        index = [self.names.index(name) for name in names]
        return replace(self, names=names, camera=self.camera[index], lag=self.lag[index])

    def moved(self, scale: float, R: Float[Tensor, "3 3"], offset: Float[Tensor, "3"]) -> Rig:
        """The same cameras in a world whose points are x' = scale R x + offset; float64."""
        camera = self.camera.to(torch.float64)
        cam_from_moved = camera.R @ R.mT
        return replace(self, camera=camera.with_pose(cam_from_moved, scale * camera.t - cam_from_moved @ offset))

    def save(self, path: AnyPath, intrinsics_only: bool = False) -> None:
        """Write JSON that any language reads (see docs/formats.md); without R and t where ``intrinsics_only``."""
        fields = ("K", "size") if intrinsics_only else ("K", "R", "t", "size")
        cameras: dict[str, dict[str, Any]] = {
            name: {field: getattr(self.camera, field)[i].tolist() for field in fields}
            | lens_entry(self.camera.distortion[i], bool(self.camera.fisheye[i]))
            for i, name in enumerate(self.names)
        }
        content: dict[str, Any] = {"format": "epipose-rig-2", "cameras": cameras}
        if not intrinsics_only:  # without places there are no lengths, and no up
            content |= {"metric": self.metric, "upright": self.upright}
            for name, lag in zip(self.names, self.lag.tolist(), strict=True):
                cameras[name]["lag_frames"] = lag
        write_json(path, content)

    @staticmethod
    @reads(_CAMERA_FILE, "Write it again or give another file.")
    def load(path: AnyPath, intrinsics_only: bool = False) -> Rig:
        """Read JSON written by `save`, or by hand: R and t may be absent where ``intrinsics_only``.

        Raises InputError for a missing file, DamagedFileError for a damaged one and for names with parts of paths.
        """
        content = read_json(path)
        entries: dict[str, dict[str, Any]] = content["cameras"]
        names = checked_names(tuple(entries), f"A camera of {path}")
        cameras = [_camera_from(name, entry, path, intrinsics_only) for name, entry in entries.items()]
        if not cameras:
            raise DamagedFileError(f"{path} holds no cameras.")
        given = [0 if intrinsics_only else entry.get("lag_frames", 0) for entry in entries.values()]
        lag = numbers(f"{path}: 'lag_frames' of the cameras", given, (len(cameras),))
        metric, upright = (bool(content.get(key, False)) for key in ("metric", "upright"))
        return Rig(names, stack_cameras(cameras), metric, upright, lag)


def _camera_from(name: str, entry: dict[str, Any], path: AnyPath, intrinsics_only: bool) -> Camera:
    where = f"{path}: camera '{name}'"
    K = entry_numbers(where, entry, "K", (3, 3))
    if K[0, 0] <= 0 or K[1, 1] <= 0 or K[2].tolist() != [0, 0, 1]:
        raise DamagedFileError(
            f"{where}, 'K' must be [[fx, s, cx], [0, fy, cy], [0, 0, 1]] with positive focal lengths in pixels, got "
            f"{K.tolist()}."
        )
    R, t = torch.eye(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    if not intrinsics_only:
        R, t = entry_numbers(where, entry, "R", (3, 3)), entry_numbers(where, entry, "t", (3,))
        if float((R @ R.mT - torch.eye(3)).abs().max()) > 1e-3 or torch.linalg.det(R) < 0:
            raise DamagedFileError(f"{where}, 'R' is no rotation matrix: {R.tolist()}.")
    distortion, fisheye = read_lens(where, entry)
    size = entry_numbers(where, entry, "size", (2,))
    if bool(((size < 0) | (size > LARGEST_SIDE)).any()):
        raise DamagedFileError(f"{where}, 'size' is {size.tolist()}; expected sides in pixels.")
    return Camera(K, distortion, R, t, size.round().long(), torch.tensor(fisheye))
