"""A video's bytes follow from its images: not from the number of cores, nor from what was in memory before."""

import hashlib
import os
import subprocess
import sys

import pytest

_WRITES = """
import os, sys
import numpy as np
from epipose.io.video import write_video
if sys.argv[2] == "one":
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
random = np.random.default_rng(0)
image = random.integers(0, 256, (60, 80, 3)).astype(np.uint8).repeat(4, 0).repeat(4, 1)
write_video(sys.argv[1], (np.roll(image, (2 * k, k), (0, 1)) for k in range(50)), 25.0)
"""


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores cannot be taken away")
def test_the_same_images_give_the_same_bytes(tmp_path):
    digests = {}
    for cores, memory in (("one", "0"), ("all", "85"), ("all", "170")):  # what glibc fills new memory with
        path = tmp_path / f"{cores}{memory}.mp4"
        environment = {**os.environ, "MALLOC_PERTURB_": memory}
        subprocess.run([sys.executable, "-c", _WRITES, str(path), cores], env=environment, check=True)
        digests[cores, memory] = hashlib.sha256(path.read_bytes()).hexdigest()
    assert len(set(digests.values())) == 1, digests
