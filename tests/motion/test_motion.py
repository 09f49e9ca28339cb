"""Readers of motion capture: the same person comes out of every format."""

import json

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from epipose.errors import EpiposeError
from epipose.motion import motion_files, read_motion
from epipose.motion.rotations import (
    axes_of,
    fraction_of,
    from_axis_angle,
    from_euler,
    from_quaternion,
    rotation_between,
)
from epipose.skeletons import H36M17


def joint(motion, name):
    return motion.xyz[:, H36M17.index(name)]


def test_rotations_are_those_of_scipy():
    rng = np.random.default_rng(0)
    angles, quaternions = rng.uniform(-3, 3, (5, 3)), rng.normal(size=(5, 4))
    assert np.allclose(from_euler("zxy", angles), Rotation.from_euler("ZXY", angles).as_matrix())
    assert np.allclose(from_quaternion(quaternions), Rotation.from_quat(quaternions[:, [1, 2, 3, 0]]).as_matrix())
    turn = Rotation.from_quat(quaternions).as_matrix()
    half = fraction_of(turn, 0.5)
    assert np.allclose(half @ half, turn)
    assert np.allclose(fraction_of(turn, (0.0, 1.0)), [np.broadcast_to(np.eye(3), turn.shape), turn])


@pytest.mark.parametrize("angle", [0.0, 1e-10, np.pi - 1e-6, np.pi])
def test_a_share_of_no_turn_and_of_half_a_circle(angle):
    turn = from_axis_angle(np.array([0.6, -0.8, 0.0]), np.array(angle))
    half = fraction_of(turn, 0.5)
    assert np.allclose(half @ half, turn, atol=1e-5)


def test_the_shortest_rotation_even_between_opposites():
    a = np.array([[1.0, 2, 3], [0, 0, 1], [0, 1, 0]])
    b = np.array([[3.0, -1, 0], [0, 0, -1], [0, 5, 0]])
    turned = (rotation_between(a, b) @ a[..., None])[..., 0]
    assert np.allclose(turned / np.linalg.norm(a, axis=-1)[:, None], b / np.linalg.norm(b, axis=-1)[:, None])
    assert np.allclose(rotation_between(a, b)[2], np.eye(3))


def test_axes_have_the_first_exact_and_are_right_handed():
    axes = axes_of(np.array([[0.0, 0, 2]]), np.array([[1.0, 0, 5]]))[0]
    assert np.allclose(axes, np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]]).T)


def cmu_files(folder, *, turned="", without=""):
    """A figure with every bone of one unit (56 mm) and axes turned by 90 degrees about z; two frames."""
    chain = {"lowerback": "root", "thorax": "lowerback", "upperneck": "thorax", "head": "upperneck"}
    for side in "lr":
        chain |= {f"{side}hipjoint": "root", f"{side}femur": f"{side}hipjoint", f"{side}tibia": f"{side}femur"}
        chain |= {f"{side}clavicle": "thorax", f"{side}humerus": f"{side}clavicle", f"{side}radius": f"{side}humerus"}
        chain[f"{side}foot"] = f"{side}tibia"
    chain.pop(without, None)
    direction = dict.fromkeys(("lowerback", "thorax", "upperneck", "head"), "0 1 0") | dict.fromkeys(
        ("lfoot", "rfoot"), "0 -.6 .8"
    )
    bones = "".join(
        f"begin\nname {name}\ndirection {direction.get(name, '0 -1 0')}\nlength 1\naxis 0 0 90 XYZ\n"
        f"{'dof ' + turned if name == 'ltibia' else ''}\nend\n"
        for name in chain
    )
    tree = "".join(f"{parent} {child}\n" for child, parent in chain.items())
    (folder / "1.asf").write_text(f":root\norder TX TY TZ RX RY RZ\n:bonedata\n{bones}:hierarchy\nbegin\n{tree}end\n")
    (folder / "1_1.amc").write_text(":DEGREES\n1\nroot 0 10 0 0 0 0\nltibia 0\n2\nroot 0 10 0 0 90 0\nltibia 90\n")
    return folder / "1_1.amc"


def test_a_cmu_file_becomes_metres_with_z_up(tmp_path):
    """y up becomes z up, and a knee bends about its own axis."""
    motion = read_motion(cmu_files(tmp_path, turned="rx"))
    unit = 0.0254 / 0.45
    assert motion.fps == 120
    assert joint(motion, "head")[0] / unit == pytest.approx([0, 0, 14])
    assert joint(motion, "left_ankle")[0] / unit == pytest.approx([0, 0, 7])
    # rx of a bone whose axes are turned by 90 degrees about z is a turn about y: a bone along -y does not feel it.
    assert joint(motion, "left_ankle")[1] / unit == pytest.approx([0, 0, 7])
    # The sole is level and points where the figure looks: along z, which is -y here; then along x.
    assert (motion.toes[0, 1] - joint(motion, "right_ankle")[0]) / unit == pytest.approx([0, -0.8, 0])
    assert (motion.toes[1, 1] - joint(motion, "right_ankle")[1]) / unit == pytest.approx([0.8, 0, 0])
    assert motion.face[1] == pytest.approx(np.array([[1.0, 0, 0], [0, 0, 1]]))


def test_a_cmu_knee_bends(tmp_path):
    motion = read_motion(cmu_files(tmp_path, turned="ry"))  # its y is -x of the figure, so the shank swings forward ...
    shank = (joint(motion, "left_ankle") - joint(motion, "left_knee"))[1] * 0.45 / 0.0254
    assert shank == pytest.approx([1, 0, 0])  # ... which after the root's turn is x


def test_broken_cmu_folders_are_errors(tmp_path):
    path = cmu_files(tmp_path, without="lfoot")
    with pytest.raises(EpiposeError, match="no bone lfoot"):
        read_motion(path)
    (tmp_path / "2.asf").write_text("")
    (tmp_path / "2.amc").write_text("")
    with pytest.raises(EpiposeError, match=r"exactly one \.asf"):
        read_motion(tmp_path / "2.amc")


def deepmimic_file(folder, *, knee=0.0, columns=44):
    frame = [1 / 30, 0.0, 0.9, 0.0] + [0.0] * 40
    frame[4] = 1.0
    names = [("spine", 4), ("thorax", 4), ("hip", 4), ("knee", 1), ("ankle", 4), ("shoulder", 4), ("elbow", 1)]
    column = 8
    for name, count in [*names, *names[2:]]:
        frame[column] = 1.0 if count == 4 else knee * (name == "knee")
        column += count
    path = folder / "humanoid3d_stand.txt"
    path.write_text(json.dumps({"Loop": "wrap", "Frames": [frame[:columns]] * 2}))
    return path


def test_a_deepmimic_file_becomes_metres_with_z_up(tmp_path):
    motion = read_motion(deepmimic_file(tmp_path, knee=-np.pi / 2))
    assert motion.fps == pytest.approx(30)
    assert joint(motion, "pelvis")[0] == pytest.approx([0, 0, 0.9])
    assert joint(motion, "right_knee")[0] == pytest.approx([0, -0.084887, 0.9 - 0.421546])  # its right is -y
    assert joint(motion, "right_ankle")[0] == pytest.approx([-0.40987, -0.084887, 0.9 - 0.421546])  # bent backward
    assert (motion.toes[0, 0] - joint(motion, "left_ankle")[0]) == pytest.approx([0, 0, -0.14])
    assert motion.face[0] == pytest.approx(np.array([[1.0, 0, 0], [0, 0, 1]]))


def test_broken_deepmimic_files_are_errors(tmp_path):
    with pytest.raises(EpiposeError, match=r"expected \(frames, 44\)"):
        read_motion(deepmimic_file(tmp_path, columns=43))
    (tmp_path / "humanoid3d_x.txt").write_text('{"Frames": 3')
    with pytest.raises(EpiposeError, match="a DeepMimic motion"):
        read_motion(tmp_path / "humanoid3d_x.txt")


def test_the_folder_is_searched_for_all_formats(tmp_path):
    for name in ("b/1.amc", "a/humanoid3d_walk.txt", "c.bvh", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    assert [path.name for path in motion_files(tmp_path)] == ["humanoid3d_walk.txt", "1.amc", "c.bvh"]
    with pytest.raises(EpiposeError, match="holds no motion"):
        motion_files(tmp_path / "nothing")
    with pytest.raises(EpiposeError, match="expected a file ending in"):
        read_motion(tmp_path / "notes.md")
