"""Every measurement of reliability, one after the other: kills, faults, failing writes, damaged files.

    python -m benchmarks.reliability.all

writes benchmarks/results/reliability.json, which docs/reliability.md quotes. Each can be run alone; it takes the place of
its own numbers only. Kills take half an hour on two cores, and so does each of the others at the most.
"""

from __future__ import annotations

import subprocess
import sys

PARTS = ("kills", "faults", "write_faults", "fuzz")


def main() -> int:
    """Run them; 0 where all ended so, that is, where nothing was lost and no reader failed."""
    codes = [
        subprocess.run([sys.executable, "-m", f"benchmarks.reliability.{part}"], check=False).returncode
        for part in PARTS
    ]
    for part, code in zip(PARTS, codes, strict=True):
        print(f"{part}: {'as it should be' if code == 0 else f'ended with {code}'}")
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
