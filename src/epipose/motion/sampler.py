"""Random motion for when there is no motion capture: anatomically possible poses, one after the other.

A pose is a posture (standing, stepping, squatting, sitting, kneeling, bending, lying) with every joint angle drawn at
random from the range that posture allows, and arms anywhere. Key poses follow one another in 0.4 to 1.5 seconds along
minimum-jerk curves in the angles, so that limits that hold at the keys hold in between. It is not how people move, but
it covers the poses they can take.

Limits: ranges of motion of the American Academy of Orthopaedic Surgeons (Joint Motion, 1965; mean values reprinted in
Norkin & White, Measurement of Joint Motion), degrees. Segment lengths: shares of stature of Drillis & Contini 1966.
Angles are anatomical, 0 in the upright stance with hanging arms; axes of the person: x left, y back, z up.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from epipose.errors import InputError
from epipose.motion.motion import Motion, stack_joints
from epipose.motion.rotations import from_axis_angle, from_euler

# Angle: lowest and highest, degrees. Legs and arms have each twice, left and right.
LIMITS = {
    "trunk_flexion": (-25.0, 80.0),
    "trunk_lean": (-35.0, 35.0),  # to the left
    "trunk_twist": (-45.0, 45.0),  # to the left
    "neck_flexion": (-45.0, 45.0),
    "neck_lean": (-45.0, 45.0),
    "neck_twist": (-60.0, 60.0),
    "hip_flexion": (-30.0, 120.0),
    "hip_abduction": (-30.0, 45.0),
    "hip_rotation": (-45.0, 45.0),  # outward
    "knee_flexion": (0.0, 135.0),
    "ankle_flexion": (-50.0, 20.0),  # toes up
    "arm_plane": (-60.0, 130.0),  # 0 to the side, 90 forward, more across the chest, less than 0 behind
    "arm_elevation": (0.0, 180.0),
    "arm_rotation": (-70.0, 90.0),  # outward
    "elbow_flexion": (0.0, 150.0),
}
_MAX_ELEVATION_BEHIND = 60.0  # highest elevation of an arm behind the plane of the shoulders (extension)
_TWO_SIDED = ("hip", "knee", "ankle", "arm", "elbow")

# Posture: probability, and the ranges that it narrows; "pitch": forward rotation of the whole body, "roll": to its
# left.
_POSTURES: dict[str, tuple[float, dict[str, tuple[float, float]]]] = {
    "stand": (
        0.3,
        {"hip_flexion": (-5, 20), "knee_flexion": (0, 20), "hip_abduction": (-5, 20), "trunk_flexion": (-15, 30)},
    ),
    "step": (
        0.25,
        {"hip_flexion": (-25, 60), "knee_flexion": (0, 75), "hip_abduction": (-5, 25), "trunk_flexion": (-10, 30)},
    ),
    "squat": (
        0.1,
        {"hip_flexion": (60, 115), "knee_flexion": (70, 130), "hip_abduction": (0, 40), "trunk_flexion": (0, 50)},
    ),
    "sit": (
        0.1,
        {"hip_flexion": (75, 105), "knee_flexion": (60, 110), "hip_abduction": (-5, 30), "trunk_flexion": (-15, 30)},
    ),
    "kneel": (
        0.05,
        {"hip_flexion": (-5, 25), "knee_flexion": (90, 130), "hip_abduction": (0, 20), "trunk_flexion": (-15, 40)},
    ),
    "bend": (
        0.12,
        {"hip_flexion": (20, 80), "knee_flexion": (0, 40), "hip_abduction": (0, 25), "trunk_flexion": (30, 80)},
    ),
    "lie": (
        0.08,
        {"hip_flexion": (-10, 100), "knee_flexion": (0, 110), "hip_abduction": (-5, 35), "trunk_flexion": (-20, 30)},
    ),
}
_ON_FEET = ("stand", "step", "squat", "bend")  # balanced over the feet, and knees bend about twice what hips do

# Position of a joint relative to its parent, metres, for 1.75 m; sides are mirrored.
HIP, THIGH, SHANK, _TOES = np.array([0.1, 0.0, 0.0]), 0.43, 0.43, 0.14
SPINE, CHEST, SHOULDER = np.array([0, 0, 0.23]), np.array([0, 0, 0.26]), np.array([0.17, 0.0, 0.0])
_NECK, _EARS, _NOSE = np.array([0, 0, 0.05]), np.array([0, 0, 0.13]), np.array([0, -0.1, 0.0])
UPPER_ARM, FOREARM = 0.29, 0.25
JOINT_CLEARANCE = {
    "pelvis": 0.1,
    "hip": 0.1,
    "knee": 0.05,
    "ankle": 0.09,
    "wrist": 0.04,
    "elbow": 0.05,
    "shoulder": 0.1,
    "head": 0.1,
}


def random_motion(rng: np.random.Generator, seconds: float, fps: float = 30.0) -> Motion:
    """A motion of ``round(seconds * fps)`` frames, at least one; feet (or what is lowest) on the floor."""
    frames = round(seconds * fps)
    if frames < 1:
        raise InputError(f"{seconds} s at {fps} frames/s are no frame; ask for at least {1 / fps:.3f} s.")
    times, keys = [-rng.uniform(0, 1.0)], [random_pose(rng)]
    while times[-1] < seconds:
        times.append(times[-1] + rng.uniform(0.4, 1.5))
        keys.append(random_pose(rng, keys[-1]))
    at = np.arange(frames) / fps
    angles = {name: minimum_jerk(at, np.array(times), np.array([key[name] for key in keys])) for name in keys[0]}
    return posed(angles, fps)


def random_pose(rng: np.random.Generator, after: dict[str, float] | None = None) -> dict[str, float]:
    """Angles in degrees by name ("left_hip_flexion", "trunk_twist", ...), and position and orientation of the body.

    ``x``, ``y`` in metres, ``yaw``, ``pitch``, ``roll`` in degrees; not far from where it was ``after`` another pose.
    """
    names = list(_POSTURES)
    posture = names[int(rng.choice(len(names), p=[_POSTURES[name][0] for name in names]))]
    narrowed = _POSTURES[posture][1]

    def drawn(angle: str) -> float:
        low, high = narrowed.get(angle, LIMITS[angle])
        middle = 0.5 * (low + high) if angle in narrowed else 0.0
        if angle.startswith(("trunk", "neck", "hip_rotation")):  # the extremes of these are rare
            return float(np.clip(rng.normal(middle, (high - low) / 6), low, high))
        return float(rng.uniform(low, high))

    pose = {}
    for angle in LIMITS:
        for side in ("left_", "right_") if angle.startswith(_TWO_SIDED) else ("",):
            pose[f"{side}{angle}"] = drawn(angle)
    for side in ("left_", "right_"):
        _plausible_arm(rng, pose, side)
        if posture in _ON_FEET:
            wanted = (1.0 if posture == "bend" else 1.7) * max(pose[f"{side}hip_flexion"], 0.0) + rng.normal(0, 10)
            pose[f"{side}knee_flexion"] = float(np.clip(wanted, *narrowed["knee_flexion"]))
    if posture != "step":  # both legs do much the same
        for angle in ("hip_flexion", "knee_flexion"):
            pose[f"right_{angle}"] = 0.75 * pose[f"left_{angle}"] + 0.25 * pose[f"right_{angle}"]
    return pose | _stance(rng, posture, pose, after)


def _plausible_arm(rng: np.random.Generator, pose: dict[str, float], side: str) -> None:
    """Arms hang more often than they point up, and behind the body they do not rise."""
    pose[f"{side}arm_elevation"] = float(180 * rng.beta(1.3, 2.0))
    behind = np.clip(-pose[f"{side}arm_plane"] / 30, 0, 1)
    highest = (1 - behind) * 180 + behind * _MAX_ELEVATION_BEHIND
    pose[f"{side}arm_elevation"] = min(pose[f"{side}arm_elevation"], float(highest))
    pose[f"{side}elbow_flexion"] = float(150 * rng.beta(1.2, 1.8))
    pose[f"{side}arm_rotation"] = float(np.clip(rng.normal(0, 35), *LIMITS["arm_rotation"]))


def _stance(
    rng: np.random.Generator, posture: str, pose: dict[str, float], after: dict[str, float] | None
) -> dict[str, float]:
    """Position and orientation of the body as a whole."""
    yaw = after["yaw"] + rng.normal(0, 40) if after else rng.uniform(-180, 180)
    x, y = (after["x"], after["y"]) if after else (0.0, 0.0)
    pitch, roll = rng.uniform(-10, 10), 0.0
    if posture in _ON_FEET:
        pitch = balance(pose) + rng.normal(0, 3)
    if posture == "lie":  # on the back, the front or a side
        pitch, roll = ((-90, 0), (90, 0), (0, 90), (0, -90))[int(rng.choice(4, p=[0.5, 0.2, 0.15, 0.15]))]
    forward = np.array([np.sin(np.radians(yaw)), -np.cos(np.radians(yaw))])
    x, y = np.array([x, y]) * 0.8 + forward * rng.uniform(-0.1, 0.5 if posture == "step" else 0.1)
    return {"x": float(x), "y": float(y), "yaw": float(yaw), "pitch": float(pitch), "roll": float(roll)}


def balance(pose: dict[str, float]) -> float:
    """Forward rotation of the body, degrees, that puts the middle of the trunk over the feet."""
    hip = np.radians([pose["left_hip_flexion"], pose["right_hip_flexion"]])
    shank = hip - np.radians([pose["left_knee_flexion"], pose["right_knee_flexion"]])
    ahead = np.mean(THIGH * np.sin(hip) + SHANK * np.sin(shank)) - 0.2 * np.sin(np.radians(pose["trunk_flexion"]))
    below = np.mean(THIGH * np.cos(hip) + SHANK * np.cos(shank)) + 0.15
    return float(np.degrees(np.arctan2(ahead + 0.05, below)))  # 5 cm: from the ankle to the middle of the foot


def minimum_jerk(
    at: Float64[np.ndarray, " frame"], times: Float64[np.ndarray, " key"], values: Float64[np.ndarray, " key"]
) -> Float64[np.ndarray, " frame"]:
    """From key to key, starting and ending at rest, along minimum-jerk curves (Flash & Hogan 1985)."""
    key = np.clip(np.searchsorted(times, at, side="right") - 1, 0, len(times) - 2)
    t = np.clip((at - times[key]) / (times[key + 1] - times[key]), 0, 1)
    share = t**3 * (10 - 15 * t + 6 * t**2)
    return (1 - share) * values[key] + share * values[key + 1]


def posed(angles: dict[str, Float64[np.ndarray, " frame"]], fps: float) -> Motion:
    """The motion of a person with these angles (degrees, see `random_pose`); the lowest part touches the floor."""
    a = {name: np.radians(value) for name, value in angles.items()}
    root = from_euler("zxy", np.stack([a["yaw"], a["pitch"], a["roll"]], -1))
    chest = root @ from_euler("xyz", np.stack([a["trunk_flexion"], a["trunk_lean"], a["trunk_twist"]], -1))
    mid = root @ from_euler("xyz", np.stack([a["trunk_flexion"], a["trunk_lean"], a["trunk_twist"]], -1) / 2)
    head = chest @ from_euler("xyz", np.stack([a["neck_flexion"], a["neck_lean"], a["neck_twist"]], -1))
    at = {"pelvis": np.stack([angles["x"], angles["y"], 0 * angles["x"]], -1)}
    at["spine"] = at["pelvis"] + root @ SPINE
    at["thorax"] = at["spine"] + mid @ CHEST
    at["head"] = at["thorax"] + chest @ _NECK + head @ _EARS
    at["neck_nose"] = at["head"] + head @ _NOSE
    toes = []
    for side, sign in (("left", 1.0), ("right", -1.0)):
        at |= _arm(a, side, sign, at["thorax"], chest)
        leg, toe = _leg(a, side, sign, at["pelvis"], root)
        at |= leg
        toes.append(toe)
    clearance = {joint: height for joint in at for part, height in JOINT_CLEARANCE.items() if joint.endswith(part)}
    lift = -np.min([at[joint][:, 2] - height for joint, height in clearance.items()], axis=0)[:, None] * [0, 0, 1]
    xyz = stack_joints({joint: position + lift for joint, position in at.items()})
    face = np.stack([head @ [0.0, -1.0, 0.0], head @ [0.0, 0.0, 1.0]], 1)
    return Motion("random poses", xyz, fps, np.stack(toes, 1) + lift[:, None], face)


def _arm(
    a: dict[str, np.ndarray], side: str, sign: float, thorax: np.ndarray, chest: np.ndarray
) -> dict[str, np.ndarray]:
    """Plane, elevation, rotation about z, y, z (as the ISB defines the shoulder), then the elbow about x."""
    plane, rise, spin = (a[f"{side}_arm_{name}"] for name in ("plane", "elevation", "rotation"))
    rotation = chest @ from_euler("zyz", sign * np.stack([-plane, -rise, plane + spin], -1))
    shoulder = thorax + chest @ (SHOULDER * [sign, 1, 1])
    elbow = shoulder + rotation @ [0.0, 0.0, -UPPER_ARM]
    rotation = rotation @ from_axis_angle(np.array([1.0, 0, 0]), -a[f"{side}_elbow_flexion"])
    return {
        f"{side}_shoulder": shoulder,
        f"{side}_elbow": elbow,
        f"{side}_wrist": elbow + rotation @ [0.0, 0.0, -FOREARM],
    }


def _leg(
    a: dict[str, np.ndarray], side: str, sign: float, pelvis: np.ndarray, root: np.ndarray
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Flexion, abduction, rotation of the hip about x, y, z, then the knee about x; the foot as level as it can be."""
    flexion, abduction, spin = (a[f"{side}_hip_{name}"] for name in ("flexion", "abduction", "rotation"))
    rotation = root @ from_euler("xyz", np.stack([-flexion, -sign * abduction, sign * spin], -1))
    hip = pelvis + root @ (HIP * [sign, 1, 1])
    knee = hip + rotation @ [0.0, 0.0, -THIGH]
    rotation = rotation @ from_axis_angle(np.array([1.0, 0, 0]), a[f"{side}_knee_flexion"])
    ankle = knee + rotation @ [0.0, 0.0, -SHANK]
    level = np.arctan2(rotation[:, 2, 1], rotation[:, 2, 2])  # rotation about x that makes the sole level
    low, high = np.radians(LIMITS["ankle_flexion"])
    foot = rotation @ from_axis_angle(np.array([1.0, 0, 0]), -np.clip(level, low, high))
    joints = {f"{side}_hip": hip, f"{side}_knee": knee, f"{side}_ankle": ankle}
    return joints, ankle + foot @ [0.0, -_TOES, 0.0]
