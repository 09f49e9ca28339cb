"""Write the tables of README.md and docs/ from the JSON in benchmarks/results/, so that no number is typed by hand.

What docs/datasets.md says of files and licences comes from the readers themselves, in the same way, and what
docs/detectors.md says from the registry of detectors.

A table stands between ``<!-- table: NAME -->`` and ``<!-- end -->``; --check only says whether all are up to date.
Where a result is missing, its tables stay as they are, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.docs import (
    demo_tables,
    detector_tables,
    format_tables,
    geometry_tables,
    gpu_tables,
    guide_tables,
    house,
    live_tables,
    modules,
    network_tables,
    oracle_tables,
    reliability_tables,
    rig_tables,
    scale_tables,
    studio_tables,
    thaw_tables,
)
from epipose.calibration.verdict_rules import RULES
from epipose.datasets.catalogue import describe
from epipose.datasets.registry import READERS, reader_named
from epipose.errors import EpiposeError
from epipose.experiments.result import ExperimentResult
from epipose.experiments.tables import markdown, option_table, table
from epipose.io.files import read_json

_ROOT = Path(__file__).resolve().parents[2]
_RESULTS = _ROOT / "benchmarks" / "results"
_PAGES = (
    "README.md",
    "docs/architecture.md",
    "docs/benchmarks.md",
    "docs/comparison.md",
    "docs/datasets.md",
    "docs/detectors.md",
    "docs/formats.md",
    *guide_tables.PAGES,
    "docs/live.md",
    "docs/log.md",
    "docs/metrics.md",
    "docs/modules.md",
    "docs/reliability.md",
    "docs/scale.md",
    "docs/verdict.md",
)


def main() -> int:
    """Rewrite the pages, or check them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    stale, missing = [], []
    for page in _PAGES:
        text = (_ROOT / page).read_text(encoding="utf-8")
        new, without = with_tables(text)
        missing += [f"{page}: {reason}" for reason in without]
        if new != text:
            stale.append(page)
            if not check:
                (_ROOT / page).write_text(new, encoding="utf-8")
    print(f"{'out of date' if check else 'rewritten'}: {', '.join(stale) or 'none'}")
    for reason in missing:
        print(reason)
    return 1 if missing or (check and stale) else 0


def with_tables(text: str) -> tuple[str, list[str]]:
    """The page with every marked table made anew, and for each that cannot be made the reason."""
    missing = []

    def table(match: re.Match[str]) -> str:
        name = match[1]
        if name not in _TABLES:
            missing.append(f"there is no table '{name}'; there are {', '.join(_TABLES)}.")
            return match[0]
        try:
            return f"<!-- table: {name} -->\n{_TABLES[name]()}\n<!-- end -->"
        except EpiposeError as error:
            missing.append(f"table '{name}' was left as it is. {error} docs/benchmarks.md says which script makes it.")
        except KeyError as key:
            missing.append(f"table '{name}' was left as it is: its result has no {key}. Measure that part again.")
        return match[0]

    return re.sub(r"<!-- table: (\w+) -->\n.*?<!-- end -->", table, text, flags=re.DOTALL), missing


def _results(name: str) -> dict[str, Any]:
    return read_json(_RESULTS / f"{name}.json")


def _ablation() -> str:
    found = _results("ablation")
    rows = [
        [f"{detector}: {name}", *(f"{row[key]:.{digits}f}" for key, digits in _ABLATION_COLUMNS.items())]
        for detector, variants in found.items()
        for name, row in variants.items()
    ]
    headers = ("BlazePose", "rotation, median deg", "rotation, worst pair", "centres, mean mm", "labels, PMPJPE mm")
    return markdown(headers, rows)


_ABLATION_COLUMNS = {"rotation_deg_median": 2, "rotation_deg_max": 2, "center_mm_mean": 0, "label_pmpjpe_mm": 1}


def _letterbox() -> str:
    found = _results("sample_letterbox")
    models = next(iter(found.values()))["rms_residual_px"]
    rows = [[model, *(f"{camera['rms_residual_px'][model]:.2f}" for camera in found.values())] for model in models]
    return markdown(("the video's image is", *(f"{name}, rms px" for name in found)), rows)


def _metrics() -> str:
    found = _results("metrics")
    rows = [
        ["poses", f"{found['poses']}", "-"],
        ["seconds, all metrics", f"{found['seconds']:.1f}", "< 60"],
        ["poses a second (`poses_per_s`)", f"{found['poses_per_s']}", "-"],
        ["times as fast as the NumPy loop (`speed_over_loop`)", f"{found['speed_over_loop']:.1f}", ">= 20"],
        ["peak memory of the whole run, MB", f"{found['peak_rss_mb']}", "-"],
    ]
    return markdown((", ".join(found["metrics"]), "measured", "goal"), rows)


def _blazepose() -> str:
    found = _results("blazepose")
    names = {"person": "person detector", "full": "landmarks, full", "heavy": "landmarks, heavy"}
    rows = [
        [f"{words}, {crops} {'crop' if crops == '1' else 'crops'}", *_times(row)]
        for name, words in names.items()
        for crops, row in found["networks"][name].items()
    ]
    rows += [["detection in the demo's clip, full", *_times(found["clip"])]] if "clip" in found else []
    pixels, metres = found["blazepose_torch_px"], found["blazepose_world_m"]
    rows.append(
        ["largest difference of landmarks in PyTorch, pixels (`blazepose_torch_px`)", "-", f"{pixels:.4f}", "-"]
    )
    rows.append(["the same of world landmarks, metres (`blazepose_world_m`)", "-", f"{metres:.6f}", "-"])
    return markdown(("BlazePose", "LiteRT, ms", "ours, ms", "times as fast"), rows)


def _times(row: dict[str, float]) -> list[str]:
    return [f"{row['litert_ms']:.1f}", f"{row['ours_ms']:.1f}", f"{row['litert_over_ours']:.2f}"]


def _dataset_index() -> str:
    found = _results("dataset_index")
    steps = {
        "names": "list one view's images",
        "probe": "the same, and open the first",
        "takes": "the index of the Panoptic reader",
        "clip_of_two_views": "a clip of two views",
        "fingerprint": "a fingerprint of one view: names and sizes",
    }
    rows = [[words, f"{found['seconds'][step]:.1f} s", "-"] for step, words in steps.items()]
    rows.append(["peak memory (`peak_rss_mb`)", f"{found['peak_rss_mb']} MB", "< 1024 MB"])
    return markdown((f"{found['frames']} frames", "measured", "goal"), rows)


def _structure() -> str:
    rows = [
        [name, *(f"{row[key]:.3f}" for key in ("mean", "spread", "least", "most"))]
        for name, row in _results("structure")["rows"].items()
    ]
    return markdown(
        ("score, error of every joint", "mean over seeds", "standard deviation", "minimum", "maximum"), rows
    )


def _dataset(name: str) -> Callable[[], str]:
    """The description of a dataset that `epipose datasets` prints."""
    return lambda: f"```text\n{describe(name, reader_named(name))}\n```"


def _of(name: str, table: Callable[[dict[str, Any]], str]) -> Callable[[], str]:
    return lambda: table(_results(name))


def _experiment(name: str, table: Callable[[ExperimentResult], str]) -> Callable[[], str]:
    return lambda: table(ExperimentResult.load(_RESULTS / f"bench_{name}.json"))


def _studio(table: Callable[[dict[str, Any]], str]) -> Callable[[], str]:
    """Of the JSON to which several scripts put their part: what is missing is a dash."""
    return lambda: table(_results("studio") if (_RESULTS / "studio.json").exists() else {})


def _verdict_rules() -> str:
    """Every rule of the verdict: name, word, limit, message (with the fields of the evidence in braces)."""
    names = re.compile(r"{([a-z_]+):[^}]*}")
    messages = [names.sub(r"{\1}", rule.message) for rule in RULES]
    rows = [f"| {r.name} | {r.word} | {r.limit} | {message} |" for r, message in zip(RULES, messages, strict=True)]
    return "\n".join(["| rule | word | limit | message |", "| --- | --- | --- | --- |", *rows])


_TABLES: dict[str, Callable[[], str]] = {
    "live": _of("scale", live_tables.live),
    "verdict_rules": _verdict_rules,
    "demo_cameras": _of("demo", demo_tables.cameras),
    "demo_network": _of("demo", demo_tables.network),
    "demo_held_out": _of("demo", demo_tables.held_out),
    "short_cameras": _of("demo", demo_tables.short_cameras),
    "short_held_out": _of("demo", demo_tables.short_held_out),
    "demo_cost": _of("demo", demo_tables.cost),
    "network_studio": _of("network", lambda found: network_tables.groups(found, "studio", "studio_sequences")),
    "network_sample": _of(
        "network",
        lambda found: network_tables.groups(found, "sample_frames_80_99", "sample", "sample_reference_heavy"),
    ),
    "network_held_out": _of(
        "network", lambda found: network_tables.groups(found, "held_out_camera_frames_80_99", "held_out_camera")
    ),
    "network_two_people": _of(
        "network", lambda found: network_tables.groups(found, "two_people_man", "two_people_woman")
    ),
    "network_limbs": _of("network", lambda found: network_tables.limbs(found, "studio", "sample", "two_people_woman")),
    "studio_footage": _studio(studio_tables.footage),
    "network_answers": _of("network", network_tables.answers),
    "network_crops": _of("network", network_tables.crops),
    "studio_finder": _studio(studio_tables.finder),
    "bench_labels": _experiment("labels", table),
    "bench_options": _experiment("labels", lambda found: option_table(found.label_rows)),
    "bench_self": _experiment("self", table),
    "bench_self_landmarks": _experiment("self_landmarks", table),
    "bench_collapse": _experiment("collapse", table),
    "bench_collapse_landmarks": _experiment("collapse_landmarks", table),
    "bench_cameras": _experiment("cameras", table),
    "scale_memory": _of("scale", scale_tables.memory),
    "scale_frames": _of("scale", scale_tables.frames),
    "scale_cameras": _of("scale", scale_tables.cameras),
    "scale_people": _of("scale", scale_tables.people),
    "scale_clips": _of("scale", scale_tables.clips),
    "scale_viewer": _of("scale", scale_tables.viewer),
    "scale_detection": _of("scale", scale_tables.detection),
    "scale_for_cameras": _of("scale", scale_tables.for_cameras),
    "scale_prediction": _of("scale", scale_tables.prediction),
    "scale_million": _of("scale", scale_tables.million),
    "structure": _structure,
    "metrics": _metrics,
    "blazepose": _blazepose,
    "gpu_run": _of("gpu", gpu_tables.run),
    "gpu_heads": _of("gpu", gpu_tables.heads),
    "thaw_errors": _of("thaw", thaw_tables.errors),
    "thaw_drift": _of("thaw", thaw_tables.drift),
    "dataset_index": _dataset_index,
    "detectors": detector_tables.detectors,
    "known_models": detector_tables.known_models,
    "detector_gpu": _of("detector_gpu", detector_tables.on_a_card),
    "predict_card": _of("card", detector_tables.predict_on_a_card),
    "filters": _of("filters", format_tables.filters),
    "fills": _of("filters", format_tables.fills),
    "house": _of("house", house.table),
    "layers": modules.layer_drawing,
    "packages": modules.package_table,
    "modules": modules.module_lists,
    **{f"dataset_{name.replace('-', '_')}": _dataset(name) for name in READERS},
    "ablation": _ablation,
    "letterbox": _letterbox,
    "formats_goals": _of("formats", oracle_tables.goals),
    "formats_written": _of("formats", oracle_tables.written),
    "formats_read": _of("formats", oracle_tables.read),
    "pose2sim_goals": _of("pose2sim", oracle_tables.label_goals),
    "pose2sim_labels": _of("pose2sim", oracle_tables.labels),
    "pose2sim_project": _of("pose2sim", oracle_tables.project),
    "geometry_goals": _of("geometry", geometry_tables.goals),
    "geometry_short": _of("geometry", geometry_tables.short),
    "geometry_simulation": _of("geometry", geometry_tables.simulation),
    "geometry_paired": _of("geometry", rig_tables.paired),
    "geometry_bound": _of("geometry", rig_tables.bound),
    "geometry_sample": _of("geometry", geometry_tables.sample),
    "geometry_unknowns": _of("geometry", geometry_tables.unknowns),
    "geometry_verdict": _of("geometry", geometry_tables.verdict),
    "geometry_uncertainty": _of("geometry", rig_tables.uncertainty),
    "geometry_many_cameras": _of("geometry", rig_tables.many_cameras),
    "geometry_pooled": _of("geometry", rig_tables.pooled),
    "geometry_hopeless": _of("geometry", rig_tables.hopeless),
    "geometry_speed": _of("geometry", geometry_tables.speed),
    "reliability_faults": _of("reliability", reliability_tables.faults),
    "reliability_kills": _of("reliability", reliability_tables.kills),
    **guide_tables.tables(_results),
    "beside_caliscope": _of("geometry", lambda found: geometry_tables.beside(found, "caliscope")),
}

if __name__ == "__main__":
    sys.exit(main())
