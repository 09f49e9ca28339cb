"""A clip: the views of one scene, taken at the same time. A clip folder holds clip.json and what the verbs add."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from epipose.errors import EpiposeError
from epipose.files import read_json, write_json
from epipose.video import VIDEO_SUFFIXES, probe


@dataclass(frozen=True)
class View:
    """One camera's video."""

    name: str
    video: Path
    width: int
    height: int


@dataclass(frozen=True)
class Clip:
    """Synchronised views with equally many frames."""

    views: tuple[View, ...]
    frames: int
    fps: float

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the views, in order."""
        return tuple(view.name for view in self.views)

    @staticmethod
    def from_videos(sources: Sequence[Path]) -> Clip:
        """Probe videos (files, or one folder of them) and check that they can be views of one clip."""
        paths = _video_paths(sources)
        names = [path.stem for path in paths]
        if len(paths) < 2:
            raise EpiposeError(
                f"Got {len(paths)} video ({', '.join(names)}). Two or more cameras that filmed the same person "
                "at the same time are needed; one view has no depth."
            )
        if len(set(names)) < len(names):
            raise EpiposeError(
                f"Two videos have the same name: {', '.join(sorted(names))}. Rename one: names tell views apart."
            )
        infos = [probe(path) for path in paths]
        listing = "; ".join(f"{n}: {i.frames} frames at {i.fps:g} fps" for n, i in zip(names, infos, strict=True))
        if max(i.fps for i in infos) > 1.005 * min(i.fps for i in infos):
            raise EpiposeError(f"The videos differ in frame rate ({listing}). Re-encode them to one rate.")
        if len({i.frames for i in infos}) > 1:
            raise EpiposeError(
                f"The videos differ in length ({listing}). Cut them so that frame k is the same moment in all."
            )
        views = tuple(
            View(name, path.resolve(), info.width, info.height)
            for name, path, info in zip(names, paths, infos, strict=True)
        )
        return Clip(views, infos[0].frames, infos[0].fps)

    def save(self, folder: Path) -> None:
        """Write ``folder/clip.json``. Video paths are stored relative to the folder, so that both move together."""
        views = [
            {"name": v.name, "video": os.path.relpath(v.video, folder.resolve()), "width": v.width, "height": v.height}
            for v in self.views
        ]
        write_json(
            folder / "clip.json", {"format": "epipose-clip-1", "fps": self.fps, "frames": self.frames, "views": views}
        )

    @staticmethod
    def load(folder: Path) -> Clip:
        """Read ``folder/clip.json``; raises EpiposeError when it is no clip folder or a video has gone."""
        path = folder / "clip.json"
        if not path.exists():
            raise EpiposeError(
                f"{folder} is no clip folder (it has no clip.json). Make one: epipose detect VIDEOS --out {folder}"
            )
        content = read_json(path)
        try:
            views = tuple(
                View(v["name"], (folder.resolve() / v["video"]).resolve(), v["width"], v["height"])
                for v in content["views"]
            )
            clip = Clip(views, content["frames"], content["fps"])
        except (KeyError, TypeError) as error:
            raise EpiposeError(
                f"{path} is damaged ({error} is missing). Make it again: epipose detect VIDEOS --out {folder}"
            ) from error
        for view in clip.views:
            if not view.video.exists():
                raise EpiposeError(
                    f"The video of view '{view.name}' is gone: {view.video}. Put it back or detect again."
                )
        return clip


def _video_paths(sources: Sequence[Path]) -> list[Path]:
    paths: list[Path] = []
    for source in sources:
        if not source.exists():
            raise EpiposeError(f"There is no file or folder {source}.")
        if (source / "clip.json").exists():
            paths += [view.video for view in Clip.load(source).views]
        elif source.is_dir():
            found = sorted(p for p in source.iterdir() if p.suffix.lower() in VIDEO_SUFFIXES)
            if not found:
                raise EpiposeError(f"The folder {source} holds no video ({', '.join(sorted(VIDEO_SUFFIXES))}).")
            paths += found
        else:
            paths.append(source)
    return paths
