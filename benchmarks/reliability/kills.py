"""Kill -9 at random moments of the verbs that write, and the same command again: whether anything is lost.

    python -m benchmarks.reliability.kills [--kills 20] [--only train refine]

Half of the kills come after a random share of the processor time that a whole run takes, half before a random one of its
operations on files. The second run begins at once. The folder afterwards is compared with that of a run which nobody
killed, file by file (see `contents`); a temporary file that is left counts as a difference.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.network.studio_results import merge_results
from benchmarks.reliability.contents import contents, differences
from benchmarks.reliability.results import RESULT, Row, with_row
from benchmarks.reliability.runs import Ended, Kill, Run, carried_out
from benchmarks.reliability.trials import TRIALS, Trial, make_inputs, own_cache

SLOW_KILLS = 6  # of trials whose workers start Python anew
_SEED = 16


@dataclass(frozen=True)
class KillResult:
    """What became of one verb: runs killed, second runs that ended well, folders identical to an uninterrupted run's.

    ``finished``: runs that ended before the moment of their kill. ``repeatable``: two runs that nobody killed were
    identical. ``cpu_s`` and ``operations``: processor time of a whole run, and how often it changed files.
    ``examples``: differences of up to three folders.
    """

    verb: str
    kills: int
    completed: int
    identical: int
    finished: int
    repeatable: bool
    cpu_s: float
    operations: int
    examples: tuple[str, ...]


def main() -> int:
    """Measure, print a line for each verb, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20, help="of every verb")
    parser.add_argument("--only", nargs="*", default=[], help="names of trials; the results of the others stay")
    parser.add_argument("--work", type=Path, default=None, help="folder to work in")
    given = parser.parse_args()
    results = kill_results(given.kills, given.only, given.work)
    return 0 if all(result.identical == result.kills for result in results) else 1


def kill_results(kills: int = 20, only: Sequence[str] = (), work: Path | None = None) -> list[KillResult]:
    """The results of all trials, or of those named, in order; each is printed and put into the file as it comes."""
    results = []
    with workplace(work) as (root, inputs):
        for trial in TRIALS:
            if not only or trial.name in only:
                results.append(killed_trial(trial, inputs, root, min(kills, SLOW_KILLS) if trial.slow else kills))
                print(_in_words(results[-1]), flush=True)
                merge_results(RESULT, summary(with_row("kills_by_verb", asdict(results[-1]), ["verb"])))
    return results


@contextmanager
def workplace(work: Path | None) -> Iterator[tuple[Path, Path]]:
    """A folder to work in, temporary where none is given, and the trials' inputs in it; this process is warmed up."""
    warm_up()
    with tempfile.TemporaryDirectory() as temporary:
        root = (work or Path(temporary)).resolve()
        os.environ["EPIPOSE_CACHE"] = str(own_cache(root))
        yield root, make_inputs(root)


def summary(rows: Sequence[Row]) -> dict[str, object]:
    """The numbers that are quoted, and the results of each verb."""
    kills = sum(row["kills"] for row in rows)
    share = sum(row["identical"] for row in rows) / max(kills, 1)
    return {"kills": kills, "kills_identical_share": share, "kills_by_verb": list(rows)}


def killed_trial(trial: Trial, inputs: Path, root: Path, kills: int) -> KillResult:
    """Kill one verb so many times; moments that come after the end of a run are drawn again."""
    folder, log = root / "work", root / f"{trial.name.replace(', ', '-').replace(' ', '-')}.log"
    run = Run(trial.arguments, folder, log)
    whole = [whole_run(trial, run, inputs) for _ in range(2)]
    (ended, expected), (again, repeated) = whole
    usual = Ended(0, min(ended.cpu_s, again.cpu_s), ended.operations)
    completed = identical = finished = done = 0
    examples: list[str] = []
    for kill in _moments(trial.name, usual):
        if done == kills:
            break
        begin(trial, folder, inputs)
        if carried_out(run, kill).code != -9:
            finished += 1
            if finished > 3 * kills:
                break
            continue
        done += 1
        second = carried_out(run)
        found = differences(contents(folder), expected)
        completed += second.code == ended.code
        identical += not found and second.code == ended.code
        if (found or second.code != ended.code) and len(examples) < 3:
            examples.append(f"{_at(kill)}: exit code {second.code}, {found}")
    repeatable = not differences(repeated, expected)
    return KillResult(
        trial.name, done, completed, identical, finished, repeatable, round(usual.cpu_s, 2), usual.operations,
        tuple(examples),
    )  # fmt: skip


def whole_run(trial: Trial, run: Run, inputs: Path) -> tuple[Ended, dict[str, str]]:
    """Carry a verb out undisturbed; how it ended, and its folder. Raises SystemExit where it fails."""
    begin(trial, run.folder, inputs)
    ended = carried_out(run)
    if ended.code not in (0, 3):  # 3: cameras rejected, which writes its files, too
        raise SystemExit(f"{trial.name} ended with {ended.code}; {run.log} has what it said.")
    return ended, contents(run.folder)


def begin(trial: Trial, folder: Path, inputs: Path) -> None:
    """The folder as it is before the command; workers that outlive their process may still write into it."""
    folder.mkdir(exist_ok=True)
    for _ in range(50):
        for path in folder.iterdir():
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
        if not any(folder.iterdir()):
            break
        time.sleep(0.1)
    trial.begin(inputs, folder)


def _moments(name: str, usual: Ended) -> Iterator[Kill]:
    """Endless kills, which follow from the verb's name: times and operations by turns."""
    drawn = random.Random(zlib.crc32(name.encode()) + _SEED)
    while True:
        yield Kill(cpu_s=drawn.uniform(0.02, 1.0) * usual.cpu_s)
        yield Kill(operation=drawn.randint(1, max(usual.operations, 1)))


def _at(kill: Kill) -> str:
    return f"after {kill.cpu_s:.2f} s" if kill.cpu_s is not None else f"before operation {kill.operation}"


def _in_words(result: KillResult) -> str:
    told = f"{result.verb}: {result.identical} of {result.kills} identical, {result.completed} completed"
    repeat = "" if result.repeatable else "; two whole runs differ"
    return f"{told} ({result.cpu_s:.1f} s, {result.operations} operations on files){repeat}" + "".join(
        f"\n    {example}" for example in result.examples
    )


def warm_up() -> None:
    """Import what the verbs import, once; nothing that starts threads or opens a display is called."""
    import cv2
    import torch

    import epipose.cli.main
    import epipose.inference.predict
    import epipose.pipeline.batch
    import epipose.pipeline.run
    import epipose.pipeline.train
    import epipose.studio.film
    import epipose.training.refine
    import epipose.viz.calibration_report  # noqa: F401

    torch.set_num_threads(1)
    cv2.setNumThreads(1)


if __name__ == "__main__":
    sys.exit(main())
