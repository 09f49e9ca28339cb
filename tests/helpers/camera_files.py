"""A laboratory's four cameras as a rig and as files of several programs, and the projection that OpenCV makes of them."""

import tomllib
from dataclasses import replace

import cv2
import numpy as np
import torch

from epipose import Camera, Rig
from epipose.formats.rotations import matrix_from_rotation_vector

CENTERS = {  # principal points far from the middle, so that a transposed or halved size is found out
    "cam01": (
        (1668.8827783921, 1668.8175977071, 529.0510931537, 948.2202425042),
        (1.68827548, 1.04832205, -0.41955852),
        (0.32110489, 0.95633206, 2.89071305),
        (1080, 1920),
    ),
    "cam02": (
        (1661.4227788666, 1661.5924696682, 530.5607842877, 963.1987231534),
        (1.34975875, 1.59638091, -1.19832858),
        (-0.11152829, 0.77661848, 3.06755196),
        (1080, 1920),
    ),
    "cam03": (
        (1681.5983886719, 1681.5098877031, 513.2083740312, 955.0051269531),
        (0.81096549, -2.19721293, 1.37602778),
        (-0.79348039, 0.32283594, 4.35351487),
        (1088, 1920),
    ),
    "cam04": (
        (1675.2349853594, 1675.2042236406, 540.1062011719, 964.0302734375),
        (1.40455717, -1.38874127, 0.42535743),
        (0.50302172, 0.04894934, 4.40656446),
        (1088, 1920),
    ),
}
FOUR = [-0.046183, 0.139983, 0.000608, 0.00069]
FIVE = [-0.047847, 0.136786, 0.000972, 0.000291, -0.0321]
EIGHT = [0.31, 0.12, 0.0004, -0.0002, 0.01, 0.36, 0.17, 0.02]
FISHEYE = [-0.013, 0.021, -0.014, 0.0027]
LENSES = {"four": FOUR, "five": FIVE, "eight": EIGHT, "fisheye": FISHEYE, "none": [0.0] * 4}


def lab_rig(lens="four", metric=True, upright=True):
    """The cameras with one kind of lens, z up and the floor at 0, in metres."""
    n, K = len(CENTERS), torch.zeros(len(CENTERS), 3, 3, dtype=torch.float64)
    focal = torch.tensor([entry[0] for entry in CENTERS.values()], dtype=torch.float64)
    K[:, 0, 0], K[:, 1, 1], K[:, 0, 2], K[:, 1, 2] = focal.unbind(-1)
    K[:, 2, 2] = 1
    vectors, t = (torch.tensor([entry[i] for entry in CENTERS.values()], dtype=torch.float64) for i in (1, 2))
    R = torch.stack([matrix_from_rotation_vector(vector) for vector in vectors])
    size = torch.tensor([entry[3] for entry in CENTERS.values()])
    distortion = torch.tensor(LENSES[lens], dtype=torch.float64).repeat(n, 1)
    camera = Camera(K, distortion, R, t, size, torch.full((n,), lens == "fisheye"))
    return Rig(tuple(CENTERS), camera, metric=metric, upright=upright)


def points(count=500):
    """World points where people are: a metre round the origin, up to two metres high."""
    random = np.random.default_rng(7)
    return torch.from_numpy(random.uniform([-1, -1, 0], [1, 1, 2], (count, 3)))


def reprojection_px(rig, other):
    """The largest distance in pixels between the projections of `points` by two rigs, of those inside the images."""
    xyz = points()
    camera = rig.camera.spread(1)
    seen = camera.project(xyz)
    inside = camera.inside(seen)
    assert inside.sum() > 800  # of 2000
    return float((seen - other.camera.spread(1).project(xyz)).norm(dim=-1)[inside].max())


def wide_rig():
    """The cameras with fisheye lenses that see 100 degrees and more, which no polynomial about a pinhole follows."""
    rig = lab_rig("fisheye")
    K = rig.camera.K.clone()
    K[:, [0, 1], [0, 1]] /= 2.5
    return replace(rig, camera=replace(rig.camera, K=K))


def opencv_px(rig, K, distortion, rotation, translation, fisheye=False):
    """As `reprojection_px`, for the numbers of a file as OpenCV projects with them; one of each per camera."""
    xyz, project = points().numpy(), cv2.fisheye.projectPoints if fisheye else cv2.projectPoints
    worst = 0.0
    for index in range(len(rig.names)):
        R, k = np.array(rotation[index], dtype=float), np.array(distortion[index], dtype=float)
        vector = cv2.Rodrigues(R)[0] if R.size == 9 else R.reshape(3, 1)
        t = np.array(translation[index], dtype=float).reshape(3, 1)
        seen = project(xyz.reshape(-1, 1, 3), vector, t, np.array(K[index], dtype=float), k)[0].reshape(-1, 2)
        worst = max(worst, float(np.abs(rig.camera[index].project(points()).numpy() - seen).max()))
    return worst


def toml_tables(path):
    """The cameras' tables of a calibration TOML, in the order of the file."""
    content = tomllib.loads(path.read_text())
    inner = content.get("cameras", content)
    return [table for table in inner.values() if "matrix" in table]
