"""The tables of benchmarks/results/network.json, as Markdown: rows of methods on the same images, group by group."""

from __future__ import annotations

from typing import Any

from epipose.experiments.tables import markdown, number

Result = dict[str, Any]

# Methods in the order of the tables; a method of another name comes after them under its own.
METHODS = {
    "blazepose_full": "BlazePose full, world landmarks",
    "blazepose_full_upright": "- in upright boxes",
    "blazepose_heavy": "BlazePose heavy, world landmarks",
    "blazepose_heavy_upright": "- in upright boxes",
    "mean_pose": "mean pose",
    "pretrained_heavy": "pretrained, on BlazePose heavy",
    "pretrained_heavy_alone": "- without its refiner",
    "pretrained_heavy_flipped": "- with the flip test",
    "pretrained_heavy_upright": "- in upright boxes",
    "pretrained_heavy_upright_alone": "- in upright boxes, without its refiner",
    "pretrained_full": "pretrained, on BlazePose full",
    "pretrained_full_alone": "- without its refiner",
    "pretrained_full_flipped": "- with the flip test",
    "pretrained_full_upright": "- in upright boxes",
    "pretrained_full_upright_alone": "- in upright boxes, without its refiner",
    "previous_heavy": "previous network, keypoints of BlazePose heavy",
    "previous_full": "- keypoints of BlazePose full",
    "previous_alone": "- without its refiner",
    "adapted_without": "adapted to the other three cameras",
    "adapted_without_alone": "- without its refiner",
    "previous_adapted": "previous network, adapted to them",
    "previous_adapted_alone": "- without its refiner",
}
GROUPS = {
    "studio": "studio, single images",
    "studio_sequences": "studio, sequences",
    "sample_frames_80_99": "the sample, frames 80-99",
    "sample": "the sample, all frames",
    "sample_reference_heavy": "the sample, all frames, other reference",
    "held_out_camera_frames_80_99": "held-out camera, frames 80-99",
    "held_out_camera": "held-out camera, all frames",
    "two_people_man": "two-person demo, the man",
    "two_people_woman": "two-person demo, the drawn woman",
}
_ERRORS = {"pmpjpe_mm": "PMPJPE mm", "nmpjpe_mm": "NMPJPE mm"}
_PLAIN = {"mpjpe_mm": "MPJPE mm", "depth_mm": "depth mm", "plane_mm": "image plane mm"}
_LIMBS = ("left arm", "right arm", "left leg", "right leg", "trunk", "head")


def groups(result: Result, *names: str) -> str:
    """One table per group of images, one after the other."""
    return "\n\n".join(_group(result[name], GROUPS[name]) for name in names)


def _group(found: Result, title: str) -> str:
    headers = (
        f"{title}: {found['images']} images, {found['scenes']} scenes or blocks",
        *(f"{words} (95 %)" for words in _ERRORS.values()),
        *_PLAIN.values(),
        "PMPJPE over BlazePose heavy's (95 %)",
    )
    rows = [
        [
            words,
            *(_with_interval(row.get("intervals", {}).get(key), row[key]) for key in _ERRORS),
            *(number(row[key], 0) for key in _PLAIN),
            _difference(row.get("over_blazepose_heavy", {}).get("pmpjpe_mm")) if name != "blazepose_heavy" else "-",
        ]
        for name, words, row in _methods(found)
    ]
    return markdown(headers, rows)


def limbs(result: Result, *names: str) -> str:
    """PMPJPE and depth error of the limbs, by group and method; of keypoints, those of BlazePose heavy alone."""
    rows = [
        [f"{GROUPS[name]}: {words.removeprefix('- ')}", *(_both(row["limbs"][limb]) for limb in _LIMBS)]
        for name in names
        for key, words, row in _methods(result[name])
        if not key.endswith(("alone", "_full", "previous_adapted", "_flipped", "_upright"))
    ]
    return markdown(("PMPJPE / depth error, mm", *_LIMBS), rows)


def _methods(found: Result) -> list[tuple[str, str, Result]]:
    """(key, words, row) of every method of a group, in the order of the tables."""
    rows: Result = found["rows"]
    order = [*(key for key in METHODS if key in rows), *(key for key in rows if key not in METHODS)]
    return [(key, METHODS.get(key, key), rows[key]) for key in order]


def _with_interval(interval: list[float] | None, mean: float) -> str:
    return number(mean, 1) + ("" if interval is None else f" ({interval[1]:.0f} to {interval[2]:.0f})")


def _difference(interval: list[float] | None) -> str:
    return "-" if interval is None else f"{interval[0]:+.1f} ({interval[1]:+.1f} to {interval[2]:+.1f})"


def _both(errors: dict[str, float | None]) -> str:
    return f"{number(errors['pmpjpe_mm'], 0)} / {number(errors['depth_mm'], 0)}"


def answers(result: Result) -> str:
    """The whole answer for one image beside the detector's pass alone (benchmarks/network/inference.py)."""
    found = result["answer_speed"]
    rows = [
        [f"BlazePose {variant}, {words} (`{_name(variant, kind)}`)", *_answer(found[variant][kind]), "<= 1.3"]
        for kind, words in (("photo", "a photo"), ("tracked", "a video's next frame"))
        for variant in ("heavy", "full")
    ]
    headers = ("detector alone, ms", "whole answer, ms", "answer over detector", "the same in processor time", "goal")
    return markdown(("one image", *headers), rows)


def _name(variant: str, kind: str) -> str:
    return "predict_ms_over_detector" + kind.replace("photo", "").replace("tracked", "_tracked") + _ENDINGS[variant]


def _answer(row: dict[str, float]) -> list[str]:
    return [
        number(row["detector_ms"], 1),
        number(row["predict_ms"], 1),
        *(number(row[f"predict_over_detector{of}"], 2) for of in ("", "_processor")),
    ]


def crops(result: Result) -> str:
    """Crops a second of the pretrained networks beside one of the paper's size (benchmarks/network/inference.py)."""
    found = result["crop_speed"]
    rows = [
        [f"{words}, {program}", *(_crops(found[batch][f"{name}_{runtime}"]) for batch in ("one", "sixteen"))]
        for name, words in _CROPS.items()
        for runtime, program in (("torch", "PyTorch"), ("onnx", "ONNX Runtime"))
    ]
    headers = ("crops", "per second, one at a time", "per second, batches of 16")
    return markdown(headers, rows)


def _crops(row: dict[str, float]) -> str:
    times = f" ({row['over_resnet50']:.1f})" if "over_resnet50" in row else ""
    return f"{row['per_s']:.1f}{times}"


_ENDINGS = {"heavy": "", "full": "_full"}  # of the headline numbers
_CROPS = {
    "heavy": "pretrained, on BlazePose heavy (times as fast as ResNet-50)",
    "full": "pretrained, on BlazePose full (times as fast as ResNet-50)",
    "resnet50": "ResNet-50, 256 x 256, 64 x 64 x 64",
}
