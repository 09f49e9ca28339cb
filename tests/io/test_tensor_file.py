"""The same tensors and texts give the same bytes in every process, and the library reads them."""

import hashlib
import subprocess
import sys

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save

from epipose.io.files import write_tensors
from epipose.io.tensor_file import with_sorted_texts

_TENSORS = {"weight": torch.arange(12.0).reshape(3, 4), "bias": torch.ones(3).half(), "none": torch.zeros(0)}
_TEXTS = {"format": "a", "skeleton": 'h36m17 ä "quoted"\n', "sizes": "{}", "also": ""}
_IN_A_PROCESS = """
import hashlib, sys, torch
from pathlib import Path
from epipose.network.refiner import Refiner
from epipose.skeletons import H36M17
torch.manual_seed(0)
Refiner(H36M17, 16, 1).save(sys.argv[1])
print(hashlib.sha256(Path(sys.argv[1]).read_bytes()).hexdigest())
"""


@pytest.mark.parametrize("texts", [None, {}, _TEXTS])
def test_the_library_reads_what_is_written(tmp_path, texts):
    path = tmp_path / "some.safetensors"
    write_tensors(path, _TENSORS, texts)
    read = load_file(path)
    assert {name: (value.dtype, value.tolist()) for name, value in read.items()} == {
        name: (value.dtype, value.tolist()) for name, value in _TENSORS.items()
    }
    with safe_open(path, "pt") as file:
        assert (file.metadata() or {}) == (texts or {})


def test_texts_come_in_order_and_the_numbers_stay_where_they_were():
    content = b""
    for _ in range(8):  # in one process, too, every table has an order of its own
        content = with_sorted_texts(save(_TENSORS, _TEXTS))
        assert content == with_sorted_texts(save(_TENSORS, dict(reversed(_TEXTS.items()))))
        places = [content.index(f'"{name}"'.encode()) for name in sorted(_TEXTS)]
        assert places == sorted(places)
    assert (8 + int.from_bytes(content[:8], "little")) % 8 == 0, "tensors are aligned, for readers that map the file"


@pytest.mark.slow
def test_a_refiner_is_the_same_file_whichever_process_wrote_it(tmp_path):
    digests = set()
    for number in range(4):
        path = tmp_path / f"{number}.safetensors"
        ended = subprocess.run(
            [sys.executable, "-c", _IN_A_PROCESS, str(path)], capture_output=True, text=True, check=True
        )
        assert hashlib.sha256(path.read_bytes()).hexdigest() == ended.stdout.strip()
        digests.add(ended.stdout.strip())
    assert len(digests) == 1
