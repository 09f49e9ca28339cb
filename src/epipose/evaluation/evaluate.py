"""From poses and truth to the numbers that papers report, by a protocol that is said in full with every table.

Nothing is aligned, skipped or chosen in silence: what the figures rest on is part of the result.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from epipose.errors import EpiposeError
from epipose.evaluation.bootstrap import bootstrap_mean
from epipose.evaluation.pairs import Recording, recordings
from epipose.evaluation.protocols import LEAST_JOINTS, MEASURES, PROTOCOLS, Compared, Protocol, ProtocolName
from epipose.evaluation.structure_score import PoseStructureScore
from epipose.skeleton import Skeleton

Group = Literal["take", "subject"]
_SCALED = {"mpjpe_mm", "pck_150", "auc", "mpjve_mm", "bone_length_error_mm", "symmetry_error_mm"}  # want metres
_PART = 50_000  # frames that are compared at a time


def evaluate(
    predicted: Path,
    truth: Path,
    protocol: ProtocolName = "free",
    *,
    structure: Path | None = None,
    interval: Group = "take",
) -> dict[str, Any]:
    """Compare poses with the truth (see `recordings` for what both may be) by a protocol.

    The result has "all", "actions" and "joints" (rows of figures), "counts" (poses behind each), "intervals" (95 %,
    drawn by take or subject), "states" (what the figures rest on, in words) and "left_out" (counts). ``structure``:
    centres of the Pose Structure Score (`PoseStructureScore.save`), for PSS. Raises EpiposeError where nothing can be
    compared.
    """
    rules = PROTOCOLS[protocol]
    found = recordings(predicted, truth)
    chosen = [thinned(one, rules.every) for one in found if not rules.subjects or one.subject in ("", *rules.subjects)]
    if not any(one.answered for one in chosen):
        raise EpiposeError(
            f"Nothing in {predicted} is of the subjects {', '.join(rules.subjects)}, which {rules.words} is about; there "
            f"are {', '.join(sorted({one.subject for one in found if one.answered}))}. Another protocol: --protocol free."
        )
    metric = all(one.metric for one in chosen)
    names = [name for name in rules.measures if metric or name not in _SCALED]
    score = None if structure is None else PoseStructureScore.load(structure)
    figures = _Figures(chosen, _joint_weights(chosen[0].skeleton, rules.joints), names, score)
    actions = sorted({action for one in chosen for action in one.actions if action})
    rows = {action: figures.row([a == action for one in chosen for a in one.actions]) for action in actions}
    return {
        "protocol": protocol,
        "all": figures.row(None),
        "counts": {name: int(weight.sum()) for name, weight in figures.weight.items()},
        "actions": rows,
        "mean_of_actions": _mean_of(list(rows.values())),
        "joints": figures.joints,
        "intervals": figures.intervals(interval),
        "left_out": _left_out(chosen, figures.joint_weight),
        "states": _states(rules, chosen, names, metric) | ({} if score is None else _score_states(score, structure)),
    }


def thinned(one: Recording, every: int | None) -> Recording:
    """A recording with one frame in ``every`` of the original, where both are known; EpiposeError where it has others."""
    if every is None or one.every is None:
        return one
    if every % one.every:
        raise EpiposeError(
            f"{one.take} has every {one.every}th frame of the original; the protocol wants every {every}th. Import it with "
            f"a step that divides {every}."
        )
    return one.rows(slice(None, None, every // one.every))


def _joint_weights(skeleton: Skeleton, joints: tuple[str, ...]) -> Float[Tensor, " joint"]:
    """1 for the joints that count, all where none are named."""
    chosen = [skeleton.index(joint) for joint in joints] if joints else range(len(skeleton.joints))
    return torch.zeros(len(skeleton.joints)).index_fill(0, torch.tensor(list(chosen)), 1.0)


class _Figures:
    """Every metric of every pose, and its means over whatever is asked for."""

    def __init__(
        self,
        chosen: Sequence[Recording],
        joint_weight: Float[Tensor, " joint"],
        names: Sequence[str],
        score: PoseStructureScore | None,
    ) -> None:
        self.chosen, self.joint_weight, self.skeleton = chosen, joint_weight, chosen[0].skeleton
        if score is not None and score.skeleton != self.skeleton:
            raise EpiposeError(f"The centres are of {score.skeleton.name}, the poses of {self.skeleton.name}.")
        columns = [*names, *([f"pss_{len(score.centres)}"] if score is not None else [])]
        parts: dict[str, list[tuple[Tensor, Tensor]]] = {name: [] for name in columns}
        sums = {
            name: torch.zeros(2, len(self.skeleton.joints), dtype=torch.float64)
            for name in names
            if MEASURES[name].per_joint is not None
        }
        for compared, part, skip in self._compared():
            for name in names:
                counted = MEASURES[name].counted(compared).float()
                parts[name].append((MEASURES[name].per_pose(compared)[skip:], counted[skip:]))
                if (per_joint := MEASURES[name].per_joint) is not None:
                    weight = (compared.weight * counted[:, None])[skip:].double()
                    sums[name] += torch.stack([(weight * per_joint(compared)[skip:]).sum(0), weight.sum(0)])
            if score is not None:
                whole = (part.weight > 0).all(-1)
                same = score.score(compared.predicted, compared.true).float()
                parts[columns[-1]].append((same[skip:], whole[skip:].float()))
        self.value = {name: torch.cat([value for value, _ in some]) for name, some in parts.items()}
        self.weight = {name: torch.cat([weight for _, weight in some]) for name, some in parts.items()}
        if not any(bool(weight.any()) for weight in self.weight.values()):
            raise EpiposeError(
                f"There is nothing to compare: no frame has {LEAST_JOINTS} joints both in the prediction and in the truth."
            )
        self.joints = self._joint_rows(sums)

    def _compared(self) -> Iterator[tuple[Compared, Recording, int]]:
        """All recordings in parts of bounded size, and how many frames of a part belong to the one before."""
        for one in self.chosen:
            for start in range(0, len(one.weight), _PART):
                skip = min(start, 1)
                part = one.rows(slice(start - skip, start + _PART))
                rooted = part.weight[:, self.skeleton.root] > 0
                weight = part.weight * self.joint_weight
                yield Compared(part.predicted, part.true, weight, rooted, self.skeleton), part, skip

    def _joint_rows(self, sums: dict[str, Tensor]) -> dict[str, dict[str, float | None]]:
        """Means of each joint over all poses, for the metrics that have them."""
        table: dict[str, dict[str, float | None]] = {joint: {} for joint in self.skeleton.joints}
        for name, (totals, counts) in sums.items():
            for joint, total, count in zip(self.skeleton.joints, totals.tolist(), counts.tolist(), strict=True):
                table[joint][name] = total / count if count else None
        return table

    def row(self, wanted: Sequence[bool] | None) -> dict[str, float | int | None]:
        """Means over some poses (None: all), and how many poses the first of them is the mean of."""
        of = torch.ones(()) if wanted is None else torch.tensor(wanted, dtype=torch.float32)
        row: dict[str, float | int | None] = {}
        for name, value in self.value.items():
            weight = (self.weight[name] * of).double()
            row[name] = float((weight * value).sum() / weight.sum()) if bool(weight.any()) else None
        first = self.weight[next(iter(self.value))]
        return {**row, "poses": int((first * of).sum())}

    def intervals(self, by: Group) -> dict[str, Any]:
        """Where the means would fall if other takes (or subjects) had been recorded; None for a single one."""
        names = [getattr(one, by) for one in self.chosen]
        if by == "subject" and "" in names:
            raise EpiposeError("The recordings do not say whose they are: draw takes anew, --interval take.")
        number = {name: i for i, name in enumerate(dict.fromkeys(names))}
        group = torch.cat(
            [torch.full((len(one.weight),), number[n]) for one, n in zip(self.chosen, names, strict=True)]
        )
        table: dict[str, Any] = {}
        for name, value in self.value.items():
            if bool(self.weight[name].any()):
                found = bootstrap_mean(value, group, self.weight[name])
                table[name] = [found.low, found.high] if found.groups > 1 else None
        return {"level": 0.95, "by": by, "groups": len(number), **table}


def _mean_of(rows: list[dict[str, float | int | None]]) -> dict[str, float | int | None]:
    """The mean of the actions' means, which some papers report instead of the mean over all frames."""
    columns = {name: [row[name] for row in rows] for name in (rows[0] if rows else {}) if name != "poses"}
    return {
        name: None if None in values else sum(value for value in values if value is not None) / len(values)
        for name, values in columns.items()
    }


def _left_out(chosen: Sequence[Recording], joint_weight: Float[Tensor, " joint"]) -> dict[str, int]:
    """How much of the truth has no prediction, and which poses are too poor to count."""
    root = chosen[0].skeleton.root
    annotated = torch.cat([one.annotated * joint_weight for one in chosen])
    weight = torch.cat([one.weight * joint_weight for one in chosen])
    there, some = (annotated > 0).any(-1), (weight > 0).any(-1)
    rooted = torch.cat([one.weight[:, root] for one in chosen]) > 0
    takes = {one.take for one in chosen} - {one.take for one in chosen if one.answered}
    return {
        "takes_without_prediction": len(takes),
        "views_without_prediction": sum(not one.answered for one in chosen),
        "annotated_poses": int(there.sum()),
        "poses_without_prediction": int((there & ~some).sum()),
        "poses_with_too_few_joints": int((some & ((weight > 0).sum(-1) < LEAST_JOINTS)).sum()),
        "poses_without_root": int((some & ~rooted).sum()),
        "annotated_joints": int(annotated.sum()),
        "joints_without_prediction": int((annotated * (weight == 0)).sum()),
    }


def _states(rules: Protocol, chosen: Sequence[Recording], names: Sequence[str], metric: bool) -> dict[str, str]:
    """What the figures rest on, in words."""
    skeleton, answered = chosen[0].skeleton, [one for one in chosen if one.answered]
    joints, root = rules.joints or skeleton.joints, skeleton.joints[skeleton.root]
    step = " and ".join(sorted({"frames as they are in the files" if one.every is None else
                                f"one in {rules.every or one.every} of the recording (of its images, where they come in "
                                "uneven steps)" for one in chosen}))  # fmt: skip

    def said(key: str) -> str:
        return ", ".join(sorted({one.made_with.get(key, "not stated") for one in answered}))

    return {
        "protocol": rules.words,
        "joints": f"{len(joints)} of {skeleton.name}: {', '.join(joints)}",
        "root": f"{root}, which {'counts' if root in joints else 'does not count'} as a joint",
        "alignment": "; ".join(f"{MEASURES[name].words}: {MEASURES[name].alignment}" for name in names),
        "axes": ", ".join(sorted({one.axes for one in answered})),
        "frames": f"{sum(len(one.weight) for one in chosen)}; {step}",
        "views": f"{len(answered)} of {len(chosen)}, of {len({one.take for one in answered})} takes",
        "subjects": ", ".join(sorted({one.subject for one in chosen if one.subject})) or "not stated",
        "sizes of the truth": ", ".join(sorted({one.sizes for one in chosen})),
        "means": f"per pose, then over poses with {LEAST_JOINTS} joints or more; joints without prediction or truth are "
        "left out of them, and counted",
        "crop": f"boxes from: {said('boxes')}",
        "used of the truth": f"the pose's place: taken off (root or similarity); intrinsics: {said('intrinsics')}",
        "scale": "metric" if metric else "not metric: metrics that need millimetres of the prediction are left out",
    }


def _score_states(score: PoseStructureScore, path: Path | None) -> dict[str, str]:
    """What the Pose Structure Score rests on."""
    return {
        "PSS": f"share of poses of the same kind, of {len(score.centres)} kinds fitted to {score.poses} poses (seed "
        f"{score.seed}, {score.starts} starts; {'' if path is None else path.name}); place and size taken off; only poses "
        "with every joint on both sides"
    }
