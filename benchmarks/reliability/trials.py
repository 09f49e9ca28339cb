"""Small runs of the verbs that write, and the folders in which they begin.

A drawn person walks before three cameras for twenty frames; every verb's folder holds what the verbs before it leave.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.reliability.runs import Run, carried_out
from epipose.errors import EpiposeError
from epipose.io.fetch import cache_folder
from tests.helpers.panoptic_files import panoptic

FRAMES, VIEWS, SIDE = 20, 3, 192
_CUT = ("--frames", str(FRAMES), "--views", str(VIEWS), "--size", f"{SIDE}x{SIDE}", "--seed", "3")
_TINY = (
    "--backbone", "efficientnet_lite0", "--input-size", "64", "--depth-bins", "8", "--channels", "16", "--deconvs", "1",
    "--batch-size", "12", "--epochs", "3", "--checkpoint-steps", "2", "--ema", "0.9", "--lr-drops", "2",
)  # fmt: skip
_FILM = ("studio", "--out", "films", "--frames", "6", "--views", "2", "--size", "96x96", "--clips")
_BATCH = ("batch", "recordings", "--out", "out", "--poses", "poses", "--sync", "none")


@dataclass(frozen=True)
class Trial:
    """A verb with its arguments in a folder that ``begin`` fills; ``slow`` ones start Python anew in worker processes."""

    name: str
    arguments: Sequence[str]
    begin: Callable[[Path, Path], None]
    slow: bool = False


def own_cache(root: Path) -> Path:
    """A cache folder with what the verbs need and without BlazePose heavy, which takes three times as long."""
    folder = root / "cache"
    if not folder.exists():
        folder.mkdir(parents=True)
        for path in cache_folder().glob("*.safetensors*"):
            if "heavy" not in path.name:
                shutil.copy(path, folder)
    return folder


def make_inputs(root: Path) -> Path:
    """What the trials begin with, made by the verbs themselves in ``root/inputs``; raises EpiposeError where one fails."""
    inputs = root / "inputs"
    if (inputs / "done").exists():
        return inputs
    shutil.rmtree(inputs, ignore_errors=True)
    inputs.mkdir(parents=True)

    def verb(*arguments: str) -> None:
        log = inputs / "log.txt"
        if code := carried_out(Run(arguments, inputs, log)).code:
            raise EpiposeError(f"{' '.join(arguments)} ended with {code}: {log.read_text(encoding='utf-8')[-2000:]}")

    verb("studio", "--out", "films", "--clips", "1", "--workers", "1", *_CUT)
    film = Path("films/clip0000")
    verb("detect", str(film), "--out", "detected", "--poses", str(film / "truth/poses2d.npz"), "--sync", "none")
    shutil.copytree(inputs / "detected", inputs / "calibrated")
    verb("calibrate", "calibrated")
    shutil.copytree(inputs / "calibrated", inputs / "labelled")
    verb("label", "labelled", "--force")
    verb("train", "labelled", "--out", "model", *_TINY, "--epochs", "1")
    panoptic(inputs / "dataset" / "160906_band1", list(range(8)))
    (inputs / "done").touch()
    return inputs


def _with(*names: str) -> Callable[[Path, Path], None]:
    """Fill a folder with some of the inputs, and with the videos, which clip folders name relative to themselves."""

    def begin(inputs: Path, folder: Path) -> None:
        for name in (*names, "films"):
            shutil.copytree(inputs / name, folder / name)

    return begin


def _predicted(inputs: Path, folder: Path) -> None:
    shutil.copy(inputs / "films/clip0000/cam1.mp4", folder / "video.mp4")


def _recorded(inputs: Path, folder: Path) -> None:
    for number in (1, 2):
        recording, poses = folder / "recordings" / f"take{number}", folder / "poses"
        recording.mkdir(parents=True)
        poses.mkdir(exist_ok=True)
        for path in (inputs / "films/clip0000").glob("*.mp4"):
            shutil.copy2(path, recording)
        shutil.copy2(inputs / "films/clip0000/truth/poses2d.npz", poses / f"take{number}.npz")


def _empty(inputs: Path, folder: Path) -> None:
    pass


TRIALS = (
    Trial(
        "detect",
        ("detect", "films/clip0000", "--out", "clip", "--sync", "none", "--detector", "blazepose-full"),
        _with(),
    ),
    Trial("calibrate", ("calibrate", "detected"), _with("detected")),
    Trial("label", ("label", "calibrated", "--force"), _with("calibrated")),
    Trial("train", ("train", "labelled", "--out", "model", *_TINY), _with("labelled")),
    Trial(
        "refine",
        ("refine", "labelled", "--model", "model", "--steps", "4", "--batch-size", "16"),
        _with("labelled", "model"),
    ),
    Trial("predict", ("predict", "video.mp4", "--out", "found"), _predicted),
    Trial("import", ("datasets", "import", "dataset", "--out", "takes"), _with("dataset")),
    Trial("studio", (*_FILM, "2", "--workers", "1"), _empty),
    Trial("batch", _BATCH, _recorded),
    Trial("studio, two workers", (*_FILM, "3", "--workers", "2"), _empty, slow=True),
    Trial("batch, two jobs", (*_BATCH, "--jobs", "2"), _recorded, slow=True),
)
