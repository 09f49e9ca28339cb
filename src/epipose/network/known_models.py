"""Published ONNX files of pose networks, by short names: where they are, how large, and under which licence.

None of them is part of epipose, and none is downloaded unless it is asked for by name. Their hashes are not known here:
see `epipose.io.first_use`. YOLO's pose networks are missing on purpose: their licence (AGPL-3.0) would reach whoever
uses them; a file of one's own is read all the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from epipose.errors import InputError
from epipose.io.first_use import file_at, is_url

_OPENMMLAB = "https://download.openmmlab.com/mmpose/v1/projects"
_VITPOSE = "https://huggingface.co/JunkyByte/easy_ViTPose/resolve/main/onnx"
_MMPOSE_LICENCE = "Apache-2.0 (MMPose)"
_VITPOSE_LICENCE = "Apache-2.0 (ViTPose; a conversion by easy_ViTPose; its backbone began as MAE's, CC-BY-NC 4.0)"


class KnownModel(NamedTuple):
    """A file at a URL: skeleton, size of the network's input, megabytes of the network, licence of the weights."""

    url: str
    skeleton: str
    input: str
    megabytes: int
    licence: str


# detector -> name -> file; the first of each is taken where no name is given
KNOWN: dict[str, dict[str, KnownModel]] = {
    "rtmpose": {
        "halpe26-m": KnownModel(
            f"{_OPENMMLAB}/rtmposev1/onnx_sdk/rtmpose-m_simcc-body7_pt-body7-halpe26_700e-256x192-4d3e73dd_20230605.zip",
            "halpe26", "192x256", 56, _MMPOSE_LICENCE,
        ),
        "halpe26-s": KnownModel(
            f"{_OPENMMLAB}/rtmposev1/onnx_sdk/rtmpose-s_simcc-body7_pt-body7-halpe26_700e-256x192-7f134165_20230605.zip",
            "halpe26", "192x256", 23, _MMPOSE_LICENCE,
        ),
        "halpe26-x": KnownModel(
            f"{_OPENMMLAB}/rtmposev1/onnx_sdk/rtmpose-x_simcc-body7_pt-body7-halpe26_700e-384x288-7fb6e239_20230606.zip",
            "halpe26", "288x384", 200, _MMPOSE_LICENCE,
        ),
        "coco17-m": KnownModel(
            f"{_OPENMMLAB}/rtmposev1/onnx_sdk/rtmpose-m_simcc-body7_pt-body7_420e-256x192-e48f03d0_20230504.zip",
            "coco17", "192x256", 54, _MMPOSE_LICENCE,
        ),
        "wholebody133-l": KnownModel(
            f"{_OPENMMLAB}/rtmw/onnx_sdk/rtmw-dw-x-l_simcc-cocktail14_270e-256x192_20231122.zip",
            "coco_wholebody133", "192x256", 229, _MMPOSE_LICENCE,
        ),
    },
    "rtmo": {
        "m": KnownModel(
            f"{_OPENMMLAB}/rtmo/onnx_sdk/rtmo-m_16xb16-600e_body7-640x640-39e78cc4_20231211.zip",
            "coco17", "640x640", 89, _MMPOSE_LICENCE,
        ),
        "t": KnownModel(
            f"{_OPENMMLAB}/rtmo/onnx_sdk/rtmo-t_8xb32-600e_body7-416x416-f48f75cb_20231219.zip",
            "coco17", "416x416", 27, _MMPOSE_LICENCE,
        ),
        "l": KnownModel(
            f"{_OPENMMLAB}/rtmo/onnx_sdk/rtmo-l_16xb16-600e_body7-640x640-b37118ce_20231211.zip",
            "coco17", "640x640", 176, _MMPOSE_LICENCE,
        ),
    },
    "vitpose": {
        "coco17-s": KnownModel(f"{_VITPOSE}/coco/vitpose-s-coco.onnx", "coco17", "192x256", 97, _VITPOSE_LICENCE),
        "coco17-b": KnownModel(f"{_VITPOSE}/coco/vitpose-b-coco.onnx", "coco17", "192x256", 360, _VITPOSE_LICENCE),
        "wholebody133-b": KnownModel(
            f"{_VITPOSE}/wholebody/vitpose-b-wholebody.onnx", "coco_wholebody133", "192x256", 360, _VITPOSE_LICENCE
        ),
    },
}  # fmt: skip


class ModelFile(NamedTuple):
    """A network's file on this machine, and what is known of it where it is one of the `KNOWN`."""

    path: Path
    known: KnownModel | None


def model_file(detector: str, weights: str) -> ModelFile:
    """The file that ``weights`` stands for: a path, a URL, the short name of a known file, or nothing: the first known.

    Raises InputError that lists the known files for what is none of these, and as `file_at` does.
    """
    known = KNOWN.get(detector, {})
    name = weights or next(iter(known), "")
    if name in known:
        return ModelFile(file_at(known[name].url), known[name])
    if is_url(weights):
        published = next((each for each in known.values() if each.url == weights), None)
        return ModelFile(file_at(weights), published)
    path = Path(weights).expanduser()
    if weights and path.is_file():
        return ModelFile(path, None)
    names = f", or one of {', '.join(known)}, which are downloaded" if known else ""
    said = f"There is no file {weights}" if weights else "No weights are given"
    raise InputError(f"{said}. Give --detector {detector}:WEIGHTS with the path or URL of an .onnx file{names}.")
