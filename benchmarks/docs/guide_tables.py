"""The tables of docs/guides, docs/method.md and docs/limitations.md, from the JSON of several benchmarks, as Markdown.

Each function takes what it names and returns one table. What is missing is a KeyError; tables.py says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from epipose.experiments.tables import markdown, number

Result = dict[str, Any]
PAGES = (
    "docs/guides/animation.md",
    "docs/guides/biomechanics.md",
    "docs/guides/filming.md",
    "docs/guides/own-detector.md",
    "docs/guides/research.md",
    "docs/guides/robotics.md",
    "docs/limitations.md",
    "docs/method.md",
)
_FILMED = {
    "cameras": ("cameras", 0),
    "pair_deg": ("degrees between two cameras", 0),
    "arc_deg": ("degrees of the arc with four cameras", 0),
    "path_m": ("extent of the path, m", 1),
    "seconds": ("seconds", 0),
}


def tables(results: Callable[[str], Result]) -> dict[str, Callable[[], str]]:
    """The tables by name; ``results`` reads the JSON of a name when a table is made."""

    def of(name: str, table: Callable[[Result], str]) -> Callable[[], str]:
        return lambda: table(results(name))

    def part_of(part: str) -> Callable[[], str]:
        return lambda: filmed(results("filming"), part)

    return {
        **{f"filming_{part}": part_of(part) for part in _FILMED},
        "filming_lenses": of("geometry", lenses),
        "times_labels": lambda: times_of_labels(results("demo"), results("geometry"), results("scale")),
        "times_network": of("demo", times_of_networks),
        "animation_errors": of("formats", animations),
        "verdict_rates": of("geometry", verdict_rates),
        "method_pooling": of("pooling", pooling),
        "method_cameras": of("geometry", methods),
    }


def filmed(result: Result, part: str) -> str:
    """One part of filming.json: errors of cameras and labels, and verdicts, by what was varied."""
    words, digits = _FILMED[part]
    rows = [
        [
            number(row["value"], digits),
            number(row["rotation_deg_median"], 2),
            number(row["rotation_deg_max"], 2),
            number(row["label_pmpjpe_mm"], 1),
            number(row["label_true_cameras_mm"], 1),
            " / ".join(str(row[word]) for word in ("trust", "check", "reject")),
        ]
        for row in result[part]
    ]
    headers = (
        words,
        "rotation, median pair, deg",
        "worst pair, deg",
        "labels, PMPJPE mm",
        "labels of the true cameras, mm",
        "trust / check / reject",
    )
    return markdown(headers, rows)


def lenses(geometry: Result) -> str:
    """Errors with intrinsics given and hidden, by the number of cameras."""
    rows = [
        [
            f"{row['views']} cameras",
            "given" if row["given"] else "estimated",
            number(row["error_deg_median"], 2),
            number(row["sigma_deg_median"], 2),
        ]
        for row in geometry["uncertainty"]["table"]
    ]
    return markdown(("rig", "intrinsics", "rotation, median deg", "stated standard deviation, median deg"), rows)


def times_of_labels(demo: Result, geometry: Result, scale: Result) -> str:
    """How long keypoints, cameras and labels took."""
    rows = [
        ["the sample, 4 views x 100 frames: detect, calibrate, label", number(demo["seconds"][_FOUND], 0)],
        ["calibrate, 4 views x 1 000 frames of keypoints", number(geometry["calibrate_1000_frames_s"], 0)],
        ["calibrate, 4 views x 36 000 frames of keypoints (processor time)", number(scale["calibrate_cpu_s_36000"], 0)],
        ["label, 4 views x 36 000 frames of keypoints (processor time)", number(scale["label_cpu_s_36000"], 0)],
    ]
    return markdown(("measured, on two processor cores", "seconds"), rows)


_FOUND = "detect, calibrate, label"


def times_of_networks(demo: Result) -> str:
    """How long a network took to adapt, and to predict."""
    seconds = demo["seconds"]
    rows = [
        ["adapt the pretrained network and refiner to the sample, 280 images", number(seconds["adapt to four cameras"], 0)],
        ["the same to three of its cameras", number(seconds["adapt to three cameras"], 0)],
        ["all predictions of the demo, with and without refiners", number(seconds["predict"], 0)],
    ]  # fmt: skip
    return markdown(("measured, on two processor cores", "seconds"), rows)


def animations(formats: Result) -> str:
    """What reads .bvh and .glb, and how far its joints are from the labels."""
    rows = [
        [f"`{row['format']}`", f"{row['oracle']} {row['version']}", row["compared"], number(row["error"], 1)]
        for row in formats["written"]
        if row["format"] in (".bvh", ".glb")
    ]
    return markdown(("file", "read by", "compared", "median error, mm"), rows)


def verdict_rates(geometry: Result) -> str:
    """Misses and false alarms of the verdict."""
    found = geometry["verdicts"]
    percent = {key: f"{100 * found[key]:.0f} %" for key in _RATES}
    rows = [[words, percent[key]] for key, words in _RATES.items()]
    rows.append(["largest error of a rotation with the verdict trust", f"{geometry['trusted_worst_deg']:.1f} degrees"])
    clips = f"{found['runs']} simulated clips of {len(found['per_kind'])} kinds, most of them failures"
    return markdown((clips, "measured"), rows)


_RATES = {
    "verdict_gross_rejected_share": "cameras off by more than 10 degrees: rejected",
    "verdict_good_rejected_share": "cameras within 2 degrees: rejected",
    "good_trusted_share": "cameras within 2 degrees: trusted",
}


def pooling(result: Result) -> str:
    """Median rotation error of a pair by the number of frames, for each method."""
    methods = result["methods"]
    frames = [row["frames"] for row in next(iter(methods.values()))]
    rows = [
        [
            name,
            *(f"{row['median_deg']:.{1 if row['median_deg'] >= 10 else 2}f}" for row in found),
        ]
        for name, found in methods.items()
    ]
    headers = ("rotation, median deg", *(f"{count} frame{'s' if count > 1 else ''}" for count in frames))
    return markdown(headers, rows)


def methods(geometry: Result) -> str:
    """Cameras and labels by method, with a detector's errors."""
    rows = [
        [
            row["method"],
            number(row["rotation_deg_median"], 2),
            number(row["rotation_deg_max"], 2),
            number(row["center_mm_mean"], 0),
            number(row["label_pmpjpe_mm"], 1),
            number(row["label_gap_mm"], 2),
        ]
        for row in geometry["simulation"]["table"]
        if (row["noise"], row["amount"], row["rigs"]) == ("detector", 1.0, "h36m")
    ]
    headers = (
        "a detector's errors, Human3.6M's rigs",
        "rotation, median pair, deg",
        "worst pair, deg",
        "centres, mm",
        "labels, PMPJPE mm",
        "added by the cameras, mm",
    )
    gain = geometry["sim_gain_over_vector_median"]
    more = (
        f"With the true cameras, robust points have {100 * gain:.0f} % less error than the vector median of pairs "
        "(6 px and 3 % outliers; `sim_gain_over_vector_median`)."
    )
    return f"{markdown(headers, rows)}\n\n{more}"
