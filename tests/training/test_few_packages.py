"""Training on drawn people needs few packages: machines that train have neither video, nor command line, nor viewer."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from epipose.errors import EpiposeError
from epipose.motion.packed import write_packed
from epipose.motion.sampler import random_motion
from epipose.studio.anny_model import load_model
from epipose.studio.renderer import Renderer

ABSENT = ("anny", "av", "tyro", "cattrs", "attrs", "attr", "onnxruntime", "tqdm", "PIL", "scipy", "h5py")
MODULES = (
    "epipose.training.device_augment",
    "epipose.training.scene_pool",
    "epipose.training.studio_sequences",
    "epipose.training.studio_stream",
    "epipose.network.posenet",
    "epipose.network.blazepose",
    "epipose.network.crop_network",
    "epipose.training.samples",
    "epipose.training.losses",
    "epipose.training.batches",
    "epipose.training.weight_average",
    "epipose.training.scene_pool",
    "epipose.training.device_augment",
)
WITHOUT = f"""
import sys, importlib, importlib.metadata
for name in {ABSENT}:
    sys.modules[name] = None
version = importlib.metadata.version
def missing(name):
    if name in {ABSENT}:
        raise importlib.metadata.PackageNotFoundError(name)
    return version(name)
importlib.metadata.version = missing
"""


def run(code: str, *arguments: str) -> str:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-c", WITHOUT + code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_modules_of_the_training_import_without_them():
    run(f"for module in {MODULES}: importlib.import_module(module)")


@pytest.mark.gl
def test_a_stream_draws_without_them(tmp_path: Path):
    try:
        Renderer().close()
    except EpiposeError as error:
        pytest.skip(str(error))
    load_model()  # in the cache by now, whoever made it
    write_packed(random_motion(np.random.default_rng(0), 2.0), tmp_path / "some.motion.npz")
    said = run(
        "from pathlib import Path\n"
        "from epipose.training.studio_scenes import StreamOptions\n"
        "from epipose.training.studio_stream import Stream\n"
        "options = StreamOptions(48, 3, (Path(sys.argv[1]),), lanes=2, per_scene=2)\n"
        "batch = next(Stream(options).batches(0, 4))\n"
        "print(batch.crops.shape)",
        str(tmp_path / "some.motion.npz"),
    )
    assert said.strip() == "(4, 48, 48, 3)"
