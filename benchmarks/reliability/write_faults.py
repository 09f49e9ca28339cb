"""Faults while verbs write: after each, are the old results or the new ones whole?

Every change that a verb makes to the file system fails once, fails with all that follow, or is where the process is
killed; and files may not grow beyond the size of each of the results. What is computed is left out, so that the faults
fall on reading, writing, recording and removing alone. tests/helpers/fault_trials.py says what whole means.

    python -m benchmarks.reliability.write_faults

Takes some minutes of one core. Adds to benchmarks/results/reliability.json.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.network.studio_results import merge_results
from benchmarks.reliability.results import RESULT
from epipose.io.records import as_json
from tests.helpers.fault_trials import FaultTrial, trials
from tests.helpers.writing_verbs import Results, writing_verbs


@dataclass(frozen=True)
class WriteFaults:
    """Faults tried and survived; ``told``: with an error of epipose's own, or none. By verb and in all."""

    verb: str
    tried: int
    whole: int
    told: int
    not_whole: tuple[str, ...] = ()


def main() -> int:
    """Try all faults, print a line for each verb, and write the counts; 1 where a result was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=RESULT, help="JSON file to which the counts are added")
    parser.add_argument("--every", type=int, default=1, help="try one change in so many")
    parser.add_argument("--verbs", nargs="*", help="these verbs alone; nothing is written then")
    options = parser.parse_args()
    counts = measure(options.every, options.verbs)
    whole, tried = sum(count.whole for count in counts), sum(count.tried for count in counts)
    print(f"{whole} of {tried} whole")
    if not options.verbs:
        share = whole / tried
        numbers = {"write_faults": as_json(counts), "write_faults_tried": tried, "write_faults_whole_share": share}
        merge_results(options.out, numbers)
    return int(whole < tried)


def measure(every: int = 1, names: Sequence[str] | None = None) -> tuple[WriteFaults, ...]:
    """The counts of every verb, or of those with these names; one change in ``every`` is tried."""
    counts = []
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "results").mkdir()
        for number, verb in enumerate(writing_verbs(Results(folder / "results"))):
            if names and verb.name not in names:
                continue
            counts.append(_counted(verb.name, list(trials(verb, folder / str(number), every=every))))
            print(f"{verb.name}: {counts[-1].whole} of {counts[-1].tried} whole", flush=True)
    return tuple(counts)


def _counted(verb: str, tried: Sequence[FaultTrial]) -> WriteFaults:
    lost = tuple(f"{trial.fault}: {trial.why}" for trial in tried if not trial.whole)
    return WriteFaults(verb, len(tried), len(tried) - len(lost), sum(trial.told for trial in tried), lost)


if __name__ == "__main__":
    raise SystemExit(main())
