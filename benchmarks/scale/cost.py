"""CPU seconds and peak memory of one stage on a clip folder, in a fresh process of one thread.

The seconds are those of the stage without the imports; the peak is that of the whole process, with them, as Linux says.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Literal, NamedTuple

from epipose.errors import EpiposeError

Stage = Literal["calibrate", "label", "associate"]
ROOT = Path(__file__).resolve().parents[2]
SCALE = ROOT / "benchmarks" / "results" / "scale.json"
_PROGRAMS: dict[Stage, str] = {
    "calibrate": "from epipose.pipeline.stages import calibrate_clip as stage\nrun = lambda: stage(folder)",
    "label": "from epipose.pipeline.stages import label_clip as stage\nrun = lambda: stage(folder, force=True)",
    "associate": (
        "from epipose.people.association import associate\nfrom epipose.clip import Clip\n"
        "from epipose.camera import Rig\nfrom epipose.poses import Poses2D\n"
        "run = lambda: associate(Poses2D.load(folder / 'poses2d.npz'), Rig.load(folder / 'rig.json'), "
        "Clip.load(folder).fps)"
    ),
}
# The kernel's VmHWM, not getrusage's ru_maxrss: the latter begins with what the process that started it had in memory.
_FRAME = """
import json, re, sys, time
from pathlib import Path
folder = Path(sys.argv[1])
{program}
before = time.process_time()
run()
seconds = time.process_time() - before
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
print(json.dumps([seconds, int(peak[1]) / 1024]))
"""
_LEFT_BEHIND: dict[Stage, tuple[str, ...]] = {
    "calibrate": ("calibrate.json",), "label": ("label.json",), "associate": (),
}  # fmt: skip


class Cost(NamedTuple):
    """CPU seconds and the most memory that was resident at once, in MiB."""

    cpu_seconds: float
    peak_mb: float


def one_thread(source: Path) -> dict[str, str]:
    """The environment of a process that runs the code of a source tree in one thread."""
    paths = os.pathsep.join(str(path) for path in (source / "src", source))
    return {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}


def cost_of(stage: Stage, folder: Path, source: Path = ROOT) -> Cost:
    """What a stage costs on a clip folder, by the code of a source tree. Raises EpiposeError where it fails."""
    for name in _LEFT_BEHIND[stage]:  # or there would be nothing to do
        (folder / name).unlink(missing_ok=True)
    done = subprocess.run(
        [sys.executable, "-c", _FRAME.format(program=_PROGRAMS[stage]), str(folder)],
        env=one_thread(source), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise EpiposeError(f"{stage} on {folder} failed: {done.stderr[-500:]}")
    return Cost(*json.loads(done.stdout.splitlines()[-1]))
