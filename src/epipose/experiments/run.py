"""One experiment from its footage to its JSON: the verb `epipose bench`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from epipose.detection.registry import resolved_name
from epipose.errors import InputError, optional
from epipose.experiments import published
from epipose.experiments.cameras import camera_rows
from epipose.experiments.clips import ExperimentClips, dataset_clips, detected, studio_clips, usable, with_views
from epipose.experiments.head_trainer import HeadEvaluator, HeadTrainer
from epipose.experiments.labels import label_rows
from epipose.experiments.network_evaluator import NetworkEvaluator
from epipose.experiments.networks import collapse_rows, self_rows
from epipose.experiments.options import BenchOptions, Experiment
from epipose.experiments.result import ExperimentConfig, ExperimentResult, PublishedResults
from epipose.experiments.rows import LabelRow, NetworkRow
from epipose.experiments.trainer import RUNS, SETTINGS, Trainer
from epipose.io.files import AnyPath, fingerprint, installed_version
from epipose.io.options import with_changes
from epipose.io.records import as_json, from_json
from epipose.io.writable import check_file, check_folder
from epipose.network.choices import on_landmarks

_TRAINED = ("self", "collapse")


def bench(
    name: Experiment,
    work: AnyPath,
    out: AnyPath | None = None,
    options: BenchOptions | None = None,
    **changes: Any,
) -> ExperimentResult:
    """Run an experiment on studio clips, or on a dataset where ``data`` names one; write and return its result.

    ``changes`` are fields of `BenchOptions`. Clips and networks are kept in ``work`` and not made again; a smoke run
    and every other seed than 0 have a folder of their own in it. Rows are computed anew. ``out``: JSON file to write;
    default: named after the experiment and the network, if that is not small, in ``work``. Raises InputError for what is
    missing.
    """
    options, work = with_changes(options or BenchOptions(), changes), Path(work)
    _check(options)
    check_folder(work, "--work")
    if out is not None:
        check_file(out)
    if name in _TRAINED:
        optional("sklearn.cluster", "metrics")  # for the table at the end
    folder = work / "quick" if options.quick else work
    folder = folder / f"seed{options.seed}" if options.seed else folder
    clips = _clips(name, folder, options)
    several, single = with_views(clips.train)
    labels: dict[str, LabelRow] = {}
    trained = _Trained({}, {})
    if name in _TRAINED:
        used, left_out = usable(several, options.detector)
        trained = _networks(name, clips, used, folder, options)
    else:
        used, left_out = detected(several, options.detector)
        labels = label_rows(used) if name == "labels" else camera_rows(used)
    config = ExperimentConfig(
        epipose=installed_version(),
        source=clips.source,
        detector=resolved_name(options.detector),
        seed=options.seed,
        quick=options.quick,
        clips_made=len(clips.train),
        clips=len(used),
        left_out=(*single, *left_out),
        settings=trained.settings,
    )
    config = _without_folders(config, folder, work, options.data)
    beside = PublishedResults(published.SOURCE, published.SELF, published.NOTES) if name == "self" else None
    result = ExperimentResult(name, config, labels, trained.rows, beside).rounded()
    result.save(work / _file_name(name, options) if out is None else out)
    return result


def _file_name(name: Experiment, options: BenchOptions) -> str:
    """The result's file where none is named: sizes of the network beside each other."""
    return f"{name}.json" if name not in _TRAINED or options.network == "small" else f"{name}_{options.network}.json"


def _check(options: BenchOptions) -> None:
    """InputError for options that no experiment can run with."""
    if options.seed < 0 or options.every < 1:
        raise InputError(
            f"Got seed {options.seed} and every {options.every}; expected a seed from 0 on and a step of 1 or more."
        )
    if options.init is not None and not (options.init / "config.json").exists():
        raise InputError(
            f"{options.init} is no model folder: it has no config.json. Give one that epipose train wrote."
        )


def _clips(name: Experiment, folder: Path, options: BenchOptions) -> ExperimentClips:
    """Clips of the studio, or of the dataset that the options name."""
    testing, quick = name in _TRAINED, options.quick
    if options.data is None:
        return studio_clips(folder, options.mocap, seed=options.seed, quick=quick, testing=testing)
    return dataset_clips(options.data, folder, options.mocap, every=options.every, quick=quick, testing=testing)


def _without_folders(config: ExperimentConfig, *folders: Path | None) -> ExperimentConfig:
    """The record without the machine's folders, which sentences about clips name."""

    def shortened(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: shortened(part) for key, part in value.items()}
        if isinstance(value, list):
            return [shortened(part) for part in value]
        if isinstance(value, str):
            for folder in folders:
                for known in () if folder is None else (str(folder.resolve()), str(folder)):
                    value = value.replace(f"{known}/", "")
        return value

    return from_json(ExperimentConfig, shortened(as_json(config)), "the record")


@dataclass(frozen=True)
class _Trained:
    """Rows of an experiment that trains, and the settings of the training."""

    rows: dict[str, NetworkRow]
    settings: dict[str, Any]


def _networks(
    name: Experiment, clips: ExperimentClips, used: list[Path], folder: Path, options: BenchOptions
) -> _Trained:
    """Train and evaluate the networks of an experiment."""
    tests, not_tested = detected(clips.test, options.detector)
    settings = {**SETTINGS[options.network], **({"epochs": 1} if options.quick else {})}
    nets = folder / "nets" / options.network
    if on_landmarks(settings["backbone"]):
        trainer = HeadTrainer(used, nets, options.init, settings, options.seed)
        evaluator = HeadEvaluator(tests, used, options.seed, trainer.readings)
    else:
        evaluator = NetworkEvaluator(tests, used, options.seed)  # first: it fails, if it does, before hours of training
        trainer = Trainer(used, nets, options.init, settings, options.seed)
    if name == "self":
        rows = self_rows(trainer, evaluator, clips.motions, RUNS[options.network])
    else:
        rows = collapse_rows(trainer, evaluator)
    init = options.init
    start = "random weights" if on_landmarks(settings["backbone"]) else "2D pre-training on the same images"
    how = {
        **settings,
        "init": start if init is None else init.name,
        "init_weights": "" if init is None else fingerprint([init / "model.safetensors"])[:16],
        "test_clips": len(tests),
        "test_clips_left_out": not_tested,
        "test_images": len(evaluator.true),
        "unfrozen_augmentation": "without rotation, scale, shift and flips",
        "device": "cuda" if torch.cuda.is_available() else "cpu",
    }
    return _Trained(rows, how)
