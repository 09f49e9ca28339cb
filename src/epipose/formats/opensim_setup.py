"""Set-up files of OpenSim's scale tool and inverse kinematics tool (XML, document version 40000).

Written for the bodies of Pose2Sim's models and the markers of its marker sets: a segment is scaled by the distances of
the markers at its ends, averaged over the recording, left and right together. Paths in the files are relative to them,
or absolute.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

VERSION = "40000"


class Segment(NamedTuple):
    """Bodies that are scaled alike by the mean distance of the markers of these pairs; "*" is L and R, or l and r."""

    name: str
    bodies: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]
    axes: str = "X Y Z"


_SPINE = tuple(f"lumbar{number}" for number in range(1, 6))
SEGMENTS = (
    Segment("pelvis", ("pelvis", "sacrum"), (("LHip", "RHip"),)),
    Segment("torso", (*_SPINE, "torso"), (("*Shoulder", "*Hip"),), "X Y"),
    Segment("shoulders", (*_SPINE, "torso"), (("LShoulder", "RShoulder"),), "Z"),
    Segment("head", ("head",), (("Nose", "Neck"),)),
    Segment("arm", ("humerus_*",), (("*Shoulder", "*Elbow"),)),
    Segment("forearm", ("ulna_*", "radius_*", "hand_*"), (("*Elbow", "*Wrist"),)),
    Segment("thigh", ("femur_*", "patella_*"), (("*Hip", "*Knee"),)),
    Segment("shank", ("tibia_*",), (("*Knee", "*Ankle"),)),
    Segment("foot", ("talus_*", "calcn_*", "toes_*"), (("*Heel", "*BigToe"),)),
)
# How much a marker counts in inverse kinematics: what detectors place well at the trunk most, the face least.
WEIGHTS: Mapping[str, float] = {
    **dict.fromkeys(("LShoulder", "RShoulder", "LHip", "RHip", "CHip"), 2.0),
    **dict.fromkeys(("Nose", "Head"), 0.1),
    "Neck": 0.2,
    **dict.fromkeys(("LEye", "REye", "LEar", "REar", "LMouth", "RMouth"), 0.05),
    **dict.fromkeys(("LThumb", "RThumb", "LIndex", "RIndex", "LPinky", "RPinky"), 0.05),
}


_LIMBS = ("Shoulder", "Elbow", "Wrist", "Hip", "Knee", "Ankle", "BigToe", "SmallToe", "Heel")
_COMMON = frozenset({"Nose", "Neck", *(f"{side}{name}" for side in "LR" for name in _LIMBS)})
# Pose2Sim's marker sets by skeleton: the file, and the markers that it places on the model.
MARKER_SETS = {
    "body25": ("Markers_Body25.xml", _COMMON | {"CHip"}),
    "halpe26": ("Markers_Halpe26.xml", _COMMON | {"Hip", "Head"}),
}


def scale_setup(
    markers: Collection[str], *, model: str, marker_set: str, trc: str, time_range: tuple[float, float], scaled: str
) -> str:
    """The scale tool's set-up: ``model`` with ``marker_set``, scaled by ``trc``, is written to ``scaled``.

    Segments that lack a marker in the recording keep their size in the model.
    """
    root = ElementTree.Element("OpenSimDocument", Version=VERSION)
    tool = ElementTree.SubElement(root, "ScaleTool", name="epipose")
    _texts(ElementTree.SubElement(tool, "GenericModelMaker"), model_file=model, marker_set_file=marker_set)
    scaler = ElementTree.SubElement(tool, "ModelScaler")
    _texts(scaler, apply="true", scaling_order="measurements")
    _measurements(ElementTree.SubElement(scaler, "MeasurementSet"), markers)
    _texts(
        scaler, marker_file=trc, time_range=_range(time_range), preserve_mass_distribution="true",
        output_model_file=scaled,
    )  # fmt: skip
    _texts(ElementTree.SubElement(tool, "MarkerPlacer"), apply="false")
    return _text(root)


def ik_setup(
    markers: Sequence[str], *, model: str, trc: str, time_range: tuple[float, float], motion: str, results: str = "."
) -> str:
    """The inverse kinematics tool's set-up: the scaled ``model`` follows the markers of ``trc``; the angles are
    written to ``motion``, the marker errors of every frame beside it (``results``).
    """
    root = ElementTree.Element("OpenSimDocument", Version=VERSION)
    tool = ElementTree.SubElement(root, "InverseKinematicsTool", name=motion.removesuffix(".mot"))
    _texts(
        tool, results_directory=results, model_file=model, constraint_weight="Inf", accuracy="1e-5",
        time_range=_range(time_range), output_motion_file=motion, report_errors="true", marker_file=trc,
    )  # fmt: skip
    tasks = ElementTree.SubElement(ElementTree.SubElement(tool, "IKTaskSet"), "objects")
    for marker in markers:
        task = ElementTree.SubElement(tasks, "IKMarkerTask", name=marker)
        _texts(task, apply="true", weight=f"{WEIGHTS.get(marker, 1.0):g}")
    return _text(root)


def segment_pairs(segment: Segment, markers: Collection[str]) -> list[tuple[str, str]]:
    """The pairs of markers that a segment is scaled by, of those that there are."""
    pairs = dict.fromkeys((_of(side, a), _of(side, b)) for side in "LR" for a, b in segment.pairs)
    return [pair for pair in pairs if set(pair) <= set(markers)]


def _measurements(parent: ElementTree.Element, markers: Collection[str]) -> None:
    """A measurement per segment whose markers are all there."""
    objects = ElementTree.SubElement(parent, "objects")
    for segment in SEGMENTS:
        pairs = segment_pairs(segment, markers)
        if not pairs:
            continue
        measurement = ElementTree.SubElement(objects, "Measurement", name=segment.name)
        _texts(measurement, apply="true")
        pair_set = ElementTree.SubElement(ElementTree.SubElement(measurement, "MarkerPairSet"), "objects")
        for pair in pairs:
            _texts(ElementTree.SubElement(pair_set, "MarkerPair"), markers=" ".join(pair))
        bodies = ElementTree.SubElement(ElementTree.SubElement(measurement, "BodyScaleSet"), "objects")
        for body in dict.fromkeys(_of(side, name) for side in "rl" for name in segment.bodies):
            _texts(ElementTree.SubElement(bodies, "BodyScale", name=body), axes=segment.axes)


def _of(side: str, name: str) -> str:
    return name.replace("*", side)


def _range(time_range: tuple[float, float]) -> str:
    return f"{time_range[0]:.6f} {time_range[1]:.6f}"


def _texts(parent: ElementTree.Element, **texts: str) -> None:
    for tag, text in texts.items():
        ElementTree.SubElement(parent, tag).text = text


def _text(root: ElementTree.Element) -> str:
    ElementTree.indent(root, "\t")
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"
