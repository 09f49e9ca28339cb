"""What several verbs do alike: the last line they print, and the files in folders they are given."""

from __future__ import annotations

from pathlib import Path

from epipose import config, config_network


def say(worked: bool, path: Path, then: str) -> None:
    """What is done, and what comes next."""
    print(f"{path} {'written' if worked else 'is there already, from the same input and options'}. Next: {then}")


def motions_and_photos(verb: config.Studio | config_network.Train) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """The files in the folders that the studio was given; none where none was."""
    from epipose.studio.room import photos_in

    return motions_in(verb.mocap), photos_in(verb.backgrounds) if verb.backgrounds else ()


def motions_in(folder: Path | None) -> tuple[Path, ...]:
    """The motion files in a folder; none where there is no folder."""
    from epipose.motion import motion_files

    return tuple(motion_files(folder)) if folder else ()
