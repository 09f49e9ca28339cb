"""The model folder of a training run: what was trained in it before, and where a run goes on until it is finished.

A run that replaces a finished model goes on in ``retraining/`` inside of it. The old model stays in use until the new
one takes its place, all files at once.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from epipose.errors import InputError
from epipose.io.files import already_done, read_object, write_record
from epipose.io.staged import staged
from epipose.io.temporary import remove
from epipose.io.write_errors import writing_to
from epipose.network.posenet import TrainedPoseNet
from epipose.network.refiner import REFINED
from epipose.training.checkpoint import CHECKPOINT

_RECORD, _LOG, _AGAIN = "train.json", "log.jsonl", "retraining"
_MODEL = ("model.safetensors", "config.json")


def finished(out: Path, options: Mapping[str, object], inputs: str) -> bool:
    """Whether ``out`` holds this very run, finished, with options and fingerprint of the inputs as its record has them.

    Raises InputError for another run's folder, unless this run was begun there to replace it.
    """
    record, outputs = out / _RECORD, [out / name for name in _MODEL]
    begun = _is_of(out / _AGAIN, options, inputs)
    if already_done(record, options, inputs, outputs):
        if begun:  # it was cut off after it had finished
            remove(out / _AGAIN)
        return True
    if begun:
        return False
    same = not record.exists() or read_object(record).get("inputs") == inputs
    _check(out, options, *([] if same else ["the labels or the initial weights it was trained from"]))
    return False


def check_options(out: Path, options: Mapping[str, object]) -> None:
    """Raise InputError where ``out`` holds a run with other options, and none that was begun to replace it with these."""
    again = out / _AGAIN / _RECORD
    if not again.exists() or read_object(again).get("options") != options:
        _check(out, options)


def _check(out: Path, options: Mapping[str, object], *differing: str) -> None:
    """Raise InputError where there is a record with other options, or anything else that differs, or a model without."""
    record = out / _RECORD
    if record.exists():
        old = read_object(record).get("options", {})
        other = [f"{key} {old.get(key)} (now {value})" for key, value in options.items() if old.get(key) != value]
        if other or differing:
            raise InputError(
                f"{out} holds a run with other options: {', '.join([*other, *differing])}. Give another --out, the same "
                "options to resume it, or --overwrite to replace it."
            )
    elif any((out / name).exists() for name in _MODEL):
        raise InputError(f"{out} holds a model whose options are unknown (it has no train.json). Give another --out.")


def claimed(out: Path, options: Mapping[str, object], inputs: str, overwrite: bool) -> Path:
    """The folder in which the run goes on, with its record, by which a run that was cut off is known again.

    It is ``out``, or with ``overwrite``, where a model is there, a folder inside.
    """
    if _is_of(out / _AGAIN, options, inputs):
        return out / _AGAIN
    work = out / _AGAIN if overwrite and all((out / name).exists() for name in _MODEL) else out
    if overwrite:
        with writing_to(work):
            for name in (_RECORD, CHECKPOINT, _LOG):  # the record first: without it nothing is resumed
                (work / name).unlink(missing_ok=True)
    if not (work / _RECORD).exists():
        write_record(work / _RECORD, options, inputs)
    return work


def finish(trained: TrainedPoseNet, out: Path, work: Path) -> None:
    """Write the model of a run that went on in ``work``, and remove what it needed meanwhile and the old refiner."""
    with staged(out, removes=(*REFINED, CHECKPOINT)) as stage:
        trained.write_into(stage)
        if work != out:
            for name in (_LOG, _RECORD):
                shutil.copyfile(work / name, stage.path(name))
    if work != out:
        remove(work)


def _is_of(folder: Path, options: Mapping[str, object], inputs: str) -> bool:
    """Whether a folder holds this run, finished or not."""
    return already_done(folder / _RECORD, options, inputs, ())
