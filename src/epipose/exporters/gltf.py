"""glTF export (.glb): everybody of a recording as a skinned stick figure in motion, in one scene.

Metres, y up. Each person has the joints of the humanoid rig as nodes (in rest a T-pose that faces +z, feet near the
floor), a mesh of capsules that follows them through a skin, and, in the one animation of the file, a rotation for every
joint and a translation of the hips, a value for each frame.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from epipose.errors import optional
from epipose.exporters.base import Recording, Written
from epipose.exporters.options import ExportOptions
from epipose.exporters.people_in_motion import people_in_motion
from epipose.exporters.stick_figure import rest_positions, stick_figure
from epipose.io.files import replacing
from epipose.motion.humanoid import RIG_INDEX, RIG_JOINTS, RIG_PARENTS, RigMotion
from epipose.motion.rotations import continuous_quaternions

_COLOURS = (
    (0.15, 0.45, 0.75),
    (0.85, 0.45, 0.1),
    (0.2, 0.6, 0.3),
    (0.75, 0.2, 0.25),
    (0.55, 0.4, 0.7),
    (0.5, 0.4, 0.3),
)


def export_glb(recording: Recording, out: Path, options: ExportOptions) -> Written:
    """Write one binary glTF file with all people.

    Warnings and errors are those of `export_bvh`; MissingExtraError without pygltflib.
    """
    gltf = optional("pygltflib", "export")
    people, warnings = people_in_motion(recording)
    scene = _Scene(gltf, recording.name)
    for person, fit in people:
        scene.add(fit.motion, f"person{person + 1}", _COLOURS[person % len(_COLOURS)])
    with replacing(out) as part:
        part.write_bytes(scene.to_bytes())
    return Written((out,), tuple(warnings))


class _Scene:
    """A glTF file in the making: its tables, and the one buffer that they point into."""

    def __init__(self, gltf: ModuleType, name: str) -> None:
        self._gltf, self._parts, self._size = gltf, [], 0
        self._animation = gltf.Animation(name=name)
        scene = gltf.Scene(name=name, nodes=[])
        self._file = gltf.GLTF2(asset=gltf.Asset(generator="epipose"), scene=0, scenes=[scene])
        self._file.animations.append(self._animation)

    def add(self, motion: RigMotion, name: str, colour: tuple[float, float, float]) -> None:
        """Add a person: nodes, mesh, skin and animation."""
        gltf, file = self._gltf, self._file
        rest = rest_positions(motion)
        rest[:, 1] -= rest[:, 1].min()
        first = len(file.nodes)
        ends = list(motion.ends.items())
        for joint, own in enumerate(RIG_JOINTS):
            place = rest[0] if joint == 0 else motion.offsets[joint]
            children = [first + child for child, parent in enumerate(RIG_PARENTS) if parent == joint]
            children += [first + len(rest) + number for number, (end, _) in enumerate(ends) if end == own]
            file.nodes.append(gltf.Node(name=f"{name}:{own}", translation=place.tolist(), children=children))
        for own, place in ends:  # so that programs show these bones at their lengths
            file.nodes.append(gltf.Node(name=f"{name}:{own}_End", translation=place.tolist()))
        rest = np.concatenate([rest, [rest[RIG_INDEX[own]] + place for own, place in ends]])
        inverse = np.tile(np.eye(4, dtype=np.float32), (len(rest), 1, 1))
        inverse[:, 3, :3] = -rest  # glTF stores columns one after the other
        joints = [*range(first, first + len(rest))]
        skin = gltf.Skin(name=name, joints=joints, skeleton=first, inverseBindMatrices=self._store(inverse, "MAT4"))
        file.skins.append(skin)
        file.meshes.append(self._mesh(motion, rest[0], name, colour))
        file.nodes.append(gltf.Node(name=f"{name}:mesh", mesh=len(file.meshes) - 1, skin=len(file.skins) - 1))
        top = gltf.Node(name=name, children=[first, len(file.nodes) - 1])
        file.nodes.append(top)
        file.scenes[0].nodes.append(len(file.nodes) - 1)
        self._animate(motion, first)

    def to_bytes(self) -> bytes:
        """The whole file."""
        self._file.buffers = [self._gltf.Buffer(byteLength=self._size)]
        self._file.set_binary_blob(b"".join(self._parts))
        return b"".join(self._file.save_to_bytes())

    def _mesh(self, motion: RigMotion, hips: np.ndarray, name: str, colour: tuple[float, float, float]) -> Any:
        gltf = self._gltf
        figure = stick_figure(motion)
        material = gltf.PbrMetallicRoughness(baseColorFactor=[*colour, 1.0], metallicFactor=0.0, roughnessFactor=0.7)
        self._file.materials.append(gltf.Material(name=name, pbrMetallicRoughness=material))
        joint = np.zeros((len(figure.joint), 4), np.uint8)
        joint[:, 0] = figure.joint
        weight = np.zeros((len(figure.joint), 4), np.float32)
        weight[:, 0] = 1
        vertices = gltf.ARRAY_BUFFER
        attributes = gltf.Attributes(
            POSITION=self._store((figure.vertices + hips).astype(np.float32), "VEC3", vertices, bounds=True),
            NORMAL=self._store(figure.normals.astype(np.float32), "VEC3", vertices),
            JOINTS_0=self._store(joint, "VEC4", vertices),
            WEIGHTS_0=self._store(weight, "VEC4", vertices),
        )
        triangles = self._store(figure.triangles.astype(np.uint16).ravel(), "SCALAR", gltf.ELEMENT_ARRAY_BUFFER)
        primitive = gltf.Primitive(attributes=attributes, indices=triangles, material=len(self._file.materials) - 1)
        return gltf.Mesh(name=name, primitives=[primitive])

    def _animate(self, motion: RigMotion, first: int) -> None:
        times = self._store((np.arange(len(motion.root)) / motion.fps).astype(np.float32), "SCALAR", bounds=True)
        self._channel(first, "translation", times, self._store(motion.root.astype(np.float32), "VEC3"))
        for joint in range(len(RIG_JOINTS)):
            quaternions = continuous_quaternions(motion.rotation[:, joint])
            self._channel(first + joint, "rotation", times, self._store(quaternions.astype(np.float32), "VEC4"))

    def _channel(self, node: int, path: str, times: int, values: int) -> None:
        gltf, animation = self._gltf, self._animation
        animation.samplers.append(gltf.AnimationSampler(input=times, output=values, interpolation="LINEAR"))
        target = gltf.AnimationChannelTarget(node=node, path=path)
        animation.channels.append(gltf.AnimationChannel(sampler=len(animation.samplers) - 1, target=target))

    def _store(self, values: np.ndarray, kind: str, target: int | None = None, *, bounds: bool = False) -> int:
        """Put an array into the buffer; the number of its accessor."""
        gltf, file = self._gltf, self._file
        of_type = {"float32": gltf.FLOAT, "uint8": gltf.UNSIGNED_BYTE, "uint16": gltf.UNSIGNED_SHORT}
        content = np.ascontiguousarray(values).tobytes()
        file.bufferViews.append(
            gltf.BufferView(buffer=0, byteOffset=self._size, byteLength=len(content), target=target)
        )
        flat = values.reshape(len(values), -1)
        limits = {"min": flat.min(0).tolist(), "max": flat.max(0).tolist()} if bounds else {}
        accessor = gltf.Accessor(
            bufferView=len(file.bufferViews) - 1,
            componentType=of_type[values.dtype.name],
            count=len(values),
            type=kind,
            **limits,
        )
        file.accessors.append(accessor)
        content += bytes(-len(content) % 4)
        self._parts.append(content)
        self._size += len(content)
        return len(file.accessors) - 1
