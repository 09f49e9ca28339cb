"""Calibration of several clips of one rig: other people, other days, the same cameras.

Random errors of the keypoints average out over clips, and people stand in other places. Every clip is calibrated alone;
those that agree on the cameras (within what is stated of their errors) are adjusted together; a clip that alone gives
no cameras to rely on, for want of motion as a rule, begins with those of the others and takes part if its keypoints fit
them. A clip in which a camera was moved or zoomed is left out and keeps its own calibration, and both say so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from epipose.calibration.assess import assess
from epipose.calibration.calibrate import Measure, RigEstimate, calibration_of, check_rig, estimate_rig, floor_points
from epipose.calibration.refine_rig import RefinedRig
from epipose.calibration.result import Calibration
from epipose.calibration.rig_difference import rig_differences
from epipose.calibration.rig_options import RigOptions
from epipose.calibration.shared_rig import estimate_near, same_start, shared_rig
from epipose.calibration.verdict import judge
from epipose.camera import Rig
from epipose.errors import CalibrationError, InputError
from epipose.poses import Poses2D
from epipose.reconstruction.scale import Scale
from epipose.reconstruction.world_frame import NOMINAL_STATURE, stature, upright

_MAX_SCALE_SIGMAS = 3.0  # between the scales of two clips


@dataclass(frozen=True)
class ClipInput:
    """One clip: its name for messages, the subject's keypoints, frames per second, and what is known of lengths."""

    name: str
    poses: Poses2D
    fps: float
    measure: Measure | None = None


@dataclass
class _Clip:
    """What is known of a clip on the way."""

    given: ClipInput
    estimate: RigEstimate | None  # None where the clip alone gave none
    own: Calibration | None
    trouble: str = ""  # why it alone gives no cameras to rely on
    left_out: str = ""  # why it does not take part

    @property
    def sound(self) -> bool:
        return self.estimate is not None and not self.trouble


def calibrate_together(
    clips: Sequence[ClipInput], intrinsics: Rig, options: RigOptions = RigOptions()
) -> tuple[Calibration, ...]:
    """One rig from all clips: a calibration per clip, each assessed on its own keypoints, all in one world.

    ``intrinsics`` and ``options`` as for `calibrate_rig`. Raises InputError where views have other names,
    CalibrationError where no clip gives cameras to begin with, or a view of a clip never shows the subject.
    """
    _check_views(clips, intrinsics)
    found = [_alone(clip, intrinsics, options) for clip in clips]
    if len(found) == 1 and found[0].own is not None:
        return (found[0].own,)
    members, rigs = _pooled(found, options)
    results: dict[int, Calibration] = {}
    if len(members) > 1:
        results = _calibrations([found[index] for index in members], members, rigs)
    return tuple(
        _remarked(found, index, members, results.get(index) or _by_itself(clip, results))
        for index, clip in enumerate(found)
    )


def _check_views(clips: Sequence[ClipInput], intrinsics: Rig) -> None:
    for clip in clips:
        if clip.poses.views != intrinsics.names:
            raise InputError(
                f"Clips of the same cameras have the same views: {clip.name} has {', '.join(clip.poses.views)}; "
                f"{', '.join(intrinsics.names)} were expected. Rename the videos, or calibrate this clip by itself."
            )


def _alone(clip: ClipInput, intrinsics: Rig, options: RigOptions) -> _Clip:
    try:
        found = estimate_rig(clip.poses, intrinsics, options)
        own = calibration_of(found, clip.fps, clip.measure)
    except CalibrationError as error:
        return _Clip(clip, None, None, str(error))
    rejected = own.verdict.reasons[0] if own.verdict.word == "reject" else ""
    return _Clip(clip, found, own, rejected)


def _pooled(clips: list[_Clip], options: RigOptions) -> tuple[list[int], tuple[RigEstimate, ...]]:
    """Which clips are adjusted together, and their estimates with the shared rig; the others know why not."""
    candidates = [i for i, clip in enumerate(clips) if clip.sound]
    candidates = candidates or [i for i, clip in enumerate(clips) if clip.estimate is not None]
    if not candidates:
        told = " ".join(f"{clip.given.name}: {clip.trouble}" for clip in clips)
        raise CalibrationError(f"No clip gives cameras to begin with. {told}")
    members = _largest_group(candidates, [clip.estimate for clip in clips])
    rigs = _adjusted(clips, members, options)
    joined = False
    for index, clip in enumerate(clips):
        if index not in members:
            clip.left_out = _objection(clip, rigs[0], clips[members[0]].estimate, options)
            if not clip.left_out:
                members, joined = [*members, index], True
    return (members, _adjusted(clips, members, options)) if joined else (members, rigs)


def _largest_group(candidates: list[int], estimates: Sequence[RigEstimate | None]) -> list[int]:
    """The clips that agree on the cameras, the surest first; of several such groups the one with most clips of its own.

    The surest clip of a group stands for it. An uncertain clip agrees with several groups, and has no vote.
    """
    found = {index: estimate.found for index in candidates if (estimate := estimates[index]) is not None}
    surest = sorted(found, key=lambda index: float(found[index].sigma.between.max()))
    agreeing: dict[int, list[int]] = {}
    for index in surest:
        if not any(index in group for group in agreeing.values()):
            agreeing[index] = [i for i in surest if i == index or not rig_differences(found[i], found[index])]
    groups = list(agreeing.values())
    return max(groups, key=lambda group: sum(sum(index in other for other in groups) == 1 for index in group))


def _adjusted(clips: list[_Clip], members: list[int], options: RigOptions) -> tuple[RigEstimate, ...]:
    """The members with one rig; where one began with other intrinsics, it is estimated again from the first one's."""
    estimates: list[RigEstimate] = []
    for index in members:
        estimate = clips[index].estimate
        assert estimate is not None
        if estimates and not same_start(estimate, estimates[0]):
            estimate = clips[index].estimate = estimate_near(estimate.poses, estimates[0], options, alone=estimate)
        estimates.append(estimate)
    return shared_rig(estimates) if len(estimates) > 1 else tuple(estimates)


def _objection(clip: _Clip, shared: RigEstimate, surest: RigEstimate | None, options: RigOptions) -> str:
    """Why a clip cannot take part; empty where it can, and its estimate is then from the shared rig on."""
    if clip.sound and clip.estimate is not None and surest is not None:  # it differs from the surest, or it were in
        return _differences(clip.estimate.found, shared.found) or _differences(clip.estimate.found, surest.found)
    try:
        estimate = estimate_near(clip.given.poses, shared, options)
    except CalibrationError as error:
        return str(error)
    differing = _differences(estimate.found, shared.found)
    if differing:
        return differing
    rig = replace(shared.found.rig, lag=estimate.found.rig.lag)
    fits = check_rig(estimate.poses, rig).verdict
    if fits.word == "reject":
        return f"its keypoints do not fit the other clips' cameras. {fits.reasons[0]}"
    clip.estimate = estimate
    return ""


def _differences(found: RefinedRig, shared: RefinedRig) -> str:
    return "; ".join(one.words() for one in rig_differences(found, shared))


def _calibrations(clips: list[_Clip], members: list[int], rigs: tuple[RigEstimate, ...]) -> dict[int, Calibration]:
    """The report on the shared rig by every clip, in the world of the clip that knows best where up is."""
    worlds, lengths, scales = [], [], []
    for clip, estimate in zip(clips, rigs, strict=True):
        skeleton, rig = estimate.poses.skeleton, estimate.found.rig
        xyz, conf = floor_points(estimate.source)
        worlds.append(upright(xyz, conf, skeleton, rig, clip.given.fps))
        lengths.append(stature(xyz, conf, skeleton))
        scales.append(None if clip.given.measure is None else clip.given.measure(xyz, conf, rig))
    scale = _agreed_scale([clip.given.name for clip in clips], scales)
    factor = scale.factor if scale is not None else NOMINAL_STATURE / float(torch.tensor(lengths).median())
    best = min(worlds, key=lambda world: world.up_sigma)
    assert best.rig is not None
    turn = torch.eye(3, dtype=torch.float64)
    world = replace(best.rig.moved(factor, turn, torch.zeros(3, dtype=torch.float64)), metric=scale is not None)
    results = {}
    for index, estimate in zip(members, rigs, strict=True):
        moved = replace(world, lag=estimate.found.rig.lag)
        report = assess(estimate.poses, estimate.found, moved, estimate.first)
        results[index] = replace(
            report, up_sigma_deg=math.degrees(best.up_sigma), scale=scale, repairs=estimate.repairs
        )
    roaming = max(result.evidence.roaming for result in results.values())  # one who walks is enough for all
    return {index: _judged_anew(result, roaming) for index, result in results.items()}


def _judged_anew(result: Calibration, roaming: float) -> Calibration:
    evidence = replace(result.evidence, roaming=roaming)
    return replace(result, evidence=evidence, verdict=judge(evidence))


def _agreed_scale(names: list[str], scales: Sequence[Scale | None]) -> Scale | None:
    """The weighted mean of what clips say of the scale, no surer than the surest of them; contradictions are said."""
    known = [(name, scale) for name, scale in zip(names, scales, strict=True) if scale is not None]
    if not known:
        return None
    weight = [scale.sigma**-2 for _, scale in known]
    mean = sum(w * math.log(scale.factor) for w, (_, scale) in zip(weight, known, strict=True)) / sum(weight)
    warnings = [warning for _, scale in known for warning in scale.warnings]
    warnings += [
        f"By the lengths given for {name} the world is {scale.factor / math.exp(mean):.2f} times as large as by those of "
        "all clips together. One of them is wrong."
        for name, scale in known
        if abs(math.log(scale.factor) - mean) > _MAX_SCALE_SIGMAS * scale.sigma
    ]
    words = dict.fromkeys(word for _, scale in known for word in scale.words)  # a distance of cameras is said once
    return Scale(math.exp(mean), min(scale.sigma for _, scale in known), tuple(words), tuple(dict.fromkeys(warnings)))


def _by_itself(clip: _Clip, results: dict[int, Calibration]) -> Calibration:
    """The clip's own calibration; where it has none, the report on the others' cameras, which do not fit it."""
    if clip.own is not None:
        return clip.own
    if not results:
        raise CalibrationError(f"{clip.given.name}: {clip.trouble}")
    rig = next(iter(results.values())).rig
    try:
        return check_rig(clip.given.poses, replace(rig, lag=torch.zeros_like(rig.lag)))
    except CalibrationError as error:
        raise CalibrationError(f"{clip.given.name}: {error} Or calibrate the other clips without this one.") from error


def _remarked(clips: list[_Clip], index: int, members: list[int], result: Calibration) -> Calibration:
    """The calibration with a remark on which clips the cameras are from, and which were left out, and why."""
    names = ", ".join(clip.given.name for other, clip in enumerate(clips) if other in members)
    clip, words = clips[index], []
    if index in members and len(members) > 1:
        words.append(f"The cameras are from {len(members)} clips together: {names}.")
        if clip.trouble:
            words.append(
                f"Alone this clip gives no cameras to rely on, but it fits the others'. {_sentence(clip.trouble)}"
            )
    elif index in members:
        words.append("No other clip agrees with these cameras, which are from this one alone.")
    else:
        whose = "These cameras are its own." if clip.own is not None else "These are the other clips' cameras."
        words.append(f"Left out of the clips calibrated together ({names}): {_sentence(clip.left_out)} {whose}")
    if index in members:
        words += [f"Left out: {o.given.name}, because {_sentence(o.left_out)}" for o in clips if o.left_out]
    return replace(result, remarks=(*words, *result.remarks))


def _sentence(text: str) -> str:
    return f"{text.rstrip('.')}."
