"""The verbs on footage: sample, studio, weights, detect, calibrate, label, view, run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from epipose import config
from epipose.verbs.said import motions_and_photos, say


def _sample(verb: config.Sample) -> None:
    from epipose.datasets.sample import sample

    clip = sample(verb.out, verb.wheel)
    print(
        f"{verb.out}: {len(clip.views)} views, {clip.frames} frames. Next: epipose detect {verb.out} --out {verb.out}"
    )


def _studio(verb: config.Studio) -> None:
    from epipose.studio.film import Order, film, picture_size, rig_named

    size, rig = picture_size(verb.size), rig_named(verb.rig)
    order = Order(verb.frames, verb.views, verb.fps, size, rig, *motions_and_photos(verb), verb.seed)
    folders = film(verb.out, verb.clips, order, verb.workers)
    then = f"epipose detect {folders[0]} --out {folders[0]} --sync none"  # the videos of a clip start together
    print(f"{len(folders)} clips in {verb.out}. Next: {then}")


def _weights(verb: config.Weights) -> None:
    from epipose.detection.blazepose_weights import weights

    for path in weights(verb.variant, verb.file):
        print(path)


def _detect(verb: config.Detect) -> None:
    from epipose.clip import Clip
    from epipose.pipeline.stages import detect_clip, detect_warnings

    worked = detect_clip(
        verb.sources,
        verb.out,
        detector=verb.detector,
        poses=verb.poses,
        sync=verb.sync,
        offsets=verb.offsets,
        overwrite=verb.overwrite,
    )
    for view in Clip.load(verb.out).views:
        print(f"  {view.name:12s} started at {view.start:6.3f} s, {view.frames} frames at {view.fps:g} fps")
    for warning in detect_warnings(verb.out):
        print(f"  warning: {warning}")
    say(worked, verb.out / "poses2d.npz", f"epipose calibrate {verb.out}")


def _calibrate(verb: config.Calibrate) -> None:
    from epipose.io.files import read_json
    from epipose.pipeline.stages import calibrate_clip, check_not_rejected

    options = {name: value for name, value in vars(verb).items() if name != "folder"}
    worked = calibrate_clip(verb.folder, **options)
    report = read_json(verb.folder / "calibration.json")
    for camera in report["cameras"]:
        sure = f"sure to {camera['rotation_sigma_deg']:.2f} degrees and {camera['center_sigma_mm']:.0f} mm"
        print(
            f"  {camera['name']:12s} {camera['median_px']:6.1f} px  {camera['median_mrad']:5.1f} mrad  "
            f"{camera['inlier_share']:4.0%} inliers  {sure if report['pairs'] else 'given'}"
        )
    for note in report["notes"]:
        print(f"  note: {note}")
    _tell_verdict(verb.folder)
    print(f"the whole report: {verb.folder / 'calibration.html'}")
    check_not_rejected(verb.folder)
    say(worked, verb.folder / "rig.json", f"epipose label {verb.folder}")


def _label(verb: config.Label) -> None:
    from epipose.io.files import read_json
    from epipose.pipeline.stages import label_clip
    from epipose.training.supervision import supervision

    worked = label_clip(**vars(verb))
    labels = supervision(verb.folder, verb.mode).labels
    record = read_json(labels / "label.json")
    for sentence in record["people_found"]:
        print(f"  {sentence}")
    share, confidence = record["labelled_share"], record["mean_confidence"]
    print(f"  {share:.0%} of the subject's joints labelled, mean confidence {confidence:.2f}")
    say(worked, labels / "poses3d.npz", f"epipose train {verb.folder} --out MODEL, or epipose view {verb.folder}")


def _view(verb: config.View) -> None:
    from epipose.viz.viewer import view

    view(verb.folder, html=verb.html, port=verb.port)


def _run(verb: config.Run) -> None:
    from epipose.pipeline.run import run

    run(
        verb.sources,
        verb.out,
        intrinsics=verb.intrinsics,
        detector=verb.detector,
        poses=verb.poses,
        sync=verb.sync,
        offsets=verb.offsets,
        people=verb.people,
        height=verb.height,
        network=verb.network,
        force=verb.force,
        overwrite=verb.overwrite,
    )
    _tell_verdict(verb.out)
    say(True, verb.out / "report.html", f"open it in a browser, or epipose view {verb.out}")


def _tell_verdict(folder: Path) -> None:
    from epipose.io.files import read_json

    verdict = read_json(folder / "calibration.json")["verdict"]
    print(f"verdict: {verdict['word']}")
    for reason in verdict["reasons"]:
        print(f"  {reason}")


ACTIONS: dict[type, Callable[[Any], None]] = {
    config.Sample: _sample,
    config.Weights: _weights,
    config.Detect: _detect,
    config.Calibrate: _calibrate,
    config.Label: _label,
    config.View: _view,
    config.Run: _run,
    config.Studio: _studio,
}
