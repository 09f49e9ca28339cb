"""Spellings of joints' names, and skeletons from names alone.

LShoulder, left shoulder, shoulder_l, Left-Shoulder and LEFT_SHOULDER are one joint, and everything here goes by name:
calibration finds the hips and shoulders, labels the heels. What is not recognised keeps the name that the file has.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from epipose.errors import InputError
from epipose.skeleton import Skeleton
from epipose.skeletons import SKELETONS

# name without side -> spellings of it, each as its words in order, joined
_SPELLINGS = {
    "shoulder": "shoulder shoulderjoint shldr sho",
    "elbow": "elbow elbowjoint elb",
    "wrist": "wrist wristjoint wri",
    "hip": "hip hipjoint",
    "knee": "knee kneejoint kne",
    "ankle": "ankle anklejoint ank",
    "heel": "heel calcaneus",
    "big_toe": "bigtoe toebig hallux greattoe footindex toe1",
    "small_toe": "smalltoe toesmall littletoe pinkytoe toe5",
    "eye": "eye",
    "eye_inner": "eyeinner innereye",
    "eye_outer": "eyeouter outereye",
    "ear": "ear",
    "mouth": "mouth mouthcorner",
    "thumb": "thumb",
    "index": "index indexfinger",
    "pinky": "pinky pinkyfinger littlefinger",
}
_MIDDLE = {
    "nose": "nose nosetip tipofnose snout",
    "neck": "neck",
    "head": "head headcenter headcentre midhead",
    "head_top": "headtop topofhead tophead vertex topofthehead",
    "pelvis": "pelvis hip hips midhip hipmid hipcenter hipcentre midhips root pelviscenter pelviscentre sacrum",
    "thorax": "thorax chest sternum",
    "spine": "spine midspine torso",
}
_SIDED = {spelling: name for name, spellings in _SPELLINGS.items() for spelling in spellings.split()}
_UNSIDED = {spelling: name for name, spellings in _MIDDLE.items() for spelling in spellings.split()}
_SIDES = {"left": "left", "lft": "left", "l": "left", "right": "right", "rgt": "right", "rt": "right", "r": "right"}

# A joint's parent: the first that there is. Each stands nearer to the root than the joint, so that there is no circle.
_PARENTS = {
    "pelvis": (),
    "left_hip": ("pelvis",),
    "right_hip": ("pelvis", "left_hip"),
    "spine": ("pelvis", "left_hip"),
    "thorax": ("spine", "pelvis", "left_hip"),
    "neck": ("thorax", "spine", "pelvis", "left_hip"),
    "nose": ("neck", "thorax", "left_shoulder"),
    "head": ("neck", "thorax", "nose", "left_shoulder"),
    "head_top": ("head", "neck", "thorax", "nose", "left_shoulder"),
}
for _side in ("left", "right"):
    _PARENTS |= {
        f"{_side}_shoulder": ("thorax", "neck", "spine", "pelvis", f"{_side}_hip", "left_shoulder"),
        f"{_side}_elbow": (f"{_side}_shoulder",),
        f"{_side}_wrist": (f"{_side}_elbow", f"{_side}_shoulder"),
        f"{_side}_knee": (f"{_side}_hip", "pelvis"),
        f"{_side}_ankle": (f"{_side}_knee", f"{_side}_hip"),
        **{f"{_side}_{part}": (f"{_side}_ankle", f"{_side}_knee") for part in ("heel", "big_toe", "small_toe")},
        **{f"{_side}_{part}": (f"{_side}_wrist", f"{_side}_elbow") for part in ("thumb", "index", "pinky")},
        **{f"{_side}_{part}": ("nose", "head", "neck") for part in ("eye_inner", "eye", "eye_outer", "ear", "mouth")},
    }
_ROOTS = ("pelvis", "left_hip", "right_hip", "thorax", "neck", "left_shoulder", "right_shoulder")


def joint_named(spelling: str) -> str:
    """The name of a joint in any usual spelling; an unknown one in lower case with underscores."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", spelling) or [spelling]
    words = [word.lower() for word in words]
    sides = [k for k in (0, len(words) - 1) if words[k] in _SIDES]
    if sides and len(words) > 1:
        bare = "".join(word for k, word in enumerate(words) if k != sides[0])
        if bare in _SIDED:
            return f"{_SIDES[words[sides[0]]]}_{_SIDED[bare]}"
    joined = "".join(words)
    if joined in _UNSIDED:
        return _UNSIDED[joined]
    for side in ("left", "right", "l", "r"):  # lshoulder, kneeright
        for bare in (joined.removeprefix(side), joined.removesuffix(side)):
            if bare != joined and bare in _SIDED:
                return f"{_SIDES[side]}_{_SIDED[bare]}"
    if sides and len(words) > 1:
        rest = [word for k, word in enumerate(words) if k != sides[0]]
        return "_".join([_SIDES[words[sides[0]]], *rest])
    return "_".join(words)


def skeleton_of_names(
    name: str, spellings: Sequence[str], edges: Sequence[tuple[int, int]] = (), *, recognise: bool = True
) -> Skeleton:
    """A skeleton from the names of its joints in any spelling; a known one where it has these joints in this order.

    Parents follow from the names; a joint that is not known hangs from the joint that an edge leads to, else from the
    root. With ``recognise`` false the names are ours already. Raises InputError for two spellings of one joint.
    """
    joints = tuple(joint_named(spelling) for spelling in spellings) if recognise else tuple(spellings)
    if len(set(joints)) < len(joints):
        twice = next(joint for joint in joints if joints.count(joint) > 1)
        same = [spelling for spelling, joint in zip(spellings, joints, strict=True) if joint == twice]
        raise InputError(f"The joints {' and '.join(same)} would both be {twice}. Say which is which with --joints.")
    for known in SKELETONS.values():
        if known.joints == joints:
            return known
    root = next((joints.index(joint) for joint in _ROOTS if joint in joints), 0)
    return Skeleton(name, joints, _parents(joints, root, edges))


def _parents(joints: tuple[str, ...], root: int, edges: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    parents = {root: -1}
    known = [k for k, joint in enumerate(joints) if joint in _PARENTS and k != root]
    for k in known:
        parents[k] = next((joints.index(other) for other in _PARENTS[joints[k]] if other in joints), root)
    for k in known:  # a root that stands below its parent turns nothing into a circle
        if parents[k] == k or _below(k, parents):
            parents[k] = root
    while True:
        reached = {b: a for pair in edges for a, b in (pair, pair[::-1]) if a in parents and b not in parents}
        if not reached:
            break
        parents |= reached
    return tuple(parents.get(k, root) for k in range(len(joints)))


def _below(joint: int, parents: dict[int, int]) -> bool:
    """Whether a joint is an ancestor of its own parent."""
    at, steps = parents[joint], 0
    while at in parents and at >= 0 and steps <= len(parents):
        if at == joint:
            return True
        at, steps = parents[at], steps + 1
    return steps > len(parents)
