"""Devices by name: the processor, or a CUDA device that PyTorch finds."""

from __future__ import annotations

import re

import torch

from epipose.errors import InputError


def device_named(name: str) -> torch.device:
    """The device ``cpu``, ``cuda``, ``cuda:1``, ..., or for ``auto`` CUDA where there is one.

    Raises InputError for another name, and for a device that is not there.
    """
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not re.fullmatch(r"auto|cuda(:\d+)?", name):
        raise InputError(f"Unknown device '{name}'; choose auto, cpu or cuda.")
    device = torch.device("cuda" if name == "auto" else name)
    if (device.index or 0) >= (count := torch.cuda.device_count()):
        raise InputError(
            f"There is no device '{name}': PyTorch finds {count} CUDA devices. Choose auto or cpu, or install the GPU's "
            "driver and a PyTorch with CUDA."
        )
    return device
