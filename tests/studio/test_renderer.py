"""The studio's renderer draws where our cameras project, the nearer thing in front, the same bytes every time."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from epipose.camera import Camera
from epipose.errors import EpiposeError
from epipose.formats.rig_json import h36m_rig
from epipose.studio import renderer as renderer_module
from epipose.studio.appearance import LAYERS, Look, random_look
from epipose.studio.bodies import Body
from epipose.studio.renderer import Renderer
from epipose.studio.rigs import random_rig
from epipose.studio.room import SURFACES, Light, Room, random_light, random_room
from tests.helpers.capsule_people import REST, capsule_body, skinning
from tests.helpers.synthetic import moving_skeleton

pytest.importorskip("moderngl")
pytestmark = pytest.mark.gl
STILL = np.eye(4, dtype=np.float32)[None, :3]


@pytest.fixture(scope="module")
def studio():
    try:
        renderer = Renderer()
    except EpiposeError as error:
        pytest.skip(str(error))  # no EGL on this machine
    with renderer:
        yield renderer


def plain(colour: float) -> Look:
    """Everything of one grey, without gloss."""
    look = random_look(np.random.default_rng(0))
    textures = np.full((len(LAYERS), 8, 8, 3), colour, np.uint8)
    zeros = np.zeros(len(LAYERS), np.float32)
    return replace(look, textures=textures, thickness=zeros, gloss=zeros)


def cell(colour: float) -> Room:
    textures = np.full((len(SURFACES), 8, 8, 3), colour, np.uint8)
    return Room(np.array([9.0, 9.0]), 9.0, textures, np.ones(len(SURFACES), np.float32), False)


def glow(shadow: float = 0.0) -> Light:
    """Light of the same strength from everywhere; with a shadow, from straight above."""
    direct = np.full(3, 0.8 if shadow else 0.0)
    even = np.full(3, 0.2 if shadow else 1.0)
    return Light(np.array([0.0, 0.0, 1.0]), direct, even, even, shadow, 0.0)


def ball(centre: np.ndarray, radius: float) -> Body:
    """A ball as a body of one bone."""
    body = capsule_body()
    one = body.bone_index[:, 0] == 0
    points = body.normals[one] * radius + centre
    faces = body.faces[body.faces.max(-1) < one.sum()]
    return replace(
        body, vertices=points.astype(np.float32), normals=body.normals[one], faces=faces,
        uv=body.uv[one], region=body.region[one], bone_index=body.bone_index[one], bone_weight=body.bone_weight[one],
        bones=("only",),
    )  # fmt: skip


def lenses() -> list[Camera]:
    """Two real lenses, a lying phone with a strong one, and a cropped and stretched one; small images."""
    rng = np.random.default_rng(1)
    real = [h36m_rig().camera[i].resized(251, 250) for i in (0, 2)]
    phone = random_rig(rng, "phones", 1, (180, 322)).camera[0]
    strong = replace(phone, distortion=torch.tensor([-0.25, 0.12, 0.004, -0.003, 0.01], dtype=torch.float64))
    return [*real, strong, h36m_rig().camera[1].cropped(300, 250, 400, 500).resized(240, 200)]


@pytest.mark.parametrize("lens", range(4))
def test_a_marker_lies_where_the_camera_projects_it(studio, lens):
    camera = lenses()[lens]
    rng = np.random.default_rng(lens)
    size = camera.size.double()
    studio.furnish(cell(0))
    errors = []
    for corner in torch.from_numpy(rng.uniform(0.06, 0.94, (6, 2))):
        ray = camera.to_normalized(corner * size)
        depth = rng.uniform(2.5, 4.5)
        in_frame = torch.cat([ray, torch.ones(1, dtype=ray.dtype)]) * depth
        centre = camera.R.mT @ (in_frame - camera.t)
        radius = 3.5 * depth / float(camera.focal)
        studio.dress(ball(centre.numpy(), radius), plain(255))
        image = studio.draw(STILL, camera, glow()).astype(float).mean(-1)
        rows, columns = np.indices(image.shape)
        seen = np.array([(image * columns).sum(), (image * rows).sum()]) / image.sum()
        errors.append(np.linalg.norm(seen - camera.project(centre).numpy()))
    assert max(errors) < 0.2


def test_rays_of_the_room_meet_the_floor_where_the_camera_sees_it(studio):
    # A floor whose texture changes at x = 0: the edge in the image is the projection of that line.
    camera = lenses()[2]
    room = cell(0)
    stripe = room.textures.copy()
    stripe[0, :, 4:] = 255  # one texture in 16 m: dark where x is 0 to 8, bright where it is -8 to 0
    room = replace(room, textures=np.repeat(np.repeat(stripe, 32, 1), 32, 2), repeat=np.full(5, 1 / 16, np.float32))
    studio.furnish(room)
    studio.dress(ball(np.array([0.0, 0.0, 50.0]), 0.01), plain(0))
    image = studio.draw(STILL, camera, glow()).mean(-1)
    line = torch.tensor([[0.0, y, 0.0] for y in np.linspace(-0.8, 0.8, 9)], dtype=torch.float64)
    for side, bright in ((-0.25, True), (0.25, False)):
        beside = line + torch.tensor([side, 0, 0], dtype=torch.float64)
        column, row = camera.project(beside).round().long().T
        inside = (column >= 0) & (column < image.shape[1]) & (row >= 0) & (row < image.shape[0])
        assert int(inside.sum()) > 3
        values = image[row[inside], column[inside]]
        assert ((values > 128) == bright).all()


def test_the_nearer_thing_is_in_front(studio):
    camera = lenses()[0]
    studio.furnish(cell(0))
    eye = camera.center.numpy()
    middle = eye * 0.5 + np.array([0, 0, 0.5])
    near, far = ball(middle, 0.1), ball(eye + 1.3 * (middle - eye), 0.3)
    assert np.linalg.norm(near.vertices.mean(0) - eye) < np.linalg.norm(far.vertices.mean(0) - eye) - 0.4
    both = replace(
        near,
        vertices=np.concatenate([near.vertices, far.vertices]),
        normals=np.concatenate([near.normals, far.normals]),
        faces=np.concatenate([near.faces, far.faces + len(near.vertices)]),
        uv=np.concatenate([near.uv] * 2),
        region=np.concatenate([near.region, np.full_like(far.region, 11)]),  # a foot: shoes
        bone_index=np.concatenate([near.bone_index] * 2),
        bone_weight=np.concatenate([near.bone_weight] * 2),
    )
    look = plain(0)
    look.textures[LAYERS.index("shoes")] = 200
    look = replace(look, barefoot=False)
    for faces in (both.faces, both.faces[::-1].copy()):  # whatever is drawn first
        studio.dress(replace(both, faces=faces), look)
        image = studio.draw(STILL, camera, glow())
        column, row = camera.project(torch.from_numpy(middle)).round().long().tolist()
        assert image[row, column].max() == 0
        assert image.max() > 150


def test_the_person_throws_a_shadow_on_the_floor(studio):
    camera = random_rig(np.random.default_rng(0), "ring", 1, (160, 160)).camera[0]
    studio.furnish(cell(200))
    studio.dress(ball(np.array([0.0, 0.0, 1.5]), 0.3), plain(100))
    bright, dark = (studio.draw(STILL, camera, glow(shadow)) for shadow in (1e-6, 0.9))
    below = camera.project(torch.zeros(3, dtype=torch.float64)).round().long().tolist()
    assert dark[below[1], below[0]].mean() < 0.6 * bright[below[1], below[0]].mean()
    beside = camera.project(torch.tensor([0.0, 0.9, 0.0], dtype=torch.float64)).round().long().tolist()
    assert dark[beside[1], beside[0]].tolist() == bright[beside[1], beside[0]].tolist()


def test_bones_move_the_body(studio):
    xyz = moving_skeleton(30, seed=5).numpy()
    poses = skinning(REST, xyz)
    camera = h36m_rig().camera[0].resized(200, 200)
    studio.furnish(cell(0))
    studio.dress(capsule_body(), plain(255))
    for frame in (0, 15, 29):
        silhouette = studio.draw(poses[frame], camera, glow()).mean(-1) > 60
        column, row = camera.project(torch.from_numpy(xyz[frame])).round().long().T
        assert silhouette[row, column].all()  # joints lie within their capsules
        assert 0.005 < silhouette.mean() < 0.2


def test_images_repeat_to_the_byte_and_have_any_size():
    def drawn() -> list[bytes]:
        rng = np.random.default_rng(5)
        images = []
        with Renderer(samples=0) as renderer:
            for size in ((97, 131), (160, 64)):
                camera = random_rig(rng, "ring", 1, size).camera[0]
                renderer.dress(capsule_body(), random_look(rng), 0.02)
                renderer.furnish(random_room(rng, 8.0))
                image = renderer.draw(np.tile(STILL, (16, 1, 1)), camera, random_light(rng))
                assert image.shape == (size[1], size[0], 3)
                images.append(image.tobytes())
        return images

    try:
        first = drawn()
    except EpiposeError as error:
        pytest.skip(str(error))
    assert first == drawn()
    assert len(set(first)) == 2


def test_without_egl_it_says_what_to_install(monkeypatch):
    import moderngl

    def refuse(**options):
        raise Exception("libEGL.so not loaded")

    monkeypatch.setattr(moderngl, "create_context", refuse)
    with pytest.raises(EpiposeError, match="libegl1 libgl1-mesa-dri"):
        renderer_module.gl_context()


def test_too_many_bones_are_refused(studio):
    body = replace(capsule_body(), bones=tuple(map(str, range(300))))
    with pytest.raises(EpiposeError, match="300 bones"):
        studio.dress(body, plain(0))
