"""Verbs that make models, predictions and synthetic clips, with their computations left out: see writing_verbs.py."""

from __future__ import annotations

import json
from pathlib import Path
from unittest import mock

import numpy as np
import torch

from epipose.inference.predict import predict
from epipose.inference.prediction import Prediction
from epipose.io.images import write_image
from epipose.io.staged import Staged
from epipose.io.write_errors import writing_to
from epipose.network.posenet import PoseNet, TrainedPoseNet
from epipose.network.refiner import Refiner
from epipose.poses import Poses3D
from epipose.skeletons import H36M17
from epipose.training.checkpoint import Checkpoint, TrainingState, save_checkpoint
from epipose.training.options import TrainOptions
from epipose.training.refine import refine
from epipose.training.train import train_network
from tests.helpers.synthetic import moving_skeleton


class _Net(PoseNet):
    """A network without weights."""

    def __init__(self) -> None:
        torch.nn.Module.__init__(self)

    def own_state(self) -> dict[str, torch.Tensor]:
        return {}


class _Model(TrainedPoseNet):
    """A model of a few bytes, which say with which seed it was trained."""

    def __init__(self, seed: int) -> None:
        object.__setattr__(self, "_seed", seed)

    def write_into(self, stage: Staged) -> None:
        stage.path("model.safetensors").write_bytes(bytes([self._seed] * 1000))
        stage.path("config.json").write_text(json.dumps({"seed": self._seed}))


class _Stream:
    """A source of no batches."""

    skeleton, metric, images, bone_lengths = H36M17, True, 1, None

    def batches(self, start_step: int, batch_size: int) -> None:
        """None."""

    def __repr__(self) -> str:
        return "a stream"


def train(out: Path, seed: int) -> None:
    """`epipose train --overwrite`: a step, its checkpoint and a line of the log."""

    def fit(net, source, options, folder, processes):
        save_checkpoint(folder, Checkpoint(1, 0.0, 0.0, TrainingState({}, {}, torch.zeros(2))))
        with writing_to(folder):
            (folder / "log.jsonl").write_text(json.dumps({"epoch": 0, "seed": seed}) + "\n")
        return net

    with (
        mock.patch("epipose.training.train._network", return_value=_Net()),
        mock.patch("epipose.training.train.fit", fit),
        mock.patch("epipose.training.train._trained", return_value=_Model(seed)),
        mock.patch("epipose.training.train.TrainedPoseNet.load", return_value=_Model(seed)),
    ):
        train_network((), out, TrainOptions(seed=seed), stream=_Stream(), overwrite=True)


def refined(folder: Path, out: Path, seed: int) -> None:
    """`epipose refine` of a model folder."""
    torch.manual_seed(seed)
    refiner = Refiner(H36M17)
    with (
        mock.patch("epipose.training.refine._skeleton_of", return_value=H36M17),
        mock.patch("epipose.training.refine._start", return_value=None),
        mock.patch("epipose.training.refine._needed", return_value=[folder / "labels.npz"]),
        mock.patch("epipose.training.refine._fitted", return_value=(refiner, {"before": 1.0, "after": seed})),
    ):
        refine([folder], out, seed=seed)


def predicted(folder: Path, out: Path, share: float) -> None:
    """`epipose predict` of a photo."""
    photo = folder / "photo.png"
    if not photo.exists():
        write_image(photo, np.zeros((64, 64, 3), np.uint8))
    xyz = share * moving_skeleton(1).float()
    poses = Poses3D((xyz - xyz[:, :1])[:, None], torch.ones(1, 1, 17), H36M17, "camera", True)
    prediction = Prediction(poses, 30 + 10 * xyz[..., :2], ("photo.png",), {})

    def found(predictor, source, images, given, options, kept):
        for image in images.read():
            kept.add(image)
        return prediction, [(64, 64)]

    with (
        mock.patch("epipose.inference.predict.load_predictor", return_value=mock.Mock(boxes="none")),
        mock.patch("epipose.inference.predict._predicted", found),
    ):
        predict(photo, None, out)


def filmed(out: Path) -> None:
    """`epipose studio` of one clip: a person whom nobody draws, in black videos."""
    from epipose.studio import film
    from epipose.studio.actor import Actor
    from epipose.studio.renderer import Renderer

    class Person(Actor):
        def __init__(self) -> None:
            for name in ("body", "look", "seat", "skinning"):
                object.__setattr__(self, name, None)
            object.__setattr__(self, "xyz", moving_skeleton(3).numpy())

    class Nothing(Renderer):
        def __init__(self) -> None: ...

        def dress(self, body, look, detail=0.0) -> None: ...

        def furnish(self, room) -> None: ...

        def place(self, seat) -> None: ...

        def close(self) -> None: ...

    def black(*_: object):
        return iter([np.zeros((64, 64, 3), np.uint8)] * 3)

    spec = film.ClipSpec(3, 2, 25.0, (64, 64), "ring", (), (), 0, cast=lambda *_: Person())
    with (
        mock.patch("epipose.studio.film.Renderer", Nothing),
        mock.patch("epipose.studio.film.within_view", lambda actor, _: actor),
        mock.patch("epipose.studio.film._images", black),
    ):
        film.film(out, 1, spec, 1)
