"""OpenGL renderer of a posed, dressed person in a room, seen by a calibrated camera, with or without a GPU.

OpenGL through EGL: no window, no display; where there is no graphics card Mesa's llvmpipe does the same on the
processor. The body is uploaded once, per image only its bones. A joint that `Camera.project` puts at a
pixel is drawn at that pixel: the shaders use the same distortion model, and pixel centres lie at integers.
"""

from __future__ import annotations

import os
from types import TracebackType
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8

from epipose.camera import Camera
from epipose.errors import InputError, MissingExtraError, optional
from epipose.studio import shaders
from epipose.studio.appearance import Look
from epipose.studio.bodies import Body
from epipose.studio.clothing import dressed, face_of, simplified
from epipose.studio.room import Light, Room
from epipose.studio.seats import Seat

_MAX_BONES = 256
_GRID_CELLS = 16  # cells along each side of the image within which rays are interpolated
_SHADOW_SIZE, _SHADOW_HALF = 128, 2.2  # pixels; metres
_DEPTH_RANGE = (0.2, 60.0)  # metres before the camera that are drawn


class Renderer:
    """Draws images; `dress` and `furnish` first. Use it in the process and thread that made it, and close it."""

    def __init__(self, samples: int = 4) -> None:
        """``samples`` per pixel (0 or 4): with four, outlines are smooth, at twice the time without a graphics card.

        Raises MissingExtraError where moderngl, or the system's EGL, is missing.
        """
        self._samples = samples
        self._gl = gl_context()
        gl = self._gl
        gl.enable_only(gl.DEPTH_TEST | gl.CULL_FACE)
        gl.front_face = "cw"  # rows run downwards, which mirrors every triangle
        self._person = gl.program(vertex_shader=shaders.PERSON_VERTEX, fragment_shader=shaders.PERSON_FRAGMENT)
        self._shadow = gl.program(vertex_shader=shaders.SHADOW_VERTEX, fragment_shader=shaders.SHADOW_FRAGMENT)
        self._patch = gl.program(vertex_shader=shaders.FLOOR_VERTEX, fragment_shader=shaders.FLOOR_FRAGMENT)
        self._room = gl.program(vertex_shader=shaders.ROOM_VERTEX, fragment_shader=shaders.ROOM_FRAGMENT)
        self._seat = gl.program(vertex_shader=shaders.SEAT_VERTEX, fragment_shader=shaders.SEAT_FRAGMENT)
        self._seat_shadow = gl.program(
            vertex_shader=shaders.SEAT_SHADOW_VERTEX, fragment_shader=shaders.SHADOW_FRAGMENT
        )
        self._bones = gl.buffer(reserve=_MAX_BONES * 48)
        self._bones.bind_to_uniform_block(0)
        self._shade = gl.texture((_SHADOW_SIZE, _SHADOW_SIZE), 1)
        self._shade.repeat_x = self._shade.repeat_y = False
        self._shade.filter = (gl.LINEAR_MIPMAP_LINEAR, gl.LINEAR)
        self._shade_target = gl.framebuffer([self._shade])
        self._grid, triangles = _grid()
        faces, corners = gl.buffer(triangles.tobytes()), gl.buffer(self._grid.astype("f4").tobytes())
        self._rays = gl.buffer(reserve=len(self._grid) * 20)
        self._behind = gl.vertex_array(self._room, [(self._rays, "2f 3f", "in_pixel", "in_ray")], faces)
        self._darkened = gl.vertex_array(self._patch, [(corners, "2f", "in_corner")], faces)
        self._targets: dict[tuple[int, int], tuple[Any, Any]] = {}
        self._of_body: list[Any] = []
        self._of_room: list[Any] = []
        self._of_seat: list[Any] = []  # texture, array to draw, array that throws a shadow, buffer; empty without
        self._camera: Camera | None = None

    def __enter__(self) -> Renderer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release all GPU resources."""
        self._gl.release()

    @property
    def device(self) -> str:
        """The OpenGL renderer: the name of the graphics card, or llvmpipe, which is the processor."""
        return self._gl.info["GL_RENDERER"]

    def dress(self, body: Body, look: Look, detail: float = 0.0) -> None:
        """Draw this person in this look, without a seat, from now on; ``detail`` (metres): smaller features may be
        dropped.
        """
        self.place(None)
        _release(self._of_body)
        if len(body.bones) > _MAX_BONES:
            raise InputError(f"This body has {len(body.bones)} bones; the renderer takes up to {_MAX_BONES}.")
        clothes = dressed(body, look)
        vertices = np.zeros(len(body.vertices), _VERTEX)
        vertices["position"], vertices["rest"], vertices["normal"] = clothes.vertices, body.vertices, body.normals
        vertices["weights"], vertices["bones"] = body.bone_weight, body.bone_index
        vertices["cover"], vertices["face"] = np.rint(255 * clothes.cover[:, 1:]), np.rint(255 * clothes.face)
        faces = simplified(body, detail) if detail > 0 else body.faces
        buffer, faces = self._gl.buffer(vertices.tobytes()), self._gl.buffer(faces.astype("u4").tobytes())
        content = "3f 3f 3f 4f 4u1 4f1 2f1 2x1"
        names = ("in_position", "in_normal", "in_rest", "in_weights", "in_bones", "in_cover", "in_face")
        self._drawn = self._gl.vertex_array(self._person, [(buffer, content, *names)], faces)
        only = [(buffer, "3f 24x1 4f 4u1 8x1", "in_position", "in_weights", "in_bones")]
        self._thrown = self._gl.vertex_array(self._shadow, only, faces)
        self._cloth = self._array(look.textures)
        self._of_body = [buffer, faces, self._drawn, self._thrown, self._cloth]
        colours = {name: np.asarray(getattr(look, name)) / 255 for name in ("iris", "brow", "lips")}
        _set(self._person, repeat=look.repeat, gloss=look.gloss, beard=look.beard, **colours)
        face = face_of(body)
        eyes, between = (np.zeros((2, 3)), 0.0) if face is None else (face.eyes, face.between)
        _set(self._person, eyes=eyes, between=between, facing=1.0 if face is None else face.forwards)

    def furnish(self, room: Room) -> None:
        """Draw this room from now on."""
        _release(self._of_room)
        self._surfaces = self._array(room.textures)
        self._of_room = [self._surfaces]
        low, high = np.array([*-room.half, 0.0]), np.array([*room.half, room.height])
        _set(self._room, low=low, high=high, repeat=room.repeat, backdrop=room.backdrop)

    def place(self, seat: Seat | None) -> None:
        """Draw this seat, or none, from now on."""
        _release(self._of_seat)
        self._of_seat = []
        if seat is None:
            return
        gl, size = self._gl, len(seat.texture)
        buffer = gl.buffer(np.concatenate([seat.corners, seat.normals, seat.uv], -1).astype("f4").tobytes())
        texture = gl.texture((size, size), 3, np.ascontiguousarray(seat.texture).tobytes(), alignment=1)
        texture.build_mipmaps()
        drawn = gl.vertex_array(self._seat, [(buffer, "3f 3f 2f", "in_position", "in_normal", "in_uv")])
        thrown = gl.vertex_array(self._seat_shadow, [(buffer, "3f 20x1", "in_position")])
        self._of_seat = [texture, drawn, thrown, buffer]

    def draw(
        self,
        skinning: Float32[np.ndarray, "bone 3 4"],
        camera: Camera,
        light: Light,
        shift: Float[np.ndarray, "3"] | None = None,
    ) -> UInt8[np.ndarray, "height width 3"]:
        """The person posed by ``skinning`` (rest to world, per bone) before the room; ``camera`` is a single one.

        ``shift`` moves the seat, where there is one, from where it was placed (metres).
        """
        self._bones.write(np.ascontiguousarray(skinning, np.float32).tobytes())
        if camera is not self._camera:
            self._look_through(camera)
        for program in (self._seat, self._seat_shadow) if self._of_seat else ():
            _set(program, shift=np.zeros(3) if shift is None else shift, **_lamps(light))
        self._throw_shadow(light, skinning)
        _set(self._person, **_lamps(light))
        _set(self._room, **_lamps(light))
        width, height = (int(length) for length in camera.size)
        drawing, reading = self._target(width, height)
        drawing.use()
        drawing.clear(depth=1.0)
        self._gl.disable(self._gl.DEPTH_TEST | self._gl.CULL_FACE)
        self._surfaces.use()
        self._behind.render()
        self._gl.enable(self._gl.BLEND)
        self._gl.blend_func = self._gl.DST_COLOR, self._gl.ZERO  # what is there times what is drawn
        self._shade.use()
        self._darkened.render()
        self._gl.disable(self._gl.BLEND)
        self._gl.enable(self._gl.DEPTH_TEST | self._gl.CULL_FACE)
        if self._of_seat:
            self._of_seat[0].use()
            self._of_seat[1].render()
        self._cloth.use()
        self._drawn.render()
        self._gl.copy_framebuffer(reading, drawing)
        return np.frombuffer(reading.read(components=3, alignment=1), np.uint8).reshape(height, width, 3)

    def _throw_shadow(self, light: Light, skinning: Float32[np.ndarray, "bone 3 4"]) -> None:
        """Render the shadow map of a patch of floor around the person."""
        patch = np.array([*skinning[:, :2, 3].mean(0), _SHADOW_HALF])  # any middle near the person will do
        _set(self._shadow, to_light=light.direction, patch_of_floor=patch)
        _set(self._patch, patch_of_floor=patch, depth_of_shadow=light.shadow_on_floor, blur=light.blur)
        self._shade_target.use()
        self._shade_target.clear()
        self._thrown.render()
        if self._of_seat:
            _set(self._seat_shadow, patch_of_floor=patch)
            self._of_seat[2].render()
        self._shade.build_mipmaps()

    def _look_through(self, camera: Camera) -> None:
        """Upload a camera's parameters, and the ray of every grid corner."""
        self._camera = camera
        size = camera.size.numpy().astype(float)
        pixels = self._grid * size - 0.5
        rays_cam = camera.to_normalized(torch.from_numpy(pixels).to(camera.K)).numpy()
        rays = np.concatenate([rays_cam, np.ones_like(rays_cam[:, :1])], -1) @ camera.R.numpy()
        self._rays.write(np.concatenate([pixels, rays], -1).astype(np.float32).tobytes())
        K, centre = camera.K.numpy(), camera.center.numpy()
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = camera.R.numpy(), camera.t.numpy()
        for program in (self._person, self._patch, self._seat):
            _set(
                program, cam_from_world=matrix.T, row_u=K[0], row_v=K[1], size=size,
                distortion=camera.distortion[:5].numpy(), widest=1.3 * float((rays_cam**2).sum(-1).max()),
                reach=np.array(_DEPTH_RANGE), eye=centre,
            )  # fmt: skip
        _set(self._room, size=size, eye=centre)

    def _target(self, width: int, height: int) -> tuple[Any, Any]:
        """Framebuffers to draw into (several samples a pixel) and to read from, for images of this size."""
        if (width, height) not in self._targets:
            size, gl = (width, height), self._gl
            drawing = gl.framebuffer(
                [gl.renderbuffer(size, 3, samples=self._samples)], gl.depth_renderbuffer(size, samples=self._samples)
            )
            self._targets[width, height] = drawing, gl.framebuffer([gl.renderbuffer(size, 3)])
        return self._targets[width, height]

    def _array(self, textures: UInt8[np.ndarray, "layer size size 3"]) -> Any:
        layers, size = textures.shape[:2]
        texture = self._gl.texture_array((size, size, layers), 3, np.ascontiguousarray(textures).tobytes(), alignment=1)
        texture.filter = (self._gl.LINEAR_MIPMAP_NEAREST, self._gl.LINEAR)
        texture.build_mipmaps()
        return texture


_VERTEX = np.dtype(
    [("position", "3f4"), ("normal", "3f4"), ("rest", "3f4"), ("weights", "4f4"), ("bones", "4u1"), ("cover", "4u1"),
     ("face", "2u1"), ("nothing", "2u1")]
)  # fmt: skip


def gl_context() -> Any:
    """An OpenGL context without a window; MissingExtraError says what to install where there is none."""
    moderngl = optional("moderngl", "studio")
    os.environ.setdefault("LP_NUM_THREADS", "0")  # llvmpipe draws in this process: the studio runs one on each core
    try:
        without_window: dict[str, Any] = {"standalone": True, "backend": "egl"}
        return moderngl.create_context(**without_window)
    except Exception as error:  # moderngl and glcontext raise bare Exceptions
        raise MissingExtraError(
            f"No OpenGL without a window ({error}). The studio needs EGL and a driver: on Debian and Ubuntu "
            "apt install libegl1 libgl1-mesa-dri (they draw on the processor, or on the graphics card "
            "where there is one)."
        ) from error


def _grid() -> tuple[Float[np.ndarray, "corner 2"], np.ndarray]:
    """Corners over the image in [0, 1] and the triangles between them."""
    steps = np.linspace(0, 1, _GRID_CELLS + 1)
    corners = np.stack(np.meshgrid(steps, steps), -1).reshape(-1, 2)
    first = (np.arange(_GRID_CELLS)[:, None] * (_GRID_CELLS + 1) + np.arange(_GRID_CELLS)).reshape(-1, 1)
    squares = first + np.array([0, 1, _GRID_CELLS + 1, _GRID_CELLS + 1, 1, _GRID_CELLS + 2])
    return corners, squares.astype("u4")


def _lamps(light: Light) -> dict[str, Any]:
    return {"to_light": light.direction, "direct": light.direct, "sky": light.sky, "ground": light.ground}


def _set(program: Any, **values: Any) -> None:
    """Set the uniforms that the program has (compilers drop what they do not need)."""
    for name, value in values.items():
        if name in program:
            uniform = program[name]
            if isinstance(value, np.ndarray):
                uniform.write(np.ascontiguousarray(value, np.float32).tobytes())
            else:
                uniform.value = value


def _release(things: list[Any]) -> None:
    for thing in things:
        thing.release()
