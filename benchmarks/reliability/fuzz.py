"""Mutated files against every reader: how many are read, refused with an error of epipose, or end in anything else.

    python -m benchmarks.reliability.fuzz [--mutations 24000] [--seed 0] [--only NAME]

Each reader runs in a process of its own with a bound on its memory and its time; a mutation that ends the process
counts as foreign, and the next process goes on behind it. Writes the numbers into benchmarks/results/reliability.json:
``fuzz_mutations``, ``fuzz_foreign``, and per reader the counts, the longest time and the largest growth of memory.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import signal
import sys
import tempfile
import time
import warnings
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.network.studio_results import merge_results
from benchmarks.reliability.results import RESULT
from tests.helpers.fuzzed import FuzzedReader, Outcome, Sample, all_readers

KINDS = ("read", "refused", "foreign", "slow")
SECONDS = 10.0  # that a reader may take for one file
MEMORY = 2 * 1024**3  # bytes that it may ask for beyond what the process has
_SILENCE = 3 * SECONDS  # without a word from the process it is ended: code that is not Python's does not stop itself


@dataclass
class Count:
    """Outcomes of a reader: ``read`` are files that are still good, or good for something else."""

    read: int = 0
    refused: int = 0
    foreign: int = 0
    slow: int = 0
    seconds_at_most: float = 0.0
    megabytes_at_most: float = 0.0
    examples: list[str] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Count one outcome; of those that should not be, the first five are kept in words."""
        setattr(self, outcome.kind, getattr(self, outcome.kind) + 1)
        self.seconds_at_most = round(max(self.seconds_at_most, outcome.seconds), 2)
        if outcome.kind in ("foreign", "slow") and len(self.examples) < 5:
            self.examples.append(f"seed {outcome.seed}, {outcome.file}: {outcome.words}")


def shares(readers: list[FuzzedReader], mutations: int) -> dict[str, int]:
    """So many mutations over the readers, fewer for those that take longer; 40 at least."""
    weights = {reader.name: 1 / reader.cost for reader in readers}
    total = sum(weights.values())
    return {name: max(40, round(mutations * weight / total)) for name, weight in weights.items()}


def fuzz(reader: FuzzedReader, seeds: range) -> Count:
    """Mutations of a reader's sample with these seeds, in processes that may end before they are done."""
    count, at = Count(), seeds.start
    while at < seeds.stop:
        ours, theirs = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.get_context("fork").Process(
            target=_work, args=(reader, range(at, seeds.stop), theirs)
        )
        process.start()
        theirs.close()
        at = _collect(ours, count, at)
        if at < seeds.stop and process.is_alive():
            process.kill()
        process.join()
        if at < seeds.stop:
            words = f"the process ended ({process.exitcode})"
            count.add(Outcome(reader.name, "?", at, "foreign", words, 0.0))
            at += 1
    return count


def _collect(pipe: Connection, count: Count, at: int) -> int:
    """Count what a process says until it is silent or gone; the seed behind the last that it has done."""
    try:
        while pipe.poll(_SILENCE):
            said = pipe.recv()
            if isinstance(said, float):
                count.megabytes_at_most = max(count.megabytes_at_most, round(said, 1))
                return at
            count.add(said)
            at = said.seed + 1
    except EOFError:
        pass
    return at


def _work(reader: FuzzedReader, seeds: range, pipe: Connection) -> None:
    """The process of a reader: its sample, a bound on memory, then one mutation after the other."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    warnings.simplefilter("ignore")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libraries of C print what they find
    with tempfile.TemporaryDirectory() as folder:
        sample = Sample(reader, Path(folder))
        sample.good()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
        for seed in seeds:
            pipe.send(sample.mutation(seed, SECONDS))
        pipe.send((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)


def main() -> int:
    """Fuzz every reader, print a line for each, and write the numbers; 1 where a reader ended in anything else."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--mutations", type=int, default=24_000)
    parser.add_argument("--seed", type=int, default=0, help="of the first mutation of every reader")
    parser.add_argument("--only", default="", help="readers whose name holds this; nothing is written then")
    given = parser.parse_args()
    readers = [reader for reader in all_readers() if given.only in reader.name]
    begun, counts, wanted = time.perf_counter(), {}, shares(readers, given.mutations)
    for reader in readers:
        counts[reader.name] = found = fuzz(reader, range(given.seed, given.seed + wanted[reader.name]))
        line = {kind: getattr(found, kind) for kind in KINDS}
        print(f"{reader.name:32s} {line} {found.seconds_at_most} s, {found.megabytes_at_most} MB", flush=True)
        for example in found.examples:
            print(f"    {example}", flush=True)
    totals = {kind: sum(getattr(count, kind) for count in counts.values()) for kind in KINDS}
    print({"mutations": sum(totals.values()), **totals, "seconds": round(time.perf_counter() - begun)})
    if not given.only:
        numbers: dict[str, object] = {
            "fuzz_readers": len(counts),
            "fuzz_mutations": sum(totals.values()),
            "fuzz_foreign": totals["foreign"] + totals["slow"],
            "fuzz_refused": totals["refused"],
            "fuzz_megabytes_at_most": max(count.megabytes_at_most for count in counts.values()),
            "fuzz_seconds_at_most": max(count.seconds_at_most for count in counts.values()),
            "fuzz": {name: asdict(count) for name, count in counts.items()},
        }
        merge_results(RESULT, numbers)
    return int(totals["foreign"] + totals["slow"] > 0)


if __name__ == "__main__":
    sys.exit(main())
