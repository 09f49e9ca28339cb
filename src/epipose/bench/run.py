"""One experiment from its footage to its JSON: the verb `epipose bench`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import torch

from epipose.bench import published
from epipose.bench.cameras import camera_rows
from epipose.bench.footage import Footage, dataset_footage, studio_footage, usable
from epipose.bench.labels import label_rows
from epipose.bench.networks import SETTINGS, Examiner, Size, Trainer, collapse_rows, self_rows
from epipose.bench.result import rounded
from epipose.detect import resolved
from epipose.errors import EpiposeError
from epipose.files import write_json
from epipose.stages import detect_clip

Bench = Literal["labels", "self", "collapse", "cameras"]


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

    Clips and networks are kept in ``work``, and what is there is not made again. ``every``: of a dataset's training takes
    so many frames are one. ``mocap``: motion for the studio and the refiner, a fifth of the files kept for the test.
    ``init``: a model folder at which every network begins, instead of a pre-training in 2D on the same pictures.
    ``quick`` is a smoke run whose figures mean nothing, and says so. Raises EpiposeError for what is missing.
    """
    if seed < 0 or every < 1:
        raise EpiposeError(f"Got seed {seed} and every {every}; expected a seed from 0 on and a step of 1 or more.")
    testing = name in ("self", "collapse")
    if data is None:
        footage = studio_footage(work, mocap, seed=seed, quick=quick, testing=testing)
    else:
        footage = dataset_footage(data, work, every=every, quick=quick, testing=testing)
    clips, left_out = usable(footage.train, detector)
    config: dict[str, Any] = {
        **footage.about, "detector": resolved(detector), "seed": seed, "quick": quick,
        "training_clips": len(clips), "left_out": [sentence.partition(":")[0] for sentence in left_out],
    }  # fmt: skip
    if name == "labels":
        rows = label_rows(clips)
    elif name == "cameras":
        rows = camera_rows(clips)
    else:
        rows, more = _networks(name, footage, clips, work, init, network, detector, quick, seed)
        config |= more
    result = rounded({"bench": name, "config": config, "rows": rows})
    if name == "self":
        result["published"] = {"source": published.SOURCE, "rows": published.SELF}
    write_json(out, result)
    return result


def _networks(
    name: Bench, footage: Footage, clips: list[Path], work: Path, init: Path | None, network: Size, detector: str,
    quick: bool, seed: int,
) -> tuple[dict[str, Any], dict[str, Any]]:  # fmt: skip
    """The rows of an experiment that trains, and how it trains."""
    for clip in footage.test:
        detect_clip([clip], clip, detector=detector, sync="none")
    settings = SETTINGS[network] | ({"epochs": 1} if quick else {})
    trainer = Trainer(clips, work / "nets", init, settings, seed)
    examiner = Examiner(footage.test, clips, seed)
    rows = self_rows(trainer, examiner, footage.motions) if name == "self" else collapse_rows(trainer, examiner)
    how = {
        **{key: list(value) if isinstance(value, tuple) else value for key, value in settings.items()},
        "init": "2D pre-training on the same pictures" if init is None else init.name,
        "test_clips": len(footage.test),
        "test_pictures": len(examiner.true),
        "device": "cuda" if torch.cuda.is_available() else "cpu",
    }
    return rows, how
