"""One of two processes of test_distributed.py: training together, and the gradient of a shared batch."""

import json
import sys
from pathlib import Path

import torch

from epipose.network.posenet import PoseNet
from epipose.training.batches import Shuffled
from epipose.training.distributed import ProcessGroup, process_group
from epipose.training.loader import feed
from epipose.training.loop import _TrainingRun
from epipose.training.options import TrainOptions
from epipose.training.samples import clip_samples
from epipose.training.train import train_network

CPU = torch.device("cpu")
TINY = {"backbone": "resnet18", "input_size": 64, "depth_bins": 8, "channels": 16, "deconvs": 1}
VARIED = {"rotation": 0.3, "occlusion": 0.5}


def gradient(clip: Path, processes: ProcessGroup) -> tuple[torch.Tensor, torch.Tensor]:
    """Gradient and loss of a batch of five with fixed normalisation, which is all that processes do not share."""
    torch.manual_seed(processes.rank)  # whoever is not first must take over the first one's weights
    net = PoseNet("resnet18", 17, input_size=64, depth_bins=8, channels=16, deconvs=1)
    run = _TrainingRun(net, TrainOptions(lr=0.0, batch_size=5), 1, 0, processes)
    run.start(compiled=False)
    net.eval()
    source = Shuffled(clip_samples(clip, 64, frames=(0, 4), views=["cam1"]), 0)
    batches = feed(source, 0, 5, 64, 0, VARIED, processes)
    loss = run.step(next(batches), 0)
    batches.close()
    return torch.cat([p.grad.flatten() for p in net.parameters() if p.grad is not None]), loss


def main() -> None:
    """Arguments: clip folder, folder to write to."""
    clip, out = Path(sys.argv[1]), Path(sys.argv[2])
    with process_group(CPU) as processes:
        found, loss = gradient(clip, processes)
        rank = processes.rank
        trained = train_network([clip], out / "model", epochs=3, batch_size=6, ema=0.5, lr=3e-3, device="cpu", **TINY)
    torch.save({"gradient": found, "loss": loss, "net": trained.net.state_dict()}, out / f"rank{rank}.pt")
    (out / f"rank{rank}.json").write_text(json.dumps(trained.metric))


if __name__ == "__main__":
    main()
