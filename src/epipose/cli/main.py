"""Entry point of the command line: `epipose VERB`.

Nothing heavy is imported before a verb is chosen, so that --help answers at once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import tyro

from epipose.cli.arguments import gathered
from epipose.cli.batch import Batch
from epipose.cli.bench import Bench
from epipose.cli.calibrate import Calibrate
from epipose.cli.datasets import Datasets
from epipose.cli.demo import Demo
from epipose.cli.detect import Detect
from epipose.cli.doctor import Doctor
from epipose.cli.evaluate import Evaluate
from epipose.cli.export import Export
from epipose.cli.label import Label
from epipose.cli.live import Live
from epipose.cli.messages import show_log
from epipose.cli.predict import Predict
from epipose.cli.process import carry_out
from epipose.cli.refine import Refine
from epipose.cli.run import Run
from epipose.cli.sample import Sample
from epipose.cli.studio import Studio
from epipose.cli.train import Train
from epipose.cli.view import ViewClip
from epipose.cli.weights import Weights
from epipose.io.version import installed_version

_Verb = (
    Annotated[Demo, tyro.conf.subcommand("demo")]
    | Annotated[Doctor, tyro.conf.subcommand("doctor")]
    | Annotated[Sample, tyro.conf.subcommand("sample")]
    | Annotated[Weights, tyro.conf.subcommand("weights")]
    | Annotated[Detect, tyro.conf.subcommand("detect")]
    | Annotated[Calibrate, tyro.conf.subcommand("calibrate")]
    | Annotated[Label, tyro.conf.subcommand("label")]
    | Annotated[Train, tyro.conf.subcommand("train")]
    | Annotated[Refine, tyro.conf.subcommand("refine")]
    | Annotated[Predict, tyro.conf.subcommand("predict")]
    | Annotated[Live, tyro.conf.subcommand("live")]
    | Annotated[Export, tyro.conf.subcommand("export")]
    | Annotated[ViewClip, tyro.conf.subcommand("view")]
    | Annotated[Run, tyro.conf.subcommand("run")]
    | Annotated[Batch, tyro.conf.subcommand("batch")]
    | Annotated[Studio, tyro.conf.subcommand("studio")]
    | Annotated[Evaluate, tyro.conf.subcommand("evaluate")]
    | Annotated[Bench, tyro.conf.subcommand("bench")]
    | Annotated[Datasets, tyro.conf.subcommand("datasets")]
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; returns its exit code (see `epipose.cli.process.EXIT_CODES`)."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if list(arguments) == ["--version"]:
        print(f"epipose {installed_version()}")
        return 0
    show_log()
    return carry_out(lambda: _verb_of(arguments).run())


def _verb_of(arguments: Sequence[str]) -> Any:
    """The verb with its options. Raises InputError for an option outside its range, SystemExit for what is no option."""
    return tyro.cli(
        _Verb,  # type: ignore[arg-type]
        prog="epipose",
        description="3D human pose from uncalibrated cameras. `epipose --version` prints the version.",
        args=gathered(arguments, "--detector-option"),
        config=(tyro.conf.OmitSubcommandPrefixes, tyro.conf.OmitArgPrefixes),
    )
