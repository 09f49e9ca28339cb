"""Data-parallel training on several GPUs or machines, started by torchrun.

Without torchrun there is one process, and everything here does nothing. With it every process reads its share of each
batch, gradients and the sums that the loss is made of are added up, and the first process alone touches the disk.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor, nn

from epipose.errors import InputError


@dataclass(frozen=True)
class ProcessGroup:
    """The processes of one training as one of them, number ``rank`` of ``size``, has them; ``device`` is its own."""

    rank: int
    size: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files and logs."""
        return self.rank == 0

    def share(self, images: int, group: int = 1) -> slice:
        """The rows of a batch that this process reads; ``group`` neighbouring rows stay together.

        Raises InputError for a batch in which a process has nothing to do.
        """
        if images // group < self.size:
            raise InputError(
                f"A batch of {images} images cannot be shared by {self.size} processes. Use a larger --batch-size, "
                "more images, or fewer processes."
            )
        cuts = np.linspace(0, images // group, self.size + 1).round().astype(int) * group
        return slice(int(cuts[self.rank]), int(cuts[self.rank + 1]))

    def sum(self, sums: Float[Tensor, " sum"]) -> Float[Tensor, " sum"]:
        """The sums added up over all processes, without gradient."""
        sums = sums.detach().clone()
        if self.size > 1:
            dist.all_reduce(sums)
        return sums

    def broadcast(self, content: Any) -> Any:
        """The first process's content, in every process."""
        if self.size == 1:
            return content
        box = [content]
        dist.broadcast_object_list(box, src=0, device=self.device if self.device.type == "cuda" else None)
        return box[0]

    def data_parallel(self, net: nn.Module) -> nn.Module:
        """The network with gradients averaged over the processes, all of which start with the first one's weights.

        On GPUs batch normalisation sees the whole batch; on processors every process normalises its own share.
        """
        if self.size == 1:
            return net
        cuda = self.device.type == "cuda"
        shared = nn.SyncBatchNorm.convert_sync_batchnorm(net) if cuda else net
        return nn.parallel.DistributedDataParallel(shared, device_ids=[self.device] if cuda else None)


@contextmanager
def process_group(device: torch.device) -> Iterator[ProcessGroup]:
    """The processes of a torchrun, connected as long as the context lasts; one process without torchrun.

    On machines with several GPUs each process gets its own (``device`` without a number). Processes that are
    connected already stay so.
    """
    if dist.is_available() and dist.is_initialized():
        yield ProcessGroup(dist.get_rank(), dist.get_world_size(), _own(device))
        return
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield ProcessGroup(0, 1, device)
        return
    device = _own(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield ProcessGroup(dist.get_rank(), dist.get_world_size(), device)
    finally:
        dist.destroy_process_group()


def _own(device: torch.device) -> torch.device:
    """This process's GPU, where any is meant."""
    if device.type == "cuda" and device.index is None:
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    return device
