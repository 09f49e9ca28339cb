"""Options of the geometry's benchmark, and its runs in processes of one thread each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

import cv2
import torch

from benchmarks.geometry.noise_model import NoiseModel

Result = dict[str, Any]
FIRST_SEED = 5000  # seeds below 1000 are there to be tuned on
WALKS = 1.5  # metres: half the extent of the path of a person who walks about
Job = TypeVar("Job")


@dataclass(frozen=True)
class Options:
    """What the command line says. ``seeds``: clips per row of a table; ``frames``: of a clip."""

    mocap: Path | None = None
    rigs: Path | None = None
    motions: str = "*"
    humancalib: Path | None = None
    caliscope: Path | None = None
    whole: bool = False
    demo: Path = Path("demo")
    failures: tuple[Path, ...] = ()
    workers: int = 2
    seeds: int = 20
    frames: int = 300
    quick: bool = False

    def seed_range(self, most: int | None = None) -> range:
        """Seeds of a row's clips; one of them in a smoke test."""
        count = 1 if self.quick else self.seeds if most is None else min(self.seeds, most)
        return range(FIRST_SEED, FIRST_SEED + count)

    def sources(self) -> Result:
        """What `simulate` takes of these."""
        return {"mocap": self.mocap, "rigs": self.rigs, "motions": self.motions}


def noise_options(kind: str, amount: float) -> Result:
    """What `simulate` takes: "simple" with so many pixels and 3 % outliers, "detector" at so many times its errors."""
    return {"pixels": amount} if kind == "simple" else {"model": NoiseModel.load(), "level": amount}


def in_processes(work: Callable[[Job], Result], jobs: Sequence[Job], workers: int) -> Iterator[Result]:
    """The results in the order of the jobs, printed as they come; every process has one thread."""
    os.environ["OMP_NUM_THREADS"] = "1"
    with ProcessPoolExecutor(workers, initializer=one_thread) as pool:
        for result in pool.map(work, jobs):
            print({key: value for key, value in result.items() if not isinstance(value, list | dict)}, flush=True)
            yield result


def one_thread() -> None:
    """PyTorch and OpenCV on one thread from here on."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def median_of(rows: Sequence[Result], column: str) -> float | None:
    """Median over the rows that have a value; None where none has."""
    values = [row[column] for row in rows if row.get(column) is not None]
    return median(values) if values else None
