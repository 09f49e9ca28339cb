"""Marker names of OpenSim and Pose2Sim: LBigToe for left_big_toe, Hip or CHip for pelvis.

Pose2Sim's marker sets for OpenSim name the middle of the hips by the detector: CHip among OpenPose's 25 (Markers_Body25),
Hip among Halpe's 26. Everything else follows one rule, so no list of joints is written down twice.
"""

from __future__ import annotations

import re

_SIDES = {"L": "left_", "R": "right_"}
_PELVIS = ("Hip", "CHip", "MidHip")
_TOP_OF_HEAD = {"halpe26": "head_top", "halpe68_136": "head_top"}  # their marker Head


def joint_of_marker(marker: str) -> str:
    """The joint's name here: RBigToe -> right_big_toe; CHip, MidHip and Hip -> pelvis."""
    if marker in _PELVIS:
        return "pelvis"
    side = _SIDES.get(marker[:1], "") if marker[1:2].isupper() else ""
    rest = marker[1:] if side else marker
    return side + re.sub(r"(?<!^)(?=[A-Z])", "_", rest).lower()


def marker_of_joint(joint: str, skeleton: str = "body25") -> str:
    """The marker's name in Pose2Sim's marker set of a skeleton: left_big_toe -> LBigToe, pelvis -> CHip or Hip."""
    if joint == "pelvis":
        return "CHip" if skeleton == "body25" else "Hip"
    if joint == _TOP_OF_HEAD.get(skeleton):
        return "Head"
    side, _, rest = joint.partition("_")
    initial = {word.rstrip("_"): letter for letter, word in _SIDES.items()}.get(side, "")
    return initial + "".join(part.capitalize() for part in (rest if initial else joint).split("_"))
