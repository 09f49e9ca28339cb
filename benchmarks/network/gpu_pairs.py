"""Pairs of a real detector's answer and the true pose, on scenes that no network was trained on, and errors on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.network.gpu_training import NETWORKS, SIZE, Training
from epipose.evaluation.metrics import pmpjpe_mm
from epipose.io.files import write_npz
from epipose.network.blazepose import LANDMARKS, LandmarkReading, refined_points
from epipose.network.reading import PoseReading
from epipose.network.refiner import evidence_of
from epipose.skeletons import H36M17
from epipose.training.batches import StoredBatch
from epipose.training.device_augment import Jitter, vary
from epipose.training.samples import WINDOW
from epipose.training.scene_pool import ScenePool
from epipose.training.studio_sequences import Sequence

_STILLS = 6_144
_BONES_M = 4.05  # summed lengths of the bones of a person of 1.7 m, to state errors in about millimetres
_STILL = Jitter(rotation=0.06, scale=0.04, shift=0.015, tail=0.1, occluded=0.1, coarse=0.1, colour=0.05, noise=0.02)
_FILM = Jitter(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)  # light alone: exposure, gamma, grey
_SINGLE = ("box", "focal")  # arrays that are stored in single precision, the others in half

Arrays = dict[str, np.ndarray]


def store_pairs(training: Training, pool: ScenePool, out: Path) -> dict[str, float]:
    """Write stills.npz, sequences.npz; mean PMPJPE of every network on the stills, in about millimetres.

    Pairs come in whole batches of the training's
    size (every new size costs a card seconds of preparation); nothing is written where there is none.
    """
    stills, errors = _stills(training, pool.held_out)
    _write(out / "stills.npz", stills)
    _write(out / "sequences.npz", _films(training, pool.sequences))
    return {name: float(np.mean(values)) for name, values in errors.items()}


def _stills(training: Training, held_out: list[StoredBatch]) -> tuple[list[Arrays], dict[str, list[float]]]:
    """Pairs of scenes kept out, and the error of every network on each image."""
    errors: dict[str, list[float]] = {}
    if not held_out:
        return [], errors
    stored, uvd, weight = (
        np.concatenate([np.asarray(part) for part in parts])[:_STILLS]
        for parts in zip(*(scene[:3] for scene in held_out), strict=True)
    )
    rows = []
    for part in _chunks(len(stored), training.size):
        crops, truth, weights = _varied(training, stored[part], uvd[part], weight[part], _STILL)
        with torch.no_grad():
            readings = training.read(crops)
            outputs = training.heads(training.average, readings)
            rows.append(_pairs(truth, weights, readings, outputs))
            outputs |= _refined(training, outputs)
        for name, output in outputs.items():
            errors.setdefault(name, []).extend(_error_mm(output.uvd, truth).tolist())
    return rows, errors


def _films(training: Training, films: list[Sequence]) -> list[Arrays]:
    """Pairs of full of all frames, one sequence after the other, with boxes and focal lengths."""
    if not films:
        return []
    stored, uvd, box = (np.concatenate(parts) for parts in zip(*((f.crops, f.uvd, f.box) for f in films), strict=True))
    focal = np.repeat([film.focal for film in films], [len(film.uvd) for film in films])
    ones = np.ones((*uvd.shape[:2], 2), np.float32)
    rows = []
    for part in _chunks(len(stored), training.size):
        crops, truth, weights = _varied(training, stored[part], uvd[part], ones[part], _FILM)
        with torch.no_grad():
            readings = training.read(crops)
            row = _pairs(truth, weights, readings, training.heads(training.average, readings))
        kept = {key: value for key, value in row.items() if not key.startswith("heavy")}
        rows.append(kept | {"box": box[part], "focal": focal[part]})
    return rows


def _chunks(count: int, size: int) -> list[slice]:
    return [slice(i, i + size) for i in range(0, count - size + 1, size)]


def _varied(
    training: Training, stored: np.ndarray, uvd: np.ndarray, weight: np.ndarray, jitter: Jitter
) -> tuple[Tensor, Tensor, Tensor]:
    given = [torch.from_numpy(part).to(training.device) for part in (stored, uvd, weight)]
    return vary(given[0], given[1], given[2], H36M17.flip, WINDOW, SIZE, jitter)


def _pairs(
    truth: Tensor,
    weight: Tensor,
    readings: dict[str, LandmarkReading],
    outputs: dict[str, PoseReading],
) -> Arrays:
    """What is stored of a batch: the truth, and what each landmark network and the reader on it say."""
    row = {"truth": truth, "weight": weight[..., 0]}
    for trunk in NETWORKS:
        reading, output = readings[trunk], outputs[trunk]
        row[f"{trunk}_landmarks"] = refined_points(reading)[:, :LANDMARKS] - 0.5
        row[f"{trunk}_seen"] = reading.landmarks[:, :LANDMARKS, 3:5].sigmoid().prod(-1)
        row[f"{trunk}_score"] = reading.score
        row[f"{trunk}_world"] = reading.world[:, :LANDMARKS]
        row[f"{trunk}_reading"], row[f"{trunk}_scale"] = output.uvd, output.scale
    return {key: value.float().cpu().numpy() for key, value in row.items()}


def _refined(training: Training, outputs: dict[str, PoseReading]) -> dict[str, PoseReading]:
    """The refiner's answer on each landmark network and its head, and the landmark network's own pose."""
    made = {}
    for name in NETWORKS:
        made[f"refiner_{name}"] = training.average["refiner"](evidence_of(outputs[name]))
        own = outputs[name].own
        assert own is not None
        pose = torch.cat([own.keypoints, own.depth[..., None]], -1)
        made[f"own_{name}"] = PoseReading(pose, pose)
    return made


def _error_mm(uvd: Tensor, truth: Tensor) -> Tensor:
    unit = _BONES_M / H36M17.bone_lengths(truth).sum(-1)
    return pmpjpe_mm(uvd.float(), truth.float()) * unit


def _write(path: Path, rows: list[Arrays]) -> None:
    if not rows:
        return
    joined = {key: np.concatenate([row[key] for row in rows]) for key in rows[0]}
    whole = {key: value.astype(np.float32 if key in _SINGLE else np.float16) for key, value in joined.items()}
    write_npz(path, **whole)
