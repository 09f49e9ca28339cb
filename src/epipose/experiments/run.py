"""One experiment from its footage to its JSON: the verb `epipose bench`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import torch

from epipose.detection.detect import resolved_name
from epipose.errors import EpiposeError
from epipose.experiments import published
from epipose.experiments.cameras import camera_rows
from epipose.experiments.clips import Footage, dataset_footage, detected, studio_footage, usable, with_views
from epipose.experiments.labels import label_rows
from epipose.experiments.networks import SETTINGS, Examiner, Size, Trainer, collapse_rows, self_rows
from epipose.experiments.result import rounded
from epipose.io.files import fingerprint, installed_version, write_json

Bench = Literal["labels", "self", "collapse", "cameras"]
_TRAINED = ("self", "collapse")


def bench(
    name: Bench,
    work: Path,
    out: Path,
    *,
    data: Path | None = None,
    every: int = 10,
    mocap: Path | None = None,
    init: Path | None = None,
    network: Size = "small",
    detector: str = "blazepose",
    quick: bool = False,
    seed: int = 0,
) -> dict[str, Any]:
    """Run an experiment on studio clips, or on a dataset where ``data`` names one; write and return its result.

    Clips and networks are kept in ``work`` and not made again; a smoke run and every other seed than 0 have a folder of
    their own in it. Rows are computed anew. ``every``: of a dataset's training takes one frame in so many is used.
    ``mocap``: motion for the studio, a fifth of the files kept for the test, and for the refiner. ``init``: a model
    folder at which every network begins, instead of a pre-training in 2D on the same images. ``quick`` is a smoke run
    whose figures mean nothing, and says so. Raises EpiposeError for what is missing.
    """
    if seed < 0 or every < 1:
        raise EpiposeError(f"Got seed {seed} and every {every}; expected a seed from 0 on and a step of 1 or more.")
    if init is not None and not (init / "config.json").exists():
        raise EpiposeError(f"{init} is no model folder: it has no config.json. Give one that epipose train wrote.")
    place = work / "quick" if quick else work
    place = place / f"seed{seed}" if seed else place
    how = {"quick": quick, "testing": name in _TRAINED}
    if data is None:
        footage = studio_footage(place, mocap, seed=seed, **how)
    else:
        footage = dataset_footage(data, place, mocap, every=every, **how)
    several, single = with_views(footage.train)
    if name in _TRAINED:
        clips, left_out = usable(several, detector)
        rows, more = _networks(name, footage, clips, place, init, network, detector, quick, seed)
    else:
        clips, left_out = detected(several, detector)
        rows, more = label_rows(clips) if name == "labels" else camera_rows(clips), {}
    config: dict[str, Any] = {
        "epipose": installed_version(), **footage.about, "detector": resolved_name(detector), "seed": seed, "quick": quick,
        "clips_made": len(footage.train), "clips": len(clips), "left_out": single + left_out, **more,
    }  # fmt: skip
    result = rounded({"bench": name, "config": _without_places(config, place, work, data), "rows": rows})
    if name == "self":
        result["published"] = {"source": published.SOURCE, "rows": published.SELF, "notes": published.NOTES}
    write_json(out, result)
    return result


def _without_places(value: Any, *places: Path | None) -> Any:
    """Sentences without the folders of the machine they were said on."""
    if isinstance(value, dict):
        return {key: _without_places(part, *places) for key, part in value.items()}
    if isinstance(value, list):
        return [_without_places(part, *places) for part in value]
    if isinstance(value, str):
        for place in places:
            for known in () if place is None else (str(place.resolve()), str(place)):
                value = value.replace(f"{known}/", "")
    return value


def _networks(
    name: Bench, footage: Footage, clips: list[Path], work: Path, init: Path | None, network: Size, detector: str,
    quick: bool, seed: int,
) -> tuple[dict[str, Any], dict[str, Any]]:  # fmt: skip
    """The rows of an experiment that trains, and how it trains."""
    tests, unseen = detected(footage.test, detector)
    settings = SETTINGS[network] | ({"epochs": 1} if quick else {})
    examiner = Examiner(tests, clips, seed)  # first: what it lacks is better known before an hour of training
    trainer = Trainer(clips, work / "nets", init, settings, seed)
    rows = self_rows(trainer, examiner, footage.motions) if name == "self" else collapse_rows(trainer, examiner)
    how = {
        **{key: list(value) if isinstance(value, tuple) else value for key, value in settings.items()},
        "init": "2D pre-training on the same images" if init is None else init.name,
        "init_weights": "" if init is None else fingerprint([init / "model.safetensors"])[:16],
        "test_clips": len(tests),
        "test_clips_left_out": unseen,
        "test_images": len(examiner.true),
        "unfrozen_augmentation": "without rotation, scale, shift and flips",
        "device": "cuda" if torch.cuda.is_available() else "cpu",
    }
    return rows, how
