"""The command line: one verb per step of the method, plus `run` for all of them.

Nothing heavy is imported before a verb is chosen, so that --help answers at once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import tyro

from epipose import config, config_measure, config_network
from epipose.errors import EpiposeError, RejectedError
from epipose.verbs import clips, measure, network

_Verb = (
    Annotated[config.Sample, tyro.conf.subcommand("sample")]
    | Annotated[config.Weights, tyro.conf.subcommand("weights")]
    | Annotated[config.Detect, tyro.conf.subcommand("detect")]
    | Annotated[config.Calibrate, tyro.conf.subcommand("calibrate")]
    | Annotated[config.Label, tyro.conf.subcommand("label")]
    | Annotated[config_network.Train, tyro.conf.subcommand("train")]
    | Annotated[config_network.Refine, tyro.conf.subcommand("refine")]
    | Annotated[config_network.Predict, tyro.conf.subcommand("predict")]
    | Annotated[config_network.Export, tyro.conf.subcommand("export")]
    | Annotated[config.View, tyro.conf.subcommand("view")]
    | Annotated[config.Run, tyro.conf.subcommand("run")]
    | Annotated[config.Studio, tyro.conf.subcommand("studio")]
    | Annotated[config_measure.Evaluate, tyro.conf.subcommand("evaluate")]
    | Annotated[config_measure.Bench, tyro.conf.subcommand("bench")]
    | Annotated[config_measure.Datasets, tyro.conf.subcommand("datasets")]
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code: 0 done, 2 bad input, 3 cameras rejected, 130 interrupted."""
    verb = tyro.cli(
        _Verb,  # type: ignore[arg-type]
        prog="epipose",
        description="3D human pose from cameras nobody calibrated.",
        args=arguments,
        config=(tyro.conf.OmitSubcommandPrefixes, tyro.conf.OmitArgPrefixes),
    )
    try:
        _ACTIONS[type(verb)](verb)
    except EpiposeError as error:
        print(f"epipose: {error}", file=sys.stderr)
        return 3 if isinstance(error, RejectedError) else 2
    except OSError as error:
        print(f"epipose: the system refused: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            "epipose: interrupted; what was finished is kept, and the same command goes on from there.", file=sys.stderr
        )
        return 130
    return 0


_ACTIONS: dict[type, Callable[[Any], None]] = {**clips.ACTIONS, **network.ACTIONS, **measure.ACTIONS}

if __name__ == "__main__":
    sys.exit(main())
