"""Crops from several callers in one batch, and devices of a crop network."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import numpy as np
import pytest
import torch

from epipose.errors import InputError
from epipose.network import crop_network as module
from epipose.network.crop_network import SharedCrops, crop_network
from epipose.network.graph_net import Graph, GraphNet
from epipose.network.graph_ops import Sigmoid


class Sums:
    """A network of two outputs per crop; the first batch waits until it is released."""

    def __init__(self):
        self.batches, self.begun, self.release = [], Event(), Event()

    def __call__(self, crops):
        self.batches.append(len(crops))
        self.begun.set()
        assert self.release.wait(10)
        if crops.max() == 255:
            raise InputError("too bright")
        return [crops.reshape(len(crops), -1).sum(1).astype(float), crops[:, 0, 0].astype(float)]


def crops_of(value, count=1):
    return np.full((count, 2, 2, 3), value, np.uint8)


def queued(shared, values):
    """Submit one crop, wait until it is being computed, submit the others, and let all be computed."""
    pool = ThreadPoolExecutor(len(values))
    first = pool.submit(shared, values[0])
    assert shared._network.begun.wait(10)
    others = []
    for value in values[1:]:
        others.append(pool.submit(shared, value))
        while len(shared._waiting) < len(others):
            pass
    shared._network.release.set()
    return [first, *others]


def test_crops_that_wait_are_one_batch_and_everybody_gets_their_own():
    shared = SharedCrops(Sums())
    jobs = queued(shared, [crops_of(1), crops_of(2, 3), crops_of(3, 2)])
    sums = [job.result()[0].tolist() for job in jobs]
    assert sums == [[12], [24, 24, 24], [36, 36]]
    assert shared._network.batches == [1, 5]


def test_a_batch_holds_no_more_than_allowed():
    shared = SharedCrops(Sums(), most=4)
    jobs = queued(shared, [crops_of(1, 6), crops_of(2, 3), crops_of(3, 2), crops_of(4, 2)])
    assert [len(job.result()[0]) for job in jobs] == [6, 3, 2, 2]
    assert shared._network.batches == [6, 3, 4]


def test_an_error_reaches_all_whose_crops_were_in_the_batch():
    shared = SharedCrops(Sums())
    jobs = queued(shared, [crops_of(1), crops_of(255), crops_of(3)])
    assert jobs[0].result()[0].tolist() == [12]
    for job in jobs[1:]:
        with pytest.raises(InputError, match="too bright"):
            job.result()


def test_a_device_that_is_not_there_is_said_and_a_gpu_means_pytorch(monkeypatch):
    net = GraphNet(Graph((Sigmoid(("image",), "out"),), "image", ("out",)), {})
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(InputError, match="no device 'cuda'"):
        crop_network(net, 2, scale=1.0, device="cuda")
    monkeypatch.setattr(module, "device_named", lambda name: torch.device("meta"))
    assert isinstance(crop_network(net, 2, scale=1.0, device="cuda"), SharedCrops)
