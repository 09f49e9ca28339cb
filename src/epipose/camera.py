"""Pinhole cameras with lens distortion, one or many, and the rig they form.

Axes are OpenCV's: x right, y down, z forward, pixel centres at integers. ``cam_from_world`` is x_cam = R x_world + t.
The distortion model is Brown-Conrady with OpenCV's order k1, k2, p1, p2, k3. Leading axes are free everywhere: a
single camera has K of shape (3, 3), a rig of V cameras (V, 3, 3), and both go through the same functions.
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
from epipose.io.summary import html_table, one_line


@dataclass(frozen=True)
class Camera:
    """Intrinsics and pose of one camera or a batch; lengths in metres (or rig units), K and size in pixels."""

    K: Float[Tensor, "*batch 3 3"]
    distortion: Float[Tensor, "*batch 5"]
    R: Float[Tensor, "*batch 3 3"]
    t: Float[Tensor, "*batch 3"]
    size: Int[Tensor, "*batch 2"]

    @staticmethod
    def from_intrinsics(
        K: Float[Tensor, "*batch 3 3"], distortion: Float[Tensor, "*batch 5"], size: Int[Tensor, "*batch 2"]
    ) -> Camera:
        """Cameras at the origin, looking along +z."""
        R = torch.eye(3, dtype=K.dtype, device=K.device).expand(K.shape)
        return Camera(K, distortion, R, K.new_zeros(K.shape[:-1]), size)

    def __getitem__(self, index: Any) -> Camera:
        return Camera(*(field[index] for field in self._fields))

    def to(self, *args: Any) -> Camera:
        """Move or cast every floating-point field (``size`` keeps its integer type)."""
        K = self.K.to(*args)
        return Camera(K, self.distortion.to(K), self.R.to(K), self.t.to(K), self.size.to(K.device))

    @property
    def _fields(self) -> tuple[Tensor, ...]:
        return self.K, self.distortion, self.R, self.t, self.size

    @property
    def center(self) -> Float[Tensor, "*batch 3"]:
        """Optical centre in world coordinates, -R^T t."""
        return -(self.R.mT @ self.t[..., None])[..., 0]

    @property
    def focal(self) -> Float[Tensor, " *batch"]:
        """Mean focal length in pixels."""
        return (self.K[..., 0, 0] + self.K[..., 1, 1]) / 2

    def with_pose(self, R: Float[Tensor, "*batch 3 3"], t: Float[Tensor, "*batch 3"]) -> Camera:
        """The same intrinsics with other extrinsics."""
        return replace(self, R=R, t=t)

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
        return self.to_pixels(distort(xyz_cam[..., :2] / z, self.distortion))

    def to_pixels(self, xy: Float[Tensor, "*points 2"]) -> Float[Tensor, "*out 2"]:
        """Normalised (distorted) image coordinates to pixels: K times (x, y, 1)."""
        return (self.K[..., :2, :2] @ xy[..., None])[..., 0] + self.K[..., :2, 2]

    def to_normalized(self, uv: Float[Tensor, "*points 2"]) -> Float[Tensor, "*out 2"]:
        """Distorted pixels to undistorted coordinates on the plane z = 1 (see `undistort` for what has none)."""
        offset = uv - self.K[..., :2, 2]
        y = offset[..., 1] / self.K[..., 1, 1]
        x = (offset[..., 0] - self.K[..., 0, 1] * y) / self.K[..., 0, 0]
        return undistort(torch.stack([x, y], -1), self.distortion)

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


def distort(xy: Float[Tensor, "*points 2"], distortion: Float[Tensor, "*batch 5"]) -> Float[Tensor, "*out 2"]:
    """Apply Brown-Conrady distortion to normalised coordinates (Brown 1966; OpenCV's calib3d, equation 2)."""
    k1, k2, p1, p2, k3 = distortion.unbind(-1)
    x, y = xy.unbind(-1)
    r2 = x * x + y * y
    radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
    return torch.stack(
        [x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x), y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y], -1
    )


def undistort(
    xy: Float[Tensor, "*points 2"], distortion: Float[Tensor, "*batch 5"], steps: int = 20
) -> Float[Tensor, "*out 2"]:
    """Invert `distort` by Newton's method with steps of at most 0.3.

    Far outside the image the lens model folds back and some points have no inverse: the answer there is finite and
    does not satisfy ``distort(answer) == xy``, which tells.
    """
    k1, k2, p1, p2, k3 = distortion.unbind(-1)
    undistorted = xy + torch.zeros_like(distortion[..., :2])
    if not bool(distortion.any()):
        return undistorted
    for _ in range(steps):
        x, y = undistorted.unbind(-1)
        r2 = x * x + y * y
        radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
        slope = 2 * (k1 + r2 * (2 * k2 + 3 * k3 * r2))  # d radial / d r2, doubled
        xx = radial + slope * x * x + 2 * p1 * y + 6 * p2 * x
        yy = radial + slope * y * y + 6 * p1 * y + 2 * p2 * x
        xy_yx = slope * x * y + 2 * p1 * x + 2 * p2 * y  # the Jacobian is symmetric
        determinant = xx * yy - xy_yx * xy_yx
        determinant = torch.where(determinant.abs() < 1e-6, torch.full_like(determinant, 1e-6), determinant)
        u, v = (distort(undistorted, distortion) - xy).unbind(-1)
        step = torch.stack([yy * u - xy_yx * v, xx * v - xy_yx * u], -1) / determinant[..., None]
        undistorted = undistorted - step * (0.3 / step.norm(dim=-1, keepdim=True).clamp(min=0.3))
        if not bool((step.abs() > 1e-14).any()):
            break
    return undistorted


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
        fields = ("K", "distortion", "size") if intrinsics_only else ("K", "distortion", "R", "t", "size")
        cameras = {
            name: {field: getattr(self.camera, field)[i].tolist() for field in fields}
            for i, name in enumerate(self.names)
        }
        content: dict[str, Any] = {"format": "epipose-rig-2", "cameras": cameras}
        if not intrinsics_only:  # without places there are no lengths, and no up
            content |= {"metric": self.metric, "upright": self.upright}
            for name, lag in zip(self.names, self.lag.tolist(), strict=True):
                cameras[name]["lag_frames"] = lag
        write_json(path, content)

    @staticmethod
    def load(path: AnyPath, intrinsics_only: bool = False) -> Rig:
        """Read JSON written by `save`, or by hand: R and t may be absent where ``intrinsics_only``."""
        content = read_json(path)
        try:
            entries: dict[str, dict[str, Any]] = content["cameras"]
            cameras = [_camera_from(name, entry, path, intrinsics_only) for name, entry in entries.items()]
        except (KeyError, TypeError, AttributeError) as error:
            raise DamagedFileError(
                f'{path} is no camera file: expected {{"cameras": {{"NAME": {{"K": 3x3, "size": [width, height], '
                f'"distortion": [k1, k2, p1, p2, k3]}}}}}}, but {error} went wrong.'
            ) from error
        if not cameras:
            raise DamagedFileError(f"{path} holds no cameras.")
        lag = torch.zeros(len(cameras), dtype=torch.float64)
        if not intrinsics_only:
            lag = torch.tensor([float(entry.get("lag_frames", 0)) for entry in entries.values()], dtype=torch.float64)
        metric, upright = (bool(content.get(key, False)) for key in ("metric", "upright"))
        return Rig(tuple(entries), stack_cameras(cameras), metric, upright, lag)


def _camera_from(name: str, entry: dict[str, Any], path: AnyPath, intrinsics_only: bool) -> Camera:
    def number(key: str, shape: tuple[int, ...], default: Any = None) -> Tensor:
        if key not in entry and default is None:
            raise DamagedFileError(f"{path}: camera '{name}' has no '{key}' (expected numbers of shape {shape}).")
        try:
            value = torch.tensor(entry.get(key, default), dtype=torch.float64)
        except (TypeError, ValueError) as error:
            raise DamagedFileError(f"{path}: camera '{name}', '{key}': {error}.") from error
        if value.shape != shape or not bool(value.isfinite().all()):
            raise DamagedFileError(
                f"{path}: camera '{name}', '{key}' must be finite of shape {shape}, got {value.tolist()}."
            )
        return value

    K = number("K", (3, 3))
    if K[0, 0] <= 0 or K[1, 1] <= 0 or K[2].tolist() != [0, 0, 1]:
        raise DamagedFileError(
            f"{path}: camera '{name}', 'K' must be [[fx, s, cx], [0, fy, cy], [0, 0, 1]] with positive focal lengths in "
            f"pixels, got {K.tolist()}."
        )
    R, t = torch.eye(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    if not intrinsics_only:
        R, t = number("R", (3, 3)), number("t", (3,))
        if float((R @ R.mT - torch.eye(3)).abs().max()) > 1e-3 or torch.linalg.det(R) < 0:
            raise DamagedFileError(f"{path}: camera '{name}', 'R' is no rotation matrix: {R.tolist()}.")
    return Camera(K, number("distortion", (5,), [0.0] * 5), R, t, number("size", (2,)).round().long())
