"""Keypoints of single views, kept as soon as each is done: what ends a run later does not take them along.

A view's file is made from one video by one detector with certain options; it is taken again only for the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np

from epipose.clip import View
from epipose.detection.tracklets import Tracklet
from epipose.errors import DamagedFileError, InputError
from epipose.io.files import already_done, fingerprint, read_npz, write_npz, write_record
from epipose.skeleton import Skeleton

_KEYS = ("xy", "conf", "xyz", "lost")


class ViewKeypoints(NamedTuple):
    """The people of one view in its own frames, longest first, and the numbers of the frames that cannot be decoded."""

    tracklets: tuple[Tracklet, ...]
    lost: tuple[int, ...]


class KeptViews:
    """The folder ``detections/`` of a clip folder, with a file and a record for each view that is done."""

    def __init__(self, folder: Path | None, asked: Mapping[str, Any]) -> None:
        """Without a folder nothing is kept. ``asked``: the options that the keypoints depend on."""
        self._folder, self._asked = folder, asked

    def load(self, view: View, skeleton: Skeleton) -> ViewKeypoints | None:
        """What was kept of a view; None where nothing was, or of another video, detector or skeleton."""
        if self._folder is None:
            return None
        path, record = self._paths(self._folder, view)
        try:
            if not already_done(record, self._options(view, skeleton), fingerprint([view.images()]), (path,)):
                return None
            arrays = read_npz(path, _KEYS, "epipose detect")
        except (DamagedFileError, InputError):
            return None
        xyz = arrays["xyz"]
        people = [
            Tracklet(xy, conf, xyz[number] if len(xyz) else None)
            for number, (xy, conf) in enumerate(zip(arrays["xy"], arrays["conf"], strict=True))
        ]
        return ViewKeypoints(tuple(people), tuple(arrays["lost"].tolist()))

    def save(self, view: View, skeleton: Skeleton, found: ViewKeypoints) -> None:
        """Keep a view that is done."""
        if self._folder is None:
            return
        path, record = self._paths(self._folder, view)
        people = found.tracklets
        spatial = [one.xyz for one in people if one.xyz is not None]
        record.unlink(missing_ok=True)
        write_npz(
            path,
            xy=np.stack([one.xy for one in people]).astype(np.float32),
            conf=np.stack([one.conf for one in people]).astype(np.float32),
            xyz=np.array(spatial if len(spatial) == len(people) else [], np.float32),
            lost=np.array(found.lost, np.int64),
        )
        write_record(record, self._options(view, skeleton), fingerprint([view.images()]))

    def _options(self, view: View, skeleton: Skeleton) -> dict[str, Any]:
        """What a view's keypoints depend on, beside the video."""
        return {**self._asked, "frames": view.frames, "stride": view.stride, "joints": list(skeleton.joints)}

    @staticmethod
    def _paths(folder: Path, view: View) -> tuple[Path, Path]:
        name = quote(view.name, safe=" ")
        return folder / f"{name}.npz", folder / f"{name}.json"


NOTHING_KEPT = KeptViews(None, {})
