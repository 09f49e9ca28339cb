"""Small Human3.6M datasets in their true formats, of a synthetic person before S1's real cameras."""

import io
import json
from functools import cache
from pathlib import Path

import av
import cdflib.cdfwrite
import cv2
import h5py
import numpy as np
from PIL import Image

CAMERAS = ("54138969", "55011271", "58860488", "60457274")
# Of S1, as metadata.xml has them: angles (radians) and centre (mm); f1 f2 c1 c2 k1 k2 k3 p1 p2.
PLACES = np.array([
    [-1.38382776045614, -3.16734304390158, 0.413636308164621, 1841.10702774543, 4955.28462344526, 1563.4453958977],
    [-1.35517119070383, 3.13934427144743, 2.76026318023792, 1761.27853428116, -5078.00659454077, 1606.2649598335],
    [-1.35460453835517, -3.09585375458873, -0.415010681416711, -1846.7776610084, 5215.04650469073, 1491.97246576518],
    [-1.29084725708861, -3.20353825281863, -2.72857298700043, -1794.78972871109, -3722.69891503676, 1574.89272604599],
])  # fmt: skip
LENSES = np.array([
    [1145.04940458804, 1143.78109572365, 512.541504956548, 515.4514869776,
     -0.207098910824901, 0.247775183068982, -0.00307515035078854, -0.00142447157470321, -0.000975698859470499],
    [1149.67569986785, 1147.59161666764, 508.848621645943, 508.064917088557,
     -0.194213629607385, 0.240408539138292, 0.00681997559022603, -0.0027408943961907, -0.001619026613787],
    [1149.14071676148, 1148.7989685676, 519.815837182153, 501.402658888552,
     -0.208338188251856, 0.255488007488945, -0.00246049749891915, -0.000759999321030303, 0.00148438698385668],
    [1145.51133842318, 1144.77392807652, 514.968197319863, 501.882018537695,
     -0.198384093827848, 0.218323676298049, -0.00894780704152122, -0.00181336200488089, -0.000587205583421232],
])  # fmt: skip
# Width and height of the images: S7's are all 1002 high (parsed from the release by those who cut its videos).
SIZES = {(subject, camera): (1000, 1002) for subject in (1, 5, 6, 7, 8, 9, 11) for camera in CAMERAS}
SIZES |= {(subject, camera): (1000, 1000) for subject in (1, 5, 6, 8, 9, 11) for camera in CAMERAS[1:3]}
SHIFT = np.array([0, 0, 0, 10.0, 0, 0])  # of the cameras of subject n + 1 against those of n


def write_metadata(folder: Path, sizes: dict[int, str] | None = None) -> None:
    """metadata.xml with w0: cameras x subjects x 6, then cameras x 9. ``sizes``: the row of the table that has them."""
    places = [PLACES[camera] + subject * SHIFT for camera in range(4) for subject in range(11)]
    numbers = " ".join(repr(float(number)) for number in np.concatenate([*places, *LENSES]))
    rows = [["action", "subaction", *(f"S{n}" for n in range(1, 12))], ["2", "1", *["Directions 1"] * 11]]
    if sizes is not None:
        rows.append(["", "", *(sizes.get(n, "[]") for n in range(1, 12))])
    table = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metadata.xml").write_text(
        f'<?xml version="1.0" encoding="utf-8"?>\n<database><actionnames><cell>Directions</cell></actionnames>'
        f"<mapping>{table}</mapping><w0>[{numbers}]</w0></database>\n"
    )


def person(frames: int, seed: int = 0) -> np.ndarray:
    """32 joints that move about the middle of the room, (frame, 32, 3) float32 mm, world."""
    rng = np.random.default_rng(seed)
    joints = rng.uniform(-300, 300, (1, 32, 3)) * [1, 1, 2] + [0, 0, 900]
    walk = np.linspace([-400, -300, 0], [400, 300, 0], frames)[:, None]
    return (joints + walk + rng.normal(0, 20, (frames, 32, 3))).astype(np.float32)


def rotation(camera: int) -> np.ndarray:
    """R by OpenCV: about x after y after z, by the angles of metadata.xml."""
    Rx, Ry, Rz = (cv2.Rodrigues(angle * axis)[0] for angle, axis in zip(PLACES[camera, :3], np.eye(3), strict=True))
    return Rx @ Ry @ Rz


def in_camera(xyz: np.ndarray, camera: int, subject: int = 1) -> np.ndarray:
    """World to camera, mm."""
    return (xyz - (PLACES[camera] + (subject - 1) * SHIFT)[3:]) @ rotation(camera).T


def by_opencv(xyz: np.ndarray, camera: int, subject: int = 1) -> np.ndarray:
    """Pixels by cv2.projectPoints."""
    f1, f2, c1, c2, k1, k2, k3, p1, p2 = LENSES[camera]
    K, lens = np.array([[f1, 0, c1], [0, f2, c2], [0, 0, 1]]), np.array([k1, k2, p1, p2, k3])
    points = in_camera(xyz.astype(np.float64), camera, subject).reshape(-1, 3)
    return cv2.projectPoints(points, np.zeros(3), np.zeros(3), K, lens)[0].reshape(*xyz.shape[:-1], 2)


def by_the_release(xyz: np.ndarray, camera: int, subject: int = 1) -> np.ndarray:
    """Pixels as the release's own code makes D2_Positions: half of Brown's mixed tangential terms."""
    f1, f2, c1, c2, k1, k2, k3, p1, p2 = LENSES[camera]
    points = in_camera(xyz.astype(np.float64), camera, subject)
    x, y = points[..., 0] / points[..., 2], points[..., 1] / points[..., 2]
    r2 = x * x + y * y
    factor = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3 + p1 * y + p2 * x
    return np.stack([f1 * (x * factor + p2 * r2) + c1, f2 * (y * factor + p1 * r2) + c2], -1)


def write_cdf(path: Path, values: np.ndarray) -> None:
    """A pose file: variable Pose, one record of (frames, 96 or 64) float32."""
    path.parent.mkdir(parents=True, exist_ok=True)
    flat = values.reshape(1, len(values), -1).astype(np.float32)
    file = cdflib.cdfwrite.CDF(str(path), delete=True)
    spec = {"Variable": "Pose", "Data_Type": file.CDF_FLOAT, "Num_Elements": 1, "Rec_Vary": True}
    file.write_var({**spec, "Dim_Sizes": list(flat.shape[1:]), "Dim_Vary": [True, True]}, var_data=flat)
    file.close()


def write_take(root: Path, subject: int, stem: str, xyz: np.ndarray, pixels: bool = True) -> None:
    """D3_Positions, and D2_Positions of all cameras."""
    folder = root / f"S{subject}" / "MyPoseFeatures"
    write_cdf(folder / "D3_Positions" / f"{stem}.cdf", xyz)
    for camera, name in enumerate(CAMERAS if pixels else ()):
        write_cdf(folder / "D2_Positions" / f"{stem}.{name}.cdf", by_the_release(xyz, camera, subject))


def write_release(root: Path) -> Path:
    """S1, S9 and S11, a few takes each, no images."""
    write_metadata(root)
    for subject, stems in {
        1: ("Directions", "Directions 1", "TakingPhoto 1", "WalkingDog", "_ALL", "_ALL 1", "Eating 2"),
        9: ("Greeting", "Greeting 1", "SittingDown", "SittingDown 1", "Waiting", "Waiting 1", "Photo"),
        11: ("Directions",),
    }.items():
        for seed, stem in enumerate(stems):
            write_take(root, subject, stem, person(6 + seed, seed + 100 * subject))
    return root


def write_images(folder: Path, pattern: str, numbers: range | list[int], size: tuple[int, int] = (2, 2)) -> None:
    """Black images with these numbers."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        (folder / pattern.format(number)).write_bytes(_black(size))


@cache
def _black(size: tuple[int, int]) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size).save(file, "JPEG")
    return file.getvalue()


def write_video(path: Path, frames: int, size: tuple[int, int] = (32, 32)) -> None:
    """A video of so many frames at 50 a second."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=50)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for shade in range(frames):
            image = av.VideoFrame.from_ndarray(np.full((size[1], size[0], 3), shade, np.uint8))
            container.mux(stream.encode(image))
        container.mux(stream.encode())


def write_json_layout(root: Path, subject: int, takes: dict[tuple[int, int], np.ndarray], centre: bool = False) -> None:
    """annotations/Human36M_subject*_camera.json and _joint_3d.json; ``takes`` by act and subact, 17 joints, mm."""
    folder = root / "annotations"
    folder.mkdir(parents=True, exist_ok=True)
    cameras = {}
    for camera in range(4):
        R, T = rotation(camera), (PLACES[camera] + (subject - 1) * SHIFT)[3:]
        t = T if centre else -R @ T
        f, c = LENSES[camera, :2].tolist(), LENSES[camera, 2:4].tolist()
        cameras[str(camera + 1)] = {"R": R.tolist(), "t": t.tolist(), "f": f, "c": c}
    joints: dict = {}
    for (act, trial), xyz in takes.items():
        frames = {str(n): pose.tolist() for n, pose in enumerate(xyz)}
        joints.setdefault(str(act), {})[str(trial)] = frames
    (folder / f"Human36M_subject{subject}_camera.json").write_text(json.dumps(cameras))
    (folder / f"Human36M_subject{subject}_joint_3d.json").write_text(json.dumps(joints))


def write_annot(folder: Path, subject: int, xyz: np.ndarray, frames: np.ndarray, cameras: tuple[int, ...]) -> None:
    """annot.h5 of h36m-fetch with rows of these frames (from 0), camera by camera."""
    folder.mkdir(parents=True, exist_ok=True)
    mono = [in_camera(xyz[frames].astype(np.float64), camera, subject) for camera in cameras]
    pixels = [by_opencv(xyz[frames], camera, subject) for camera in cameras]
    with h5py.File(folder / "annot.h5", "w") as file:
        file["pose/2d"], file["pose/3d"] = np.concatenate(pixels), np.concatenate(mono)
        file["pose/3d-univ"] = np.concatenate(mono) * 1.1
        file["frame"] = np.tile(frames + 1, len(cameras))
        file["camera"] = np.repeat([int(CAMERAS[camera]) for camera in cameras], len(frames))
        for key in ("subject", "action", "subaction"):
            file[key] = np.ones(len(frames) * len(cameras), dtype=int)
        for camera in cameras:
            file[f"intrinsics/{CAMERAS[camera]}"] = LENSES[camera, [0, 2, 1, 3]]
