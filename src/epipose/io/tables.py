"""Long tables and labelled arrays of poses, for pandas and xarray.

Both have a way of their own to say that a value is missing, NaN, which takes the place of confidence 0 here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from epipose.errors import optional

if TYPE_CHECKING:
    import pandas
    import xarray

COLUMNS = ("time", "frame", "person", "joint", "x", "y", "z", "conf")
_AXES = ["x", "y", "z"]


def long_table(
    xyz: Float[np.ndarray, "frame person joint 3"],
    conf: Float[np.ndarray, "frame person joint"],
    joints: Sequence[str],
    times: Float[np.ndarray, " frame"] | None = None,
) -> pandas.DataFrame:
    """One row per frame, person and joint, in this order, with the `COLUMNS`.

    ``time`` in seconds, NaN without ``times``; ``joint`` is a categorical in the order of ``joints``; lengths stay in the
    unit of ``xyz``, NaN where ``conf`` is 0. Raises MissingExtraError without pandas (extra ``export``).
    """
    pd = optional("pandas", "export")
    frame, person, joint = (index.ravel() for index in np.indices(conf.shape))
    seconds = np.full(len(conf), np.nan) if times is None else np.asarray(times, dtype=np.float64)
    places = np.where(conf[..., None] > 0, xyz, np.nan).reshape(-1, 3)
    named = pd.Categorical.from_codes(joint, categories=list(joints), ordered=False)
    values = (seconds[frame], frame, person, named, *places.T, conf.ravel())
    return pd.DataFrame(dict(zip(COLUMNS, values, strict=True)))


def labelled_arrays(
    xyz: Float[np.ndarray, "frame person joint 3"],
    conf: Float[np.ndarray, "frame person joint"],
    joints: Sequence[str],
    times: Float[np.ndarray, " frame"] | None = None,
    fps: float | None = None,
    about: dict[str, str] | None = None,
) -> xarray.Dataset:
    """Dataset of the layout of movement 0.15, the toolbox for the analysis of body movement, type "poses".

    ``position`` (time, space, keypoints, individuals), NaN where ``conf`` is 0, and ``confidence`` (time, keypoints,
    individuals). The coordinate ``time`` is in seconds; without ``times`` it counts frames. Attributes:
    ``source_software``, ``ds_type``, ``time_unit``, ``fps`` where it is known, and those of ``about``. Raises
    MissingExtraError without xarray (extra ``export``). Source: https://movement.neuroinformatics.dev, "movement
    datasets".
    """
    xr = optional("xarray", "export")
    position = np.where(conf[..., None] > 0, xyz, np.nan).transpose(0, 3, 2, 1)
    attributes: dict[str, str | float] = {"source_software": "epipose", "ds_type": "poses", **(about or {})}
    attributes["time_unit"] = "frames" if times is None else "seconds"
    if fps is not None:
        attributes["fps"] = fps
    return xr.Dataset(
        {
            "position": (("time", "space", "keypoints", "individuals"), position),
            "confidence": (("time", "keypoints", "individuals"), conf.transpose(0, 2, 1)),
        },
        coords={
            "time": np.arange(len(conf)) if times is None else np.asarray(times, dtype=np.float64),
            "space": _AXES,
            "keypoints": list(joints),
            "individuals": [f"person_{person}" for person in range(conf.shape[1])],
        },
        attrs=attributes,
    )
