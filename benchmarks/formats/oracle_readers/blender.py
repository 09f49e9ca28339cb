"""Joint positions of a .bvh or .glb as Blender imports it, written as JSON: the oracle for the exports to animation.

Runs by itself, in an environment that has bpy (4.x) and needs nothing of epipose:

    python blender_reader.py walk.bvh positions.json --fps 60 --image walk.png --image-frame 20

The file has ``blender`` (its version), ``joints`` (names) and ``head``, ``tail`` (frame, joint, 3): where each bone
begins and ends, in metres, y up. A .bvh is taken to be in centimetres.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
from pathlib import Path
from typing import Any


def main() -> None:
    """Import the file, write its joints, and an image of one frame where that is asked for."""
    parser = argparse.ArgumentParser(description="Joints of a .bvh or .glb as Blender imports it.")
    parser.add_argument("file", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--fps", type=float, required=True, help="frames per second of the animation")
    parser.add_argument("--frames", type=int, required=True, help="how many of them are read")
    parser.add_argument("--image", type=Path, help="a PNG of one frame")
    parser.add_argument("--image-frame", type=int, default=0)
    options = parser.parse_args()
    bpy = importlib.import_module("bpy")

    first, step = _imported(bpy, options.file, options.fps)
    armatures = [thing for thing in bpy.context.scene.objects if thing.type == "ARMATURE"]
    head, tail = [], []
    for frame in range(options.frames):
        _go_to(bpy, first + frame * step)
        bones = [(armature.matrix_world, bone) for armature in armatures for bone in armature.pose.bones]
        head.append([_y_up(world @ bone.head) for world, bone in bones])
        tail.append([_y_up(world @ bone.tail) for world, bone in bones])
    names = [bone.name for armature in armatures for bone in armature.pose.bones]
    content = {"blender": bpy.app.version_string, "joints": names, "head": head, "tail": tail}
    options.out.write_text(json.dumps(content) + "\n", encoding="utf-8")
    if options.image is not None:
        _go_to(bpy, first + options.image_frame * step)
        _render(bpy, armatures, options.image)


def _imported(bpy: Any, file: Path, fps: float) -> tuple[float, float]:
    """Import into an empty scene; Blender's number of the first frame, and how many of its frames one of ours takes."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = round(fps), round(fps) / fps
    if file.suffix.lower() == ".bvh":
        bpy.ops.import_anim.bvh(filepath=str(file), global_scale=0.01, frame_start=1, rotate_mode="NATIVE")
        return 1.0, 1.0
    bpy.ops.import_scene.gltf(filepath=str(file))
    starts = [curve.range()[0] for action in bpy.data.actions for curve in action.fcurves]
    ends = [curve.range()[1] for action in bpy.data.actions for curve in action.fcurves]
    count = max(len(curve.keyframe_points) for action in bpy.data.actions for curve in action.fcurves)
    return min(starts), (max(ends) - min(starts)) / max(count - 1, 1)


def _go_to(bpy: Any, frame: float) -> None:
    whole = math.floor(frame + 1e-6)
    bpy.context.scene.frame_set(whole, subframe=max(0.0, min(frame - whole, 0.999999)))


def _y_up(place: Any) -> list[float]:
    """From Blender's z up."""
    return [place.x, place.z, -place.y]


def _render(bpy: Any, armatures: list[Any], image: Path) -> None:
    """An image from in front and a little aside; bones of a file without a mesh are drawn as sticks."""
    scene = bpy.context.scene
    if not any(thing.type == "MESH" for thing in scene.objects):
        for armature in armatures:
            for bone in armature.pose.bones:
                _stick(bpy, armature.matrix_world @ bone.head, armature.matrix_world @ bone.tail)
    centre = armatures[0].matrix_world @ armatures[0].pose.bones[0].head
    bpy.ops.object.camera_add(location=(centre.x + 1.5, centre.y - 3.2, centre.z + 0.5))
    scene.camera = bpy.context.object
    scene.camera.rotation_euler = (centre - scene.camera.location).to_track_quat("-Z", "Y").to_euler()
    bpy.ops.object.light_add(type="SUN", rotation=(0.6, 0.3, 0.5))
    bpy.context.object.data.energy = 3
    scene.world = scene.world or bpy.data.worlds.new("world")
    scene.render.engine, scene.cycles.samples, scene.cycles.device = "CYCLES", 8, "CPU"
    scene.render.resolution_x, scene.render.resolution_y = 480, 480
    scene.render.filepath = str(image)
    bpy.ops.render.render(write_still=True)


def _stick(bpy: Any, start: Any, end: Any) -> None:
    along = end - start
    if along.length > 0:
        bpy.ops.mesh.primitive_cylinder_add(
            radius=0.02,
            depth=along.length,
            location=(start + end) / 2,
            rotation=along.to_track_quat("Z", "Y").to_euler(),
        )


if __name__ == "__main__":
    main()
