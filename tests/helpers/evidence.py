"""Evidence of poses for the refiner, right but for a stated noise."""

import torch

from epipose.network.refiner import Evidence


def exact_evidence(uvd: torch.Tensor, noise: float = 0.0, seed: int = 0) -> Evidence:
    """Keypoints, own depth and reading of these poses, with independent errors of this size in crop widths."""
    generator = torch.Generator().manual_seed(seed)
    seen, read = (uvd + noise * torch.randn(uvd.shape, generator=generator) for _ in range(2))
    sure = torch.ones(uvd.shape[:-1])
    return Evidence(
        seen[..., :2], sure, seen[..., 2], sure.clone(), read, torch.full(uvd.shape, noise + 0.001), sure.clone()
    )
