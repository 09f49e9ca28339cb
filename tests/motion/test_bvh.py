"""BVH leaves names, units, axes and rest poses open; the same person must come out whatever was chosen."""

import numpy as np
import pytest

from epipose.errors import EpiposeError
from epipose.motion import read_motion
from epipose.skeletons import H36M17

# A person in metres, y up, facing z: name, parent, offset.
PERSON = {
    "Hips": ("", (0.0, 0.0, 0.0)),
    "Spine": ("Hips", (0.0, 0.25, 0.0)),
    "Neck": ("Spine", (0.0, 0.28, 0.0)),
    "Head": ("Neck", (0.0, 0.08, 0.0)),
}
for _side, _x in (("Left", 1.0), ("Right", -1.0)):
    PERSON |= {
        f"{_side}UpLeg": ("Hips", (0.1 * _x, 0.0, 0.0)),
        f"{_side}Leg": (f"{_side}UpLeg", (0.0, -0.43, 0.0)),
        f"{_side}Foot": (f"{_side}Leg", (0.0, -0.42, 0.0)),
        f"{_side}ToeBase": (f"{_side}Foot", (0.0, -0.07, 0.14)),
        f"{_side}Arm": ("Spine", (0.18 * _x, 0.25, 0.0)),
        f"{_side}ForeArm": (f"{_side}Arm", (0.28 * _x, 0.0, 0.0)),
        f"{_side}Hand": (f"{_side}ForeArm", (0.25 * _x, 0.0, 0.0)),
    }
# The same joints in Poser's words.
POSER = {
    "UpLeg": "Hip",
    "Leg": "Knee",
    "Foot": "Ankle",
    "ToeBase": "Toe",
    "ForeArm": "Elbow",
    "Arm": "Shoulder",
    "Hand": "Wrist",
}


def poser(name):
    side = next((side for side in ("Left", "Right") if name.startswith(side)), "")
    return side + POSER[name.removeprefix(side)] if side else {"Spine": "Chest"}.get(name, name)


def bvh(path, *, unit=1.0, order="ZXY", called=str, bent=None, root=(0.0, 0.9, 0.0), axes=None, moved=False):
    """Two frames; ``bent``: degrees about the own x, y, z of joints in the second; ``axes``: our x, y, z in the file's."""
    axes, bent = np.eye(3) if axes is None else np.array(axes, float), bent or {}
    lines, frames = [], [[], []]

    def write(name):
        parent, offset = PERSON[name]
        place = axes @ (np.array(offset) if not moved else np.full(3, 0.2)) / unit  # positions stand in its place
        lines.append(
            f"{'JOINT' if parent else 'ROOT'} {called(name)}\n{{\nOFFSET {' '.join(f'{v:.6f}' for v in place)}"
        )
        shifts = not parent or moved
        channels = (["Xposition", "Yposition", "Zposition"] if shifts else []) + [f"{axis}rotation" for axis in order]
        lines.append(f"CHANNELS {len(channels)} {' '.join(channels)}")
        for k, frame in enumerate(frames):
            if shifts:
                frame.extend((axes @ np.array(root if not parent else offset) / unit).tolist())
            frame.extend(bent[name]["XYZ".index(axis)] if k and name in bent else 0.0 for axis in order)
        children = [child for child, (above, _) in PERSON.items() if above == name]
        for child in children:
            write(child)
        if not children:
            lines.append("End Site\n{\nOFFSET 0 0 0\n}")
        lines.append("}")

    write("Hips")
    numbers = "\n".join(" ".join(f"{value:.8f}" for value in frame) for frame in frames)
    path.write_text("HIERARCHY\n" + "\n".join(lines) + f"\nMOTION\nFrames: 2\nFrame Time: 0.025\n{numbers}\n")
    return path


def joint(motion, name):
    return motion.xyz[:, H36M17.index(name)]


def test_joints_in_metres_with_z_up(tmp_path):
    motion = read_motion(bvh(tmp_path / "a.bvh"))
    assert motion.fps == pytest.approx(40)
    assert joint(motion, "left_ankle")[0] == pytest.approx([0.1, 0, 0.09])  # the floor is 9 cm below
    assert joint(motion, "right_wrist")[0] == pytest.approx([-0.71, 0, 0.09 + 0.85 + 0.5])
    assert joint(motion, "spine")[0] == pytest.approx([0, 0, 0.09 + 0.85 + 0.25])
    assert motion.toes[0, 0] == pytest.approx([0.1, -np.hypot(0.07, 0.14), 0.09])  # ahead and level
    assert motion.face[0] == pytest.approx(np.array([[0.0, -1, 0], [0, 0, 1]]))
    assert joint(motion, "neck_nose")[0] - joint(motion, "head")[0] == pytest.approx([0, -0.1, 0])


@pytest.mark.parametrize("unit", [0.01, 0.001, 0.0254, 0.0254 / 0.45])
def test_the_unit_is_the_one_that_makes_a_person(tmp_path, unit):
    motions = [read_motion(bvh(tmp_path / f"{each}.bvh", unit=each)) for each in (1.0, unit)]
    assert motions[1].xyz == pytest.approx(motions[0].xyz, abs=1e-5)


def test_a_figure_of_no_known_unit_is_made_a_person(tmp_path):
    motion = read_motion(bvh(tmp_path / "giant.bvh", unit=1 / 5))
    thigh = np.linalg.norm(joint(motion, "left_knee") - joint(motion, "left_hip"), axis=-1)
    assert thigh == pytest.approx(0.43)  # the stature of 2 x 0.85 m happens to be 1.7 m


@pytest.mark.parametrize(
    "options",
    [
        {"order": "XYZ"},
        {"called": poser},
        {"called": lambda name: f"mixamorig:{name}"},
        {"moved": True},
    ],
    ids=["channel order", "names", "prefix", "positions of every joint"],
)
def test_the_same_person_however_it_is_written(tmp_path, options):
    bent = {"Hips": (0, 40, 0), "LeftUpLeg": (-60, 0, 0), "LeftLeg": (90, 0, 0), "Head": (0, 30, 0)}  # one axis each
    motions = [read_motion(bvh(tmp_path / f"{i}.bvh", bent=bent, **each)) for i, each in enumerate(({}, options))]
    for a, b in zip(motions[0][1:], motions[1][1:], strict=True):
        assert b == pytest.approx(a, abs=1e-6)


def test_channels_turn_in_the_order_they_are_listed(tmp_path):
    """ZXY is Rz Rx Ry: an arm along x, turned by 90 degrees about y to -z, then about x to y, which is up."""
    motion = read_motion(bvh(tmp_path / "a.bvh", bent={"LeftArm": (90, 90, 0)}))
    upper = (joint(motion, "left_elbow") - joint(motion, "left_shoulder"))[1]
    assert upper == pytest.approx([0, 0, 0.28], abs=1e-6)
    other = read_motion(bvh(tmp_path / "b.bvh", bent={"LeftArm": (90, 90, 0)}, order="YXZ"))
    assert (joint(other, "left_elbow") - joint(other, "left_shoulder"))[1] == pytest.approx([0, 0.28, 0], abs=1e-6)


def test_z_may_be_up_in_the_file(tmp_path):
    up = [[1, 0, 0], [0, 0, -1], [0, 1, 0]]
    motions = [read_motion(bvh(tmp_path / f"{i}.bvh", axes=axes)) for i, axes in enumerate((None, up))]
    assert motions[1].xyz == pytest.approx(motions[0].xyz, abs=1e-6)
    assert motions[1].toes == pytest.approx(motions[0].toes, abs=1e-6)


def test_a_turned_head_turns_the_face(tmp_path):
    """The face is calibrated on the clip: two frames with 30 degrees to either side look ahead on average."""
    path = bvh(tmp_path / "a.bvh", bent={"Head": (0, 60, 0)})
    face = read_motion(path).face
    between = np.degrees(np.arccos(np.clip((face[0, 0] * face[1, 0]).sum(), -1, 1)))
    assert between == pytest.approx(60, abs=1e-3)
    assert (face[0, 0] + face[1, 0])[:2] / 2 == pytest.approx([0, -np.cos(np.radians(30))], abs=1e-6)


def test_unknown_names_and_broken_files_are_errors(tmp_path):
    path = bvh(tmp_path / "a.bvh", called=lambda name: name.replace("LeftUpLeg", "Oberschenkel"))
    with pytest.raises(EpiposeError, match=r"no left_hip .*Oberschenkel"):
        read_motion(path)
    whole = bvh(tmp_path / "b.bvh").read_text()
    for broken in (whole[:300], whole.rsplit(" ", 3)[0], whole.replace("Frame Time", "Time")):
        (tmp_path / "c.bvh").write_text(broken)
        read_motion.cache_clear()
        with pytest.raises(EpiposeError, match=r"cannot be read as a motion \(BVH"):
            read_motion(tmp_path / "c.bvh")
