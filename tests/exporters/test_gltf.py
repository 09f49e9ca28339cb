"""glTF files read back with pygltflib, and posed by skinning written for this test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pygltflib
import pytest
from scipy.spatial.transform import Rotation

from epipose.exporters.base import y_up
from epipose.motion.body_points import body_points
from epipose.motion.humanoid import RIG_JOINTS
from epipose.motion.rig_fit import fit_rig
from epipose.pipeline.export import export
from epipose.skeletons import BLAZEPOSE33, COCO17
from tests.helpers.rigged_person import FPS, labels_of, rigged_person

_TYPES = {pygltflib.FLOAT: np.float32, pygltflib.UNSIGNED_BYTE: np.uint8, pygltflib.UNSIGNED_SHORT: np.uint16}
_WIDTH = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}


def _values(file: pygltflib.GLTF2, number: int) -> np.ndarray:
    accessor = file.accessors[number]
    view = file.bufferViews[accessor.bufferView]
    blob = file.binary_blob()
    assert blob is not None
    assert view.byteOffset % 4 == 0
    kind, width = _TYPES[accessor.componentType], _WIDTH[accessor.type]
    values = np.frombuffer(blob, kind, accessor.count * width, view.byteOffset).reshape(accessor.count, width)
    if accessor.min:
        np.testing.assert_array_equal(values.min(0), np.array(accessor.min, kind))
        np.testing.assert_array_equal(values.max(0), np.array(accessor.max, kind))
    return values


def _posed(file: pygltflib.GLTF2, frame: int) -> dict[int, np.ndarray]:
    """Matrix of every node in the world in one frame, or at rest (-1)."""
    move = {node: np.array(own.translation or [0, 0, 0], float) for node, own in enumerate(file.nodes)}
    turn = {node: np.eye(3) for node in move}
    for channel in file.animations[0].channels if frame >= 0 else []:
        value = _values(file, file.animations[0].samplers[channel.sampler].output)[frame]
        if channel.target.path == "translation":
            move[channel.target.node] = value
        else:
            turn[channel.target.node] = Rotation.from_quat(value).as_matrix()
    world: dict[int, np.ndarray] = {}

    def visit(node: int, parent: np.ndarray) -> None:
        own = np.eye(4)
        own[:3, :3], own[:3, 3] = turn[node], move[node]
        world[node] = parent @ own
        for child in file.nodes[node].children or []:
            visit(child, world[node])

    for top in file.scenes[file.scene].nodes:
        visit(top, np.eye(4))
    return world


@pytest.fixture(scope="module")
def two_people(tmp_path_factory: pytest.TempPathFactory) -> tuple[pygltflib.GLTF2, list[np.ndarray]]:
    """The file, and the joints of both people as the rig that was fitted has them."""
    poses = labels_of(rigged_person(60), BLAZEPOSE33, noise=0.003, people=2)
    out = tmp_path_factory.mktemp("gltf") / "walk.glb"
    assert export(poses, out).files == (out,)
    xyz = y_up(poses).double().numpy()
    joints = [fit_rig(body_points(poses, xyz[:, i], i, "walk"), FPS).motion.posed()[1] for i in range(2)]
    file = pygltflib.GLTF2().load(str(out))
    assert file is not None
    return file, joints


def test_nodes_move_as_the_rig_does(two_people: tuple[pygltflib.GLTF2, list[np.ndarray]]) -> None:
    file, joints = two_people
    number = {node.name: i for i, node in enumerate(file.nodes)}
    for frame in (0, 17, 59):
        world = _posed(file, frame)
        for person in (1, 2):
            places = [world[number[f"person{person}:{joint}"]][:3, 3] for joint in RIG_JOINTS]
            np.testing.assert_allclose(places, joints[person - 1][frame], atol=1e-5)


def test_the_skin_holds_the_mesh_to_the_bones(two_people: tuple[pygltflib.GLTF2, list[np.ndarray]]) -> None:
    file, joints = two_people
    rest, frame = _posed(file, -1), 30
    world = _posed(file, frame)
    for skin, mesh, joint in zip(file.skins, file.meshes, joints, strict=True):
        inverse = _values(file, skin.inverseBindMatrices).reshape(-1, 4, 4).swapaxes(1, 2)
        at_rest = np.stack([rest[node] for node in skin.joints])
        np.testing.assert_allclose(at_rest @ inverse, np.broadcast_to(np.eye(4), at_rest.shape), atol=1e-6)
        own = mesh.primitives[0].attributes
        vertices, follows = _values(file, own.POSITION), _values(file, own.JOINTS_0)[:, 0]
        assert set(follows.tolist()) <= set(range(len(RIG_JOINTS)))
        np.testing.assert_array_equal(_values(file, own.WEIGHTS_0), [[1, 0, 0, 0]] * len(vertices))
        np.testing.assert_allclose(np.linalg.norm(_values(file, own.NORMAL), axis=-1), 1, atol=1e-6)
        matrices = np.stack([world[node] for node in skin.joints]) @ inverse
        moved = np.einsum("vij,vj->vi", matrices[follows], np.c_[vertices, np.ones(len(vertices))])[:, :3]
        nearest = np.linalg.norm(moved[:, None] - joint[frame][None], axis=-1).min(1)
        assert nearest.max() < 0.3, "the stick figure is where the joints are"
        corners = vertices[_values(file, mesh.primitives[0].indices)[:, 0].reshape(-1, 3)]
        volume = (np.cross(corners[:, 0], corners[:, 1]) * corners[:, 2]).sum() / 6
        assert 0.01 < volume < 0.2, "triangles are seen from outside"


def test_times_and_rest_pose(two_people: tuple[pygltflib.GLTF2, list[np.ndarray]]) -> None:
    file, _ = two_people
    times = _values(file, file.animations[0].samplers[0].input)[:, 0]
    np.testing.assert_allclose(times, np.arange(60) / FPS, atol=1e-6)
    assert file.asset.version == "2.0"
    rest = _posed(file, -1)
    heights = [rest[i][1, 3] for i, node in enumerate(file.nodes) if node.name.startswith("person1:")]
    assert min(heights) == pytest.approx(0, abs=1e-6)
    for channel in file.animations[0].channels:
        if channel.target.path == "rotation":
            q = _values(file, file.animations[0].samplers[channel.sampler].output)
            np.testing.assert_allclose(np.linalg.norm(q, axis=-1), 1, atol=1e-6)
            assert ((q[1:] * q[:-1]).sum(-1) > 0.9).all()


def test_labels_without_feet_or_hands_make_a_whole_figure(tmp_path: Path) -> None:
    export(labels_of(rigged_person(10), COCO17), tmp_path / "walk.glb")
    file = pygltflib.GLTF2().load(str(tmp_path / "walk.glb"))
    assert file is not None
    assert sum(":" in node.name for node in file.nodes) == len(RIG_JOINTS) + 5 + 1
