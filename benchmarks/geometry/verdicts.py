"""Error rates of the verdict: simulated clips, good and spoiled, with seeds that did not choose its limits.

A run is gross when two cameras are turned against each other by more than 10 degrees wrongly, and good when by 2
degrees at most. A camera that was moved on the way is never good: its cameras are wrong for a part of the clip,
whatever the rig says. A calibration that refuses with an error is rejected, and as it has no rig, it is neither gross
nor good.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from epipose.calibration.evidence import Evidence
from epipose.calibration.verdict import judge

GROSS_DEG, GOOD_DEG = 10.0, 2.0
NEVER_GOOD = ("one camera moved",)


def summary(records: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Shares over all runs, and counts per kind of (verdict, quality)."""
    counts: dict[str, Counter[str]] = {}
    total: Counter[tuple[str, str]] = Counter()
    rival: dict[str, Counter[str]] = {}
    worst_trusted, missed = 0.0, []
    for record in records:
        word = judge(Evidence(**record["report"]["evidence"])).word if "report" in record else "reject"
        error, quality = record["rotation_deg_max"], _quality(record["kind"], record["rotation_deg_max"])
        counts.setdefault(record["kind"], Counter())[f"{word}, {quality}"] += 1
        total[word, quality] += 1
        if "caliscope_rotation_deg_max" in record:
            of_rival = _quality(record["kind"], record["caliscope_rotation_deg_max"])
            rival.setdefault(record["kind"], Counter())[of_rival] += 1
        if word == "trust":
            worst_trusted = max(worst_trusted, error)
        if (quality == "gross" and word != "reject") or (quality == "good" and word == "reject"):
            missed.append({key: record[key] for key in ("kind", "seed", "rotation_deg_max")} | {"verdict": word})

    def share(word: str, quality: str) -> float:
        of_quality = sum(count for (_, q), count in total.items() if q == quality)
        return total[word, quality] / max(of_quality, 1)

    return {
        "runs": sum(total.values()),
        "verdict_gross_rejected_share": share("reject", "gross"),
        "verdict_good_rejected_share": share("reject", "good"),
        "good_trusted_share": share("trust", "good"),
        "worst_rotation_trusted_deg": worst_trusted,
        "per_kind": {kind: dict(sorted(of_kind.items())) for kind, of_kind in counts.items()},
        "wrong": missed,
        "caliscope": {kind: dict(sorted(of_kind.items())) for kind, of_kind in rival.items()},
    }


def _quality(kind: str, error: float | None) -> str:
    if error is None:
        return "refused"
    if error > GROSS_DEG:
        return "gross"
    return "good" if error <= GOOD_DEG and kind not in NEVER_GOOD else "between"


def read(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """Records as failure_runs.py writes them, one JSON line each."""
    return [json.loads(line) for path in paths for line in path.read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+", help="files of failure_runs.py")
    print(json.dumps(summary(read(parser.parse_args().runs)), indent=1))
