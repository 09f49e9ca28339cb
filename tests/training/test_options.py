"""Options of training: one record that the command line fills, `train_network` takes and train.json keeps."""

import subprocess
import sys
from dataclasses import asdict, fields
from pathlib import Path

import pytest

from epipose.errors import InputError
from epipose.io.files import read_json
from epipose.io.options import with_changes
from epipose.network.config import HeadSizes
from epipose.network.pretrained import pretrained_config
from epipose.training.options import RefineOptions, TrainOptions
from epipose.training.presets import adapt_options
from epipose.training.refine import refine
from epipose.training.train import train_network
from tests.helpers.drawn_clips import clip_folder

TINY = TrainOptions(
    backbone="resnet18", input_size=64, depth_bins=8, channels=16, deconvs=1, batch_size=4, epochs=1, frames=(0, 0)
)


def test_lists_and_strings_are_taken_for_tuples_and_paths() -> None:
    options = with_changes(TrainOptions(), {"lr_drops": [3], "images_2d": ["a"], "init": "model", "frames": [0, 2]})
    assert (options.lr_drops, options.images_2d, options.init) == ((3,), (Path("a"),), Path("model"))
    assert options.frames == (0, 2)
    assert with_changes(TrainOptions(), {"init": "pretrained"}).init == "pretrained"
    assert with_changes(RefineOptions(), {"init": "none"}).init == "none"


def test_a_misspelt_option_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no option 'epoch'; did you mean epochs"):
        train_network([tmp_path], tmp_path / "out", epoch=3)
    with pytest.raises(InputError, match="no option 'step'; did you mean steps"):
        refine([tmp_path], tmp_path / "out", step=3)


@pytest.mark.slow
def test_the_record_is_the_options_that_decide_what_is_learned(tmp_path: Path) -> None:
    folder = clip_folder(tmp_path / "clip", frames=2, views=2)
    train_network(str(folder), str(tmp_path / "out"), TINY, device="cpu")  # strings, and one folder alone
    recorded = read_json(tmp_path / "out" / "train.json")["options"]
    how = {"images_2d", "device", "compile", "checkpoint_steps", "checkpoint_seconds", "overwrite"}
    assert set(recorded) == {field.name for field in fields(TrainOptions)} - how | {"stream"}
    plain = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(TINY).items()}
    assert recorded == {name: plain[name] for name in recorded if name != "stream"} | {"stream": None}


def test_adaptation_starts_from_the_pretrained_network() -> None:
    options = adapt_options()
    sizes = pretrained_config().sizes
    assert isinstance(sizes, HeadSizes)
    assert (options.init, options.backbone) == ("pretrained", sizes.backbone)
    assert (options.input_size, options.channels, options.layers) == (sizes.input_size, sizes.width, sizes.layers)
    assert options.keep_initial == 0.5


def test_options_import_without_torch_and_numpy() -> None:
    code = (
        "import sys, epipose.training.options, epipose.inference.options; print({'torch', 'numpy'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
