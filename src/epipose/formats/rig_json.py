"""Camera rigs as JSON: epipose rig files and the published cameras of Human3.6M."""

from __future__ import annotations

import torch

from epipose.camera import Camera, Rig, nearest_rotation
from epipose.errors import InputError
from epipose.io.files import AnyPath, read_json
from epipose.io.guard import checked_name, reads

_EXPECTED = (
    'a file of rigs: epipose\'s rig.json, or {"cameras": {"S1/54138969": {"K": 3x3, "dist": 5, "R": 3x3, '
    '"t": 3 (millimetres)}}}'
)
# Subject S1 of Human3.6M (published cameras, to a tenth of a millimetre and 1e-6).
_H36M_S1 = {
    "cam54138969": {
        "K": [[1145.0494, 0.0, 512.5415], [0.0, 1143.7811, 515.4515], [0.0, 0.0, 1.0]],
        "distortion": [-0.207099, 0.247775, -0.001424, -0.000976, -0.003075],
        "R": [[-0.915362, 0.401808, 0.025748], [0.051548, 0.180374, -0.982246], [-0.399319, -0.897784, -0.18582]],
        "t": [-0.3461, 0.547, 5.4745],
        "size": [1000, 1002],
    },
    "cam55011271": {
        "K": [[1149.6757, 0.0, 508.8486], [0.0, 1147.5916, 508.0649], [0.0, 0.0, 1.0]],
        "distortion": [-0.194214, 0.240409, -0.002741, -0.001619, 0.00682],
        "R": [[0.928168, 0.372154, 0.002248], [0.081664, -0.197772, -0.97684], [-0.36309, 0.906856, -0.213958]],
        "t": [0.2514, 0.4209, 5.5882],
        "size": [1000, 1000],
    },
    "cam58860488": {
        "K": [[1149.1407, 0.0, 519.8158], [0.0, 1148.799, 501.4027], [0.0, 0.0, 1.0]],
        "distortion": [-0.208338, 0.255488, -0.00076, 0.001484, -0.00246],
        "R": [[-0.914155, -0.402778, -0.045723], [-0.045623, 0.214308, -0.9757], [0.402789, -0.889855, -0.214287]],
        "t": [0.4805, 0.2538, 5.7042],
        "size": [1000, 1000],
    },
    "cam60457274": {
        "K": [[1145.5113, 0.0, 514.9682], [0.0, 1144.7739, 501.882], [0.0, 0.0, 1.0]],
        "distortion": [-0.198384, 0.218324, -0.001813, -0.000587, -0.008948],
        "R": [[0.914156, -0.400607, 0.061906], [-0.05641, -0.276953, -0.959226], [0.401418, 0.87339, -0.275777]],
        "t": [0.0519, 0.3784, 4.4061],
        "size": [1000, 1002],
    },
}


def h36m_rig() -> Rig:
    """The four cameras of Human3.6M's subject S1, float64, metres, z up, in the dataset's own world."""
    return _rig_of(_H36M_S1, millimetres=False)


@reads(_EXPECTED, "Write it again or give another file.")
def read_rigs(path: AnyPath) -> list[Rig]:
    """The rigs of a file: one of epipose's own, or many, as Human3.6M's cameras are published.

    There every camera is called GROUP/NAME, has K, dist, R and t in millimetres, and no size: it is twice the principal
    point, to the nearest ten pixels. Raises DamagedFileError for anything else, InputError for a rig without scale and
    for lenses that the studio does not draw.
    """
    content = read_json(path)
    if isinstance(content, dict) and str(content.get("format", "")).startswith("epipose-rig"):
        rig = Rig.load(path)
        if not rig.metric or not rig.upright:
            raise InputError(
                f"The rig {path} is not metric and upright: the studio needs metres and a floor at z = 0. "
                "Calibrate with --height, or give another rig."
            )
        return _drawable([rig], path)
    groups: dict[str, dict] = {}
    for name, entry in content["cameras"].items():
        group, _, camera = name.partition("/")
        size = [10 * round(entry["K"][axis][2] / 5) for axis in (0, 1)]
        called = checked_name(f"cam{camera}", f"A camera of {path}")
        groups.setdefault(group, {})[called] = {**entry, "distortion": entry["dist"], "size": size}
    return _drawable([_rig_of(cameras, millimetres=True) for cameras in groups.values()], path)


def _drawable(rigs: list[Rig], path: AnyPath) -> list[Rig]:
    """The rigs; InputError where the studio does not draw a lens."""
    for rig in rigs:
        others = ~rig.camera.five_numbers
        if bool(others.any()):
            names = ", ".join(name for name, other in zip(rig.names, others.tolist(), strict=True) if other)
            raise InputError(
                f"{path}: the studio draws lenses of k1, k2, p1, p2, k3 alone; {names} is a fisheye or has k4 to k6. Give "
                "a rig without it."
            )
    return rigs


def _rig_of(cameras: dict, *, millimetres: bool) -> Rig:
    field = {
        key: torch.tensor([camera[key] for camera in cameras.values()], dtype=torch.float64)
        for key in ("K", "distortion", "R", "t")
    }
    size = torch.tensor([camera["size"] for camera in cameras.values()])
    t = field["t"].reshape(-1, 3) / (1000 if millimetres else 1)
    camera = Camera(field["K"], field["distortion"].flatten(1), nearest_rotation(field["R"]), t, size)
    return Rig(tuple(cameras), camera, metric=True, upright=True)
