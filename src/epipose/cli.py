"""The command line: one verb per step of the method, plus `run` for all of them.

Nothing heavy is imported before a verb is chosen, so that --help answers at once.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from epipose import config, config_bench, config_network
from epipose.errors import EpiposeError, RejectedError

if TYPE_CHECKING:
    from epipose.data.source import Source

_Verb = (
    Annotated[config.Sample, tyro.conf.subcommand("sample")]
    | Annotated[config.Weights, tyro.conf.subcommand("weights")]
    | Annotated[config.Detect, tyro.conf.subcommand("detect")]
    | Annotated[config.Calibrate, tyro.conf.subcommand("calibrate")]
    | Annotated[config.Label, tyro.conf.subcommand("label")]
    | Annotated[config_network.Train, tyro.conf.subcommand("train")]
    | Annotated[config_network.Refine, tyro.conf.subcommand("refine")]
    | Annotated[config_network.Predict, tyro.conf.subcommand("predict")]
    | Annotated[config_network.Export, tyro.conf.subcommand("export")]
    | Annotated[config.View, tyro.conf.subcommand("view")]
    | Annotated[config.Run, tyro.conf.subcommand("run")]
    | Annotated[config.Studio, tyro.conf.subcommand("studio")]
    | Annotated[config_bench.Evaluate, tyro.conf.subcommand("evaluate")]
    | Annotated[config_bench.Bench, tyro.conf.subcommand("bench")]
    | Annotated[config.Datasets, tyro.conf.subcommand("datasets")]
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code: 0 done, 2 bad input, 3 cameras rejected, 130 interrupted."""
    verb = tyro.cli(
        _Verb,  # type: ignore[arg-type]
        prog="epipose",
        description="3D human pose from cameras nobody calibrated.",
        args=arguments,
        config=(tyro.conf.OmitSubcommandPrefixes, tyro.conf.OmitArgPrefixes),
    )
    try:
        _ACTIONS[type(verb)](verb)
    except EpiposeError as error:
        print(f"epipose: {error}", file=sys.stderr)
        return 3 if isinstance(error, RejectedError) else 2
    except OSError as error:
        print(f"epipose: the system refused: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            "epipose: interrupted; what was finished is kept, and the same command goes on from there.", file=sys.stderr
        )
        return 130
    return 0


def _sample(verb: config.Sample) -> None:
    from epipose.sample import sample

    clip = sample(verb.out, verb.wheel)
    print(
        f"{verb.out}: {len(clip.views)} views, {clip.frames} frames. Next: epipose detect {verb.out} --out {verb.out}"
    )


def _studio(verb: config.Studio) -> None:
    from epipose.data.studio.clip import Order, film, picture_size, rig_named

    size, rig = picture_size(verb.size), rig_named(verb.rig)
    order = Order(verb.frames, verb.views, verb.fps, size, rig, *_motions_and_photos(verb), verb.seed)
    folders = film(verb.out, verb.clips, order, verb.workers)
    then = f"epipose detect {folders[0]} --out {folders[0]} --sync none"  # the videos of a clip start together
    print(f"{len(folders)} clips in {verb.out}. Next: {then}")


def _datasets(verb: config.Datasets) -> None:
    from epipose.clip import Clip
    from epipose.datasets.base import Choice
    from epipose.datasets.survey import checked, imported, listing

    if verb.do == "list":
        print(listing())
        return
    if verb.path is None:
        raise EpiposeError(f"epipose datasets {verb.do} needs the PATH of the dataset.")
    if verb.do == "check":
        dataset, findings = checked(verb.path)
        print(dataset)
        for finding in findings:
            print(f"  [{'ok' if finding.good else '!!'}] {finding.words}")
        if wrong := sum(not finding.good for finding in findings):
            raise EpiposeError(f"{wrong} of {len(findings)} findings in {verb.path} are not as they should be.")
        return
    if verb.out is None:
        raise EpiposeError("epipose datasets import needs --out, a folder to write clip folders into.")
    choice = Choice(verb.subjects, verb.actions, verb.views, not verb.leave_out_known_bad, not verb.universal)
    for folder in imported(verb.path, verb.out, choice, verb.every):
        clip = Clip.load(folder)
        print(f"{folder}: {len(clip.views)} views, {clip.frames} frames")
    print("Next: epipose train CLIPS --mode full --out MODEL, or epipose detect CLIP --out CLIP --sync none")


def _weights(verb: config.Weights) -> None:
    from epipose.detect.weights import weights

    for path in weights(verb.variant, verb.file):
        print(path)


def _detect(verb: config.Detect) -> None:
    from epipose.clip import Clip
    from epipose.stages import detect_clip, detect_warnings

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
    _say(worked, verb.out / "poses2d.npz", f"epipose calibrate {verb.out}")


def _calibrate(verb: config.Calibrate) -> None:
    from epipose.files import read_json
    from epipose.stages import calibrate_clip, check_not_rejected

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
    _say(worked, verb.folder / "rig.json", f"epipose label {verb.folder}")


def _label(verb: config.Label) -> None:
    from epipose.data.supervision import supervision
    from epipose.files import read_json
    from epipose.stages import label_clip

    worked = label_clip(**vars(verb))
    labels = supervision(verb.folder, verb.mode).labels
    record = read_json(labels / "label.json")
    for sentence in record["people_found"]:
        print(f"  {sentence}")
    share, confidence = record["labelled_share"], record["mean_confidence"]
    print(f"  {share:.0%} of the subject's joints labelled, mean confidence {confidence:.2f}")
    _say(worked, labels / "poses3d.npz", f"epipose train {verb.folder} --out MODEL, or epipose view {verb.folder}")


def _train(verb: config_network.Train) -> None:
    from epipose.train import train

    apart = ("folders", "out", "rotation_deg", "studio", "mocap", "backgrounds", "pictures", "workers")
    options = {name: value for name, value in vars(verb).items() if name not in apart}
    stream = _stream(verb) if verb.studio else None
    train(verb.folders, verb.out, stream=stream, rotation=math.radians(verb.rotation_deg), **options)
    clips = " ".join(str(folder) for folder in verb.folders)
    then = f"epipose refine {clips} --model {verb.out}" if clips else f"epipose predict PICTURE --model {verb.out}"
    _say(True, verb.out / "model.safetensors", then)


def _stream(verb: config_network.Train) -> Source:
    from epipose.data.samples import WINDOW
    from epipose.data.studio.stream import Recipe, Stream

    recipe = Recipe(round(WINDOW * verb.input_size), verb.seed, *_motions_and_photos(verb))
    return Stream(recipe, verb.workers, verb.pictures)


def _motions_and_photos(verb: config.Studio | config_network.Train) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """The files in the folders that the studio was given; none where none was."""
    from epipose.data.studio.room import photos_in

    return _motions_in(verb.mocap), photos_in(verb.backgrounds) if verb.backgrounds else ()


def _motions_in(folder: Path | None) -> tuple[Path, ...]:
    from epipose.data.motion import motion_files

    return tuple(motion_files(folder)) if folder else ()


def _refine(verb: config_network.Refine) -> None:
    from epipose.refine import refine

    options = {key: value for key, value in vars(verb).items() if key not in ("folders", "model", "mocap")}
    refine(verb.folders, verb.model, mocap=_motions_in(verb.mocap), **options)
    _say(True, verb.model / "refiner.safetensors", f"epipose predict PICTURE --model {verb.model}")


def _predict(verb: config_network.Predict) -> None:
    from epipose.detect import resolved
    from epipose.predict import predict

    if (verb.source / "clip.json").exists():
        return _predict_clip(verb)
    if verb.detector == "auto":
        finder = resolved("auto")
        better = "; BlazePose is better at it, fetch its weights once: epipose weights" if finder == "shipped" else ""
        print(f"who finds the person: {finder}{better}")
    out = verb.out or verb.source.resolve().with_name(f"{verb.source.resolve().stem}-epipose")
    options = {name: value for name, value in vars(verb).items() if name not in ("source", "model", "out")}
    predict(verb.source, verb.model, out, **options)
    _say(True, out / "predictions.npz", "look at overlay.jpg beside it")


def _predict_clip(verb: config_network.Predict) -> None:
    from epipose.predict_views import predict_views

    if verb.intrinsics is not None or verb.detector != "auto":
        raise EpiposeError("A clip folder brings its own joints and lenses: leave out --intrinsics and --detector.")
    out = verb.out or verb.source / "predictions"
    how = {"flip_test": verb.flip_test, "runtime": verb.runtime, "device": verb.device}
    views = predict_views(verb.source, verb.model, out, **how)
    _say(True, out / next(iter(views)) / "predictions.npz", f"epipose evaluate {out} {verb.source}, if it has truth/")


def _export(verb: config_network.Export) -> None:
    from epipose.export import export

    export(verb.model, verb.out)
    _say(True, verb.out, f"epipose predict PICTURE --model {verb.out}")


def _view(verb: config.View) -> None:
    from epipose.view import view

    view(verb.folder, html=verb.html, port=verb.port)


def _run(verb: config.Run) -> None:
    from epipose.run import run

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
    _say(True, verb.out / "report.html", f"open it in a browser, or epipose view {verb.out}")


def _evaluate(verb: config_bench.Evaluate) -> None:
    from epipose.evaluate import evaluate
    from epipose.evaluate_2d import evaluate_2d
    from epipose.evaluation_tables import as_text, write_evaluation

    if verb.protocol == "mpii":
        result = evaluate_2d(verb.predicted, verb.truth)
    else:
        options = {"structure": verb.structure, "interval": verb.interval}
        result = evaluate(verb.predicted, verb.truth, verb.protocol, **options)
    print(as_text(result))
    print("written: " + ", ".join(str(path) for path in write_evaluation(result, verb.out)))


def _bench(verb: config_bench.Bench) -> None:
    from epipose.bench.result import table
    from epipose.bench.run import bench

    out = verb.out or verb.work / f"{verb.name}.json"
    options = {key: value for key, value in vars(verb).items() if key not in ("name", "work", "out")}
    print(table(bench(verb.name, verb.work, out, **options)))
    if verb.quick:
        print("This was a smoke run: these figures mean nothing.")
    print(f"{out} written, with the settings and the seed.")


def _tell_verdict(folder: Path) -> None:
    from epipose.files import read_json

    verdict = read_json(folder / "calibration.json")["verdict"]
    print(f"verdict: {verdict['word']}")
    for reason in verdict["reasons"]:
        print(f"  {reason}")


def _say(worked: bool, path: Path, then: str) -> None:
    print(f"{path} {'written' if worked else 'is there already, from the same input and options'}. Next: {then}")


_ACTIONS: dict[type, Callable[[Any], None]] = {
    config.Sample: _sample,
    config.Weights: _weights,
    config.Detect: _detect,
    config.Calibrate: _calibrate,
    config.Label: _label,
    config_network.Train: _train,
    config_network.Refine: _refine,
    config_network.Predict: _predict,
    config_network.Export: _export,
    config.View: _view,
    config.Run: _run,
    config.Studio: _studio,
    config_bench.Evaluate: _evaluate,
    config_bench.Bench: _bench,
    config.Datasets: _datasets,
}

if __name__ == "__main__":
    sys.exit(main())
