"""Random bodies: a skinned mesh in rest pose that a renderer uploads once, and its joints under any pose.

A pose is one 3 x 4 matrix per bone (``Skinning``) that takes rest points to the world; a vertex follows the weighted
mean of its four bones' matrices (linear blend skinning), a joint follows one bone. So joints are exact for every
skeleton definition, and the rendered image and the label agree. Bones have the world's axes at rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Float32, Float64, Int32, UInt8

from epipose.errors import InputError
from epipose.skeletons import skeleton_named
from epipose.studio.anny_model import MEASURES, UNIT, Model, load_model
from epipose.studio.body_regions import REGIONS

__all__ = ["REGIONS", "Body", "Skinning", "random_body"]

Skinning = Float32[np.ndarray, "frame bone 3 4"]

MIN_STATURE, MAX_STATURE = 1.45, 2.0  # metres, of adults
_CHILDREN_SHARE = 0.12  # of people
# Mean and standard deviation of adult stature, metres, women and men (NCD Risk Factor Collaboration 2016, rounded from
# the means of high-income countries); the share of it that children and teenagers have (WHO growth reference 2007 and
# child growth standards 2006: medians of girls and boys over those at 18 years, rounded).
_STATURE_MEAN_SD = ((1.64, 0.065), (1.77, 0.07))
_STATURE_SHARE_BY_AGE = (
    (4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0, 18.0),
    (
        (0.63, 0.67, 0.705, 0.775, 0.85, 0.93, 0.975, 0.99, 1.0),
        (0.585, 0.625, 0.66, 0.725, 0.785, 0.85, 0.925, 0.98, 1.0),
    ),
)
# MakeHuman's youngest is 10 years old. Before that age the head's and the legs' measures go on as they change after it:
# the head (chin to crown) is 1/5.5 of the stature at 4 years, 1/6.5 at 10, 1/7.5 of an adult's, and legs are shorter.
_CHILD_YEARS, _CHILD_HEAD, _CHILD_LEGS = (4.0, 10.0, 14.0), (0.9, 0.25, 0.0), (-0.45, 0.0, 0.0)
_UPPER_ARM_OFFSET = 0.25  # of the measure's range: MakeHuman's upper arms are short, 14 % of stature instead of 16 %


@dataclass(frozen=True, eq=False)
class Body:
    """One person in rest pose (arms hanging obliquely): metres, z up, facing -y, feet on z = 0.

    ``sex``: 0 female to 1 male; ``age`` in years; ``muscle`` and ``weight`` from 0 to 1, of MakeHuman's range.
    ``landmarks`` are rest points by name, each carried by one bone.
    """

    vertices: Float32[np.ndarray, "vertex 3"]
    normals: Float32[np.ndarray, "vertex 3"]
    faces: Int32[np.ndarray, "face 3"]
    uv: Float32[np.ndarray, "vertex 2"]
    region: UInt8[np.ndarray, " vertex"]
    bone_index: Int32[np.ndarray, "vertex 4"]
    bone_weight: Float32[np.ndarray, "vertex 4"]
    bones: tuple[str, ...]
    parents: Int32[np.ndarray, " bone"]
    rest: Float64[np.ndarray, "bone 4 4"]
    landmarks: dict[str, tuple[str, Float64[np.ndarray, "3"]]]
    height: float
    sex: float
    age: float
    muscle: float
    weight: float

    @cached_property
    def heads(self) -> Float64[np.ndarray, "bone 3"]:
        """The positions of the bones' origins at rest."""
        return self.rest[:, :3, 3]

    def joints(self, skinning: Skinning, skeleton: str) -> Float64[np.ndarray, "frame joint 3"]:
        """The joints of a skeleton ("h36m17", "coco17", "body25") in the world; raises InputError for other joints."""
        names = skeleton_named(skeleton).joints
        unknown = [name for name in names if name not in self.landmarks]
        if unknown:
            raise InputError(f"Bodies have no joint {', '.join(unknown)}; ask for h36m17, coco17 or body25.")
        bone = [self.bones.index(self.landmarks[name][0]) for name in names]
        place = np.stack([self.landmarks[name][1] for name in names])
        pose = skinning[:, bone].astype(np.float64)
        return np.einsum("fjab,jb->fja", pose[..., :3], place) + pose[..., 3]

    def posed(self, pose: Float32[np.ndarray, "bone 3 4"]) -> Float32[np.ndarray, "vertex 3"]:
        """The vertices in one pose, as a renderer skins them."""
        blended = np.einsum("vk,vkab->vab", self.bone_weight, pose[self.bone_index])
        return np.einsum("vab,vb->va", blended[..., :3], self.vertices) + blended[..., 3]


def random_body(rng: np.random.Generator, children: float = _CHILDREN_SHARE) -> Body:
    """A random person from 4 years on: sex, age, ancestry, weight, muscle, stature, proportions drawn independently.

    ``children``: the share of people under 14 years.
    """
    sex = float(rng.integers(2))
    if children > 0 and rng.random() < children:
        age = float(rng.uniform(4, 14))
    else:
        age = float(rng.choice([rng.uniform(14, 18), rng.uniform(18, 50), rng.uniform(50, 80)], p=[0.15, 0.6, 0.25]))
    muscle, proportions = (float(value) for value in rng.beta(2.5, 2.5, 2))
    weight = float(0.3 + 0.7 * rng.beta(1.7, 1.3))  # MakeHuman's average is slender
    ancestry = rng.dirichlet([0.7, 0.7, 0.7])
    wanted = _random_stature(rng, int(sex), age)
    amounts = np.clip(rng.normal(0, 0.15, len(MEASURES)), -0.5, 0.5).tolist()
    measures = dict(zip(MEASURES.values(), amounts, strict=True))
    measures["upper arm length"] += _UPPER_ARM_OFFSET
    for names, change in (
        (("head width", "head height"), _CHILD_HEAD),
        (("thigh length", "shank length"), _CHILD_LEGS),
    ):
        for name in names:
            measures[name] += float(np.interp(age, _CHILD_YEARS, change))
    sex = abs(sex - min(abs(rng.normal(0, 0.1)), 0.3))  # no body is the extreme of a sex
    traits = _traits(sex, age, muscle, weight, proportions, ancestry, measures)
    model = load_model()
    sizes = (0.0, 0.5, 1.0)
    statures = [_stature(model, traits | _word_weights("height", size)) for size in sizes]
    fitting = float(np.interp(wanted, statures, sizes))
    return _body(model, traits | _word_weights("height", fitting), wanted, (sex, age, muscle, weight))


def _random_stature(rng: np.random.Generator, sex: int, age: float) -> float:
    """Metres; ``sex``: 0 female, 1 male."""
    years, shares = _STATURE_SHARE_BY_AGE
    mean, spread = _STATURE_MEAN_SD[sex]
    grown = float(np.interp(age, years, shares[sex]))
    bounds = np.array([MIN_STATURE, MAX_STATURE]) * (grown if age < 14 else 1.0)
    return float(np.clip(rng.normal(mean, spread) * grown, *bounds))


# The words of MakeHuman's targets, at equal distances from 0 to 1; "" has no target.
_SCALES = {
    "sex": ("female", "male"),
    "muscle": ("minmuscle", "averagemuscle", "maxmuscle"),
    "weight": ("minweight", "averageweight", "maxweight"),
    "height": ("minheight", "", "maxheight"),
    "proportions": ("uncommonproportions", "", "idealproportions"),
}
_AGE_YEARS = (10.0, 25.0, 90.0)  # of MakeHuman's child, young and old


def _word_weights(scale: str, value: float) -> dict[str, float]:
    """Weights of the words of a scale for a value from 0 to 1, linear between neighbours (hat functions)."""
    words = _SCALES[scale]
    places = np.linspace(0, 1, len(words))
    return {word: float(np.interp(value, places, row)) for word, row in zip(words, np.eye(len(words)), strict=True)}


def _traits(
    sex: float,
    age: float,
    muscle: float,
    weight: float,
    proportions: float,
    ancestry: Float64[np.ndarray, "3"],
    measures: dict[str, float],
) -> dict[str, float]:
    """The person's weight for every word in the names of targets."""
    traits = (
        _word_weights("sex", sex)
        | _word_weights("muscle", muscle)
        | _word_weights("weight", weight)
        | _word_weights("proportions", proportions)
    )
    ages = zip(("child", "young", "old"), np.eye(3), strict=True)
    traits |= {word: float(np.interp(age, _AGE_YEARS, row)) for word, row in ages}
    traits |= dict(zip(("african", "asian", "caucasian"), ancestry.tolist(), strict=True))
    traits |= {
        f"{sign}{name}": max(value * (-1 if sign == "-" else 1), 0.0)
        for name, value in measures.items()
        for sign in "-+"
    }
    return traits


def _shares(model: Model, traits: dict[str, float]) -> Float32[np.ndarray, " target"]:
    """The weight of each target: the product of its words' weights."""
    return np.array([np.prod([traits[word] for word in words]) for words in model.words], np.float32)


def _shape(model: Model, traits: dict[str, float]) -> Float32[np.ndarray, "point 3"]:
    shares = _shares(model, traits)
    points = model.points.copy()
    for row in np.flatnonzero(shares):
        points += np.float32(UNIT * shares[row]) * model.displacement[row]
    return points


def _stature(model: Model, traits: dict[str, float]) -> float:
    height = _shape(model, traits)[:, 2]
    return float(height.max() - height.min())


def _body(model: Model, traits: dict[str, float], stature: float, drawn: tuple[float, float, float, float]) -> Body:
    points = _shape(model, traits)
    heads = model.bone_head + np.einsum("t,tbc->bc", _shares(model, traits), model.bone_head_moves)
    low, high = points[:, 2].min(), points[:, 2].max()
    scale, floor = stature / float(high - low), np.array([0, 0, low])
    points, heads = ((points - floor) * scale).astype(np.float32), (heads - floor) * scale
    rest = np.tile(np.eye(4), (len(heads), 1, 1))
    rest[:, :3, 3] = heads
    sex, age, muscle, weight = drawn
    return Body(
        vertices=points[model.source],
        normals=_normals(points, model)[model.source],
        faces=model.faces,
        uv=model.uv,
        region=model.region[model.source],
        bone_index=model.bone_index[model.source],
        bone_weight=model.bone_weight[model.source],
        bones=model.bones,
        parents=model.parents,
        rest=rest,
        landmarks=_landmarks(model, points.astype(np.float64), heads),
        height=stature,
        sex=float(sex),
        age=age,
        muscle=muscle,
        weight=weight,
    )


def _normals(points: Float32[np.ndarray, "point 3"], model: Model) -> Float32[np.ndarray, "point 3"]:
    """Mean of the normals of the faces around each point, weighted by area; seams do not show."""
    faces = model.source[model.faces]
    a, b, c = (points[faces[:, i]] for i in range(3))
    normal = np.cross(b - a, c - a)
    corners = faces.ravel()
    total = np.stack([np.bincount(corners, np.repeat(normal[:, axis], 3), len(points)) for axis in range(3)], -1)
    return (total / np.maximum(np.linalg.norm(total, axis=-1, keepdims=True), 1e-12)).astype(np.float32)


# Joints that are where a bone begins, and those that are the mean of some points of MakeHuman's mesh.
_BONE_OF_JOINT = {
    "hip": "thigh",
    "knee": "calf",
    "ankle": "foot",
    "shoulder": "upperarm",
    "elbow": "lowerarm",
    "wrist": "hand",
}
_POINTS = {
    "nose": ("head", (279, 281, 7048, 7050)),
    "left_eye": ("head", (14599, 14600, 14607, 14608)),
    "right_eye": ("head", (14671, 14672, 14679, 14680)),
    "left_ear": ("head", (12114, 12124, 12131, 12171)),
    "right_ear": ("head", (5515, 5525, 5532, 5574)),
    "left_big_toe": ("ball_l", (11526, 11566, 11606)),
    "right_big_toe": ("ball_r", (4908, 4948, 4988)),
    "left_small_toe": ("ball_l", (13165, 13185, 13217)),
    "right_small_toe": ("ball_r", (6569, 6589, 6621)),
    "left_heel": ("foot_l", (12820, 12910, 12911)),
    "right_heel": ("foot_r", (6223, 6313, 6314)),
}


def _landmarks(
    model: Model, points: Float64[np.ndarray, "point 3"], heads: Float[np.ndarray, "bone 3"]
) -> dict[str, tuple[str, Float64[np.ndarray, "3"]]]:
    """Every joint by name: the bone that carries it and its position at rest (the table is in docs/formats.md)."""
    found = {}
    for side, end in (("left", "l"), ("right", "r")):
        for joint, bone in _BONE_OF_JOINT.items():
            found[f"{side}_{joint}"] = (f"{bone}_{end}", heads[model.bones.index(f"{bone}_{end}")])
    for joint, (bone, numbers) in _POINTS.items():
        found[joint] = (bone, points[np.searchsorted(model.number, numbers)].mean(0))

    def middle(joint: str) -> np.ndarray:
        return (found[f"left_{joint}"][1] + found[f"right_{joint}"][1]) / 2

    found["pelvis"] = ("pelvis", middle("hip"))
    found["spine"] = ("spine_03", heads[model.bones.index("spine_03")])
    found["thorax"] = found["neck"] = ("spine_03", middle("shoulder"))
    found["neck_nose"] = found["nose"]
    found["head"] = ("head", middle("ear"))
    return found
