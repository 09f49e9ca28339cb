"""Sources of training batches: numbered batches of stored crops, from clips in memory or any other maker.

Batch k of a source is the same whenever it is asked for and whatever was asked for before. That is all that exact
resuming needs, and it is why a source is asked for batches from a step on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int, UInt8

from epipose.errors import InputError
from epipose.skeleton import Skeleton
from epipose.training.samples import Placement, Samples


class StoredBatch(NamedTuple):
    """Crops that show ``WINDOW`` x the box (JPEG, or RGB), (u, v, d), weights of (u, v) and d, and where they lie."""

    crops: Sequence[bytes] | UInt8[np.ndarray, "batch stored stored 3"]
    uvd: Float[np.ndarray, "batch joint 3"]
    weight: Float[np.ndarray, "batch joint 2"]
    place: Placement | None = None


@runtime_checkable
class Source(Protocol):
    """Endless batches; ``images`` make an epoch. ``bone_lengths`` follow ``skeleton.bones``, metres if ``metric``.

    Its ``repr`` states what it is made of: by that a training run knows its own source when it resumes.
    """

    skeleton: Skeleton
    metric: bool
    images: int

    @property
    def bone_lengths(self) -> Float[np.ndarray, " bone"]:
        """Lengths of the skeleton's bones."""
        ...

    def batches(self, start_step: int, batch_size: int) -> Iterator[StoredBatch]:
        """The batches from number ``start_step`` on; there are `epoch_steps` of them in an epoch."""
        ...


def epoch_steps(source: Source, batch_size: int) -> int:
    """Batches in an epoch."""
    return -(-source.images // batch_size)


def epoch_order(
    images: int, seed: int, epoch: int, moment: Int[np.ndarray, " image"] | None = None
) -> Int[np.ndarray, "unit 1"] | Int[np.ndarray, "unit 2"]:
    """A random order of images, one to a row; with the ``moment`` that each shows, as many pairs of one as can be."""
    rng = np.random.default_rng((seed, epoch))
    order = rng.permutation(images)
    if moment is None:
        return order[:, None]
    order = order[np.argsort(moment[order], kind="stable")]  # views of a moment side by side, in random order
    _, first, count = np.unique(moment[order], return_index=True, return_counts=True)
    within = np.arange(len(order)) - np.repeat(first, count)
    return rng.permutation(order[within < np.repeat(count // 2 * 2, count)].reshape(-1, 2))


class Shuffled:
    """Samples in a new random order in every epoch, in batches as even as can be (batch normalisation needs several).

    With ``pairs``, images 2k and 2k + 1 of a batch are two views of the same moment.
    """

    def __init__(self, samples: Samples, seed: int, *, pairs: bool = False) -> None:
        """Raises InputError where ``pairs`` are wanted and no moment is seen by two views."""
        self.samples, self.seed, self.pairs = samples, seed, pairs
        self.skeleton, self.bone_lengths, self.metric = samples.skeleton, samples.bone_lengths, samples.metric
        self.images = self._order(0).size
        if not self.images:
            raise InputError("No moment is seen by two views: label clips of two views or more, and use two of them.")

    def batches(self, start_step: int, batch_size: int) -> Iterator[StoredBatch]:
        """As `Source` says."""
        steps = epoch_steps(self, batch_size)
        epoch, step = divmod(start_step, steps)
        while True:
            for rows in np.array_split(self._order(epoch), steps)[step:]:
                yield self._batch(rows.ravel())
            epoch, step = epoch + 1, 0

    def _order(self, epoch: int) -> Int[np.ndarray, "unit image"]:
        """The epoch's images, one to a row, or two of a moment."""
        if not self.pairs:
            return epoch_order(len(self.samples), self.seed, epoch)
        assert self.samples.place is not None
        return epoch_order(len(self.samples), self.seed, epoch, self.samples.place.moment)

    def _batch(self, rows: Int[np.ndarray, " row"]) -> StoredBatch:
        samples = self.samples
        place = samples.place.of(rows) if samples.place is not None and self.pairs else None
        return StoredBatch([samples.jpegs[row] for row in rows], samples.uvd[rows], samples.weight[rows], place)
